//! minikube, kind and k3d: how each creates, starts, stops and deletes a cluster, and how a cluster is proven to be ours.
//! Knows no step. Every decision over a cluster needs evidence: a call that fails, hangs or answers in part is a fault.

mod answers;
mod calls;
mod find;
mod host;
mod identity;
mod lower;
mod owner;
mod provider_context;
mod raise;
mod reason;
mod record;

pub use answers::{Node, minikube_profiles};
pub use calls::Invocation;
pub use calls::size::{Amount, Capacity, Size};
pub use find::{Condition, Found, find, node_engine, nodes};
pub use host::{Answer, Host, Ran};
pub use identity::Identity;
pub use lower::{Lowered, lower, own_command};
pub use owner::{Owner, owner_of};
pub use provider_context::ProviderContext;
pub use raise::addons::enable as enable_addons;
pub use raise::{StartMode, StartedCluster, incomplete, raise};
pub use reason::reason;
pub use record::{Act, Intent, Record};

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

    /// The provider with this program.
    pub fn named(program: &str) -> Option<Self> {
        Provider::ALL.into_iter().find(|provider| provider.program() == program)
    }

    /// The kubeconfig context of its cluster `name`.
    pub fn context(self, name: &str) -> String {
        match self {
            Provider::Minikube => name.to_owned(),
            Provider::Kind => format!("kind-{name}"),
            Provider::K3d => format!("k3d-{name}"),
        }
    }

    /// What the provider calls the cluster of `context`: its one prefix is taken away, once.
    pub fn name_in(self, context: &str) -> &str {
        let prefix = match self {
            Provider::Minikube => "",
            Provider::Kind => "kind-",
            Provider::K3d => "k3d-",
        };
        context.strip_prefix(prefix).unwrap_or(context)
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

    /// The label of its node containers that holds the cluster's name.
    fn label(self) -> &'static str {
        match self {
            Provider::Minikube => "name.minikube.sigs.k8s.io",
            Provider::Kind => "io.x-k8s.kind.cluster",
            Provider::K3d => "k3d.cluster",
        }
    }

    /// The container of the first control plane of cluster `name`.
    fn first_node(self, name: &str) -> String {
        match self {
            Provider::Minikube => name.to_owned(),
            Provider::Kind => format!("{name}-control-plane"),
            Provider::K3d => format!("k3d-{name}-server-0"),
        }
    }

    /// Whether a container of cluster `name` is a Kubernetes node: not a load balancer, a registry or a helper.
    pub fn is_node(self, container: &str, name: &str) -> bool {
        match self {
            Provider::Minikube => true,
            Provider::Kind => container != format!("{name}-external-load-balancer"),
            Provider::K3d => {
                let role = container.strip_prefix(&format!("k3d-{name}-")).unwrap_or_default();
                role.starts_with("server-") || role.starts_with("agent-")
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod property;
#[cfg(test)]
mod tests;
