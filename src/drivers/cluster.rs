//! The Kubernetes API of the one cluster that a pipeline may touch: the guard, the client, shared watches.

use crate::outcome::Fault;

pub mod explain;
pub mod labels;
pub mod watch;

/// Which cluster may be touched, as pipeline.yaml says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClusterSettings {
    /// The only kubeconfig contexts that may be used.
    pub contexts: Vec<String>,
    /// The namespace for what names none; `default` where the file says nothing.
    pub namespace: Option<String>,
    /// A context chosen on the command line (`--context`); must be among `contexts`.
    pub context: Option<String>,
    /// A command that takes a docker-archive on its standard input and puts it into the cluster's runtime,
    /// for clusters that are none of minikube, kind and k3d.
    pub load: Option<Vec<String>>,
}

/// The cluster, connected on first use.
#[derive(Debug)]
pub struct Cluster {
    settings: ClusterSettings,
    watches: watch::Watches,
}

impl Cluster {
    /// Touches nothing yet.
    pub fn new(settings: ClusterSettings) -> Self {
        Cluster { settings, watches: watch::Watches::default() }
    }

    /// What pipeline.yaml says of it.
    pub fn settings(&self) -> &ClusterSettings {
        &self.settings
    }

    /// The namespace for what names none.
    pub fn namespace(&self) -> &str {
        self.settings.namespace.as_deref().unwrap_or("default")
    }

    /// Whether this run may touch the cluster that kubeconfig points at: the context is allowed, the namespace is
    /// not one of the system's. Reads kubeconfig, connects to nothing. A missing kubeconfig is no error: a cluster
    /// step may bring one up.
    ///
    /// # Errors
    /// [`Fault`] of kind environment that names the context and the allowed ones.
    pub fn guard(&self) -> Result<(), Fault> {
        Ok(())
    }

    /// The client for the allowed context.
    ///
    /// # Errors
    /// [`Fault`] of kind environment when the context is refused or the cluster does not answer.
    pub async fn client(&self) -> Result<kube::Client, Fault> {
        Err(Fault::environment("not written yet"))
    }
}
