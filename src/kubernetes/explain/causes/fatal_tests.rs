//! Which causes end a wait, and which may recover; and causes that no single state of a container shows.

use serde_json::{Value, json};

use super::tests::{event, reported, reported_of, waiting, web};
use super::*;
use crate::kubernetes::explain::related::related;

/// `cause class` of the causes that waiting cannot fix.
pub(super) fn fatal_of(snapshot: &Snapshot) -> Vec<String> {
    let target = Target::Workload { kind: "Deployment".to_owned(), name: "web".to_owned() };
    let about = Snapshot { logs: snapshot.logs.clone(), ..related(snapshot, &target) };
    let shown = |it: Finding| format!("{} {}", it.cause, it.fatal.unwrap_or_default());
    fatal(&about, &target).into_iter().map(shown).collect()
}

fn pulled(times: i64, message: &str) -> Snapshot {
    let mut snapshot = web(&[waiting("ImagePullBackOff", "Back-off pulling image")]);
    let mut failed = event("Pod", "web-1-a", "Failed", message);
    failed["count"] = times.into();
    snapshot.events = vec![failed];
    snapshot
}

#[test]
fn an_image_is_not_found_after_the_second_definitive_answer() {
    let absent = "Failed to pull image \"web:9\": manifest unknown";
    assert_eq!(fatal_of(&pulled(1, absent)), [""; 0]);
    assert_eq!(fatal_of(&pulled(2, absent)), ["ImagePullBackOff ImageNotFound"]);
    let unreachable = "Failed to pull image \"web:9\": dial tcp 192.0.2.1:443: i/o timeout";
    assert_eq!(fatal_of(&pulled(5, unreachable)), [""; 0]);
    assert_eq!(fatal_of(&web(&[waiting("InvalidImageName", "couldn't parse")])), ["InvalidImageName InvalidImageName"]);
}

pub(super) fn crashed(restarts: i64, code: i64) -> Value {
    let mut state = waiting("CrashLoopBackOff", "back-off");
    state["lastState"] =
        json!({"terminated": {"exitCode": code, "reason": "Error", "startedAt": "2026-01-01T12:00:20Z"}});
    state["restartCount"] = restarts.into();
    state
}

#[test]
fn three_failures_with_the_same_exit_code_are_final() {
    assert_eq!(fatal_of(&web(&[crashed(1, 3)])), [""; 0]);
    assert_eq!(fatal_of(&web(&[crashed(2, 3)])), ["CrashLoopBackOff RepeatedFailure"]);
    let mut changing = web(&[crashed(2, 3)]);
    changing.pods[0]["metadata"]["uid"] = json!("p");
    changing.exits.insert(("p".to_owned(), "app".to_owned()), [(0, 1), (1, 3)].into());
    assert_eq!(fatal_of(&changing), [""; 0]);
    let mut runs_again = web(&[crashed(3, 3)]);
    runs_again.pods[0]["status"]["containerStatuses"][0]["state"] = json!({"running": {}});
    assert_eq!(fatal_of(&runs_again), [""; 0]);
}

#[test]
fn the_pods_of_an_older_revision_neither_end_a_wait_nor_explain_it() {
    let mut snapshot = web(&[crashed(5, 3)]);
    let mut newer = snapshot.workloads[1].clone();
    newer["metadata"]["name"] = json!("web-2");
    newer["metadata"]["uid"] = json!("r2");
    newer["metadata"]["annotations"] = json!({"deployment.kubernetes.io/revision": "2"});
    snapshot.workloads[1]["metadata"]["annotations"] = json!({"deployment.kubernetes.io/revision": "1"});
    snapshot.workloads.push(newer);
    assert_eq!(fatal_of(&snapshot), [""; 0]);
    let mut pod = web(&[json!({"state": {"waiting": {"reason": "ErrImageNeverPull", "message": "no image"}}})]).pods;
    pod[0]["metadata"]["name"] = json!("web-2-a");
    pod[0]["metadata"]["ownerReferences"][0]["name"] = json!("web-2");
    pod[0]["metadata"]["ownerReferences"][0]["uid"] = json!("r2");
    snapshot.pods.append(&mut pod);
    assert_eq!(fatal_of(&snapshot), ["ErrImageNeverPull ErrImageNeverPull"]);
    assert_eq!(reported(&snapshot), ["pod/web-2-a · ErrImageNeverPull · container app: no image"]);
}

#[test]
fn a_refused_pod_is_final_unless_the_quota_may_be_freed() {
    let refused = |message: &str| {
        let mut snapshot = web(&[]);
        snapshot.workloads[1]["status"] = json!({"replicas": 0, "conditions":
            [{"type": "ReplicaFailure", "status": "True", "message": message}]});
        snapshot
    };
    for (message, class) in [
        ("pods \"a\" is forbidden: exceeded quota: q", Some("QuotaExceeded QuotaExceeded")),
        ("pods \"a\" is forbidden: violates PodSecurity \"restricted\": x", Some("PodSecurityViolation PodSecurity")),
        ("admission webhook \"w\" denied the request: no", Some("WebhookDenied PolicyDenied")),
        (
            "pods \"a\" is forbidden: maximum memory usage per Container is 64Mi, but limit is 1Gi",
            Some("LimitRangeExceeded LimitRange"),
        ),
        ("Internal error occurred: failed calling webhook \"w\": refused", None),
        ("pods \"a\" is forbidden: serviceaccount \"web\" not found", None),
    ] {
        assert_eq!(fatal_of(&refused(message)), class.into_iter().collect::<Vec<_>>(), "{message}");
    }
    let mut frees = refused("pods \"a\" is forbidden: exceeded quota: q");
    let leaving = json!({"kind": "Pod", "metadata": {"name": "x", "deletionTimestamp": "2026-01-01T12:00:00Z"}});
    frees.pods.push(leaving);
    assert_eq!(fatal_of(&frees), [""; 0]);
}

#[test]
fn a_failed_job_is_final_and_a_mount_that_failed_before_the_start_is_over() {
    let job = json!({"kind": "Job", "metadata": {"name": "migrate", "generation": 1}, "status": {"conditions":
        [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "Job has failed"}]}});
    let snapshot = Snapshot { workloads: vec![job], ..Snapshot::default() };
    let target = Target::Workload { kind: "Job".to_owned(), name: "migrate".to_owned() };
    assert!(snapshot.workloads.iter().all(crate::kubernetes::explain::json::is_observed));
    assert_eq!(fatal(&related(&snapshot, &target), &target).len(), 1);
    let mut gated = web(&[json!({"state": {"running": {}}, "ready": true})]);
    gated.pods[0]["status"]["conditions"] =
        json!([{"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady", "message": "x"}]);
    gated.events = vec![event("Pod", "web-1-a", "FailedMount", "failed to sync configmap cache")];
    assert_eq!(reported(&gated), ["pod/web-1-a · ReadinessGatesNotReady · x"]);
}

#[test]
fn an_init_container_that_does_not_end_shows_what_it_waits_for() {
    let mut snapshot = web(&[json!({})]);
    snapshot.now = Some("2026-01-01T12:00:20Z".to_owned());
    snapshot.pods[0]["spec"]["initContainers"] = json!([{"name": "wait-for-db"}]);
    snapshot.pods[0]["status"]["initContainerStatuses"] = json!([{"name": "wait-for-db", "ready": false,
        "state": {"running": {"startedAt": "2026-01-01T12:00:00Z"}}}]);
    snapshot.logs.insert(("web-1-a".to_owned(), "wait-for-db".to_owned()), vec!["waiting for db:5432".to_owned()]);
    assert_eq!(
        reported(&snapshot),
        [
            "pod/web-1-a · InitContainerRunning · init container wait-for-db is still running (20s) | waiting for db:5432"
        ]
    );
}

#[test]
fn the_failing_probe_of_a_sidecar_names_the_sidecar() {
    let mut snapshot = web(&[json!({"state": {"waiting": {"reason": "PodInitializing"}}})]);
    snapshot.pods[0]["spec"]["initContainers"] = json!([{"name": "proxy", "restartPolicy": "Always"}]);
    snapshot.pods[0]["status"]["initContainerStatuses"] =
        json!([{"name": "proxy", "ready": false, "started": false, "state": {"running": {}}}]);
    let mut probe = event("Pod", "web-1-a", "Unhealthy", "Startup probe failed: connection refused");
    probe["involvedObject"]["fieldPath"] = json!("spec.initContainers{proxy}");
    snapshot.events = vec![probe];
    assert_eq!(
        reported(&snapshot),
        ["pod/web-1-a · StartupProbeFailed · sidecar container proxy: Startup probe failed: connection refused"]
    );
}

#[test]
fn a_container_that_has_crashed_and_runs_again_shows_the_crash_first() {
    let mut snapshot = web(&[json!({
        "state": {"running": {}}, "started": true, "restartCount": 1,
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}}
    })]);
    snapshot.events = vec![event("Pod", "web-1-a", "Unhealthy", "Readiness probe failed: connection refused")];
    assert_eq!(
        reported(&snapshot),
        [
            "pod/web-1-a · Error · container app: exited with code 1, restarted once",
            "pod/web-1-a · ReadinessProbeFailed · container app: Readiness probe failed: connection refused",
        ]
    );
}

#[test]
fn a_program_of_another_architecture_is_named() {
    let mut snapshot = web(&[crashed(1, 255)]);
    snapshot.nodes = vec![json!({"kind": "Node", "metadata": {"name": "node-1"},
        "status": {"nodeInfo": {"architecture": "amd64"}}})];
    let line = "exec /app: exec format error".to_owned();
    snapshot.logs.insert(("web-1-a".to_owned(), "app".to_owned()), vec![line]);
    assert_eq!(
        reported(&snapshot),
        ["pod/web-1-a · WrongArchitecture · container app: exited with code 255, restarted once: exec /app: exec \
          format error: built for another architecture than the node's (amd64) | exec /app: exec format error"]
    );
}

#[test]
fn a_daemon_set_without_a_node_says_which_label_none_has() {
    let target = Target::Workload { kind: "DaemonSet".to_owned(), name: "agent".to_owned() };
    let set = json!({
        "kind": "DaemonSet", "metadata": {"name": "agent"}, "status": {"desiredNumberScheduled": 0},
        "spec": {"template": {"spec": {"nodeSelector": {"gpu": "true"}}}}
    });
    let node = json!({"kind": "Node", "metadata": {"name": "n", "labels": {}},
        "spec": {"taints": [{"key": "dedicated", "value": "db", "effect": "NoSchedule"}]}});
    let mut snapshot = Snapshot { workloads: vec![set], nodes: vec![node], ..Snapshot::default() };
    assert_eq!(reported_of(&snapshot, &target), ["daemonset/agent · NoNodes · desired 0: no node has gpu=true"]);
    snapshot.nodes[0]["metadata"]["labels"]["gpu"] = json!("true");
    assert_eq!(
        reported_of(&snapshot, &target),
        [
            "daemonset/agent · NoNodes · desired 0: it does not tolerate the taints of the nodes: dedicated=db:NoSchedule"
        ]
    );
}

#[test]
fn a_service_that_selects_nothing_is_explained_without_the_trouble_of_others() {
    let mut snapshot = web(&[waiting("ErrImageNeverPull", "no image")]);
    snapshot.services = vec![json!({"kind": "Service", "metadata": {"name": "front"},
        "spec": {"selector": {"app": "wbe"}, "ports": [{"port": 80}]}})];
    let target = Target::Service { name: "front".to_owned() };
    assert_eq!(
        reported_of(&snapshot, &target),
        ["service/front · NoEndpoints · selector app=wbe matches no pod; pods there have app=web"]
    );
    let about = related(&snapshot, &target);
    assert_eq!(fatal(&about, &target).len(), 1);
    let hopeless = |change: &dyn Fn(&mut Snapshot)| {
        let mut changed = snapshot.clone();
        change(&mut changed);
        !fatal(&related(&changed, &target), &target).is_empty()
    };
    // A controller that owns the Service, or labels Pods while they run, may change that.
    assert!(!hopeless(&|it| it.services[0]["metadata"]["ownerReferences"] = json!([{"kind": "Rollout", "name": "r"}])));
    let selector = |role: &str| json!({"app": role, "role": "leader"});
    assert!(!hopeless(&|it| it.services[0]["spec"]["selector"] = selector("web")));
    assert!(hopeless(&|it| it.services[0]["spec"]["selector"] = selector("wbe")));
    // A workload that makes such Pods may still make them.
    snapshot.workloads[0]["spec"]["template"]["metadata"]["labels"] = json!({"app": "wbe"});
    let about = related(&snapshot, &target);
    assert_eq!(fatal(&about, &target), []);
}

#[test]
fn a_wrong_target_port_is_final_only_if_every_workload_could_be_read() {
    let mut snapshot = web(&[json!({"state": {"running": {}}, "ready": true})]);
    snapshot.services = vec![json!({"kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "metrics"}]}})];
    let target = Target::Service { name: "web".to_owned() };
    assert_eq!(fatal(&related(&snapshot, &target), &target).len(), 1);
    // The Deployment rolls out all the same, and its Pods get ready.
    assert_eq!(fatal_of(&snapshot), [""; 0]);
    let pods = Target::Selector("app=web".to_owned());
    assert_eq!(fatal(&related(&snapshot, &pods), &pods), []);
    snapshot.unreadable.insert("deployments".to_owned(), "forbidden".to_owned());
    assert_eq!(fatal(&related(&snapshot, &target), &target), []);
}

#[test]
fn a_target_port_that_no_container_declares_explains_a_service_without_an_answer() {
    let mut snapshot = web(&[json!({"state": {"running": {}}, "ready": true})]);
    snapshot.pods[0]["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
    snapshot.services = vec![json!({"kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8081}]}})];
    snapshot.endpoint_slices = vec![json!({"kind": "EndpointSlice",
        "metadata": {"name": "web-x", "labels": {"kubernetes.io/service-name": "web"}},
        "endpoints": [{"conditions": {"ready": true}}]})];
    let reached = Target::Service { name: "web".to_owned() };
    assert_eq!(
        reported_of(&snapshot, &reached),
        ["service/web · WrongTargetPort · targetPort 8081 is not a port that its Pods declare; they declare 8080"]
    );
    let looked_at = Target::Object { kind: "Service".to_owned(), name: "web".to_owned() };
    assert_eq!(reported_of(&snapshot, &looked_at), [""; 0]);
}

#[test]
fn a_balancer_or_an_ingress_without_a_controller_is_named() {
    let balancer = Snapshot {
        services: vec![json!({"kind": "Service", "metadata": {"name": "web"}, "spec": {"type": "LoadBalancer"}})],
        endpoint_slices: vec![json!({"kind": "EndpointSlice",
            "metadata": {"name": "x", "labels": {"kubernetes.io/service-name": "web"}}, "endpoints": [{}]})],
        ..Snapshot::default()
    };
    let target = Target::Object { kind: "Service".to_owned(), name: "web".to_owned() };
    assert_eq!(
        reported_of(&balancer, &target),
        ["service/web · LoadBalancerPending · no controller has given it an address: does this cluster have load \
          balancers?"]
    );
    let ingress = |class: Value| Snapshot {
        object: Some(json!({"kind": "Ingress", "metadata": {"name": "web"}, "spec": {"ingressClassName": class,
            "rules": [{"http": {"paths": [{"backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]}})),
        ingress_classes: vec![json!({"kind": "IngressClass", "metadata": {"name": "haproxy"},
            "spec": {"controller": "example.com/haproxy"}})],
        ..Snapshot::default()
    };
    let target = Target::Object { kind: "Ingress".to_owned(), name: "web".to_owned() };
    let missing = "ingress/web · BackendNotFound · it leads to service/web, which does not exist";
    for (class, said) in [
        (json!("nginx"), "NoIngressClass · there is no IngressClass nginx; the cluster has haproxy"),
        (
            json!("haproxy"),
            "NoIngressController · class haproxy: its controller example.com/haproxy has given no address",
        ),
        (
            Value::Null,
            "NoIngressClass · it names no ingressClassName, and no IngressClass is the default one; the cluster has \
             haproxy",
        ),
    ] {
        assert_eq!(reported_of(&ingress(class), &target), [missing.to_owned(), format!("ingress/web · {said}")]);
    }
}

#[test]
fn what_may_not_be_listed_is_not_called_absent() {
    let mut snapshot = Snapshot { namespace: "todo".to_owned(), ..Snapshot::default() };
    snapshot.unreadable.insert("pods".to_owned(), "pods is forbidden".to_owned());
    let target = Target::Selector("app=web".to_owned());
    assert_eq!(
        reported_of(&snapshot, &target),
        ["namespace/todo · Forbidden · pods cannot be listed: pods is forbidden; kubectl auth can-i list pods -n todo"]
    );
}

#[test]
fn a_pod_that_is_not_gone_says_how_long_it_may_still_take() {
    let mut snapshot = web(&[json!({"state": {"running": {}}})]);
    snapshot.deleting = true;
    snapshot.now = Some("2026-01-01T12:00:12Z".to_owned());
    let pod = &mut snapshot.pods[0];
    pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T12:10:00Z");
    pod["metadata"]["deletionGracePeriodSeconds"] = json!(600);
    pod["spec"]["containers"][0]["lifecycle"] = json!({"preStop": {"exec": {"command": ["sleep", "600"]}}});
    let found = causes(&snapshot, &Target::Selector("app=web".to_owned()));
    let said: Vec<String> = found.iter().map(|it| format!("{} {}", it.object, it.message)).collect();
    assert_eq!(said, ["pod/web-1-a terminating for 12s of 600s (preStop of container app)"]);
}
