//! What is measured of lists of pods, and which side of it is shown.

use super::*;
use serde_json::json;

/// A pod named `name` of app todo, created at 12:00:00, ready at 12:00:05 when `ready`.
fn pod(name: &str, ready: bool) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "todo"}, "creationTimestamp": "2026-01-01T12:00:00Z"},
        "spec": {"containers": [{
            "name": "app", "image": "todo:dev", "imagePullPolicy": "Never",
            "readinessProbe": {"tcpSocket": {"port": 1}},
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "16Mi"}}
        }]},
        "status": {
            "phase": if ready { "Running" } else { "Pending" },
            "conditions": [{
                "type": "Ready", "status": if ready { "True" } else { "False" },
                "lastTransitionTime": "2026-01-01T12:00:05Z"
            }],
            "containerStatuses": [{"name": "app", "restartCount": 1}]
        }
    })
}

fn measure(assertion: &str, pods: &[Value]) -> Vec<(String, String, String, bool)> {
    let assertion: Pods = serde_yaml::from_str(assertion).expect("well formed");
    let pods: Vec<Arc<DynamicObject>> =
        pods.iter().map(|pod| Arc::new(serde_json::from_value(pod.clone()).expect("an object"))).collect();
    let measures = assertion.measures(&pods);
    measures.into_iter().map(|it| (it.name, it.actual, it.expected, it.holds)).collect()
}

fn row(name: &str, actual: &str, expected: &str, holds: bool) -> (String, String, String, bool) {
    (name.to_owned(), actual.to_owned(), expected.to_owned(), holds)
}

#[test]
fn measures_both_sides_of_everything_it_is_asked_for() {
    let assertion = "
selector: { app: todo }
count: 2
phase: Running
ready: all
restarts: 0
time_to_ready: < 10s
image: docker.io/library/todo:dev
images: [todo:dev]
pull_policy: Never
";
    assert_eq!(
        measure(assertion, &[pod("a", true), pod("b", false)]),
        [
            row("count", "2", "2", true),
            row("phase", "1 Pending, 1 Running", "Running", false),
            row("ready", "1 of 2, not ready: b", "all", false),
            row("restarts", "2", "0", false),
            row("time_to_ready", "not ready yet", "< 10s", false),
            row("image", "todo:dev", "docker.io/library/todo:dev", true),
            row("images", "todo:dev", "todo:dev", true),
            row("pull_policy", "Never", "Never", true),
        ]
    );
    assert_eq!(
        measure("selector: app=todo\ntime_to_ready: < 3s", &[pod("a", true)]),
        [row("time_to_ready", "5s", "< 3s", false)]
    );
}

#[test]
fn no_pod_at_all_is_unmet_unless_none_is_expected() {
    assert_eq!(measure("selector: app=other\nready: all", &[pod("a", true)]), [row("count", "0", ">= 1", false)]);
    assert_eq!(
        measure("selector: app=other\ncount: 0\nready: all", &[]),
        [row("count", "0", "0", true), row("ready", "0 of 0", "all", true)]
    );
}

#[test]
fn a_pod_that_is_being_deleted_does_not_count() {
    let mut leaving = pod("a", true);
    leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T12:01:00Z");
    assert_eq!(measure("selector: app=todo\ncount: 1", &[leaving, pod("b", true)]), [row("count", "1", "1", true)]);
}

#[test]
fn a_pod_counts_as_ready_only_while_its_containers_run() {
    let mut crashed = pod("a", true);
    crashed["status"]["containerStatuses"][0]["state"] = json!({"terminated": {"exitCode": 1}});
    assert_eq!(
        measure("selector: app=todo\nready: all", &[crashed]),
        [row("ready", "0 of 1, not ready: a (container app of pod/a ended with exit code 1)", "all", false)]
    );
}

#[test]
fn names_the_containers_that_lack_something() {
    assert_eq!(
        measure(
            "selector: app=todo\nprobes: true\nresources: { requests: true, limits: [cpu, memory] }",
            &[pod("a", true), pod("b", true)]
        ),
        [
            row("probes", "no liveness: container app", "liveness, readiness", false),
            row("resources.requests", "cpu, memory", "cpu, memory", true),
            row("resources.limits", "no cpu: container app", "cpu, memory", false),
        ]
    );
}

#[test]
fn the_user_seen_goes_before_the_user_asked_for() {
    let mut asked = pod("a", true);
    assert_eq!(
        measure("selector: app=todo\nnon_root: true", std::slice::from_ref(&asked)),
        [row("non_root", "false: container app", "true", false)]
    );
    asked["spec"]["securityContext"] = json!({"runAsNonRoot": true});
    assert_eq!(
        measure("selector: app=todo\nnon_root: true", std::slice::from_ref(&asked)),
        [row("non_root", "true", "true", true)]
    );
    asked["status"]["containerStatuses"][0]["user"] = json!({"linux": {"uid": 0, "gid": 0}});
    assert_eq!(
        measure("selector: app=todo\nnon_root: true", &[asked]),
        [row("non_root", "false: container app", "true", false)]
    );
}

#[test]
fn refuses_what_it_does_not_know() {
    let error = serde_yaml::from_str::<Pods>("selector: app=todo\nready: some").expect_err("some");
    assert!(error.to_string().contains("`some` is neither all nor a number such as 2 or \">= 2\""), "{error}");
    let error = serde_yaml::from_str::<Pods>("selector: app=todo\nprobes: [alive]").expect_err("alive");
    assert!(error.to_string().contains("`alive` is none of liveness, readiness, startup"), "{error}");
}

#[test]
fn a_sidecar_counts_as_a_container_and_no_init_container_may_be_root() {
    let mut with = pod("a", true);
    let safe = json!({ "runAsUser": 1000 });
    with["spec"]["containers"][0]["securityContext"] = safe.clone();
    with["spec"]["initContainers"] = json!([
        { "name": "side", "restartPolicy": "Always", "image": "proxy:1", "imagePullPolicy": "Always" },
        { "name": "setup", "image": "setup:1", "imagePullPolicy": "Always", "securityContext": safe }
    ]);
    with["status"]["initContainerStatuses"] = json!([{ "name": "setup", "restartCount": 0, "user": { "linux": { "uid": 0 } } }, { "name": "side", "restartCount": 2 }]);
    assert_eq!(
        measure(
            "selector: app=todo\nrestarts: 0\nimage: proxy:1\nimages: [todo:dev]\nnon_root: true\nprobes: [readiness]\n\
             resources: { requests: true }\npull_policy: Never",
            &[with]
        ),
        [
            row("restarts", "3", "0", false),
            row("image", "1 proxy:1, 1 todo:dev", "proxy:1", true),
            row("images", "1 proxy:1, 1 todo:dev", "todo:dev", false),
            row("non_root", "false: init container setup, sidecar side", "true", false),
            row("probes", "no readiness: sidecar side", "readiness", false),
            row("resources.requests", "no cpu: sidecar side; no memory: sidecar side", "cpu, memory", false),
            row("pull_policy", "1 Always, 1 Never", "Never", false),
        ]
    );
}

#[test]
fn what_is_expected_of_each_pod_does_not_hold_of_none() {
    let pods = || row("pods", "none", "at least one, for what else is expected", false);
    for more in ["phase: Running", "restarts: 0", "image: todo:dev", "non_root: true", "pull_policy: Never"] {
        let assertion = format!("selector: app=todo\ncount: \"<= 3\"\n{more}\n");
        assert_eq!(measure(&assertion, &[]), [row("count", "0", "<= 3", true), pods()], "{more}");
    }
    assert_eq!(measure("selector: app=todo\ncount: 0\n", &[]), [row("count", "0", "0", true)]);
}
