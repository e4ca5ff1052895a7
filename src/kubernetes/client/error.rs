//! What the API server says no with, and what keeps it from answering, in plain words. Pure.

mod mistakes;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::Status;

use super::endpoint::Endpoint;
pub(super) use super::refused::unreachable;
use crate::core::mask::cut_middle;
use crate::core::model::outcome::{Failure, Fault, Finding, Outcome};

/// Why something on the cluster did not come about.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ClusterError {
    /// The cluster answered that it will not.
    #[error("{0}")]
    Refused(Refusal),
    /// It gave no answer.
    #[error("{0}")]
    Fault(#[from] Fault),
}

/// The cluster's no.
#[derive(Debug, Clone, Default, PartialEq, thiserror::Error)]
#[error("could not {doing}: {message}")]
pub struct Refusal {
    /// What was asked: `apply deployment.apps/backend`.
    pub doing: String,
    /// HTTP status.
    pub code: u16,
    /// The cause by its name: `QuotaExceeded`, `WebhookDenied`, `FieldConflict`, or the API's own reason.
    pub cause: String,
    /// The API server's words, shortened to what matters.
    pub message: String,
    /// What to do about it, where that is known.
    pub help: Option<String>,
    /// The managers that hold the fields in a `FieldConflict`.
    pub holders: Vec<String>,
}

impl Refusal {
    /// That an object, or its namespace, is being deleted: nothing that is done to it lasts.
    pub fn dying(doing: String, shown: &str, meta: &ObjectMeta) -> Self {
        let since =
            meta.deletion_timestamp.as_ref().map(|time| time.0.strftime(" since %Y-%m-%d %H:%M:%SZ").to_string());
        let finalizers = meta.finalizers.as_deref().unwrap_or_default();
        let held = match finalizers {
            [] => String::new(),
            names => format!("; its finalizers have not let go: {}", names.join(", ")),
        };
        Refusal {
            doing,
            code: 409,
            cause: "Terminating".to_owned(),
            message: format!("{shown} is being deleted{}{held}", since.unwrap_or_default()),
            help: Some("wait until it is gone, then run again".to_owned()),
            ..Refusal::default()
        }
    }

    /// Whether it says that the thing is not there.
    pub fn is_missing(&self) -> bool {
        self.code == 404
    }

    /// As what explains a failure of `object`.
    pub fn finding(&self, object: impl Into<String>) -> Finding {
        Finding::new(object, &self.cause, &self.message)
    }
}

impl ClusterError {
    /// From the client's error; `doing` names the request.
    pub(super) fn of(doing: &str, error: kube::Error, endpoint: &Endpoint) -> Self {
        match error {
            kube::Error::Api(status) => of_status(doing, &status, endpoint),
            // The client's own check of the request: nothing was sent.
            kube::Error::BuildRequest(error) => unsent(doing, &error),
            kube::Error::HttpError(error) => unsent(doing, &error),
            other => ClusterError::Fault(unreachable(&other, endpoint)),
        }
    }

    /// Whether it says that the thing is not there.
    pub fn is_missing(&self) -> bool {
        matches!(self, ClusterError::Refused(refusal) if refusal.is_missing())
    }

    /// As the outcome of a step about `object`: a refusal is a failure, anything else a fault.
    ///
    /// # Errors
    /// The fault.
    pub fn outcome(self, object: impl Into<String>) -> Result<Outcome, Fault> {
        match self {
            ClusterError::Refused(refusal) => Ok(Outcome::Failed(Failure {
                summary: refusal.to_string(),
                findings: vec![refusal.finding(object)],
                help: refusal.help,
                exit_code: None,
            })),
            ClusterError::Fault(fault) => Err(fault),
        }
    }

    /// As a fault, for who only wanted to look.
    pub fn fault(self) -> Fault {
        match self {
            ClusterError::Refused(refusal) => {
                let fault = Fault::unknown(refusal.to_string());
                match refusal.help {
                    Some(help) => fault.help(help),
                    None => fault,
                }
            }
            ClusterError::Fault(fault) => fault,
        }
    }
}

/// A request that cannot be made: what it names is not what an object can be called.
fn unsent(doing: &str, error: &dyn std::error::Error) -> ClusterError {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    ClusterError::Fault(Fault::invalid(format!("could not {doing}: {innermost}")))
}

impl From<ClusterError> for Fault {
    fn from(trouble: ClusterError) -> Self {
        trouble.fault()
    }
}

/// The status that the API server answered with, as trouble with `doing`.
pub(super) fn of_status(doing: &str, status: &Status, endpoint: &Endpoint) -> ClusterError {
    let (cause, message, help) = cause(status);
    match status.code {
        401 => ClusterError::Fault(
            Fault::environment(format!(
                "the cluster behind context \"{}\" does not accept its credentials: could not {doing}",
                endpoint.context
            ))
            .help("sign in again with the cluster's own tool, and try `kubectl version`"),
        ),
        // The server is there, but overloaded or half up. A webhook's no comes as 500 as well, with a cause of its own.
        429 | 500..=599 if cause == status.reason || cause.is_empty() => ClusterError::Fault(
            Fault::environment(format!("the cluster could not {doing} now: {} ({})", message, status.code)).transient(),
        ),
        code => {
            let holders = holders(status);
            ClusterError::Refused(Refusal { doing: doing.to_owned(), code, cause, message, help, holders })
        }
    }
}

/// The cause by its name, what matters of the message, and what to do.
fn cause(status: &Status) -> (String, String, Option<String>) {
    let message = status.message.trim();
    let said = |cause: &str, help: Option<&str>| (cause.to_owned(), shortened(message), help.map(str::to_owned));
    // What the server says of a path that it does not know: no status, just this text.
    if message == "404 page not found" {
        let help = "apply its CustomResourceDefinition first, or correct apiVersion and kind (`kubectl api-resources`)";
        return (
            "NoSuchKind".to_owned(),
            "the cluster does not serve this kind any more".to_owned(),
            Some(help.to_owned()),
        );
    }
    if !status.is_invalid()
        && matches!(status.code, 400 | 413 | 415 | 422 | 500)
        && let Some((cause, message, help)) = mistakes::of(message)
    {
        return (cause.to_owned(), shortened(&message), Some(help.to_owned()));
    }
    if message.contains("admission webhook") && message.contains("denied the request") {
        return said("WebhookDenied", None);
    }
    if message.contains("failed calling webhook") {
        return said(
            "WebhookUnreachable",
            Some("see that the webhook's pods are ready: it answers for every such object"),
        );
    }
    if message.contains("conversion webhook for") {
        return said(
            "ConversionWebhookFailed",
            Some("see that the webhook's Service and pods are there: it converts every object of this kind"),
        );
    }
    if message.contains("ValidatingAdmissionPolicy") {
        return said("PolicyDenied", None);
    }
    if message.contains("exceeded quota") {
        return said(
            "QuotaExceeded",
            Some("see what is used with `kubectl describe resourcequota`, lower the requests or raise the quota"),
        );
    }
    if message.contains("violates PodSecurity") {
        return said("PodSecurity", None);
    }
    if message.contains("is being terminated") {
        return said("NamespaceTerminating", Some("wait until the namespace is gone, then run again"));
    }
    if status.is_conflict() {
        return conflict(status);
    }
    if status.is_invalid() || is_immutable(message) {
        let help = is_immutable(message).then_some("delete the object first, then apply it again");
        return (
            if help.is_some() { "Immutable" } else { "Invalid" }.to_owned(),
            fields(status),
            help.map(str::to_owned),
        );
    }
    if status.is_not_found() && status.details.as_ref().is_some_and(|details| details.kind == "namespaces") {
        return said(
            "NamespaceMissing",
            Some("let the step make it with `create_namespace: true`, or apply a Namespace before"),
        );
    }
    (status.reason.clone(), shortened(message), None)
}

/// Whether a field was to change that never changes.
fn is_immutable(message: &str) -> bool {
    ["field is immutable", "may not change fields other than", "spec for fields other than", "may not change once set"]
        .iter()
        .any(|words| message.contains(words))
}

/// The managers that hold the fields: `conflict with "kubectl" using apps/v1`.
fn holders(status: &Status) -> Vec<String> {
    let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
    let conflicts = causes.iter().filter(|cause| cause.reason == "FieldManagerConflict");
    conflicts.map(|cause| cause.message.split('"').nth(1).unwrap_or_default().to_owned()).collect()
}

fn conflict(status: &Status) -> (String, String, Option<String>) {
    let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
    let held: Vec<String> = causes
        .iter()
        .filter(|cause| cause.reason == "FieldManagerConflict")
        .map(|cause| format!("{} is held by {}", cause.field, cause.message.trim_start_matches("conflict with ")))
        .collect();
    if held.is_empty() {
        return ("Conflict".to_owned(), shortened(status.message.trim()), None);
    }
    (
        "FieldConflict".to_owned(),
        held.join("; "),
        Some("take the fields over with `force: true`, or leave them out of the manifest".to_owned()),
    )
}

/// `spec.replicas: Invalid value: -1: must be greater than or equal to 0; …`
fn fields(status: &Status) -> String {
    let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
    if causes.is_empty() {
        return shortened(&mistakes::without_value(status.message.trim()));
    }
    let each: Vec<String> = causes
        .iter()
        .map(|cause| format!("{}: {}", cause.field, shortened(&mistakes::without_value(&cause.message))))
        .collect();
    each.join("; ")
}

/// Go's `field is immutable` quotes whole objects: keep the beginning and the end.
fn shortened(message: &str) -> String {
    cut_middle(message, 600)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(json: &str) -> Status {
        serde_json::from_str(json).expect("a status")
    }

    fn refusal(json: &str) -> Refusal {
        match of_status("apply deployment.apps/web", &status(json), &Endpoint::default()) {
            ClusterError::Refused(refusal) => refusal,
            ClusterError::Fault(fault) => panic!("a fault: {fault}"),
        }
    }

    #[test]
    fn a_conflict_names_the_other_manager_and_what_to_type() {
        let refusal = refusal(
            r#"{ "code": 409, "reason": "Conflict", "message": "Apply failed with 1 conflict: …", "details": { "causes": [
                { "reason": "FieldManagerConflict", "message": "conflict with \"kubectl\" using apps/v1", "field": ".spec.replicas" } ] } }"#,
        );
        assert_eq!(
            (refusal.cause.as_str(), refusal.holders.as_slice()),
            ("FieldConflict", &["kubectl".to_owned()][..])
        );
        assert_eq!(
            refusal.to_string(),
            "could not apply deployment.apps/web: .spec.replicas is held by \"kubectl\" using apps/v1"
        );
        assert_eq!(
            refusal.help.as_deref(),
            Some("take the fields over with `force: true`, or leave them out of the manifest")
        );
    }

    #[test]
    fn an_invalid_object_names_every_field() {
        let refusal = refusal(
            r#"{ "code": 422, "reason": "Invalid", "message": "Deployment.apps \"web\" is invalid: …", "details": { "causes": [
                { "reason": "FieldValueInvalid", "message": "Invalid value: -1: must be >= 0", "field": "spec.replicas" },
                { "reason": "FieldValueRequired", "message": "Required value", "field": "spec.selector" } ] } }"#,
        );
        assert_eq!(refusal.cause, "Invalid");
        assert_eq!(refusal.message, "spec.replicas: Invalid value: -1: must be >= 0; spec.selector: Required value");
    }

    #[test]
    fn names_quota_webhooks_and_missing_namespaces() {
        for (json, cause) in [
            (
                r#"{ "code": 403, "reason": "Forbidden", "message": "pods \"x\" is forbidden: exceeded quota: few, requested: pods=1" }"#,
                "QuotaExceeded",
            ),
            (
                r#"{ "code": 400, "reason": "BadRequest", "message": "admission webhook \"deny.example\" denied the request: no" }"#,
                "WebhookDenied",
            ),
            (
                r#"{ "code": 500, "reason": "InternalError", "message": "Internal error occurred: failed calling webhook \"deny.example\": refused" }"#,
                "WebhookUnreachable",
            ),
            (
                r#"{ "code": 404, "reason": "NotFound", "message": "namespaces \"todo\" not found", "details": { "kind": "namespaces", "name": "todo" } }"#,
                "NamespaceMissing",
            ),
            (
                r#"{ "code": 403, "reason": "Forbidden", "message": "deployments.apps is forbidden: User \"me\" cannot patch" }"#,
                "Forbidden",
            ),
        ] {
            assert_eq!(refusal(json).cause, cause);
        }
    }

    #[test]
    fn a_request_that_was_never_sent_is_not_a_cluster_without_an_answer() {
        let error = kube::Error::BuildRequest(kube::core::request::Error::Validation("a name is required".to_owned()));
        let trouble = ClusterError::of("delete configmap/", error, &Endpoint::default());
        let ClusterError::Fault(fault) = trouble else { panic!("a refusal") };
        assert_eq!(fault.kind, crate::core::model::outcome::FaultKind::Invalid);
        assert!(fault.message.starts_with("could not delete configmap/: ") && !fault.transient, "{fault}");
    }

    #[test]
    fn an_overloaded_server_is_worth_another_try() {
        let trouble = of_status(
            "list pods in todo",
            &status(r#"{ "code": 503, "reason": "ServiceUnavailable", "message": "the server is starting" }"#),
            &Endpoint::default(),
        );
        assert_eq!(
            trouble,
            ClusterError::Fault(
                Fault::environment("the cluster could not list pods in todo now: the server is starting (503)")
                    .transient()
            )
        );
    }
}
