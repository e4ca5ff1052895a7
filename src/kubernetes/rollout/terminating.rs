//! Pods of a workload that are being deleted and still run: a status counts them no more, yet they may answer. Pure.

use kube::api::DynamicObject;

/// The names of the pods among `pods` that `workload` controls and that still terminate.
pub fn terminating_pods<'p>(
    kind: &str,
    workload: &DynamicObject,
    pods: impl IntoIterator<Item = &'p DynamicObject>,
) -> Vec<&'p str> {
    let is_terminating = |pod: &&DynamicObject| {
        pod.metadata.deletion_timestamp.is_some()
            && !matches!(pod.data["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
            && controls(kind, workload, pod)
    };
    pods.into_iter().filter(is_terminating).filter_map(|pod| pod.metadata.name.as_deref()).collect()
}

/// `2 old pods are still running: a, b`.
pub fn terminating_message(names: &[&str]) -> String {
    let are = if names.len() == 1 { "old pod is" } else { "old pods are" };
    let more = if names.len() > 3 { format!(" and {} more", names.len() - 3) } else { String::new() };
    let shown: Vec<&str> = names.iter().take(3).copied().collect();
    format!("{} {are} being deleted and still running: {}{more}", names.len(), shown.join(", "))
}

/// Whether the pod belongs to the workload: directly, or by the ReplicaSet of a Deployment, which is named after the
/// Deployment and the hash of its template.
pub(super) fn controls(kind: &str, workload: &DynamicObject, pod: &DynamicObject) -> bool {
    let owners = pod.metadata.owner_references.as_deref().unwrap_or_default();
    let Some(owner) = owners.iter().find(|owner| owner.controller == Some(true)) else { return false };
    if kind != "Deployment" {
        return workload.metadata.uid.as_ref() == Some(&owner.uid);
    }
    let hash = pod.metadata.labels.as_ref().and_then(|labels| labels.get("pod-template-hash"));
    let name = workload.metadata.name.as_deref().unwrap_or_default();
    owner.kind == "ReplicaSet" && hash.is_some_and(|hash| owner.name == format!("{name}-{hash}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn object(value: Value) -> DynamicObject {
        serde_json::from_value(value).expect("an object")
    }

    fn pod(name: &str, owner: Value, phase: &str, ends: bool) -> DynamicObject {
        let mut metadata = json!({ "name": name, "labels": { "pod-template-hash": "1a" }, "ownerReferences": [owner] });
        if ends {
            metadata["deletionTimestamp"] = "2030-01-01T00:00:00Z".into();
        }
        object(json!({ "metadata": metadata, "status": { "phase": phase } }))
    }

    #[test]
    fn only_pods_of_the_workload_that_still_run_count() {
        let owner = |kind: &str, name: &str, uid: &str| json!({ "apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": true });
        let web = owner("ReplicaSet", "web-1a", "r");
        let pods = [
            pod("ends", web.clone(), "Running", true),
            pod("runs", web.clone(), "Running", false),
            pod("over", web.clone(), "Succeeded", true),
            pod("other", owner("ReplicaSet", "web-x-1a", "q"), "Running", true),
            pod("db-0", owner("StatefulSet", "db", "s"), "Running", true),
        ];
        let deployment = object(json!({ "metadata": { "name": "web", "uid": "d" } }));
        assert_eq!(terminating_pods("Deployment", &deployment, &pods), ["ends"]);
        let database = object(json!({ "metadata": { "name": "db", "uid": "s" } }));
        assert_eq!(terminating_pods("StatefulSet", &database, &pods), ["db-0"]);
        let recreated = object(json!({ "metadata": { "name": "db", "uid": "t" } }));
        assert_eq!(terminating_pods("StatefulSet", &recreated, &pods), Vec::<&str>::new());
        assert_eq!(terminating_message(&["a"]), "1 old pod is being deleted and still running: a");
        assert_eq!(
            terminating_message(&["a", "b", "c", "d"]),
            "4 old pods are being deleted and still running: a, b, c and 1 more"
        );
    }
}
