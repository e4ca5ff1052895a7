//! Which cause is named for which state of objects and events.

use super::*;
use crate::kubernetes::explain::related::{missing, related};
use serde_json::{Value, json};

fn target() -> Target {
    Target::Workload { kind: "Deployment".to_owned(), name: "web".to_owned() }
}

/// `object · cause · message` of what explains `snapshot`, for the Deployment web.
pub(super) fn reported(snapshot: &Snapshot) -> Vec<String> {
    reported_of(snapshot, &target())
}

pub(super) fn reported_of(snapshot: &Snapshot, target: &Target) -> Vec<String> {
    let about = Snapshot { logs: snapshot.logs.clone(), ..related(snapshot, target) };
    let findings = missing(snapshot, &about, "todo", target).map_or_else(|| causes(&about, target), |it| vec![it]);
    findings
        .into_iter()
        .map(|it| {
            let lines = it.lines.iter().map(|line| format!(" | {line}")).collect::<Vec<_>>().concat();
            format!("{} · {} · {}{lines}", it.object, it.cause, it.message)
        })
        .collect()
}

/// The Deployment web, its ReplicaSet, and pods web-1-a, web-1-b … in these container states.
pub(super) fn web(states: &[Value]) -> Snapshot {
    let deployment = json!({
        "kind": "Deployment", "metadata": {"name": "web", "uid": "d"},
        "spec": {"replicas": 2, "template": {"metadata": {"labels": {"app": "web"}}}}, "status": {"replicas": 2}
    });
    let replica_set = json!({
        "kind": "ReplicaSet",
        "metadata": {"name": "web-1", "uid": "r", "ownerReferences": [{"kind": "Deployment", "name": "web", "uid": "d"}]},
        "spec": {"replicas": 2, "template": {"metadata": {"labels": {"app": "web"}}}}, "status": {"replicas": 2}
    });
    let pods = states.iter().zip(["a", "b", "c"]).map(|(status, suffix)| pod(suffix, status)).collect();
    Snapshot { pods, workloads: vec![deployment, replica_set], ..Snapshot::default() }
}

fn pod(suffix: &str, status: &Value) -> Value {
    let mut container = json!({"name": "app", "ready": false, "restartCount": 0});
    for (key, value) in status.as_object().expect("a status") {
        container[key] = value.clone();
    }
    json!({
        "kind": "Pod",
        "metadata": {
            "name": format!("web-1-{suffix}"), "labels": {"app": "web"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "web-1", "uid": "r"}]
        },
        "spec": {
            "nodeName": "node-1",
            "containers": [{"name": "app", "resources": {"limits": {"memory": "16Mi"}},
                "ports": [{"name": "http", "containerPort": 8080}]}]
        },
        "status": {"phase": "Pending", "podIP": format!("10.0.0.{}", suffix.len()), "containerStatuses": [container]}
    })
}

pub(super) fn waiting(reason: &str, message: &str) -> Value {
    json!({"state": {"waiting": {"reason": reason, "message": message}}})
}

pub(super) fn event(kind: &str, name: &str, reason: &str, message: &str) -> Value {
    json!({
        "kind": "Event", "type": "Warning", "reason": reason, "message": message,
        "lastTimestamp": "2026-01-01T12:00:00Z", "involvedObject": {"kind": kind, "name": name}
    })
}

#[test]
fn an_image_that_cannot_be_pulled_is_reported_once_for_all_replicas() {
    let why = "Container image \"web:dev\" is not present with pull policy of Never";
    let snapshot = web(&[waiting("ErrImageNeverPull", why), waiting("ErrImageNeverPull", why)]);
    assert_eq!(reported(&snapshot), [format!("pod/web-1-a and 1 more · ErrImageNeverPull · container app: {why}")]);
    let mut snapshot = web(&[waiting("ImagePullBackOff", "Back-off pulling image \"web:dev\"")]);
    snapshot.events = vec![event("Pod", "web-1-a", "Failed", "Failed to pull image \"web:dev\": not found")];
    assert_eq!(
        reported(&snapshot),
        ["pod/web-1-a · ImagePullBackOff · container app: Failed to pull image \"web:dev\": not found"]
    );
}

#[test]
fn a_crash_loop_comes_with_its_last_lines() {
    let mut state = waiting("CrashLoopBackOff", "back-off 20s restarting failed container");
    state["lastState"] = json!({"terminated": {"exitCode": 1, "reason": "Error"}});
    state["restartCount"] = json!(3);
    let mut snapshot = web(&[state]);
    let lines = vec!["connecting".to_owned(), "no DATABASE_URL".to_owned()];
    snapshot.logs.insert(("web-1-a".to_owned(), "app".to_owned()), lines);
    assert_eq!(
        reported(&snapshot),
        ["pod/web-1-a · CrashLoopBackOff · container app: exited with code 1, restarted 3 times \
          | connecting | no DATABASE_URL"]
    );
}

/// A Pod that was killed with exit code 137 and reason `Error`.
fn killed(events: &[Value]) -> Snapshot {
    let mut snapshot = web(&[json!({"state": {"terminated": {"exitCode": 137, "reason": "Error"}}})]);
    snapshot.events = events.to_vec();
    snapshot
}

#[test]
fn exit_code_137_with_a_memory_limit_and_no_other_killer_is_out_of_memory() {
    let oom = "pod/web-1-a · OOMKilled · container app: exit code 137: most likely out of memory, limit 16Mi; \
               the Pod's cgroup ran out first, so the kubelet reports only 137";
    assert_eq!(reported(&killed(&[])), [oom]);
    // A starved process fails its probe before it is killed; without a kill event the probe did not end it.
    let unhealthy = event("Pod", "web-1-a", "Unhealthy", "Liveness probe failed: timeout");
    assert_eq!(reported(&killed(std::slice::from_ref(&unhealthy))), [oom]);
    let mut of_pod = killed(&[]);
    of_pod.pods[0]["spec"]["containers"][0]["resources"] = json!({});
    of_pod.pods[0]["spec"]["resources"] = json!({"limits": {"memory": "32Mi"}});
    assert_eq!(reported(&of_pod), [oom.replace("16Mi", "32Mi")]);
}

#[test]
fn exit_code_137_that_something_else_explains_is_not_out_of_memory() {
    let plain = ["pod/web-1-a · Error · container app: exited with code 137 (killed)"];
    let mut unlimited = killed(&[]);
    unlimited.pods[0]["spec"]["containers"][0]["resources"] = json!({});
    assert_eq!(reported(&unlimited), plain);
    assert_eq!(reported(&killed(&[event("Pod", "web-1-a", "Killing", "Stopping container app")])), plain);
    let killing = event("Pod", "web-1-a", "Killing", "Container app failed liveness probe, will be restarted");
    let unhealthy = event("Pod", "web-1-a", "Unhealthy", "Liveness probe failed: timeout");
    assert_eq!(
        reported(&killed(&[killing, unhealthy])),
        ["pod/web-1-a · LivenessProbeFailed · container app: Liveness probe failed: timeout"]
    );
    let mut disrupted = killed(&[]);
    disrupted.pods[0]["status"]["conditions"] = json!([{"type": "DisruptionTarget", "status": "True"}]);
    assert_eq!(reported(&disrupted), plain);
    let mut lost = killed(&[]);
    lost.pods[0]["status"]["containerStatuses"][0]["state"]["terminated"]["reason"] = json!("ContainerStatusUnknown");
    assert_eq!(reported(&lost), plain);
}

#[test]
fn a_container_that_ran_out_of_memory_or_never_began_says_so() {
    let mut loops = waiting("CrashLoopBackOff", "back-off");
    loops["lastState"] = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
    loops["restartCount"] = json!(1);
    let cannot = json!({"state": {"terminated": {
        "exitCode": 128, "reason": "StartError", "message": "exec: \"nope\": executable file not found in $PATH"
    }}});
    let ended = json!({"state": {"terminated": {"exitCode": 127, "reason": "Error"}}});
    assert_eq!(
        reported(&web(&[loops, cannot, ended])),
        [
            "pod/web-1-a · OOMKilled · container app: out of memory, limit 16Mi, restarted once",
            "pod/web-1-b · StartError · container app: exited with code 128: exec: \"nope\": executable file not \
             found in $PATH",
            "pod/web-1-c · Error · container app: exited with code 127 (command not found)",
        ]
    );
}

#[test]
fn the_scheduler_is_quoted_and_an_unbound_claim_named() {
    let mut snapshot = web(&[json!({})]);
    let message = "0/1 nodes are available: 1 Insufficient cpu.";
    snapshot.pods[0]["status"] = json!({"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    ]});
    snapshot.pods[0]["spec"]["volumes"] = json!([{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]);
    snapshot.claims = vec![
        json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {"storageClassName": "fast"},
            "status": {"phase": "Pending"}}),
        json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "other"}, "status": {"phase": "Pending"}}),
    ];
    let why = "storageclass.storage.k8s.io \"fast\" not found";
    snapshot.events = vec![event("PersistentVolumeClaim", "data", "ProvisioningFailed", why)];
    assert_eq!(
        reported(&snapshot),
        [
            format!("pod/web-1-a · Unschedulable · {message}"),
            format!("persistentvolumeclaim/data · PVCUnbound · {why}"),
        ]
    );
}

#[test]
fn what_is_missing_for_a_container_is_named() {
    let mut snapshot = web(&[
        waiting("CreateContainerConfigError", "configmap \"settings\" not found"),
        waiting("ContainerCreating", ""),
    ]);
    let mount = "MountVolume.SetUp failed for volume \"tls\" : secret \"tls\" not found";
    snapshot.events = vec![event("Pod", "web-1-b", "FailedMount", mount)];
    assert_eq!(
        reported(&snapshot),
        [
            "pod/web-1-a · CreateContainerConfigError · container app: configmap \"settings\" not found".to_owned(),
            format!("pod/web-1-b · FailedMount · {mount}"),
        ]
    );
}

#[test]
fn a_failing_probe_is_quoted_before_the_service_it_empties() {
    let running = json!({"state": {"running": {}}, "started": true});
    let mut snapshot = web(&[running.clone(), running]);
    let mut probe =
        event("Pod", "web-1-a", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503");
    probe["involvedObject"]["fieldPath"] = json!("spec.containers{app}");
    let mut other = probe.clone();
    other["involvedObject"]["name"] = json!("web-1-b");
    snapshot.events = vec![probe, other];
    snapshot.services = vec![json!({
        "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]}
    })];
    snapshot.endpoint_slices = vec![json!({
        "kind": "EndpointSlice", "metadata": {"name": "web-x", "labels": {"kubernetes.io/service-name": "web"}},
        "endpoints": [{"conditions": {"ready": false}}]
    })];
    assert_eq!(
        reported(&snapshot),
        [
            "pod/web-1-a and 1 more · ReadinessProbeFailed · container app: Readiness probe failed: HTTP probe \
             failed with statuscode: 503",
            "service/web · NoEndpoints · selector app=web matches 2 pods, none of which is ready",
        ]
    );
}

#[test]
fn a_container_killed_by_its_liveness_probe_blames_the_probe() {
    let mut state = waiting("CrashLoopBackOff", "back-off");
    state["lastState"] = json!({"terminated": {"exitCode": 137, "reason": "Error"}});
    state["restartCount"] = json!(2);
    let mut snapshot = web(&[state]);
    let killing = event("Pod", "web-1-a", "Killing", "Container app failed liveness probe, will be restarted");
    snapshot.events = vec![killing, event("Pod", "web-1-a", "Unhealthy", "Liveness probe failed: connection refused")];
    assert_eq!(
        reported(&snapshot),
        ["pod/web-1-a · LivenessProbeFailed · container app: Liveness probe failed: connection refused, \
          restarted 2 times"]
    );
}

#[test]
fn pods_that_may_not_be_made_are_reported_of_the_deployment() {
    let mut snapshot = web(&[]);
    snapshot.workloads[1]["status"] = json!({"replicas": 0});
    snapshot.workloads[0]["status"] = json!({"replicas": 0, "conditions": [
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
            "message": "ReplicaSet \"web-1\" has timed out progressing."},
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
            "message": "pods \"web-1-x\" is forbidden: exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0"}
    ]});
    snapshot.events = vec![event(
        "ReplicaSet",
        "web-1",
        "FailedCreate",
        "Error creating: pods \"web-1-y\" is forbidden: exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0",
    )];
    assert_eq!(
        reported(&snapshot),
        [
            "deployment/web · QuotaExceeded · exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0",
            "deployment/web · ProgressDeadlineExceeded · ReplicaSet \"web-1\" has timed out progressing.",
        ]
    );
}

#[test]
fn a_node_that_is_gone_and_a_pod_thrown_out_come_first() {
    let mut snapshot = web(&[json!({"state": {"running": {}}}), json!({})]);
    snapshot.pods[1]["status"] = json!({
        "phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."
    });
    snapshot.nodes = vec![json!({"kind": "Node", "metadata": {"name": "node-1"}, "status": {"conditions": [
        {"type": "Ready", "status": "Unknown", "message": "Kubelet stopped posting node status."}
    ]}})];
    assert_eq!(
        reported(&snapshot),
        [
            "pod/web-1-b · Evicted · The node was low on resource: memory.",
            "node/node-1 · NodeNotReady · Kubelet stopped posting node status.",
            "pod/web-1-a · NotReady · container app: runs, and its probe has not succeeded yet",
        ]
    );
}

#[test]
fn a_service_without_pods_shows_the_labels_that_are_there() {
    let mut snapshot = web(&[json!({"state": {"running": {}}, "ready": true})]);
    let service = |selector: Value, port: Value| json!({"kind": "Service", "metadata": {"name": "front"}, "spec": {"selector": selector, "ports": [port]}});
    let target = Target::Object { kind: "Service".to_owned(), name: "front".to_owned() };
    snapshot.services = vec![service(json!({"app": "wbe"}), json!({"port": 80}))];
    assert_eq!(
        reported_of(&snapshot, &target)[0],
        "service/front · NoEndpoints · selector app=wbe matches no pod; pods there have app=web"
    );
    snapshot.services = vec![service(json!({"app": "web"}), json!({"port": 80, "targetPort": "web"}))];
    assert_eq!(
        reported_of(&snapshot, &target)[0],
        "service/front · WrongTargetPort · targetPort web is no port of its pods; named ports there: http"
    );
}

#[test]
fn a_ready_pod_that_crashed_before_says_how() {
    let mut snapshot = web(&[json!({
        "state": {"running": {}}, "ready": true, "restartCount": 1,
        "lastState": {"terminated": {"exitCode": 2, "reason": "Error"}}
    })]);
    snapshot.pods[0]["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
    assert_eq!(reported(&snapshot), ["pod/web-1-a · Restarted · container app: exited with code 2, restarted once"]);
}

#[test]
fn a_pod_held_by_a_finalizer_and_a_paused_rollout_are_reported() {
    let mut snapshot = web(&[json!({})]);
    snapshot.pods[0]["metadata"]["deletionTimestamp"] = json!("2026-01-01T12:00:00Z");
    snapshot.pods[0]["metadata"]["finalizers"] = json!(["todo.dev/hold"]);
    snapshot.workloads[0]["spec"]["paused"] = json!(true);
    assert_eq!(
        reported(&snapshot),
        [
            "deployment/web · Paused · its rollout is paused; kubectl rollout resume deployment/web",
            "pod/web-1-a · Terminating · is being deleted, and held by its finalizers: todo.dev/hold",
        ]
    );
}

#[test]
fn what_is_not_there_is_said_with_what_is() {
    let snapshot = web(&[json!({})]);
    let absent = Target::Workload { kind: "Deployment".to_owned(), name: "wbe".to_owned() };
    assert_eq!(
        reported_of(&snapshot, &absent),
        ["deployment/wbe · NotFound · namespace todo has no deployment/wbe; it has web"]
    );
    assert_eq!(
        reported_of(&snapshot, &Target::Selector("app=wbe".to_owned())),
        ["namespace/todo · NoSuchPods · no pod in namespace todo has labels app=wbe; its pods: web-1-a"]
    );
}

#[test]
fn an_object_of_any_kind_is_explained_by_its_last_warning() {
    let mut snapshot = web(&[]);
    snapshot.events = vec![event("Ingress", "front", "Sync", "secret \"tls\" does not exist")];
    let target = Target::Object { kind: "Ingress".to_owned(), name: "front".to_owned() };
    assert_eq!(reported_of(&snapshot, &target), ["ingress/front · Sync · secret \"tls\" does not exist"]);
}
