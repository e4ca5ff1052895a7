//! An object tried without being made: a server-side dry run, and who refuses it. What keeps the API server from a
//! decision (an unreachable webhook, a missing namespace) is no refusal.

use std::fmt;

use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Cluster, ClusterError, Refusal};
use crate::core::model::namespace::refuse_system_namespace;
use crate::core::model::outcome::Fault;
use crate::kubernetes::client::MANAGER;
use crate::kubernetes::explain::admission_cause;

/// Who refuses an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RefusedBy {
    /// A webhook that validates or changes objects.
    Webhook,
    /// A ValidatingAdmissionPolicy.
    Policy,
    /// A ResourceQuota.
    Quota,
    /// A LimitRange.
    #[serde(rename = "LimitRange")]
    LimitRange,
    /// The namespace's Pod Security level.
    #[serde(rename = "PodSecurity")]
    PodSecurity,
    /// The kind's schema or its validation: unknown fields, wrong types, values out of range, a CRD's rules.
    Schema,
    /// A field that does not change once it is set.
    Immutable,
    /// Another check of the API server: a missing ServiceAccount or PriorityClass, an owner that may not be set.
    Other,
}

impl fmt::Display for RefusedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RefusedBy::Webhook => "webhook",
            RefusedBy::Policy => "policy",
            RefusedBy::Quota => "quota",
            RefusedBy::LimitRange => "LimitRange",
            RefusedBy::PodSecurity => "PodSecurity",
            RefusedBy::Schema => "schema",
            RefusedBy::Immutable => "immutable",
            RefusedBy::Other => "other",
        })
    }
}

/// What the API server decided.
#[derive(Debug, Clone, PartialEq)]
pub enum Tried {
    /// It would make or change the object.
    Accepted,
    /// It would not.
    Refused(RefusedBy, Refusal),
}

impl Cluster {
    /// Tries each of `objects` as server-side apply does, without making any: `deployment.apps/backend` and the decision, in
    /// their order.
    ///
    /// # Errors
    /// [`Fault`] when the API server came to no decision, or this user may not apply the object.
    pub async fn try_out(&self, namespace: &str, objects: Vec<Value>) -> Result<Vec<(String, Tried)>, Fault> {
        let mut decisions = Vec::new();
        for object in objects {
            decisions.push(self.try_one(namespace, object).await?);
        }
        Ok(decisions)
    }

    async fn try_one(&self, namespace: &str, mut object: Value) -> Result<(String, Tried), Fault> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let kind = self.kind_of(&text(&object["apiVersion"]), &text(&object["kind"])).await?;
        let name = text(&object["metadata"]["name"]);
        let shown = kind.named(if name.is_empty() { "(without a name)" } else { &name });
        let written = text(&object["metadata"]["namespace"]);
        let namespace = if written.is_empty() { namespace } else { &written };
        if kind.namespaced {
            refuse_system_namespace(namespace)?;
            if let Some(metadata) = object["metadata"].as_object_mut() {
                metadata.insert("namespace".to_owned(), namespace.into());
            }
        }
        let api = kind.api(self.client().await?, namespace);
        let doing = format!("try {shown}");
        let asked = if name.is_empty() {
            // server-side apply finds an object by its name
            let object: DynamicObject = serde_json::from_value(object)
                .map_err(|error| Fault::invalid(format!("{shown} cannot be sent: {error}")))?;
            let params = PostParams { dry_run: true, field_manager: Some(MANAGER.to_owned()) };
            self.ask(&doing, api.create(&params, &object)).await.map(drop)
        } else {
            let params = PatchParams { dry_run: true, force: true, ..PatchParams::apply(MANAGER).validation_strict() };
            self.ask(&doing, api.patch(&name, &params, &Patch::Apply(&object))).await.map(drop)
        };
        match asked {
            Ok(()) => Ok((shown, Tried::Accepted)),
            Err(ClusterError::Fault(fault)) => Err(fault),
            Err(ClusterError::Refused(refusal)) => decision(refusal).map(|tried| (shown, tried)),
        }
    }
}

/// Who refuses, or why that is not known.
fn decision(refusal: Refusal) -> Result<Tried, Fault> {
    let message = &refusal.message;
    let undecided = |help: &str| Fault::environment(format!("not measured: {refusal}")).help(help);
    let by = match refusal.cause.as_str() {
        "WebhookUnreachable" => {
            return Err(undecided("the webhook did not decide: see that its Pods are ready").transient());
        }
        "NamespaceMissing" | "NamespaceTerminating" => {
            return Err(undecided("make the namespace in a step before: without it the API server checks nothing"));
        }
        "NoSuchKind" => return Err(undecided("apply the CustomResourceDefinition first").transient()),
        "PolicyDenied" if message.contains("resulted in error") || message.contains("no params found") => {
            return Err(undecided("the policy could not be evaluated: correct it first"));
        }
        "WebhookDenied" => RefusedBy::Webhook,
        "PolicyDenied" => RefusedBy::Policy,
        "QuotaExceeded" => RefusedBy::Quota,
        "PodSecurity" => RefusedBy::PodSecurity,
        "Immutable" => RefusedBy::Immutable,
        "Invalid" | "UnknownField" | "DuplicateKey" | "NotBase64" | "WrongType" | "TooLarge" => RefusedBy::Schema,
        _ if message.contains("does not support dry run") => {
            return Err(undecided(
                "a webhook with side effects is not asked in a dry run: declare `sideEffects: None`",
            ));
        }
        // a namespace just made gets its ServiceAccount a moment later
        _ if message.contains("error looking up service account") && message.contains("/default:") => {
            return Err(undecided("the namespace has no ServiceAccount yet").transient());
        }
        "Forbidden" if is_about_this_user(message) => {
            return Err(undecided("let this user apply such objects, or use another one"));
        }
        _ => match admission_cause(message) {
            "QuotaExceeded" => RefusedBy::Quota,
            "LimitRangeExceeded" => RefusedBy::LimitRange,
            _ => RefusedBy::Other,
        },
    };
    Ok(Tried::Refused(by, refusal))
}

/// `User "me" cannot patch resource "deployments" in API group "apps" in the namespace "todo"`.
fn is_about_this_user(message: &str) -> bool {
    message.contains("User \"") && message.contains("\" cannot ") && message.contains(" resource \"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(cause: &str, message: &str) -> Result<RefusedBy, (String, bool)> {
        let refusal = Refusal {
            doing: "try pod/a".to_owned(),
            code: 403,
            cause: cause.to_owned(),
            message: message.to_owned(),
            ..Refusal::default()
        };
        match decision(refusal) {
            Ok(Tried::Refused(by, _)) => Ok(by),
            Ok(Tried::Accepted) => panic!("a refusal is none"),
            Err(fault) => Err((fault.message, fault.transient)),
        }
    }

    #[test]
    fn names_who_refuses() {
        for (cause, message, by) in [
            ("WebhookDenied", "admission webhook \"a\" denied the request: no", RefusedBy::Webhook),
            ("PolicyDenied", "ValidatingAdmissionPolicy 'a' with binding 'b' denied request: no", RefusedBy::Policy),
            ("Forbidden", "pods \"a\" is forbidden: failed quota: a: must specify limits.cpu", RefusedBy::Quota),
            ("Forbidden", "pods \"a\" is forbidden: maximum cpu usage per Container is 1", RefusedBy::LimitRange),
            ("PodSecurity", "violates PodSecurity \"restricted:latest\"", RefusedBy::PodSecurity),
            ("UnknownField", ".spec.replica: field not declared in schema", RefusedBy::Schema),
            ("Immutable", "spec.clusterIP: field is immutable", RefusedBy::Immutable),
            ("Forbidden", "pods \"a\" is forbidden: no PriorityClass with name b was found", RefusedBy::Other),
        ] {
            assert_eq!(decided(cause, message), Ok(by), "{message}");
        }
    }

    #[test]
    fn what_keeps_the_api_server_from_a_decision_is_no_refusal() {
        for (cause, message, transient) in [
            ("WebhookUnreachable", "failed calling webhook \"a\": connection refused", true),
            ("NamespaceMissing", "namespaces \"a\" not found", false),
            ("BadRequest", "admission webhook \"a\" does not support dry run", false),
            ("PolicyDenied", "ValidatingAdmissionPolicy 'a' … expression 'b' resulted in error: no such key", false),
            (
                "Forbidden",
                "pods is forbidden: User \"me\" cannot patch resource \"pods\" in API group \"\" in the namespace \"a\"",
                false,
            ),
        ] {
            let expected = (format!("not measured: could not try pod/a: {message}"), transient);
            assert_eq!(decided(cause, message), Err(expected));
        }
    }
}
