//! How far a Deployment, StatefulSet or DaemonSet has rolled out, as `kubectl rollout status` judges it. Pure.

use kube::api::DynamicObject;
use serde_json::Value;

/// How far a rollout is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rollout {
    /// All replicas are updated and available, no old one is left.
    Done,
    /// Not yet, because of this: `1 of 3 updated replicas is available`.
    Waiting(String),
    /// It will not get there by itself.
    Failed {
        /// The cause by its name: `ProgressDeadlineExceeded`.
        cause: String,
        /// The cluster's words.
        message: String,
    },
}

/// Whether objects of this kind roll out.
pub fn rolls_out(kind: &str) -> bool {
    matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet")
}

/// How far `object` is; anything that does not roll out is done.
pub fn state(object: &DynamicObject) -> Rollout {
    let kind = object.types.as_ref().map(|types| types.kind.as_str()).unwrap_or_default();
    state_of(kind, object)
}

/// Like [`state`], for objects from a list, which do not say their kind.
pub fn state_of(kind: &str, object: &DynamicObject) -> Rollout {
    if !rolls_out(kind) {
        return Rollout::Done;
    }
    let (spec, status) = (&object.data["spec"], &object.data["status"]);
    if status["observedGeneration"].as_i64().unwrap_or(0) < object.metadata.generation.unwrap_or(1) {
        return Rollout::Waiting("the change is not observed yet".to_owned());
    }
    match kind {
        "Deployment" => deployment(spec, status),
        "StatefulSet" => stateful_set(spec, status),
        _ => daemon_set(spec, status),
    }
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn waiting(text: String) -> Rollout {
    Rollout::Waiting(text)
}

fn deployment(spec: &Value, status: &Value) -> Rollout {
    let conditions = status["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let progressing = conditions.iter().find(|condition| condition["type"] == "Progressing");
    if let Some(stuck) = progressing.filter(|condition| condition["reason"] == "ProgressDeadlineExceeded") {
        let message = stuck["message"].as_str().unwrap_or_default().to_owned();
        return Rollout::Failed { cause: "ProgressDeadlineExceeded".to_owned(), message };
    }
    let wanted = spec["replicas"].as_i64().unwrap_or(1);
    let (all, updated, available) =
        (number(&status["replicas"]), number(&status["updatedReplicas"]), number(&status["availableReplicas"]));
    if spec["paused"] == true && updated < wanted {
        return waiting("it is paused".to_owned());
    }
    if updated < wanted {
        waiting(format!("{updated} of {wanted} replicas updated"))
    } else if all > updated {
        waiting(format!("{} old replicas still there", all - updated))
    } else if available < updated {
        waiting(format!("{available} of {updated} updated replicas available"))
    } else {
        Rollout::Done
    }
}

fn stateful_set(spec: &Value, status: &Value) -> Rollout {
    let wanted = spec["replicas"].as_i64().unwrap_or(1);
    let (ready, updated) = (number(&status["readyReplicas"]), number(&status["updatedReplicas"]));
    if ready < wanted {
        return waiting(format!("{ready} of {wanted} replicas ready"));
    }
    if spec["updateStrategy"]["type"] == "OnDelete" {
        return Rollout::Done;
    }
    let partition = number(&spec["updateStrategy"]["rollingUpdate"]["partition"]);
    if partition > 0 {
        let due = (wanted - partition).max(0);
        return if updated < due { waiting(format!("{updated} of {due} replicas updated")) } else { Rollout::Done };
    }
    if status["updateRevision"] != status["currentRevision"] {
        return waiting(format!("{updated} of {wanted} replicas at the new revision"));
    }
    let available = status["availableReplicas"].as_i64().unwrap_or(ready);
    if available < wanted { waiting(format!("{available} of {wanted} replicas available")) } else { Rollout::Done }
}

fn daemon_set(spec: &Value, status: &Value) -> Rollout {
    let wanted = number(&status["desiredNumberScheduled"]);
    let (updated, available) = (number(&status["updatedNumberScheduled"]), number(&status["numberAvailable"]));
    if updated < wanted && spec["updateStrategy"]["type"] != "OnDelete" {
        waiting(format!("{updated} of {wanted} pods updated"))
    } else if available < wanted {
        waiting(format!("{available} of {wanted} pods available"))
    } else {
        Rollout::Done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state_of_json(json: &str) -> Rollout {
        state(&serde_json::from_str(json).expect("an object"))
    }

    #[test]
    fn a_deployment_is_done_when_all_replicas_are_new_and_available() {
        let with = |status: &str| {
            state_of_json(&format!(
                r#"{{ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {{ "name": "web", "generation": 2 }},
                     "spec": {{ "replicas": 2 }}, "status": {{ {status} }} }}"#
            ))
        };
        let waits = |text: &str| Rollout::Waiting(text.to_owned());
        assert_eq!(
            with(r#""observedGeneration": 1, "replicas": 2, "updatedReplicas": 2"#),
            waits("the change is not observed yet")
        );
        assert_eq!(
            with(r#""observedGeneration": 2, "replicas": 3, "updatedReplicas": 1"#),
            waits("1 of 2 replicas updated")
        );
        assert_eq!(
            with(r#""observedGeneration": 2, "replicas": 3, "updatedReplicas": 2"#),
            waits("1 old replicas still there")
        );
        assert_eq!(
            with(r#""observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1"#),
            waits("1 of 2 updated replicas available")
        );
        assert_eq!(
            with(r#""observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2"#),
            Rollout::Done
        );
    }

    #[test]
    fn a_deployment_past_its_deadline_has_failed() {
        let state = state_of_json(
            r#"{ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web", "generation": 1 }, "spec": { "replicas": 1 },
                 "status": { "observedGeneration": 1, "conditions": [ { "type": "Progressing", "status": "False",
                   "reason": "ProgressDeadlineExceeded", "message": "ReplicaSet \"web-1\" has timed out progressing." } ] } }"#,
        );
        assert_eq!(
            state,
            Rollout::Failed {
                cause: "ProgressDeadlineExceeded".to_owned(),
                message: "ReplicaSet \"web-1\" has timed out progressing.".to_owned()
            }
        );
    }

    #[test]
    fn a_stateful_set_waits_for_its_new_revision() {
        let state = state_of_json(
            r#"{ "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": { "name": "db", "generation": 2 }, "spec": { "replicas": 2 },
                 "status": { "observedGeneration": 2, "readyReplicas": 2, "updatedReplicas": 1, "currentRevision": "a", "updateRevision": "b" } }"#,
        );
        assert_eq!(state, Rollout::Waiting("1 of 2 replicas at the new revision".to_owned()));
    }

    #[test]
    fn a_daemon_set_waits_for_every_node() {
        let state = state_of_json(
            r#"{ "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": { "name": "log", "generation": 1 }, "spec": {},
                 "status": { "observedGeneration": 1, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 2 } }"#,
        );
        assert_eq!(state, Rollout::Waiting("2 of 3 pods available".to_owned()));
    }
}
