//! What each provider is asked to do, as arguments of its program. Pure.

pub(super) mod size;

use super::calls::size::{Size, mebibytes};
use super::{Node, Provider};

/// A program, its arguments, and its input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Invocation {
    /// The program.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its input.
    pub stdin: Option<String>,
}

impl std::fmt::Display for Invocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.program, self.args.join(" "))
    }
}

impl Invocation {
    /// `program args…`.
    pub fn of<S: Into<String>>(program: &str, args: impl IntoIterator<Item = S>) -> Self {
        Invocation { program: program.to_owned(), args: args.into_iter().map(Into::into).collect(), stdin: None }
    }

    fn option(mut self, name: &str, value: Option<String>) -> Self {
        self.args.extend(value.map(|value| format!("--{name}={value}")));
        self
    }
}

impl Provider {
    fn call<S: Into<String>>(self, args: impl IntoIterator<Item = S>) -> Invocation {
        Invocation::of(self.program(), args)
    }

    /// Lists its clusters.
    pub(super) fn list(self) -> Invocation {
        match self {
            Provider::Minikube => self.call(["profile", "list", "--output=json"]),
            Provider::Kind => self.call(["get", "clusters"]),
            Provider::K3d => self.call(["cluster", "list", "--output=json"]),
        }
    }

    /// Lists the node containers of its cluster `name`.
    pub(super) fn list_containers(self, engine: &str, name: &str) -> Invocation {
        let filter = format!("label={}={name}", self.label());
        let format = "{{.ID}}\t{{.Names}}\t{{.Status}}";
        Invocation::of(engine, ["ps", "--all", "--no-trunc", "--filter", filter.as_str(), "--format", format])
    }

    /// Creates the cluster. Addons are enabled once it runs.
    pub fn create(self, name: &str, size: &Size) -> Invocation {
        let nodes = size.nodes.filter(|nodes| *nodes > 1);
        let cpus = size.cpus.map(|cpus| cpus.want);
        let memory = size.memory.map(|memory| mebibytes(memory.want));
        match self {
            Provider::Minikube => self
                .call(["start".to_owned(), format!("--profile={name}")])
                .option("cpus", cpus.map(|cpus| cpus.to_string()))
                .option("memory", memory.map(|memory| format!("{memory}mb")))
                .option("nodes", nodes.map(|nodes| nodes.to_string()))
                .option("kubernetes-version", size.version.clone()),
            Provider::Kind => {
                let image = size.version.as_ref().map(|version| format!("kindest/node:{version}"));
                let mut call = self
                    .call(["create".to_owned(), "cluster".to_owned(), format!("--name={name}")])
                    .option("image", image);
                if let Some(nodes) = nodes {
                    call.args.push("--config=-".to_owned());
                    call.stdin = Some(kind_nodes(nodes));
                }
                call
            }
            Provider::K3d => {
                let memory = memory.map(|memory| format!("{memory}m"));
                self.call(["cluster", "create", name, "--wait"])
                    .option("image", size.version.as_ref().map(|version| format!("rancher/k3s:{version}-k3s1")))
                    .option("agents", nodes.map(|nodes| (nodes - 1).to_string()))
                    .option("servers-memory", memory.clone())
                    .option("agents-memory", memory.filter(|_| nodes.is_some()))
            }
        }
    }

    /// Starts a stopped cluster. kind has no command for it: its containers are started, the control plane first.
    pub(super) fn start(self, name: &str, engine: &str, nodes: &[Node]) -> Vec<Invocation> {
        match self {
            Provider::Minikube => vec![self.call(["start".to_owned(), format!("--profile={name}")])],
            Provider::Kind => {
                let mut names: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
                names.sort_by_key(|node| (!node.contains("-control-plane"), node.contains("-worker"), *node));
                vec![Invocation::of(engine, ["start"].into_iter().chain(names))]
            }
            Provider::K3d => vec![self.call(["cluster", "start", name, "--wait"])],
        }
    }

    /// Stops the cluster; nothing of it is lost.
    pub(super) fn stop(self, name: &str, engine: &str, nodes: &[Node]) -> Invocation {
        match self {
            Provider::Minikube => self.call(["stop".to_owned(), format!("--profile={name}")]),
            Provider::Kind => {
                Invocation::of(engine, ["stop"].into_iter().chain(nodes.iter().map(|node| node.name.as_str())))
            }
            Provider::K3d => self.call(["cluster", "stop", name]),
        }
    }

    /// Writes the context of a running cluster into kubeconfig.
    pub(super) fn export(self, name: &str) -> Invocation {
        match self {
            Provider::Minikube => self.call(["update-context".to_owned(), format!("--profile={name}")]),
            Provider::Kind => self.call(["export".to_owned(), "kubeconfig".to_owned(), format!("--name={name}")]),
            Provider::K3d => self.call(["kubeconfig", "merge", name, "--kubeconfig-merge-default"]),
        }
    }

    /// Deletes the cluster.
    pub fn delete(self, name: &str) -> Invocation {
        match self {
            Provider::Minikube => self.call(["delete".to_owned(), format!("--profile={name}")]),
            Provider::Kind => self.call(["delete".to_owned(), "cluster".to_owned(), format!("--name={name}")]),
            Provider::K3d => self.call(["cluster", "delete", name]),
        }
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

fn kind_nodes(nodes: u32) -> String {
    let workers = "- role: worker\n".repeat(nodes.saturating_sub(1) as usize);
    format!("kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n- role: control-plane\n{workers}")
}
