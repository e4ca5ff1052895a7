//! The `leftover` assertion on what is really left.

use std::time::Duration;

use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::stand::{ClusterFixture, assertion};

async fn left(stand: &ClusterFixture, body: &str) -> (bool, String) {
    let verdict = assertion("leftover", body).measure(&stand.cx).await.expect("measured");
    (verdict.holds(), verdict.measures()[0].actual.clone())
}

fn object(version: &str, kind: &str, name: &str) -> Value {
    json!({ "apiVersion": version, "kind": kind, "metadata": { "name": name, "labels": { "app": "todo" } } })
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn whatever_is_left_is_named_and_what_kubernetes_makes_is_not() {
    let stand = ClusterFixture::new("leftover", json!({})).await;
    // the namespace gets its ConfigMap and its ServiceAccount a moment later
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (holds, actual) = left(&stand, "{}").await;
    assert!(holds && actual.starts_with("none of "), "{actual}");
    let claim = json!({ "accessModes": ["ReadWriteOnce"], "storageClassName": "", "resources": { "requests": { "storage": "1Mi" } } });
    let mut volume = object("v1", "PersistentVolumeClaim", "data");
    volume["spec"] = claim;
    stand.apply(volume.clone()).await;
    stand.apply(object("v1", "Secret", "tls")).await;
    let mut role = object("rbac.authorization.k8s.io/v1", "ClusterRole", &stand.namespace);
    role["metadata"]["labels"]["app"] = stand.namespace.clone().into();
    stand.apply(role.clone()).await;
    assert!(left(&stand, "{ selector: app=todo }").await.1.ends_with(": persistentvolumeclaim/data, secret/tls"));
    assert!(left(&stand, "{ kinds: [Deployment, configmaps] }").await.0);
    for (kinds, words) in [
        ("configmapp", "the cluster serves no kind"),
        ("clusterroles", "lives in no namespace"),
        ("events", "expire by themselves"),
    ] {
        let measured = assertion("leftover", &format!("{{ kinds: [pod, {kinds}] }}")).measure(&stand.cx).await;
        let fault = measured.expect_err("nothing is searched");
        assert!(fault.message.starts_with("not measured: ") && fault.message.contains(words), "{fault}");
    }
    // of a custom kind whose definition is gone there is no object
    assert!(left(&stand, "{ kinds: [widgets.example.com] }").await.0);
    assert!(left(&stand, "{ except: [pvc, secret/t*] }").await.0);
    assert!(left(&stand, "{ selector: app=other }").await.0);
    let wide = format!("{{ selector: app={}, cluster_wide: true }}", stand.namespace);
    assert!(left(&stand, &wide).await.1.contains("clusterrole.rbac.authorization.k8s.io/leftover-"));
    stand.patch(&volume, &json!({ "metadata": { "finalizers": ["example.com/held"] } })).await;
    stand.api(&volume).await.delete("data", &DeleteParams::default()).await.expect("deleted");
    let asked = assertion("leftover", "{ kinds: [pvc] }");
    assert!(!asked.measure(&stand.cx).await.expect("measured").holds());
    let findings = asked.explain(&stand.cx).await;
    assert!(findings[0].message.contains("held by finalizers example.com/held"), "{findings:?}");
    stand.patch(&volume, &json!({ "metadata": { "finalizers": [] } })).await;
    stand.api(&role).await.delete(&stand.namespace, &DeleteParams::default()).await.expect("deleted");
    stand.down().await;
}

/// An API group without a server behind it would be an open question for every other test that discovers kinds: it is
/// there only for as long as this one measures.
#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_group_that_does_not_answer_leaves_it_open_what_is_left() {
    let stand = ClusterFixture::new("leftover-group", json!({})).await;
    let group = format!("g{}.example.com", std::process::id());
    let service = json!({
        "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": { "name": format!("v1.{group}") },
        "spec": { "group": group, "version": "v1", "groupPriorityMinimum": 1, "versionPriority": 1,
            "insecureSkipTLSVerify": true, "service": { "name": "none", "namespace": stand.namespace } }
    });
    stand.apply(service.clone()).await;
    let asked = assertion("leftover", "{ selector: app=todo }");
    let unanswered = async {
        loop {
            if let Err(fault) = asked.measure(&stand.cx).await {
                return fault;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    let fault = tokio::time::timeout(Duration::from_secs(60), unanswered).await;
    let name = service["metadata"]["name"].as_str().expect("a name");
    stand.api(&service).await.delete(name, &DeleteParams::default()).await.expect("deleted");
    let fault = fault.expect("the group does not answer");
    assert!(fault.message.contains(&group) && fault.transient, "{fault}");
    stand.down().await;
}
