//! The assertions about live objects, and why they fail, on the real cluster.

use std::io::Write;
use std::time::{Duration, Instant};

use pipeline::core::kind::{Assertion, Watch};
use pipeline::core::model::outcome::{Finding, Verdict};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::busybox::IMAGE;
use crate::stand::{ClusterFixture, assertion};

/// The longest that the cluster may take to show a trouble.
const PATIENCE: Duration = Duration::from_secs(120);

/// A Deployment `web` of one container `app` that runs `script`; `container` and `pod` add to it.
fn web(script: &str, container: Value, pod: Value) -> Value {
    let mut app = json!({
        "name": "app", "image": IMAGE, "imagePullPolicy": "Never",
        "command": ["/bin/sh", "-c", script]
    });
    merge(&mut app, container);
    let mut spec = json!({"terminationGracePeriodSeconds": 0, "containers": [app]});
    merge(&mut spec, pod);
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": spec}
        }
    })
}

fn merge(object: &mut Value, more: Value) {
    if let Value::Object(more) = more {
        for (key, value) in more {
            object[key] = value;
        }
    }
}

/// Waits until `asked` is unmet because of `cause` in these `words`; that finding. Which of several messages of the same
/// cause comes first is the cluster's affair.
async fn explained(stand: &ClusterFixture, asked: &dyn Assertion, cause: &str, words: &str) -> Finding {
    let since = Instant::now();
    let mut last = Vec::new();
    while since.elapsed() < PATIENCE {
        let verdict = asked.measure(&stand.cx).await.expect("measured");
        assert!(!verdict.holds(), "unmet: {verdict:?}");
        let began = Instant::now();
        last = asked.explain(&stand.cx).await;
        assert!(began.elapsed() < Duration::from_secs(6), "explained within its time");
        if let Some(finding) = last.iter().find(|it| it.cause == cause && it.message.contains(words)) {
            return finding.clone();
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("{cause} with {words:?} was not told, but {last:#?}");
}

async fn until_holds(stand: &ClusterFixture, asked: &dyn Assertion) -> Verdict {
    let mut watch = asked.watch(&stand.cx).await.expect("watched");
    let holds = async {
        loop {
            let verdict = asked.measure(&stand.cx).await.expect("measured");
            if verdict.holds() {
                return verdict;
            }
            watch.changed().await;
        }
    };
    let Ok(verdict) = timeout(PATIENCE, holds).await else {
        panic!("{:?}: {:#?}", asked.measure(&stand.cx).await, asked.explain(&stand.cx).await)
    };
    verdict
}

fn ready() -> Box<dyn Assertion> {
    assertion("pods", "{ selector: app=web, ready: all, count: 2 }")
}

/// Never holds: for pods that are well now and then.
fn never() -> Box<dyn Assertion> {
    assertion("pods", "{ selector: app=web, restarts: '< 0' }")
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn healthy_pods_hold_and_a_rollout_is_complete() {
    let stand = ClusterFixture::new("healthy", json!({})).await;
    let probe = json!({"exec": {"command": ["/bin/true"]}, "periodSeconds": 1});
    let resources = json!({"requests": {"cpu": "1m", "memory": "8Mi"}, "limits": {"cpu": "500m", "memory": "32Mi"}});
    let container = json!({
        "readinessProbe": probe, "livenessProbe": probe, "resources": resources,
        "securityContext": {"runAsUser": 1000}
    });
    stand.apply(web("exec sleep 1000", container, json!({}))).await;
    let pods = assertion(
        "pods",
        "selector: { app: web }\ncount: 2\nready: all\nphase: Running\nrestarts: 0\ntime_to_ready: < 60s\nimage: pipeline-busybox:local\n\
         non_root: true\nprobes: true\nresources: { requests: true, limits: true }\npull_policy: Never\n",
    );
    let verdict = until_holds(&stand, &*pods).await;
    assert_eq!(verdict.measures().len(), 11, "{verdict:?}");
    let rollout = assertion(
        "rollout",
        "{ workload: deploy/web, revision: 1, strategy: RollingUpdate, replicas: 2, image: 'pipeline-busybox:local' }",
    );
    until_holds(&stand, &*rollout).await;
    let resource = assertion(
        "resource",
        "kind: deploy\nname: web\nmatch: { status: { readyReplicas: '>= 2' } }\nassert: self.spec.replicas == self.status.readyReplicas\n",
    );
    until_holds(&stand, &*resource).await;
    until_holds(
        &stand,
        &*assertion("resource", "{ kind: Node, match: { status: { conditions: [{ type: Ready, status: 'True' }] } } }"),
    )
    .await;
    until_holds(&stand, &*assertion("resource", "{ kind: Widget, name: x, absent: true }")).await;
    until_holds(&stand, &*assertion("resource", "{ kind: ConfigMap, name: x, absent: true }")).await;
    stand.down().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_kind_that_is_misspelt_is_not_absent() {
    let stand = ClusterFixture::new("misspelt", json!({})).await;
    for (body, message) in [
        ("{ kind: deploymnt, name: web, absent: true }", "not measured: the cluster serves no kind \"deploymnt\""),
        ("{ kind: deployment.app, count: 0 }", "not measured: the cluster serves no kind \"deployment.app\""),
        (
            "{ kind: Deploymnt, api_version: apps/v1, absent: true }",
            "not measured: the cluster serves no kind Deploymnt of apps/v1",
        ),
    ] {
        let fault = assertion("resource", body).measure(&stand.cx).await.expect_err(body);
        assert_eq!(fault.message, message);
        assert_eq!(fault.help.as_deref(), Some("did you mean \"deployment\"?"), "{body}");
    }
    for body in
        ["{ kind: widgets.example.com, absent: true }", "{ kind: Deploymnt, api_version: example.com/v1, count: 0 }"]
    {
        until_holds(&stand, &*assertion("resource", body)).await;
    }
    stand.down().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn an_image_that_is_not_there_is_named() {
    let stand = ClusterFixture::new("neverpull", json!({})).await;
    stand.apply(web("", json!({"image": "missing:1"}), json!({}))).await;
    let words = "Container image \"missing:1\" is not present with pull policy";
    explained(&stand, &*ready(), "ErrImageNeverPull", words).await;
    stand.down().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_crash_loop_shows_its_last_lines_and_keeps_them_whole() {
    let stand = ClusterFixture::new("crashloop", json!({})).await;
    let script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line $i; done; echo no DATABASE_URL; exit 3";
    stand.apply(web(script, json!({}), json!({}))).await;
    let rollout = assertion("rollout", "{ workload: deployment/web }");
    let words = "container app: exited with code 3, restarted";
    let finding = explained(&stand, &*rollout, "CrashLoopBackOff", words).await;
    assert_eq!(finding.lines.len(), 10, "{:?}", finding.lines);
    assert_eq!(finding.lines[9], "no DATABASE_URL");
    let kept = stand.kept.0.lock().expect("no panic").clone();
    let log = kept.iter().find(|(name, _)| name.starts_with("deployment-web/logs/web-")).expect("kept").1;
    assert!(log.starts_with("line 1\n"), "{log}");
    assert!(kept["deployment-web/pods.yaml"].starts_with("apiVersion: v1\nkind: Pod\n"));
    assert!(kept["deployment-web/events.txt"].contains(" Started: "), "{}", kept["deployment-web/events.txt"]);
    stand.down().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn running_out_of_memory_is_named_with_the_limit() {
    let stand = ClusterFixture::new("oom", json!({})).await;
    let limits = json!({"resources": {"limits": {"memory": "24Mi"}}});
    stand.apply(web("x=aaaaaaaaaaaaaaaa; while true; do x=$x$x; done", limits, json!({}))).await;
    explained(&stand, &*never(), "OOMKilled", "out of memory, limit 24Mi").await;
    stand.down().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn the_scheduler_is_quoted() {
    let stand = ClusterFixture::new("unschedulable", json!({})).await;
    stand.apply(web("sleep 9", json!({"resources": {"requests": {"cpu": "1000"}}}), json!({}))).await;
    explained(&stand, &*ready(), "Unschedulable", "Insufficient cpu").await;
    stand.down().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_failing_readiness_probe_is_quoted_with_the_service_it_empties() {
    let stand = ClusterFixture::new("unready", json!({})).await;
    let probe = json!({"exec": {"command": ["/bin/sh", "-c", "echo not yet; exit 1"]}, "periodSeconds": 1});
    stand.apply(web("exec sleep 1000", json!({"readinessProbe": probe}), json!({}))).await;
    stand
        .apply(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}
        }))
        .await;
    explained(&stand, &*ready(), "ReadinessProbeFailed", "Readiness probe failed: not yet").await;
    let words = "selector app=web matches 2 pods, none of which is ready";
    let finding = explained(&stand, &*ready(), "NoEndpoints", words).await;
    assert_eq!((finding.object.as_str(), finding.message.as_str()), ("service/web", words));
    stand.down().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_failing_liveness_probe_is_quoted() {
    let stand = ClusterFixture::new("unalive", json!({})).await;
    let probe = json!({
        "exec": {"command": ["/bin/sh", "-c", "echo stuck; exit 1"]}, "periodSeconds": 1, "failureThreshold": 1
    });
    stand
        .apply(web("trap 'exit 143' TERM; while true; do sleep 1; done", json!({"livenessProbe": probe}), json!({})))
        .await;
    explained(&stand, &*never(), "LivenessProbeFailed", "Liveness probe failed: stuck").await;
    stand.down().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn what_a_container_lacks_is_named() {
    let stand = ClusterFixture::new("lacks", json!({})).await;
    let from = json!({"envFrom": [{"configMapRef": {"name": "settings"}}]});
    stand.apply(web("sleep 9", from, json!({}))).await;
    let words = "container app: configmap \"settings\" not found";
    explained(&stand, &*ready(), "CreateContainerConfigError", words).await;
    stand.down().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_volume_that_cannot_be_mounted_and_a_claim_that_is_not_bound_are_named() {
    let stand = ClusterFixture::new("volumes", json!({})).await;
    let volume = json!({
        "volumes": [{"name": "tls", "secret": {"secretName": "tls"}}]
    });
    let mount = json!({"volumeMounts": [{"name": "tls", "mountPath": "/tls"}]});
    stand.apply(web("sleep 9", mount, volume)).await;
    explained(&stand, &*ready(), "FailedMount", "secret \"tls\" not found").await;
    stand
        .apply(json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
            "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "fast",
                "resources": {"requests": {"storage": "1Gi"}}}
        }))
        .await;
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "db", "labels": {"app": "db"}}});
    pod["spec"] = json!({
        "containers": [{"name": "app", "image": IMAGE, "imagePullPolicy": "Never"}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    });
    stand.apply(pod).await;
    let pods = assertion("pods", "{ selector: app=db, ready: all }");
    explained(&stand, &*pods, "PVCUnbound", "\"fast\" not found").await;
    explained(&stand, &*pods, "Unschedulable", "").await;
    stand.down().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn an_exceeded_quota_is_reported_of_the_deployment() {
    let stand = ClusterFixture::new("quota", json!({})).await;
    stand
        .apply(json!({
            "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"},
            "spec": {"hard": {"pods": "0"}}
        }))
        .await;
    stand.apply(web("sleep 9", json!({}), json!({}))).await;
    let words = "exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0";
    let finding = explained(&stand, &*ready(), "QuotaExceeded", words).await;
    assert_eq!((finding.object.as_str(), finding.message.as_str()), ("deployment/web", words));
    stand.down().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_refusal_by_pod_security_is_reported_of_the_deployment() {
    let stand = ClusterFixture::new("podsecurity", json!({"pod-security.kubernetes.io/enforce": "restricted"})).await;
    stand.apply(web("sleep 9", json!({}), json!({}))).await;
    explained(&stand, &*ready(), "PodSecurityViolation", "violates PodSecurity \"restricted").await;
    stand.down().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_service_whose_selector_matches_no_pod_shows_the_labels_that_are_there() {
    let stand = ClusterFixture::new("noendpoints", json!({})).await;
    stand.apply(web("exec sleep 1000", json!({}), json!({}))).await;
    stand
        .apply(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "front"},
            "spec": {"selector": {"app": "wbe"}, "ports": [{"port": 80}]}
        }))
        .await;
    until_holds(&stand, &*ready()).await;
    let service = assertion("resource", "{ kind: svc, name: front, match: { spec: { type: LoadBalancer } } }");
    let words = "selector app=wbe matches no pod; pods there have app=web";
    let finding = explained(&stand, &*service, "NoEndpoints", words).await;
    assert_eq!((finding.object.as_str(), finding.message.as_str()), ("service/front", words));
    stand.down().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_gate_notices_a_change_within_20_ms() {
    let stand = ClusterFixture::new("latency", json!({})).await;
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "state"}, "data": {"round": "0"}});
    stand.apply(map.clone()).await;
    let mut after_answer = Vec::new();
    for round in 1..=50 {
        let asked =
            assertion("resource", &format!("{{ kind: cm, name: state, match: {{ data: {{ round: '{round}' }} }} }}"));
        let mut watch: Box<dyn Watch> = asked.watch(&stand.cx).await.expect("watched");
        assert!(!asked.measure(&stand.cx).await.expect("measured").holds());
        let noticed = async {
            while !asked.measure(&stand.cx).await.expect("measured").holds() {
                watch.changed().await;
            }
            Instant::now()
        };
        let patched = async {
            stand.patch(&map, &json!({"data": {"round": round.to_string()}})).await;
            Instant::now()
        };
        let (noticed, patched) = tokio::join!(noticed, patched);
        after_answer.push(noticed.saturating_duration_since(patched));
    }
    after_answer.sort();
    let reported =
        format!("noticed after the patch was answered: median {:?}, max {:?}\n", after_answer[25], after_answer[49]);
    std::io::stderr().write_all(reported.as_bytes()).expect("written");
    // The whole way over the API server, on a machine that runs the cluster and the other tests as well.
    assert!(after_answer[40] < Duration::from_millis(20), "{after_answer:?}");
    stand.down().await;
}
