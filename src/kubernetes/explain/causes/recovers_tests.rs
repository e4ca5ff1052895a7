//! What may recover by itself, and so ends no wait.

use serde_json::{Value, json};

use super::fatal_tests::{crashed, fatal_of};
use super::tests::{waiting, web};
use super::*;
use crate::kubernetes::explain::related::related;

#[test]
fn an_old_pod_that_keeps_a_stateful_set_from_going_back_is_named() {
    let mut snapshot = web(&[waiting("ImagePullBackOff", "Back-off pulling image: not found")]);
    snapshot.workloads = vec![json!({"kind": "StatefulSet", "metadata": {"name": "web", "uid": "s"},
        "spec": {"serviceName": "web", "template": {}}, "status": {"updateRevision": "web-new"}})];
    let pod = &mut snapshot.pods[0]["metadata"];
    pod["labels"]["controller-revision-hash"] = json!("web-old");
    pod["ownerReferences"] = json!([{"kind": "StatefulSet", "name": "web", "uid": "s"}]);
    let target = Target::Workload { kind: "StatefulSet".to_owned(), name: "web".to_owned() };
    let shown = super::tests::reported_of(&snapshot, &target);
    assert_eq!(
        shown,
        [
            "pod/web-1-a · ImagePullBackOff · container app: Back-off pulling image: not found; it is of an older revision, \
             and its StatefulSet waits for it: kubectl delete pod web-1-a",
            "statefulset/web · NoGoverningService · its serviceName is web, which does not exist: its Pods have no DNS names",
        ]
    );
    assert_eq!(fatal(&related(&snapshot, &target), &target), []);
}

#[test]
fn a_deadline_that_an_earlier_replica_set_has_missed_does_not_end_an_undo() {
    let mut snapshot = web(&[]);
    let late = |name: &str| {
        json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
            "message": format!("ReplicaSet \"{name}\" has timed out progressing.")}])
    };
    let revision = |number: &str| json!({"deployment.kubernetes.io/revision": number});
    snapshot.workloads[0]["metadata"]["annotations"] = revision("3");
    snapshot.workloads[1]["metadata"]["annotations"] = revision("3");
    snapshot.workloads[0]["status"]["conditions"] = late("web-2");
    assert_eq!(fatal_of(&snapshot), [""; 0]);
    snapshot.workloads[0]["status"]["conditions"] = late("web-1");
    assert_eq!(fatal_of(&snapshot), ["ProgressDeadlineExceeded ProgressDeadlineExceeded"]);
    // The newest one is not seen yet.
    snapshot.workloads[0]["metadata"]["annotations"] = revision("4");
    assert_eq!(fatal_of(&snapshot), [""; 0]);
}

#[test]
fn a_crash_is_not_final_while_another_pod_may_be_what_is_missing() {
    let other = |ready: &str, since: &str| {
        json!({"kind": "Pod", "metadata": {"name": "db"}, "status": {"phase": "Running", "conditions":
            [{"type": "Ready", "status": ready, "lastTransitionTime": since}]}})
    };
    for (pod, ends) in [
        (other("False", "2026-01-01T12:00:00Z"), false),
        (other("True", "2026-01-01T12:00:25Z"), false),
        (other("True", "2026-01-01T12:00:10Z"), true),
    ] {
        let mut snapshot = web(&[crashed(2, 3)]);
        snapshot.pods.push(pod);
        assert_eq!(!fatal_of(&snapshot).is_empty(), ends);
    }
}

#[test]
fn a_crash_is_not_final_while_a_sibling_starts_or_a_job_is_to_end() {
    let crash = || web(&[crashed(2, 3)]);
    let with = |change: &dyn Fn(&mut Snapshot)| {
        let mut snapshot = crash();
        change(&mut snapshot);
        fatal_of(&snapshot)
    };
    let sibling = |ready: bool| {
        let mut pod = web(&[json!({"state": {"running": {}}, "ready": ready})]).pods.remove(0);
        pod["metadata"]["name"] = json!("web-1-b");
        let status = if ready { "True" } else { "False" };
        let since = "2026-01-01T12:00:00Z";
        pod["status"]["conditions"] = json!([{"type": "Ready", "status": status, "lastTransitionTime": since}]);
        pod
    };
    assert_eq!(with(&|it| it.pods.push(sibling(false))), [""; 0]);
    assert_eq!(with(&|it| it.pods.push(sibling(true))), ["CrashLoopBackOff RepeatedFailure"]);
    let job = |status: Value| json!({"kind": "Job", "metadata": {"name": "migrate"}, "status": status});
    assert_eq!(with(&|it| it.workloads.push(job(json!({"active": 1})))), [""; 0]);
    let over = json!({"conditions": [{"type": "Complete", "status": "True"}]});
    assert_eq!(with(&|it| it.workloads.push(job(over.clone()))), ["CrashLoopBackOff RepeatedFailure"]);
    let suspended = |it: &mut Snapshot| {
        it.workloads.push(job(json!({})));
        it.workloads[2]["spec"] = json!({"suspend": true});
    };
    assert_eq!(with(&suspended), ["CrashLoopBackOff RepeatedFailure"]);
}

#[test]
fn how_often_the_pods_of_a_job_may_fail_is_what_the_job_says() {
    let mut snapshot = web(&[crashed(4, 1)]);
    snapshot.workloads = vec![json!({"kind": "Job", "metadata": {"name": "web", "uid": "j"}})];
    snapshot.pods[0]["metadata"]["ownerReferences"] = json!([{"kind": "Job", "name": "web", "uid": "j"}]);
    let target = Target::Workload { kind: "Job".to_owned(), name: "web".to_owned() };
    let about = related(&snapshot, &target);
    assert_eq!(about.pods.len(), 1);
    assert_eq!(fatal(&about, &target), []);
}

#[test]
fn an_init_container_has_three_starts_like_any_other() {
    let with = |restarts: i64| {
        let mut snapshot = web(&[waiting("PodInitializing", "")]);
        snapshot.pods[0]["spec"]["initContainers"] = json!([{"name": "wait-for-db"}]);
        let mut status = crashed(restarts, 1);
        status["name"] = json!("wait-for-db");
        snapshot.pods[0]["status"]["initContainerStatuses"] = json!([status]);
        fatal_of(&snapshot)
    };
    assert_eq!(with(1), [""; 0]);
    assert_eq!(with(2), ["CrashLoopBackOff RepeatedFailure"]);
}
