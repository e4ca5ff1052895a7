//! What is connected to, for messages.

use crate::core::model::outcome::Fault;

/// What is connected to, for messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// The kubeconfig context.
    pub context: String,
    /// The API server's URL.
    pub server: String,
}

/// The fault of a cluster that does not answer.
pub(super) fn no_answer(endpoint: &Endpoint, why: &str) -> Fault {
    Fault::environment(format!(
        "the cluster behind context \"{}\" does not answer at {}: {why}",
        endpoint.context,
        endpoint.server.trim_end_matches('/')
    ))
    .help("start it (`minikube start`, `kind create cluster`, `make up`), or see what is there with `pipeline doctor`")
    .transient()
}
