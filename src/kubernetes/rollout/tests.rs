//! How far workloads are, from literal statuses.

use super::*;

fn state_of_json(json: &str) -> Rollout {
    state(&serde_json::from_str(json).expect("an object"))
}

#[test]
fn a_deadline_that_an_earlier_replica_set_has_missed_is_not_that_of_the_newest() {
    let message = "ReplicaSet \"web-6fc\" has timed out progressing.";
    assert!(is_about_older(message, "web-78d"));
    assert!(!is_about_older(message, "web-6fc"));
    assert!(!is_about_older("Deployment \"web\" has timed out progressing.", "web-6fc"));
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
             "status": { "observedGeneration": 2, "replicas": 2, "readyReplicas": 2, "updatedReplicas": 1, "currentRevision": "a", "updateRevision": "b" } }"#,
    );
    assert_eq!(state, Rollout::Waiting("1 of 2 replicas updated".to_owned()));
}

#[test]
fn a_daemon_set_waits_for_every_node() {
    let state = state_of_json(
        r#"{ "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": { "name": "log", "generation": 1 }, "spec": {},
             "status": { "observedGeneration": 1, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 2 } }"#,
    );
    assert_eq!(state, Rollout::Waiting("2 of 3 pods available".to_owned()));
}

#[test]
fn a_daemon_set_that_matches_no_node_is_not_complete() {
    use serde_json::json;
    let state = |status: Value| daemon_set_with("RollingUpdate", status);
    let none = json!({ "desiredNumberScheduled": 0, "currentNumberScheduled": 0, "numberMisscheduled": 0 });
    assert_eq!(state(none), held("NoNodes", "desired 0: it matches no node", true));
    let old = json!({ "desiredNumberScheduled": 0, "currentNumberScheduled": 0, "numberMisscheduled": 2 });
    assert_eq!(state(old), Rollout::Waiting("2 pods on nodes that it does not match any more".to_owned()));
}

fn held(cause: &'static str, message: &str, as_asked: bool) -> Rollout {
    Rollout::Held(Held { cause, message: message.to_owned(), as_asked })
}

/// A StatefulSet of three replicas at generation 2, observed.
fn stateful_set_with(strategy: Value, status: Value) -> Rollout {
    let mut object = serde_json::json!({ "metadata": { "name": "db", "generation": 2 },
        "spec": { "replicas": 3, "updateStrategy": strategy }, "status": { "observedGeneration": 2 } });
    object["status"].as_object_mut().expect("a map").extend(status.as_object().expect("a map").clone());
    state_of("StatefulSet", &serde_json::from_value(object).expect("an object"))
}

fn daemon_set_with(strategy: &str, status: Value) -> Rollout {
    let mut object = serde_json::json!({ "metadata": { "name": "log", "generation": 2 },
        "spec": { "updateStrategy": { "type": strategy } }, "status": { "observedGeneration": 2 } });
    object["status"].as_object_mut().expect("a map").extend(status.as_object().expect("a map").clone());
    state_of("DaemonSet", &serde_json::from_value(object).expect("an object"))
}

#[test]
fn on_delete_is_done_only_when_every_pod_is_new() {
    use serde_json::json;
    let on_delete = || json!({ "type": "OnDelete" });
    let all_old = json!({ "replicas": 3, "readyReplicas": 3, "availableReplicas": 3, "currentRevision": "a", "updateRevision": "b" });
    assert_eq!(
        stateful_set_with(on_delete(), all_old),
        held("OnDelete", "0 of 3 replicas at the newest revision; the others stay until their pods are deleted", false)
    );
    // with OnDelete the current revision never follows
    let all_new = json!({ "replicas": 3, "readyReplicas": 3, "availableReplicas": 3, "updatedReplicas": 3,
        "currentRevision": "a", "updateRevision": "b" });
    assert_eq!(stateful_set_with(on_delete(), all_new), Rollout::Done);
    let coming = json!({ "replicas": 1, "updatedReplicas": 1, "currentRevision": "a", "updateRevision": "a" });
    assert_eq!(stateful_set_with(on_delete(), coming), Rollout::Waiting("0 of 3 replicas ready".to_owned()));

    let scheduled = |updated: i64| json!({ "desiredNumberScheduled": 2, "currentNumberScheduled": 2, "updatedNumberScheduled": updated, "numberAvailable": 2 });
    assert_eq!(
        daemon_set_with("OnDelete", scheduled(1)),
        held("OnDelete", "1 of 2 pods at the newest revision; the others stay until they are deleted", false)
    );
    assert_eq!(daemon_set_with("OnDelete", scheduled(2)), Rollout::Done);
    assert_eq!(daemon_set_with("RollingUpdate", scheduled(1)), Rollout::Waiting("1 of 2 pods updated".to_owned()));
    let first = json!({ "desiredNumberScheduled": 2, "currentNumberScheduled": 0 });
    assert_eq!(daemon_set_with("OnDelete", first), Rollout::Waiting("0 of 2 pods updated".to_owned()));
}

#[test]
fn a_partition_that_keeps_old_replicas_is_no_complete_rollout() {
    use serde_json::json;
    let partition = |number: i64| json!({ "type": "RollingUpdate", "rollingUpdate": { "partition": number } });
    let status = |updated: i64, ready: i64| {
        json!({ "replicas": 3, "readyReplicas": ready, "availableReplicas": ready, "updatedReplicas": updated,
            "currentRevision": "a", "updateRevision": "b" })
    };
    assert_eq!(
        stateful_set_with(partition(3), status(0, 3)),
        held("Partition", "0 of 3 replicas at the newest revision; partition 3 keeps the others", false)
    );
    assert_eq!(
        stateful_set_with(partition(2), status(1, 3)),
        held("Partition", "1 of 3 replicas at the newest revision; partition 2 keeps the others", true)
    );
    assert_eq!(
        stateful_set_with(partition(2), status(1, 2)),
        held("Partition", "1 of 3 replicas at the newest revision; partition 2 keeps the others", false)
    );
    assert_eq!(stateful_set_with(partition(1), status(1, 3)), Rollout::Waiting("1 of 3 replicas updated".to_owned()));
    let same = json!({ "replicas": 3, "readyReplicas": 3, "availableReplicas": 3, "updatedReplicas": 3,
        "currentRevision": "a", "updateRevision": "a" });
    assert_eq!(stateful_set_with(partition(3), same), Rollout::Done);
}

#[test]
fn replicas_too_many_a_pause_without_replicas_and_a_deletion_are_not_done() {
    use serde_json::json;
    let many = json!({ "replicas": 4, "readyReplicas": 4, "availableReplicas": 4, "updatedReplicas": 4,
        "currentRevision": "a", "updateRevision": "a" });
    let rolling = json!({ "type": "RollingUpdate" });
    assert_eq!(stateful_set_with(rolling, many), Rollout::Waiting("1 replicas too many".to_owned()));
    let deployment = |spec: Value, metadata: Value| {
        let mut object = json!({ "metadata": { "name": "web", "generation": 1 }, "spec": spec,
            "status": { "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1 } });
        object["metadata"].as_object_mut().expect("a map").extend(metadata.as_object().expect("a map").clone());
        state_of("Deployment", &serde_json::from_value(object).expect("an object"))
    };
    assert_eq!(deployment(json!({ "replicas": 1 }), json!({})), Rollout::Done);
    assert_eq!(deployment(json!({ "replicas": 1, "paused": true }), json!({})), Rollout::Done);
    assert_eq!(
        deployment(json!({ "replicas": 0, "paused": true }), json!({})),
        Rollout::Waiting("it is paused".to_owned())
    );
    assert_eq!(
        deployment(json!({ "replicas": 1 }), json!({ "deletionTimestamp": "2030-01-01T00:00:00Z" })),
        Rollout::Failed { cause: "Terminating".to_owned(), message: "it is being deleted".to_owned() }
    );
}
