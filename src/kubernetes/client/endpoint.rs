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

/// Why a cluster does not answer where no server listens.
pub(super) const REFUSED: &str = "connection refused";
/// How the message begins where kubeconfig lacks a context.
pub(super) const NO_CONTEXT: &str = "kubeconfig has no context";

/// Whether a connection failed because there is certainly no cluster: kubeconfig lacks the context, or nothing listens
/// there. After any other failure there may be one.
pub fn is_absent(fault: &Fault) -> bool {
    fault.message.starts_with(NO_CONTEXT) || fault.message.ends_with(REFUSED)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_missing_context_or_a_refused_connection_shows_that_there_is_no_cluster() {
        let endpoint = Endpoint { context: "local".to_owned(), server: "https://127.0.0.1:6443/".to_owned() };
        assert!(is_absent(&no_answer(&endpoint, REFUSED)));
        assert!(is_absent(&Fault::environment(format!("{NO_CONTEXT} \"local\""))));
        for why in ["timed out", "it hung up", "dns error"] {
            assert!(!is_absent(&no_answer(&endpoint, why)), "{why}");
        }
        assert!(!is_absent(&Fault::unknown("could not read namespace kube-system: forbidden")));
    }
}
