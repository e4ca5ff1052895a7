//! The same object twice in one apply: which of the two the cluster would keep is chance. Pure.

use std::collections::HashMap;

use serde_json::Value;

use super::prepare::Prepared;
use crate::kubernetes::client::Refusal;

/// Kinds of Kubernetes itself whose objects live in no namespace.
const CLUSTER_SCOPED: [&str; 26] = [
    "APIService",
    "CSIDriver",
    "CSINode",
    "CertificateSigningRequest",
    "ClusterRole",
    "ClusterRoleBinding",
    "ComponentStatus",
    "CustomResourceDefinition",
    "DeviceClass",
    "FlowSchema",
    "IngressClass",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "RuntimeClass",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
    "VolumeAttachment",
    "VolumeAttributesClass",
];

/// What an object is the same by, as far as is known without a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    group: String,
    kind: String,
    namespace: String,
    name: String,
}

impl Identity {
    /// The identity of an object as written; `namespace` is that of objects that name none. `None` where it has no name.
    pub fn of(object: &Value, namespace: &str) -> Option<Self> {
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let kind = text(&object["kind"])?;
        let version = text(&object["apiVersion"])?;
        let group = version.split_once('/').map_or("", |(group, _)| group);
        let own = CLUSTER_SCOPED.contains(&kind.as_str()) && (group.is_empty() || group.ends_with(".k8s.io"));
        let namespace = text(&object["metadata"]["namespace"]).unwrap_or_else(|| namespace.to_owned());
        Some(Identity {
            group: moved(group, &kind).to_owned(),
            namespace: if own { String::new() } else { namespace },
            name: text(&object["metadata"]["name"])?,
            kind,
        })
    }

    /// `deployment.apps/web`.
    pub fn shown(&self) -> String {
        let kind = self.kind.to_ascii_lowercase();
        if self.group.is_empty() {
            format!("{kind}/{}", self.name)
        } else {
            format!("{kind}.{}/{}", self.group, self.name)
        }
    }
}

/// The group that a kind is in now: `extensions` had many of them.
fn moved<'a>(group: &'a str, kind: &str) -> &'a str {
    match (group, kind) {
        ("extensions", "Ingress" | "NetworkPolicy") => "networking.k8s.io",
        ("extensions", "PodSecurityPolicy") => "policy",
        ("extensions", _) => "apps",
        ("", "Event") => "events.k8s.io",
        _ => group,
    }
}

/// Two places of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twice {
    /// Which object.
    pub shown: String,
    /// Its first place among those handed in.
    pub first: usize,
    /// Its later place.
    pub later: usize,
}

/// The objects that are there more than once, each later place with the first.
pub fn twice(identities: impl IntoIterator<Item = Option<Identity>>) -> Vec<Twice> {
    let mut seen: HashMap<Identity, usize> = HashMap::new();
    let mut found = Vec::new();
    for (at, identity) in identities.into_iter().enumerate() {
        let Some(identity) = identity else { continue };
        match seen.get(&identity) {
            Some(first) => found.push(Twice { shown: identity.shown(), first: *first, later: at }),
            None => {
                seen.insert(identity, at);
            }
        }
    }
    found
}

/// The same among objects whose kinds are known, as refusals.
pub(super) fn among(prepared: &[Prepared]) -> Vec<(usize, String, Refusal)> {
    let mut seen: HashMap<(String, String, String), Vec<&Prepared>> = HashMap::new();
    for one in prepared {
        seen.entry(one.key()).or_default().push(one);
    }
    let mut found: Vec<_> = seen.into_values().filter(|same| same.len() > 1).flatten().map(refused).collect();
    found.sort_by_key(|(at, ..)| *at);
    found
}

fn refused(one: &Prepared) -> (usize, String, Refusal) {
    let shown = one.kind.named(&one.name);
    let refusal = Refusal {
        doing: format!("apply {shown}"),
        code: 409,
        cause: "Twice".to_owned(),
        message: "the same object is there more than once: which one the cluster would keep is chance".to_owned(),
        help: Some("keep one of them, or give each its own name or namespace".to_owned()),
        ..Refusal::default()
    };
    (one.at, shown, refusal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn same(a: Value, b: Value) -> bool {
        twice([a, b].map(|object| Identity::of(&object, "todo"))).len() == 1
    }

    fn object(version: &str, kind: &str, metadata: Value) -> Value {
        json!({ "apiVersion": version, "kind": kind, "metadata": metadata })
    }

    #[test]
    fn an_object_is_the_same_by_group_kind_namespace_and_name() {
        let map = |metadata| object("v1", "ConfigMap", metadata);
        assert!(same(map(json!({ "name": "a" })), map(json!({ "name": "a", "namespace": "todo" }))));
        assert!(same(map(json!({ "name": "a", "namespace": null })), map(json!({ "name": "a" }))));
        assert!(!same(map(json!({ "name": "a" })), map(json!({ "name": "a", "namespace": "other" }))));
        assert!(!same(map(json!({ "name": "a" })), map(json!({ "name": "b" }))));
        assert!(!same(map(json!({ "name": "a" })), object("v1", "Secret", json!({ "name": "a" }))));
        assert!(!same(map(json!({ "generateName": "a-" })), map(json!({ "generateName": "a-" }))));
    }

    #[test]
    fn versions_and_groups_that_a_kind_had_before_are_the_same_kind() {
        let web = |version: &str| object(version, "Deployment", json!({ "name": "web" }));
        assert!(same(web("apps/v1"), web("extensions/v1beta1")));
        assert!(same(web("apps/v1"), web("apps/v1beta2")));
        assert!(!same(web("apps/v1"), web("example.com/v1")));
    }

    #[test]
    fn the_namespace_of_what_lives_in_none_does_not_matter() {
        let role = |namespace: &str| {
            object("rbac.authorization.k8s.io/v1", "ClusterRole", json!({ "name": "r", "namespace": namespace }))
        };
        assert!(same(role("a"), role("b")));
        let own = |namespace: &str| object("example.com/v1", "Node", json!({ "name": "r", "namespace": namespace }));
        assert!(!same(own("a"), own("b")));
    }
}
