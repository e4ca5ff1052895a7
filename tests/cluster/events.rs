//! The `events` assertion on what a real cluster records.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pipeline::core::model::event::Ran;
use serde_json::json;

use crate::busybox::IMAGE;
use crate::stand::{ClusterFixture, assertion};

/// The longest that the cluster may take to record something.
const PATIENCE: Duration = Duration::from_secs(60);

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970")
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn events_count_in_the_time_of_a_step_and_for_their_objects() {
    let mut stand = ClusterFixture::new("events", json!({})).await;
    let before = now();
    // events know their second
    tokio::time::sleep(Duration::from_millis(2100)).await;
    let from = now();
    let container = json!({ "name": "app", "image": "nowhere.invalid/none:1", "imagePullPolicy": "Never" });
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
        "spec": {
            "selector": { "matchLabels": { "app": "web" } },
            "template": { "metadata": { "labels": { "app": "web" } }, "spec": { "containers": [container] } }
        }
    });
    stand.apply(deployment).await;
    stand
        .apply(json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "well", "labels": { "app": "well" } },
            "spec": { "terminationGracePeriodSeconds": 0, "containers": [{
                "name": "app", "image": IMAGE, "imagePullPolicy": "Never", "command": ["sleep", "1000"] }] }
        }))
        .await;
    let ran = [
        ("before".to_owned(), Ran { from: before, to: Some(before + Duration::from_millis(500)) }),
        ("apply".to_owned(), Ran { from, to: None }),
    ];
    stand.cx.ran = Arc::new(ran.into());
    let measure = async |body: &str| {
        let asked = assertion("events", body);
        (asked.measure(&stand.cx).await, asked.explain(&stand.cx).await)
    };
    let some = "{ during: [apply], type: Warning, object: deployment/web, reason: ErrImageNeverPull, count: '>= 1' }";
    let seen = async {
        while !measure(some).await.0.expect("measured").holds() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(PATIENCE, seen).await.expect("it is recorded");
    let (none, findings) = measure("{ since: steps.apply, type: Warning, selector: app=web, count: 0 }").await;
    assert!(!none.expect("measured").holds());
    assert!(
        findings.iter().any(|it| it.cause == "ErrImageNeverPull" && it.object.starts_with("pod/web-")),
        "{findings:?}"
    );
    for holds in [
        "{ since: steps.apply, reason: ErrImageNeverPull, selector: app=well, count: 0 }",
        "{ since: steps.apply, reason: ErrImageNeverPull, object: pod/well, count: 0 }",
        "{ since: 1m, type: Normal, object: pod/well, reason: Scheduled, count: 1 }",
        "{ since: 1m, object: deployment/web, reason: ScalingReplicaSet, message: 'to 1$', count: 1 }",
        "{ during: [before], count: 0 }",
    ] {
        // what happened is recorded a moment later
        let limit = tokio::time::Instant::now() + PATIENCE;
        loop {
            let (verdict, findings) = measure(holds).await;
            if verdict.expect("measured").holds() {
                break;
            }
            assert!(tokio::time::Instant::now() < limit, "{holds}: {findings:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    let old = measure("{ since: 2h, object: pod/well, reason: Evicted, count: 0 }").await.0.expect_err("they expire");
    assert!(old.message.contains("keeps events for 1h"), "{old}");
    let kept = "{ since: 2h, kept: 3h, object: pod/well, reason: Evicted, count: 0 }";
    assert!(measure(kept).await.0.expect("measured").holds());
    let misspelt = measure("{ since: 2h, kept: 3h, object: pod/none, count: 0 }").await.0.expect_err("no such object");
    assert!(misspelt.message.contains("there is no pod/none"), "{misspelt}");
    stand.down().await;
}
