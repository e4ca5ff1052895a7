//! Earlier revisions of a workload, and going back to one: through ReplicaSets for Deployments, through
//! ControllerRevisions for StatefulSets and DaemonSets.

use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::Value;

use super::pods::selector_text;
use super::{Cluster, ClusterError, Kind, MANAGER, Refusal};
use crate::kubernetes::rollout::is_about_older;

const REVISION: &str = "deployment.kubernetes.io/revision";
const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

/// What going back did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RollbackResult {
    /// The revision gone back to.
    pub to: i64,
    /// Whether anything changed: not where the template was that of the revision already.
    pub changed: bool,
}

/// A revision that is kept.
#[derive(Debug, Clone)]
struct Revision {
    number: i64,
    object: DynamicObject,
}

impl Cluster {
    /// Goes back to revision `to`, or to the one before the current one.
    ///
    /// # Errors
    /// [`ClusterError`] when there is no such revision, or the kind keeps none.
    pub async fn undo(
        &self,
        kind: &Kind,
        namespace: &str,
        name: &str,
        to: Option<i64>,
    ) -> Result<RollbackResult, ClusterError> {
        let shown = kind.named(name);
        let refused = |cause: &str, message: String, help: Option<&str>| {
            ClusterError::Refused(Refusal {
                doing: format!("undo {shown}"),
                cause: cause.to_owned(),
                message,
                help: help.map(str::to_owned),
                ..Refusal::default()
            })
        };
        let keeper = match kind.resource.kind.as_str() {
            "Deployment" => "ReplicaSet",
            "StatefulSet" | "DaemonSet" => "ControllerRevision",
            _ => {
                let message = "its kind keeps no revisions".to_owned();
                return Err(refused("NoRevisions", message, Some("name a Deployment, StatefulSet or DaemonSet")));
            }
        };
        // Another writer may come between our look and our change: look again, a few times.
        for last in [false, false, true] {
            let api = kind.api(self.client().await?, namespace);
            let object = self.ask(&format!("get {shown}"), api.get(name)).await?;
            if object.data["spec"]["paused"] == true {
                let help = format!("resume it first: kubectl rollout resume {shown} -n {namespace}");
                return Err(refused("Paused", "it is paused".to_owned(), Some(&help)));
            }
            let kept = self.kept(keeper, namespace, &object).await?;
            let numbers: Vec<i64> = kept.iter().map(|kept| kept.number).collect();
            let number = choose(&numbers, to).map_err(|message| refused("NoSuchRevision", message, None))?;
            let Some(revision) = kept.iter().find(|kept| kept.number == number) else { continue };
            if keeper == "ControllerRevision" {
                let parameters = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
                let patch = Patch::Strategic(&revision.object.data["data"]);
                let after = self.ask(&format!("undo {shown}"), api.patch(name, &parameters, &patch)).await?;
                return Ok(RollbackResult {
                    to: number,
                    changed: after.metadata.generation != object.metadata.generation,
                });
            }
            let Some(wanted) = back_to(&object, &revision.object) else {
                return Ok(RollbackResult { to: number, changed: false });
            };
            let parameters = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
            match self.ask(&format!("undo {shown}"), api.replace(name, &parameters, &wanted)).await {
                Ok(_) => return Ok(RollbackResult { to: number, changed: true }),
                Err(ClusterError::Refused(refusal)) if refusal.cause == "Conflict" && !last => {}
                Err(trouble) => return Err(trouble),
            }
        }
        Err(refused("Conflict", "it is being changed by others all the time".to_owned(), None))
    }

    /// Whether a message about the progress of a Deployment is about an earlier ReplicaSet than its newest one.
    ///
    /// # Errors
    /// [`ClusterError`] when its ReplicaSets cannot be listed.
    pub async fn is_about_older(
        &self,
        kind: &Kind,
        namespace: &str,
        name: &str,
        message: &str,
    ) -> Result<bool, ClusterError> {
        let api = kind.api(self.client().await?, namespace);
        let object = self.ask(&format!("get {}", kind.named(name)), api.get(name)).await?;
        let kept = self.kept("ReplicaSet", namespace, &object).await?;
        let newest = kept.last().and_then(|newest| newest.object.metadata.name.as_deref());
        Ok(newest.is_some_and(|newest| is_about_older(message, newest)))
    }

    async fn kept(&self, keeper: &str, namespace: &str, object: &DynamicObject) -> Result<Vec<Revision>, ClusterError> {
        let kind = self.kind_of("apps/v1", keeper).await?;
        let selector = selector_text(&object.data["spec"]["selector"]).unwrap_or_default();
        let api = kind.api(self.client().await?, namespace);
        let list = ListParams::default().labels(&selector);
        let all = self.list(&format!("list {}", kind.resource.plural), &api, list).await?;
        let mut kept: Vec<Revision> = all
            .into_iter()
            .filter(|one| {
                let owners = one.metadata.owner_references.as_deref().unwrap_or_default();
                owners.iter().any(|owner| Some(&owner.uid) == object.metadata.uid.as_ref())
            })
            .filter_map(|one| Some(Revision { number: number(&one)?, object: one }))
            .collect();
        kept.sort_by_key(|kept| kept.number);
        Ok(kept)
    }
}

fn number(object: &DynamicObject) -> Option<i64> {
    let annotation = object.metadata.annotations.as_ref().and_then(|all| all.get(REVISION));
    annotation.map_or_else(|| object.data["revision"].as_i64(), |text| text.parse().ok())
}

/// The revision to go back to: the one asked for, or the second latest. `numbers` are sorted.
fn choose(numbers: &[i64], to: Option<i64>) -> Result<i64, String> {
    let listed = || numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match to {
        Some(to) if numbers.contains(&to) => Ok(to),
        Some(to) if numbers.is_empty() => Err(format!("revision {to} is not kept; none is")),
        Some(to) => Err(format!("revision {to} is not kept; kept are {}", listed())),
        None => match numbers {
            [.., before, _] => Ok(*before),
            [only] => Err(format!("there is no revision before {only}")),
            [] => Err("no revision is kept".to_owned()),
        },
    }
}

/// The Deployment with the template of a ReplicaSet; `None` where it has that already.
fn back_to(deployment: &DynamicObject, replica_set: &DynamicObject) -> Option<DynamicObject> {
    let mut template = replica_set.data["spec"]["template"].clone();
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.remove("pod-template-hash");
    }
    if same_template(&template, &deployment.data["spec"]["template"]) {
        return None;
    }
    let mut wanted = deployment.clone();
    wanted.data["spec"]["template"] = template;
    wanted.metadata.managed_fields = None;
    if let Some(fields) = wanted.data.as_object_mut() {
        fields.remove("status");
    }
    let annotations = wanted.metadata.annotations.get_or_insert_default();
    annotations.remove(CHANGE_CAUSE);
    if let Some(cause) = replica_set.metadata.annotations.as_ref().and_then(|all| all.get(CHANGE_CAUSE)) {
        annotations.insert(CHANGE_CAUSE.to_owned(), cause.clone());
    }
    Some(wanted)
}

/// Templates differ in nothing but what the server leaves out or nulls (`creationTimestamp: null`).
fn same_template(a: &Value, b: &Value) -> bool {
    let bare = |template: &Value| {
        let mut template = template.clone();
        if let Some(metadata) = template["metadata"].as_object_mut() {
            metadata.remove("creationTimestamp");
        }
        template
    };
    bare(a) == bare(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn goes_back_to_the_second_latest_revision_or_the_one_asked_for() {
        assert_eq!(choose(&[1, 3, 4], None), Ok(3));
        assert_eq!(choose(&[1, 3, 4], Some(1)), Ok(1));
        assert_eq!(choose(&[1, 3, 4], Some(2)), Err("revision 2 is not kept; kept are 1, 3, 4".to_owned()));
        assert_eq!(choose(&[1], None), Err("there is no revision before 1".to_owned()));
        assert_eq!(choose(&[], None), Err("no revision is kept".to_owned()));
    }

    #[test]
    fn takes_the_template_of_the_replica_set_without_its_hash() {
        let object = |value: Value| serde_json::from_value::<DynamicObject>(value).expect("an object");
        let deployment = object(json!({ "metadata": { "name": "web" },
            "spec": { "replicas": 2, "template": { "metadata": { "labels": { "app": "web" } }, "spec": { "image": "b" } } } }));
        let replica_set = object(json!({ "metadata": { "name": "web-1", "annotations": { CHANGE_CAUSE: "first" } },
            "spec": { "template": { "metadata": { "creationTimestamp": null, "labels": { "app": "web", "pod-template-hash": "1" } },
                "spec": { "image": "a" } } } }));
        let wanted = back_to(&deployment, &replica_set).expect("it differs");
        assert_eq!(
            wanted.data,
            json!({ "spec": { "replicas": 2, "template": {
                "metadata": { "creationTimestamp": null, "labels": { "app": "web" } }, "spec": { "image": "a" } } } })
        );
        assert_eq!(wanted.metadata.annotations.expect("there")[CHANGE_CAUSE], "first");
        let mut same = deployment.clone();
        same.data["spec"]["template"]["spec"]["image"] = json!("a");
        assert_eq!(back_to(&same, &replica_set), None);
    }
}
