//! The `logs` assertion on real containers: restarted ones, init containers, rotated logs, Pods that come and go.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pipeline::core::kind::Assertion;
use pipeline::core::model::event::Ran;
use pipeline::core::model::outcome::{Fault, Verdict};
use serde_json::{Value, json};

use crate::busybox::IMAGE;
use crate::stand::{ClusterFixture, assertion};

/// The longest that the cluster may take to show something.
const PATIENCE: Duration = Duration::from_secs(120);

/// A Pod whose container `app` runs `script`; `more` adds to its specification.
fn pod(name: &str, script: &str, more: &Value) -> Value {
    let mut spec = json!({
        "terminationGracePeriodSeconds": 0,
        "volumes": [{ "name": "data", "emptyDir": {} }],
        "containers": [container("app", script)],
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "labels": { "app": "web" } }, "spec": spec })
}

fn container(name: &str, script: &str) -> Value {
    json!({
        "name": name, "image": IMAGE, "imagePullPolicy": "Never", "command": ["/bin/sh", "-c", script],
        "volumeMounts": [{ "name": "data", "mountPath": "/data" }],
    })
}

/// Measures until `is_it` says that this is it.
async fn until(stand: &ClusterFixture, asked: &dyn Assertion, is_it: impl Fn(&Result<Verdict, Fault>) -> bool) {
    let measured = async {
        loop {
            let measured = asked.measure(&stand.cx).await;
            if is_it(&measured) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    let ended = tokio::time::timeout(PATIENCE, measured).await;
    assert!(ended.is_ok(), "{:?}", asked.measure(&stand.cx).await);
}

async fn holds(stand: &ClusterFixture, body: &str) -> bool {
    let measured = assertion("logs", body).measure(&stand.cx).await;
    measured.unwrap_or_else(|fault| panic!("{body}: {fault}")).holds()
}

async fn unmet(stand: &ClusterFixture, body: &str) -> String {
    let verdict = assertion("logs", body).measure(&stand.cx).await.expect("measured");
    assert!(!verdict.holds(), "{body}: {verdict:?}");
    let shown = verdict.measures().iter().map(|it| format!("{}: {} / {}", it.name, it.actual, it.expected));
    shown.collect::<Vec<_>>().concat()
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn all_containers_count_and_the_instance_before_a_restart_too() {
    let stand = ClusterFixture::new("logs-all", json!({})).await;
    let script =
        "if [ -e /data/x ]; then echo second life; exec sleep 1000; fi; touch /data/x; echo first life; exit 1";
    let more = json!({
        "initContainers": [container("init", "echo prepared")],
        "containers": [container("app", script), container("side", "echo beside; exec sleep 1000")],
    });
    stand.apply(pod("web", script, &more)).await;
    until(&stand, &*assertion("logs", "{ selector: app=web, contains: second life }"), |it| {
        it.as_ref().is_ok_and(Verdict::holds)
    })
    .await;
    for line in ["first life", "second life", "prepared", "beside"] {
        assert!(holds(&stand, &format!("{{ selector: app=web, contains: {line} }}")).await, "{line}");
    }
    assert!(holds(&stand, "{ workload: pod/web, matches: '^(first|second) life$', count: 2 }").await);
    assert!(holds(&stand, "{ selector: app=web, lacks: third, count: 4 }").await);
    assert!(!holds(&stand, "{ selector: app=web, container: side, contains: first life }").await);
    let lacks = "{ selector: app=web, lacks: FIRST|(?i)FIRST }";
    let reported = unmet(&stand, lacks).await;
    assert!(reported.contains("1 of 4 lines: web app (before its restart): first life"), "{reported}");
    let asked = assertion("logs", lacks);
    asked.measure(&stand.cx).await.expect("measured");
    let found = asked.explain(&stand.cx).await;
    assert_eq!((found[0].object.as_str(), found[0].cause.as_str()), ("pod/web", "LogLine"), "{found:?}");
    assert_eq!(found[0].lines, ["first life"]);
    assert!(unmet(&stand, "{ selector: app=web, container: apps, lacks: x }").await.contains("app, init, side"));
    assert_eq!(unmet(&stand, "{ selector: app=other, lacks: x }").await, "pods: none / >= 1");
    assert_eq!(unmet(&stand, "{ workload: deployment/none, lacks: x }").await, "pods: none / >= 1");
    stand.down().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn logs_of_instances_that_are_gone_are_not_measured() {
    let stand = ClusterFixture::new("logs-gone", json!({})).await;
    // The third life goes on, so that its line is there to be read whenever it is asked for.
    let script = "echo >> /data/lives; echo alive; [ $(wc -l < /data/lives) -lt 3 ] && exit 1; exec sleep 1000";
    stand.apply(pod("web", script, &json!({}))).await;
    until(&stand, &*assertion("pods", "{ selector: app=web, ready: all, restarts: 2 }"), |it| {
        it.as_ref().is_ok_and(Verdict::holds)
    })
    .await;
    let lacks = assertion("logs", "{ selector: app=web, lacks: panic }");
    until(&stand, &*lacks, |it| it.as_ref().is_err_and(|fault| fault.message.contains("earlier instance"))).await;
    assert!(holds(&stand, "{ selector: app=web, contains: alive }").await, "what is there is certain");
    assert!(!holds(&stand, "{ selector: app=web, lacks: alive }").await, "what is there is certain");
    stand.down().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_rotated_log_is_not_measured_from_its_start() {
    let stand = ClusterFixture::new("logs-rotated", json!({})).await;
    let script =
        "echo begin; head -c 12000000 /dev/zero | tr '\\0' x | fold -w 1000; while sleep 1; do echo tick; done";
    stand.apply(pod("web", script, &json!({}))).await;
    let lacks = assertion("logs", "{ selector: app=web, lacks: panic }");
    until(&stand, &*lacks, |it| it.as_ref().is_err_and(|fault| fault.message.contains("rotated its log"))).await;
    // The new file begins when the old one was put away: a second later it covers the second that is asked for.
    let second = assertion("logs", "{ selector: app=web, since: 1s, lacks: panic }");
    until(&stand, &*second, |it| it.as_ref().is_ok_and(Verdict::holds)).await;
    stand.down().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn lines_count_from_when_a_step_began() {
    let mut stand = ClusterFixture::new("logs-since", json!({})).await;
    stand.apply(pod("web", "echo early; sleep 5; echo late; exec sleep 1000", &json!({}))).await;
    let early = assertion("logs", "{ selector: app=web, contains: early }");
    until(&stand, &*early, |it| it.as_ref().is_ok_and(Verdict::holds)).await;
    let from = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    stand.cx.ran = Arc::new([("apply".to_owned(), Ran { from, to: None })].into());
    let late = assertion("logs", "{ selector: app=web, since: steps.apply, contains: late }");
    let mut watch = late.watch(&stand.cx).await.expect("followed");
    let followed = async {
        while !late.measure(&stand.cx).await.expect("measured").holds() {
            watch.changed().await;
        }
    };
    tokio::time::timeout(PATIENCE, followed).await.expect("it comes");
    assert!(holds(&stand, "{ selector: app=web, since: steps.apply, lacks: early }").await);
    let fault = assertion("logs", "{ selector: app=web, since: steps.other, lacks: a }").measure(&stand.cx).await;
    assert!(fault.expect_err("no such time").message.contains("`other` has not run"));
    stand.down().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn what_a_pod_wrote_before_it_was_removed_counts_while_logs_are_followed() {
    let stand = ClusterFixture::new("logs-removed", json!({})).await;
    stand.apply(pod("stays", "exec sleep 1000", &json!({}))).await;
    let going = pod("going", "echo started; sleep 3; echo panic now; exec sleep 1000", &json!({}));
    stand.apply(going.clone()).await;
    until(&stand, &*assertion("logs", "{ selector: app=web, contains: started }"), |it| {
        it.as_ref().is_ok_and(Verdict::holds)
    })
    .await;
    let lacks = assertion("logs", "{ selector: app=web, lacks: panic }");
    let _watch = lacks.watch(&stand.cx).await.expect("followed");
    until(&stand, &*lacks, |it| it.as_ref().is_ok_and(|it| !it.holds())).await;
    let pods = stand.api(&going).await;
    pods.delete("going", &kube::api::DeleteParams::default().grace_period(0)).await.expect("deleted");
    let gone = async {
        while pods.get_opt("going").await.expect("asked").is_some() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("it goes");
    assert!(!lacks.measure(&stand.cx).await.expect("measured").holds(), "it was heard");
    // as a StatefulSet does it: another Pod under the same name
    stand.apply(pod("going", "echo well; exec sleep 1000", &json!({}))).await;
    until(&stand, &*assertion("logs", "{ workload: pod/going, contains: well }"), |it| {
        it.as_ref().is_ok_and(Verdict::holds)
    })
    .await;
    assert!(!lacks.measure(&stand.cx).await.expect("measured").holds(), "the first Pod of this name wrote it");
    stand.down().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_pod_that_was_read_to_its_end_leaves_no_gap_when_it_goes() {
    let stand = ClusterFixture::new("logs-ended", json!({})).await;
    stand.apply(pod("stays", "exec sleep 1000", &json!({}))).await;
    let lacks = assertion("logs", "{ selector: app=web, lacks: panic }");
    let _watch = lacks.watch(&stand.cx).await.expect("followed");
    let script = "trap 'echo bye; exit 0' TERM; echo started; while true; do sleep 1; done";
    for name in ["a", "b", "c"] {
        let going = pod(name, script, &json!({ "terminationGracePeriodSeconds": 20 }));
        stand.apply(going.clone()).await;
        let started = format!("{{ workload: pod/{name}, contains: started }}");
        until(&stand, &*assertion("logs", &started), |it| it.as_ref().is_ok_and(Verdict::holds)).await;
        // the watch has to see that it runs
        tokio::time::sleep(Duration::from_secs(2)).await;
        let pods = stand.api(&going).await;
        pods.delete(name, &kube::api::DeleteParams::default()).await.expect("deleted");
        let gone = async {
            while pods.get_opt(name).await.expect("asked").is_some() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, gone).await.expect("it goes");
        assert!(lacks.measure(&stand.cx).await.expect("measured").holds(), "{name}");
    }
    stand.down().await;
}
