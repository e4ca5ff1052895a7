//! Claims about descriptions of made-up snapshots.

use serde_json::json;

use super::*;

fn target() -> Target {
    Target::Workload { kind: "Deployment".to_owned(), name: "web".to_owned() }
}

fn snapshot(replicas: i64, container: Value) -> Snapshot {
    let deployment = json!({
        "kind": "Deployment",
        "metadata": {"name": "web", "annotations": {"deployment.kubernetes.io/revision": "3"}},
        "spec": {
            "replicas": replicas, "strategy": {"type": "RollingUpdate"},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}},
        },
        "status": {
            "replicas": replicas, "updatedReplicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas,
            "conditions": [{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable", "message": "fine"}],
        },
    });
    let pod = json!({
        "kind": "Pod", "metadata": {"name": "web-1"}, "spec": {"nodeName": "n1"},
        "status": {
            "phase": "Running", "startTime": "2026-01-01T00:00:00Z",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"ready": true, "restartCount": 0, "state": {"running": {}}}],
        },
    });
    Snapshot { workloads: vec![deployment], pods: vec![pod], ..Snapshot::default() }
}

fn sound() -> Value {
    json!({
        "name": "web", "image": "web:1.2", "livenessProbe": {}, "readinessProbe": {},
        "resources": {"requests": {"cpu": "10m"}, "limits": {"memory": "64Mi"}},
        "securityContext": {"runAsNonRoot": true},
    })
}

#[test]
fn says_the_state_of_a_deployment() {
    let budget = json!({"spec": {"selector": {"matchLabels": {"app": "web"}}}});
    assert_eq!(
        description(&snapshot(2, sound()), "todo", &target(), Some(&[budget])),
        "deployment/web in namespace todo\n\
         Deployment web\n  \
           replicas: 2 wanted, 2 updated, 2 ready, 2 available\n  \
           strategy: RollingUpdate\n  \
           revision: 3\n  \
           container web: image web:1.2, requests cpu 10m, limits memory 64Mi, probes: livenessProbe, readinessProbe\n  \
           condition Available: True (MinimumReplicasAvailable) fine\n\
         Pods:\n  \
           web-1: Running, 1/1 ready, 0 restarts, node n1, started 2026-01-01T00:00:00Z\n\
         What is wrong: nothing that the cluster knows of.\n\
         Recommendations: none, by the rules that this description knows.\n"
    );
}

#[test]
fn recommends_what_a_deployment_lacks() {
    let bare = json!({"name": "web", "image": "registry:5000/web"});
    let text = description(&snapshot(1, bare), "todo", &target(), None);
    let (_, advice) = text.split_once("Recommendations:\n").expect("it has some");
    assert_eq!(
        advice.lines().collect::<Vec<_>>(),
        [
            "- run at least 2 replicas of deployment/web: with 1, each crash and each drained node is an outage",
            "- give container web of deployment/web a readiness probe: traffic reaches it before it can answer",
            "- give container web of deployment/web a liveness probe: nothing restarts it when it hangs",
            "- give container web of deployment/web requests for cpu and memory: the scheduler places it blindly",
            "- give container web of deployment/web a memory limit: a leak in it takes the node down",
            "- pin the image of container web of deployment/web (registry:5000/web) to a version or a digest",
            "- run container web of deployment/web as a user other than root: `runAsNonRoot: true`",
        ]
    );
    let unguarded = description(&snapshot(2, sound()), "todo", &target(), Some(&[]));
    assert!(unguarded.ends_with(
        "- give deployment/web a PodDisruptionBudget: nothing keeps a drain from stopping all replicas at once\n"
    ));
}

#[test]
fn a_cause_and_a_restart_come_first() {
    let mut seen = snapshot(2, sound());
    seen.pods[0]["status"] = json!({
        "phase": "Running", "conditions": [{"type": "Ready", "status": "False"}],
        "containerStatuses": [{
            "name": "web", "ready": false, "restartCount": 4,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
            "lastState": {"terminated": {"reason": "Error", "exitCode": 1}},
        }],
    });
    let text = description(&seen, "todo", &target(), None);
    assert!(text.contains("What is wrong:\n  pod/web-1: CrashLoopBackOff"), "{text}");
    assert!(text.contains("- find out why pod/web-1 was restarted 4 times (Error)\n"), "{text}");
}
