//! What keeps the API server from answering, in plain words. The words of library errors are repeated only where they
//! hold nothing of a request, an answer or a credential. Pure.

use std::io::ErrorKind;

use kube::client::AuthError;

use super::endpoint::{Endpoint, REFUSED, no_answer};
use crate::core::model::outcome::Fault;

/// The fault of a client that kubeconfig cannot describe.
pub(super) fn client(error: &kube::Error, endpoint: &Endpoint) -> Fault {
    let context = &endpoint.context;
    match error {
        kube::Error::Auth(error) => auth(error, endpoint),
        // Its words repeat the URL, which may hold a password.
        kube::Error::ProxyProtocolUnsupported { proxy_url } | kube::Error::ProxyProtocolDisabled { proxy_url, .. } => {
            let scheme = proxy_url.scheme_str().unwrap_or("no scheme");
            Fault::environment(format!("the proxy of context \"{context}\" is not supported: {scheme}"))
                .help("write an http:// proxy in kubeconfig or HTTPS_PROXY")
        }
        other => {
            Fault::environment(format!("context \"{context}\" of kubeconfig cannot be used: {}", innermost(other)))
                .help("inspect it with `kubectl config view --minify`")
        }
    }
}

/// The fault of a user whose credential the client cannot make.
fn auth(error: &AuthError, endpoint: &Endpoint) -> Fault {
    let why = match error {
        AuthError::ReadTokenFile(error, path) => format!("the token file {} cannot be read: {error}", path.display()),
        AuthError::InvalidBasicAuth(_) | AuthError::InvalidBearerToken(_) => {
            "they hold characters that no header can".to_owned()
        }
        AuthError::MalformedTokenExpirationDate(_) => "their expiry is not an RFC 3339 time".to_owned(),
        _ => "the client library refuses them".to_owned(),
    };
    Fault::environment(format!("the credentials of context \"{}\" cannot be used: {why}", endpoint.context))
        .help("sign in again with the cluster's own tool, and try `kubectl version`")
}

fn innermost(error: &kube::Error) -> String {
    let mut next: &(dyn std::error::Error + 'static) = error;
    while let Some(source) = next.source() {
        next = source;
    }
    next.to_string()
}

/// The fault of an error that is no answer of the API server.
pub(super) fn unreachable(error: &kube::Error, endpoint: &Endpoint) -> Fault {
    if let kube::Error::SerdeError(error) = error {
        let (context, server) = (&endpoint.context, endpoint.server.trim_end_matches('/'));
        // The error's own words would repeat what was answered.
        let why = match error.classify() {
            serde_json::error::Category::Data => "its JSON is another object",
            _ => "its answer is not JSON",
        };
        let message =
            format!("what answers for context \"{context}\" at {server} does not speak the Kubernetes API: {why}");
        return Fault::environment(message).help("is a proxy in between, or is the server in kubeconfig another one?");
    }
    if let kube::Error::Auth(error) = error {
        return auth(error, endpoint);
    }
    let mut chain: Vec<String> = Vec::new();
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(fault) = error.downcast_ref::<Fault>() {
            return fault.clone();
        }
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            match io.kind() {
                ErrorKind::ConnectionRefused => return no_answer(endpoint, REFUSED),
                ErrorKind::TimedOut => return no_answer(endpoint, "timed out"),
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => return no_answer(endpoint, "it hung up"),
                _ => {}
            }
        }
        chain.push(error.to_string());
        next = error.source();
    }
    let innermost = chain.last().cloned().unwrap_or_default();
    if chain.iter().any(|words| words.contains("certificate")) {
        return Fault::environment(format!(
            "the certificate of {} does not fit context \"{}\": {innermost}",
            endpoint.server.trim_end_matches('/'),
            endpoint.context
        ))
        .help("the cluster may have been recreated: refresh kubeconfig with the cluster's own tool");
    }
    no_answer(endpoint, &innermost)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::model::outcome::FaultKind;

    #[test]
    fn a_refused_connection_is_the_environments_fault() {
        let error = kube::Error::Service(Box::new(std::io::Error::from(ErrorKind::ConnectionRefused)));
        let endpoint = Endpoint { context: "local".to_owned(), server: "https://127.0.0.1:6443/".to_owned() };
        let fault = unreachable(&error, &endpoint);
        assert_eq!(fault.kind, FaultKind::Environment);
        assert_eq!(
            fault.message,
            "the cluster behind context \"local\" does not answer at https://127.0.0.1:6443: connection refused"
        );
        assert!(fault.transient);
    }
}
