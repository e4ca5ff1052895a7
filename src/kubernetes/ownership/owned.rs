//! The objects that carry a pipeline's labels: found in every kind, removed, waited for. Touches no other.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::{StreamExt, stream};
use kube::api::{DeleteParams, DynamicObject, ListParams, Preconditions};

use super::labels::label_value;
use crate::core::kind::Context;
use crate::core::model::namespace::refuse_system_namespace;
use crate::core::model::outcome::{Fault, Finding};
use crate::kubernetes::apply::order::install_rank;
use crate::kubernetes::client::{Cluster, ClusterError, Kind};

/// The label that names the pipeline whose object it is.
pub const PIPELINE: &str = "pipeline.dev/pipeline";
/// The label that names the namespace of that pipeline: the same pipeline elsewhere is another.
pub const HOME: &str = "pipeline.dev/namespace";
/// The label that names the run that made it.
pub const RUN: &str = "pipeline.dev/run";

/// Requests under way at a time.
const IN_FLIGHT: usize = 16;
/// Kinds that follow others by themselves, or are no objects of their own.
const FOLLOWERS: [&str; 4] = ["Event", "Endpoints", "EndpointSlice", "ControllerRevision"];

/// Whose objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner {
    /// The pipeline.
    pub pipeline: String,
    /// Its namespace.
    pub home: String,
    /// The run.
    pub run: String,
}

impl Owner {
    /// Whose the objects are that this attempt makes in a cluster: this run's, if there is one.
    pub fn of(cx: &Context) -> Option<Self> {
        let pipeline = cx.scope.roots.get("run").and_then(|run| run["pipeline"].as_str());
        let pipeline = pipeline.filter(|name| !name.is_empty())?;
        let home = cx.services.get::<Cluster>().namespace().to_owned();
        Some(Owner { pipeline: label_value(pipeline), home, run: cx.run.to_string() })
    }

    /// What an object made by this run carries.
    pub fn labels(&self) -> BTreeMap<String, String> {
        [(PIPELINE, &self.pipeline), (HOME, &self.home), (RUN, &self.run)]
            .map(|(label, value)| (label.to_owned(), value.clone()))
            .into()
    }

    /// Whether an object with these labels is this pipeline's, whichever run made it.
    pub fn owns(&self, labels: &BTreeMap<String, String>) -> bool {
        let is = |label: &str, value: &String| labels.get(label) == Some(value);
        is(PIPELINE, &self.pipeline) && is(HOME, &self.home)
    }

    fn selector(&self) -> String {
        format!("{PIPELINE}={},{HOME}={}", self.pipeline, self.home)
    }
}

/// An object of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace; empty where its kind has none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    uid: String,
}

impl Owned {
    /// `deployment.apps/backend in todo`.
    pub fn shown(&self) -> String {
        let name = self.kind.named(&self.name);
        if self.namespace.is_empty() { name } else { format!("{name} in {}", self.namespace) }
    }
}

impl Cluster {
    /// Every object of an owner, in every kind and namespace that this user may list; also the kinds that it may not.
    /// What belongs to another object goes with that one, and is not among them.
    ///
    /// # Errors
    /// [`Fault`] when the cluster gives no answer.
    pub async fn owned(&self, owner: &Owner) -> Result<(Vec<Owned>, Vec<String>), Fault> {
        let (kinds, mut unseen) = self.removable_kinds().await?;
        let looks: Vec<_> = kinds.iter().map(|kind| async move { (kind, self.owned_of(kind, owner).await) }).collect();
        let (mut found, mut elsewhere) = (Vec::new(), Vec::new());
        for (kind, look) in stream::iter(looks).buffer_unordered(IN_FLIGHT).collect::<Vec<_>>().await {
            match look {
                Ok((objects, whole)) => {
                    found.extend(objects);
                    elsewhere.extend((!whole).then(|| kind.to_string()));
                }
                Err(ClusterError::Refused(refusal)) if matches!(refusal.code, 404 | 405) => {}
                Err(ClusterError::Refused(_)) => unseen.push(kind.to_string()),
                Err(ClusterError::Fault(fault)) => return Err(fault),
            }
        }
        unseen.extend(only_here(elsewhere, &owner.home));
        found.sort_by_cached_key(|object| (stage(object), object.shown()));
        unseen.sort();
        Ok((found, unseen))
    }

    /// The objects of a kind, and whether all namespaces were looked into.
    async fn owned_of(&self, kind: &Kind, owner: &Owner) -> Result<(Vec<Owned>, bool), ClusterError> {
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
        let objects = listed.into_iter().filter(|object| {
            let labels = object.metadata.labels.clone().unwrap_or_default();
            let is_helms = labels.get("owner").is_some_and(|owner| owner == "helm");
            owner.owns(&labels) && !is_helms && object.metadata.owner_references.as_ref().is_none_or(Vec::is_empty)
        });
        let owned = objects.map(|object| Owned {
            kind: kind.clone(),
            namespace: object.metadata.namespace.unwrap_or_default(),
            name: object.metadata.name.unwrap_or_default(),
            uid: object.metadata.uid.unwrap_or_default(),
        });
        Ok((owned.filter(|object| refuse_system_namespace(&object.namespace).is_ok()).collect(), whole))
    }

    /// Removes them and waits until they are gone, for `limit` at most; `each` hears of every one. What is there still,
    /// with what holds it. Custom objects go first, while who looks after them is there; namespaces last.
    ///
    /// # Errors
    /// [`Fault`] when the cluster gives no answer or refuses.
    pub async fn remove(
        &self,
        objects: &[Owned],
        limit: Duration,
        each: &(dyn Fn(&Owned) + Sync),
    ) -> Result<Vec<Finding>, Fault> {
        let until = tokio::time::Instant::now() + limit;
        let mut held = Vec::new();
        for objects in objects.chunk_by(|a, b| stage(a) == stage(b)) {
            let removals: Vec<_> = objects.iter().map(|object| self.remove_one(object, each)).collect();
            for removed in stream::iter(removals).buffer_unordered(IN_FLIGHT).collect::<Vec<_>>().await {
                removed?;
            }
            let waits: Vec<_> = objects.iter().map(|object| self.gone(object, until)).collect();
            let waited = stream::iter(waits).buffer_unordered(IN_FLIGHT).collect::<Vec<_>>().await;
            for finding in waited {
                held.extend(finding?);
            }
        }
        Ok(held)
    }

    async fn remove_one(&self, object: &Owned, each: &(dyn Fn(&Owned) + Sync)) -> Result<(), Fault> {
        let api = object.kind.api(self.client().await?, &object.namespace);
        let preconditions = Preconditions { uid: Some(object.uid.clone()), resource_version: None };
        let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::background() };
        match self.ask(&format!("delete {}", object.shown()), api.delete(&object.name, &parameters)).await {
            Ok(_) => {
                each(object);
                Ok(())
            }
            // Gone, or another object of the same name by now.
            Err(ClusterError::Refused(refusal)) if matches!(refusal.code, 404 | 409) => Ok(()),
            Err(trouble) => Err(trouble.fault()),
        }
    }

    /// Waits until it is gone; what holds it where that takes too long.
    async fn gone(&self, object: &Owned, until: tokio::time::Instant) -> Result<Option<Finding>, Fault> {
        let last: Mutex<Option<DynamicObject>> = Mutex::new(None);
        let decide = |seen: Option<&DynamicObject>| {
            let there = seen.filter(|seen| seen.metadata.uid.as_deref() == Some(&object.uid));
            *last.lock().unwrap_or_else(PoisonError::into_inner) = there.cloned();
            there.is_none().then_some(())
        };
        let gone = self.until(&object.kind, &object.namespace, &object.name, decide);
        if let Ok(result) = tokio::time::timeout_at(until, gone).await {
            return result.map(|()| None).map_err(ClusterError::fault);
        }
        let there = last.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(there.map(|there| holding(&object.shown(), &there)))
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

/// When an object goes: what we know no kind of first, namespaces and definitions of kinds last.
fn stage(object: &Owned) -> u8 {
    let kind = object.kind.resource.kind.as_str();
    match kind {
        "Namespace" | "CustomResourceDefinition" => 2,
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
    fn only_the_same_pipeline_in_the_same_namespace_is_the_owner() {
        let owner = |pipeline: &str, home: &str, run: &str| Owner {
            pipeline: pipeline.into(),
            home: home.into(),
            run: run.into(),
        };
        let labels = owner("todo", "a", "r1").labels();
        assert!(owner("todo", "a", "r2").owns(&labels), "whichever run made it");
        assert!(!owner("todo", "b", "r1").owns(&labels) && !owner("other", "a", "r1").owns(&labels));
        assert!(!owner("todo", "a", "r1").owns(&BTreeMap::new()));
    }

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
