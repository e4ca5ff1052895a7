//! The objects that a pipeline made: found in every kind by labels that this program wrote, removed, waited for. Touches
//! no other.

use std::collections::BTreeSet;
use std::fmt;

use futures::{StreamExt, stream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DynamicObject, ListParams};

pub use super::owner::{FRESH, HOME, Owner, PIPELINE, RUN};
use super::proof::is_ours;
use crate::core::model::namespace::refuse_system_namespace;
use crate::core::model::outcome::{Fault, Finding};
use crate::kubernetes::apply::order::install_rank;
use crate::kubernetes::client::{Cluster, ClusterError, Kind};

/// Requests under way at a time.
const IN_FLIGHT: usize = 16;
/// Kinds that follow others by themselves, or are no objects of their own.
const FOLLOWERS: [&str; 4] = ["Event", "Endpoints", "EndpointSlice", "ControllerRevision"];

/// An object of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace; empty where its kind has none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    pub(super) uid: String,
    /// A namespace that a run made for itself alone.
    fresh: bool,
    owners: Vec<String>,
}

impl Owned {
    /// From what was read of it.
    pub(crate) fn of(kind: &Kind, meta: ObjectMeta) -> Self {
        Owned {
            kind: kind.clone(),
            namespace: meta.namespace.unwrap_or_default(),
            name: meta.name.unwrap_or_default(),
            uid: meta.uid.unwrap_or_default(),
            fresh: meta.labels.is_some_and(|labels| labels.contains_key(FRESH)),
            owners: meta.owner_references.into_iter().flatten().map(|owner| owner.uid).collect(),
        }
    }

    /// Whether it is a namespace in which others may have made objects.
    pub(super) fn is_shared_namespace(&self) -> bool {
        self.kind.resource.kind == "Namespace" && self.kind.resource.group.is_empty() && !self.fresh
    }

    /// `deployment.apps/backend in todo`.
    pub fn shown(&self) -> String {
        let name = self.kind.named(&self.name);
        if self.namespace.is_empty() { name } else { format!("{name} in {}", self.namespace) }
    }
}

/// What was found of an owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnedScan {
    /// Its objects, in the order in which they go.
    pub objects: Vec<Owned>,
    /// Objects that carry its labels, which this program did not write on them.
    pub copies: Vec<Left>,
    /// The kinds that this user may not list.
    pub unseen: Vec<String>,
}

impl OwnedScan {
    /// Adds objects that the owner made by the hand of another program.
    pub fn add(&mut self, objects: Vec<Owned>) {
        self.objects.extend(objects);
        self.objects.sort_by_cached_key(|object| (stage(object), object.shown()));
    }
}

/// An object that is not removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// `configmap/data`.
    pub object: String,
    /// Its namespace; empty where its kind has none.
    pub namespace: String,
    /// Why it stays.
    pub why: String,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Left { object, namespace, why } = self;
        if namespace.is_empty() {
            return write!(f, "left: {object}: {why}; `kubectl delete {object}` removes it");
        }
        write!(f, "left: {object} in {namespace}: {why}; `kubectl -n {namespace} delete {object}` removes it")
    }
}

impl Cluster {
    /// Every object of an owner, in every kind and namespace that this user may list; also the kinds that it may not.
    /// What goes with another object of the owner is not among them.
    ///
    /// # Errors
    /// [`Fault`] when the cluster gives no answer.
    pub async fn owned(&self, owner: &Owner) -> Result<OwnedScan, Fault> {
        let (kinds, unseen) = self.removable_kinds().await?;
        let mut scan = OwnedScan { unseen, ..OwnedScan::default() };
        let looks: Vec<_> = kinds.iter().map(|kind| async move { (kind, self.owned_of(kind, owner).await) }).collect();
        let mut elsewhere = Vec::new();
        for (kind, look) in stream::iter(looks).buffer_unordered(IN_FLIGHT).collect::<Vec<_>>().await {
            match look {
                Ok((objects, copies, whole)) => {
                    scan.objects.extend(objects);
                    scan.copies.extend(copies);
                    elsewhere.extend((!whole).then(|| kind.to_string()));
                }
                Err(ClusterError::Refused(refusal)) if matches!(refusal.code, 404 | 405) => {}
                Err(ClusterError::Refused(_)) => scan.unseen.push(kind.to_string()),
                Err(ClusterError::Fault(fault)) => return Err(fault),
            }
        }
        scan.unseen.extend(only_here(elsewhere, &owner.home));
        scan.objects = without_followers(scan.objects);
        scan.add(Vec::new());
        scan.copies.sort_by_cached_key(ToString::to_string);
        scan.unseen.sort();
        Ok(scan)
    }

    /// The objects of a kind, those that only carry the labels, and whether all namespaces were searched.
    async fn owned_of(&self, kind: &Kind, owner: &Owner) -> Result<(Vec<Owned>, Vec<Left>, bool), ClusterError> {
        let client = self.client().await?;
        let wanted = ListParams::default().labels(&owner.selector());
        let doing = format!("list {}", kind.resource.plural);
        let everywhere = kube::Api::<DynamicObject>::all_with(client.clone(), &kind.resource);
        let (listed, whole) = match self.list_metadata(&doing, &everywhere, wanted.clone()).await {
            Err(ClusterError::Refused(refusal)) if refusal.code == 403 && kind.namespaced => {
                let here = kind.api(client, &owner.home);
                (self.list_metadata(&doing, &here, wanted).await?, false)
            }
            other => (other?, true),
        };
        let (mut objects, mut copies) = (Vec::new(), Vec::new());
        for meta in listed.into_iter().map(|object| object.metadata) {
            let is_helms =
                meta.labels.as_ref().and_then(|labels| labels.get("owner")).is_some_and(|owner| owner == "helm");
            if is_helms || refuse_system_namespace(meta.namespace.as_deref().unwrap_or_default()).is_err() {
                continue;
            }
            if is_ours(owner, &meta) {
                objects.push(Owned::of(kind, meta));
            } else if meta.owner_references.as_ref().is_none_or(Vec::is_empty) {
                copies.push(copy(kind, meta));
            }
        }
        Ok((objects, copies, whole))
    }
}

/// What was not looked into where only one namespace could be listed: the kinds, or their number where they are many.
fn only_here(mut kinds: Vec<String>, home: &str) -> Option<String> {
    kinds.sort();
    let shown = match kinds.len() {
        0 => return None,
        1..=3 => kinds.join(", "),
        many => format!("{many} kinds"),
    };
    Some(format!("{shown} in namespaces other than {home}"))
}

/// An object that carries an owner's labels, which another wrote.
fn copy(kind: &Kind, meta: ObjectMeta) -> Left {
    Left {
        object: kind.named(&meta.name.unwrap_or_default()),
        namespace: meta.namespace.unwrap_or_default(),
        why: "it carries this pipeline's labels, but was not made by pipeline".to_owned(),
    }
}

/// Without those that go with others of them.
fn without_followers(objects: Vec<Owned>) -> Vec<Owned> {
    let uids: BTreeSet<String> = objects.iter().map(|object| object.uid.clone()).collect();
    let follows = |object: &Owned| !object.owners.is_empty() && object.owners.iter().all(|uid| uids.contains(uid));
    objects.into_iter().filter(|object| !follows(object)).collect()
}

/// When an object goes: what we know no kind of first, namespaces and definitions of kinds last.
pub(super) fn stage(object: &Owned) -> u8 {
    let kind = object.kind.resource.kind.as_str();
    match kind {
        "CustomResourceDefinition" => 3,
        "Namespace" => 2,
        _ if install_rank(kind) == install_rank("no kind of Kubernetes itself") => 0,
        _ => 1,
    }
}

/// Whether objects of a kind are looked for at all.
pub(crate) fn is_followed(kind: &str) -> bool {
    FOLLOWERS.contains(&kind)
}

/// What holds an object that is being deleted.
pub fn holding(shown: &str, object: &DynamicObject) -> Finding {
    let mut finalizers = object.metadata.finalizers.clone().unwrap_or_default();
    let of_namespace = object.data["spec"]["finalizers"].as_array().into_iter().flatten();
    finalizers.extend(of_namespace.filter_map(|name| name.as_str().map(str::to_owned)));
    let conditions = object.data["status"]["conditions"].as_array().into_iter().flatten();
    let remaining = conditions.filter(|condition| {
        condition["status"] == "True" && condition["type"].as_str().is_some_and(|name| name.ends_with("Remaining"))
    });
    let mut message = match finalizers.as_slice() {
        [] => "it is still ending".to_owned(),
        names => format!("its finalizers have not let go: {}", names.join(", ")),
    };
    for condition in remaining {
        message.push_str("; ");
        message.push_str(condition["message"].as_str().unwrap_or_default());
    }
    Finding::new(shown, if finalizers.is_empty() { "Terminating" } else { "FinalizersRemain" }, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_namespace_is_not_the_whole_cluster() {
        let of = |kinds: &[&str]| only_here(kinds.iter().map(|kind| (*kind).to_owned()).collect(), "todo");
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["b", "a"]).as_deref(), Some("a, b in namespaces other than todo"));
        assert_eq!(of(&["a", "b", "c", "d"]).as_deref(), Some("4 kinds in namespaces other than todo"));
    }

    #[test]
    fn names_the_finalizers_that_hold_an_object() {
        let object = serde_json::from_value(serde_json::json!({
            "metadata": { "name": "todo", "finalizers": ["example.com/hold"] }, "spec": { "finalizers": ["kubernetes"] },
            "status": { "conditions": [{ "type": "NamespaceContentRemaining", "status": "True", "message": "Some resources are remaining: pods. has 1 resource instances" }] } }))
        .expect("an object");
        assert_eq!(
            holding("namespace/todo", &object),
            Finding::new(
                "namespace/todo",
                "FinalizersRemain",
                "its finalizers have not let go: example.com/hold, kubernetes; \
                 Some resources are remaining: pods. has 1 resource instances"
            )
        );
    }
}
