//! Which Pods and ReplicaSets belong to an older revision of their workload. Pure.

use serde_json::Value;

use super::Snapshot;
use super::json::{is_owned_by, name, text};

/// Whether a Pod or a ReplicaSet belongs to an older revision than its workload's newest one.
pub(super) fn is_old(object: &Value, snapshot: &Snapshot) -> bool {
    let owner = snapshot.workloads.iter().find(|owner| is_owned_by(object, owner));
    let Some(owner) = owner else { return false };
    let labels = &object["metadata"]["labels"];
    match text(&owner["kind"]) {
        "Deployment" => revision(object) < newest(owner, snapshot),
        "ReplicaSet" => is_old(owner, snapshot),
        "StatefulSet" => {
            let (own, newest) = (text(&labels["controller-revision-hash"]), text(&owner["status"]["updateRevision"]));
            !own.is_empty() && !newest.is_empty() && own != newest
        }
        "DaemonSet" => {
            let newest = &owner["metadata"]["annotations"]["deprecated.daemonset.template.generation"];
            let own = text(&labels["pod-template-generation"]);
            !own.is_empty() && newest.is_string() && own != text(newest)
        }
        _ => false,
    }
}

/// The name of a Deployment's newest ReplicaSet; empty where it is not among the workloads.
pub(super) fn newest_replica_set<'s>(deployment: &Value, snapshot: &'s Snapshot) -> Option<&'s str> {
    let own: Vec<&Value> = snapshot.workloads.iter().filter(|it| is_owned_by(it, deployment)).collect();
    let newest = newest(deployment, snapshot).max(revision(deployment));
    let known = !own.is_empty() && newest > 0;
    known.then(|| own.into_iter().find(|it| revision(it) == newest).map(name).unwrap_or_default())
}

/// The newest revision of the ReplicaSets of a Deployment.
fn newest(deployment: &Value, snapshot: &Snapshot) -> i64 {
    let own = snapshot.workloads.iter().filter(|it| is_owned_by(it, deployment));
    own.map(revision).max().unwrap_or_default()
}

fn revision(replica_set: &Value) -> i64 {
    let annotation = &replica_set["metadata"]["annotations"]["deployment.kubernetes.io/revision"];
    text(annotation).parse().unwrap_or_default()
}
