//! Whether a provider has a cluster, in which condition, and which one it is. "Absent" follows only from complete answers
//! of the provider and of the container engine that agree; anything else is a fault.

use std::path::PathBuf;

use super::answers::{self, Node, Profile};
use super::calls::Invocation;
use super::host::{Host, QUERY};
use super::{Provider, minikube_profiles};
use crate::core::model::outcome::Fault;

/// The condition of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// All of its nodes run.
    Running,
    /// None of its nodes runs.
    Stopped,
    /// Something else, in the provider's word: starting it may help.
    Unclear(String),
    /// A part of it is missing, so that it cannot be started: its creation did not finish.
    Incomplete(String),
}

/// A cluster that a provider has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its condition.
    pub condition: Condition,
    /// The provider's own id of it; `None` where its first node is missing.
    pub own: Option<String>,
    /// Its node containers; none where its nodes are virtual machines.
    pub nodes: Vec<Node>,
    /// The container engine that they belong to.
    pub engine: String,
}

/// Finds a cluster; `None` where the provider has none of this name. "None" is asked twice: what creates or forgets a
/// cluster depends on it.
///
/// # Errors
/// [`Fault`] when a call fails, takes too long, or its answer is incomplete or contradicts another.
pub async fn find(host: &dyn Host, provider: Provider, name: &str) -> Result<Option<Found>, Fault> {
    if let Some(found) = once(host, provider, name).await? {
        return Ok(Some(found));
    }
    match once(host, provider, name).await? {
        None => Ok(None),
        Some(_) => Err(not_measured(&provider.list(), &format!("it listed {name} only when it was asked again"))),
    }
}

async fn once(host: &dyn Host, provider: Provider, name: &str) -> Result<Option<Found>, Fault> {
    match provider {
        Provider::Minikube => minikube(host, name).await,
        Provider::Kind | Provider::K3d => containers_only(host, provider, name).await,
    }
}

async fn containers_only(host: &dyn Host, provider: Provider, name: &str) -> Result<Option<Found>, Fault> {
    let list = provider.list();
    let answer = host.ask(&list, QUERY).await?;
    let listed = answers::clusters(provider, &answer).map_err(|why| not_measured(&list, &why))?;
    let engine = node_engine(host, provider)?;
    let nodes = nodes(host, provider, &engine, name).await?;
    match (listed.iter().any(|it| it == name), nodes.is_empty()) {
        (false, true) => return Ok(None),
        (true, false) => {}
        (true, true) => {
            return Err(not_measured(&list, &format!("it lists {name}, but {engine} has no container of it")));
        }
        (false, false) => {
            return Err(not_measured(&list, &format!("it does not list {name}, but {engine} has a container of it")));
        }
    }
    let first = provider.first_node(name);
    let own = nodes.iter().find(|node| node.name == first).map(|node| node.id.clone());
    let running = nodes.iter().filter(|node| node.running).count();
    let condition = if own.is_none() {
        Condition::Incomplete(format!("it has no container {first}"))
    } else if running == nodes.len() {
        Condition::Running
    } else if running == 0 {
        Condition::Stopped
    } else {
        Condition::Unclear(format!("{running} of {} containers run", nodes.len()))
    };
    Ok(Some(Found { condition, own, nodes, engine }))
}

async fn minikube(host: &dyn Host, name: &str) -> Result<Option<Found>, Fault> {
    let list = Provider::Minikube.list();
    let answer = host.ask(&list, QUERY).await?;
    let text = answer.whole().map_err(|why| not_measured(&list, &why))?;
    let profiles = minikube_profiles(text).map_err(|why| not_measured(&list, &why))?;
    let profile = profiles.into_iter().find(|profile| profile.name == name);
    let home = minikube_home(host)?;
    let Some(Profile { status, driver, .. }) = profile else {
        // its listing passes over containers where Docker fails, and says nothing
        if host.exists(&home.join("profiles").join(name))? {
            return Err(not_measured(
                &list,
                &format!("it does not list {name}, but the folder of that profile exists"),
            ));
        }
        let driver = host.variable("MINIKUBE_DRIVER").unwrap_or_default();
        if ["", "docker"].contains(&driver.as_str()) && host.has_program("docker") {
            let left = nodes(host, Provider::Minikube, "docker", name).await?;
            if !left.is_empty() {
                let why = format!("it does not list {name}, but docker has a container of it");
                return Err(not_measured(&list, &why));
            }
        }
        return Ok(None);
    };
    let in_containers = ["docker", "podman"].contains(&driver.as_str());
    let engine = if driver == "podman" { "podman" } else { "docker" };
    let (nodes, own) = if in_containers {
        let nodes = nodes(host, Provider::Minikube, engine, name).await?;
        let own = nodes.iter().find(|node| node.name == name).map(|node| node.id.clone());
        (nodes, own)
    } else {
        let key = home.join("machines").join(name).join("id_rsa.pub");
        let own = if host.exists(&key)? { Some(blake3::hash(&host.read(&key)?).to_hex().to_string()) } else { None };
        (Vec::new(), own)
    };
    let condition = match status.as_deref() {
        None => Condition::Incomplete("minikube calls the profile invalid".to_owned()),
        Some("OK" | "Running" | "Configured") => Condition::Running,
        Some("Stopped") => Condition::Stopped,
        Some(other) => Condition::Unclear(other.to_owned()),
    };
    Ok(Some(Found { condition, own, nodes, engine: engine.to_owned() }))
}

/// The node containers of a cluster.
///
/// # Errors
/// [`Fault`] when the engine's answer is not whole.
pub async fn nodes(host: &dyn Host, provider: Provider, engine: &str, name: &str) -> Result<Vec<Node>, Fault> {
    let list = provider.list_containers(engine, name);
    let answer = host.ask(&list, QUERY).await?;
    answers::containers(&answer).map_err(|why| not_measured(&list, &why))
}

/// The container engine that a provider's nodes run in.
///
/// # Errors
/// [`Fault`] when none is installed.
pub fn node_engine(host: &dyn Host, provider: Provider) -> Result<String, Fault> {
    let chosen = host.variable("KIND_EXPERIMENTAL_PROVIDER").filter(|it| provider == Provider::Kind && !it.is_empty());
    if let Some(chosen) = chosen {
        return Ok(chosen);
    }
    let known: &[&str] =
        if provider == Provider::Kind { &["docker", "nerdctl", "podman"] } else { &["docker", "podman"] };
    known.iter().find(|engine| host.has_program(engine)).map(|engine| (*engine).to_owned()).ok_or_else(|| {
        Fault::environment(format!("{} needs a container engine, and none is installed", provider.program()))
            .help("install Docker, and start it")
    })
}

/// The folder in which minikube keeps its profiles and machines.
fn minikube_home(host: &dyn Host) -> Result<PathBuf, Fault> {
    if let Some(home) = host.variable("MINIKUBE_HOME").filter(|home| !home.is_empty()) {
        let home = PathBuf::from(home);
        return Ok(if home.ends_with(".minikube") { home } else { home.join(".minikube") });
    }
    let home = host.variable("HOME").filter(|home| !home.is_empty());
    home.map(|home| PathBuf::from(home).join(".minikube"))
        .ok_or_else(|| Fault::environment("HOME is not set, so minikube's folder is unknown").help("set HOME"))
}

/// The fault of a query without a complete answer.
pub(super) fn not_measured(query: &Invocation, why: &str) -> Fault {
    Fault::environment(format!("not measured: `{}`: {why}", short(query)))
        .help("nothing was changed; start the container engine, or see what the command prints")
        .transient()
}

/// A query without its format.
fn short(query: &Invocation) -> String {
    let args: Vec<&str> = query.args.iter().map(String::as_str).take_while(|arg| *arg != "--format").collect();
    format!("{} {}", query.program, args.join(" "))
}
