//! minikube, kind and k3d as commands: how each makes, starts, extends and removes a cluster. Speaks to no cluster.

mod record;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::process::{self, Command, Exit, Leftovers, LineSink, Running, Stop};
use crate::outcome::Fault;
use crate::units::ByteSize;

pub use record::Record;

/// A program that makes clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Provider {
    /// minikube.
    Minikube,
    /// kind.
    Kind,
    /// k3d.
    K3d,
}

/// How a cluster is to be made. What a provider has no option for is passed over, and named by [`Provider::ignores`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Size {
    /// Processors of each node.
    pub cpus: Option<u32>,
    /// Memory of each node.
    pub memory: Option<ByteSize>,
    /// Nodes; one where nothing is said.
    pub nodes: Option<u32>,
    /// Its Kubernetes: `v1.34.0`.
    pub version: Option<String>,
    /// Addons (minikube).
    pub addons: Vec<String>,
}

/// Arguments of a provider's program, and what it reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// Its arguments.
    pub args: Vec<String>,
    /// What it reads.
    pub stdin: Option<String>,
}

impl Call {
    fn of(words: &[&str]) -> Self {
        Call { args: words.iter().map(|word| (*word).to_owned()).collect(), stdin: None }
    }

    fn option(mut self, name: &str, value: Option<String>) -> Self {
        if let Some(value) = value {
            self.args.push(format!("--{name}={value}"));
        }
        self
    }
}

impl Provider {
    /// All of them, in the order in which they are tried.
    pub const ALL: [Provider; 3] = [Provider::Minikube, Provider::Kind, Provider::K3d];

    /// Its program.
    pub fn program(self) -> &'static str {
        match self {
            Provider::Minikube => "minikube",
            Provider::Kind => "kind",
            Provider::K3d => "k3d",
        }
    }

    /// The kubeconfig context of its cluster `name`.
    pub fn context(self, name: &str) -> String {
        match self {
            Provider::Minikube => name.to_owned(),
            Provider::Kind => format!("kind-{name}"),
            Provider::K3d => format!("k3d-{name}"),
        }
    }

    /// The cluster whose context is among `allowed`: the one asked for, else the first that is of its naming.
    pub fn cluster(self, asked: Option<&str>, allowed: &[String]) -> Option<String> {
        if let Some(name) = asked {
            return allowed.contains(&self.context(name)).then(|| name.to_owned());
        }
        allowed.iter().find_map(|context| match self {
            Provider::Minikube => (context == "minikube").then(|| context.clone()),
            Provider::Kind => context.strip_prefix("kind-").map(str::to_owned),
            Provider::K3d => context.strip_prefix("k3d-").map(str::to_owned),
        })
    }

    /// The provider and the cluster that a context is named after.
    pub fn of_context(context: &str) -> Option<(Self, &str)> {
        let named = |provider, prefix| context.strip_prefix(prefix).map(|name| (provider, name));
        named(Provider::Kind, "kind-")
            .or_else(|| named(Provider::K3d, "k3d-"))
            .or_else(|| (context == "minikube").then_some((Provider::Minikube, context)))
    }

    /// Lists its clusters; [`Provider::lists`] reads the answer.
    fn list(self) -> Call {
        match self {
            Provider::Minikube => Call::of(&["profile", "list", "--output=json"]),
            Provider::Kind => Call::of(&["get", "clusters"]),
            Provider::K3d => Call::of(&["cluster", "list", "--no-headers"]),
        }
    }

    /// Whether `answer` to a list names the cluster.
    fn lists(self, answer: &str, name: &str) -> bool {
        match self {
            Provider::Minikube => {
                let answer: serde_json::Value = serde_json::from_str(answer).unwrap_or_default();
                let profiles = ["valid", "invalid"].map(|list| answer[list].as_array().cloned().unwrap_or_default());
                profiles.into_iter().flatten().any(|profile| profile["Name"] == name)
            }
            Provider::Kind => answer.lines().any(|line| line.trim() == name),
            Provider::K3d => answer.lines().any(|line| line.split_whitespace().next() == Some(name)),
        }
    }

    /// Makes the cluster.
    pub fn create(self, name: &str, size: &Size) -> Call {
        let nodes = size.nodes.filter(|nodes| *nodes > 1);
        match self {
            Provider::Minikube => {
                let mut call = Call::of(&["start", &format!("--profile={name}")])
                    .option("cpus", size.cpus.map(|cpus| cpus.to_string()))
                    .option("memory", size.memory.map(|memory| format!("{}mb", mebibytes(memory))))
                    .option("nodes", nodes.map(|nodes| nodes.to_string()))
                    .option("kubernetes-version", size.version.clone());
                call.args.extend(size.addons.iter().map(|addon| format!("--addons={addon}")));
                call
            }
            Provider::Kind => {
                let image = size.version.as_ref().map(|version| format!("kindest/node:{version}"));
                let mut call = Call::of(&["create", "cluster", &format!("--name={name}")]).option("image", image);
                if let Some(nodes) = nodes {
                    call.args.push("--config=-".to_owned());
                    call.stdin = Some(kind_nodes(nodes));
                }
                call
            }
            Provider::K3d => {
                let memory = size.memory.map(|memory| format!("{}m", mebibytes(memory)));
                Call::of(&["cluster", "create", name, "--wait"])
                    .option("image", size.version.as_ref().map(|version| format!("rancher/k3s:{version}-k3s1")))
                    .option("agents", nodes.map(|nodes| (nodes - 1).to_string()))
                    .option("servers-memory", memory.clone())
                    .option("agents-memory", memory.filter(|_| nodes.is_some()))
            }
        }
    }

    /// Starts a cluster that is there, and writes its context into kubeconfig.
    pub fn start(self, name: &str, size: &Size) -> Vec<Call> {
        match self {
            Provider::Minikube => {
                let only_addons = Size { addons: size.addons.clone(), ..Size::default() };
                vec![self.create(name, &only_addons)]
            }
            Provider::Kind => vec![Call::of(&["export", "kubeconfig", &format!("--name={name}")])],
            Provider::K3d => vec![
                Call::of(&["cluster", "start", name, "--wait"]),
                Call::of(&["kubeconfig", "merge", name, "--kubeconfig-merge-default"]),
            ],
        }
    }

    /// Removes the cluster.
    pub fn delete(self, name: &str) -> Call {
        match self {
            Provider::Minikube => Call::of(&["delete", &format!("--profile={name}")]),
            Provider::Kind => Call::of(&["delete", "cluster", &format!("--name={name}")]),
            Provider::K3d => Call::of(&["cluster", "delete", name]),
        }
    }

    /// Enables an addon; nothing for those that have none.
    pub fn addon(self, name: &str, addon: &str) -> Option<Call> {
        (self == Provider::Minikube).then(|| Call::of(&["addons", "enable", addon, &format!("--profile={name}")]))
    }

    /// The options that it has no way to follow, by their keys.
    pub fn ignores(self, size: &Size) -> Vec<&'static str> {
        let given = [
            ("cpus", size.cpus.is_some() && self != Provider::Minikube),
            ("memory", size.memory.is_some() && self == Provider::Kind),
            ("addons", !size.addons.is_empty() && self != Provider::Minikube),
        ];
        given.into_iter().filter(|(_, ignored)| *ignored).map(|(key, _)| key).collect()
    }
}

fn mebibytes(size: ByteSize) -> u64 {
    size.0.div_ceil(1 << 20)
}

fn kind_nodes(nodes: u32) -> String {
    let workers = "- role: worker\n".repeat(nodes.saturating_sub(1) as usize);
    format!("kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n- role: control-plane\n{workers}")
}

/// Where providers run: the step's environment, its folder, its log and its stop.
pub struct Desk<'a> {
    /// The environment of the step.
    pub env: &'a BTreeMap<String, String>,
    /// The project's folder.
    pub dir: &'a Path,
    /// Where their lines go.
    pub sink: &'a dyn LineSink,
    /// How they are stopped.
    pub stop: Stop,
}

impl Desk<'_> {
    /// Where a provider's program is, if it is there.
    pub fn find(&self, provider: Provider) -> Option<PathBuf> {
        let path = self.env.get("PATH").map(OsStr::new);
        process::find_program(OsStr::new(provider.program()), path, self.dir).ok()
    }

    /// Whether the provider has a cluster of this name, running or not.
    ///
    /// # Errors
    /// [`Fault`] when its program cannot be started.
    pub async fn has(&self, provider: Provider, name: &str) -> Result<bool, Fault> {
        let command = self.command(provider.program().into(), &provider.list());
        let said = process::capture(&command, 1 << 20, &self.stop).await?;
        Ok(provider.lists(&String::from_utf8_lossy(&said.stdout), name))
    }

    /// Runs a provider; what it leaves running (a driver's processes) stays.
    ///
    /// # Errors
    /// [`Fault`] when its program cannot be started.
    pub async fn run(&self, provider: Provider, call: &Call) -> Result<Exit, Fault> {
        self.sink.line(format!("$ {} {}", provider.program(), call.args.join(" ")).as_bytes());
        self.finish(&self.command(provider.program().into(), call)).await
    }

    /// Runs a user's own script under `sh -eu`; what it leaves running stays.
    ///
    /// # Errors
    /// [`Fault`] when there is no `sh`.
    pub async fn script(&self, script: &str) -> Result<Exit, Fault> {
        self.finish(&self.command("sh".into(), &Call::of(&["-eu", "-c", script]))).await
    }

    async fn finish(&self, command: &Command) -> Result<Exit, Fault> {
        Ok(Running::start(command)?.finish(self.sink, &self.stop, Leftovers::Keep).await?.exit)
    }

    /// Providers write into the user's own kubeconfig, not into a private one that the step's environment may name.
    fn command(&self, program: OsString, call: &Call) -> Command {
        let mut env: BTreeMap<OsString, OsString> =
            self.env.iter().map(|(name, value)| (name.into(), value.into())).collect();
        match std::env::var_os("KUBECONFIG") {
            Some(own) => env.insert("KUBECONFIG".into(), own),
            None => env.remove(OsStr::new("KUBECONFIG")),
        };
        Command {
            program,
            args: call.args.iter().map(Into::into).collect(),
            env,
            dir: self.dir.to_owned(),
            stdin: call.stdin.clone().map(String::into_bytes),
            ..Command::default()
        }
    }
}

#[cfg(test)]
mod tests;
