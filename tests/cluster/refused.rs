//! The `refused` assertion against the real API server's checks.

use std::time::Duration;

use kube::api::DeleteParams;
use pipeline::core::model::outcome::{Fault, Verdict};
use serde_json::{Value, json};

use crate::stand::{ClusterFixture, assertion};

async fn measured(stand: &ClusterFixture, body: &str) -> Result<Verdict, Fault> {
    assertion("refused", body).measure(&stand.cx).await
}

/// Measures until the API server has taken in what it is to check by.
async fn until_refused(stand: &ClusterFixture, body: &str) -> String {
    let refused = async {
        loop {
            match measured(stand, body).await {
                Ok(verdict) if verdict.holds() => return verdict.measures()[0].actual.clone(),
                Ok(_) => {}
                Err(fault) if fault.transient => {}
                Err(fault) => panic!("{body}: {fault}"),
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let Ok(actual) = tokio::time::timeout(Duration::from_secs(30), refused).await else {
        panic!("{body}: {:?}", measured(stand, body).await);
    };
    actual
}

const POD: &str = "objects: [{ apiVersion: v1, kind: Pod, metadata: { name: a }, spec: { SPEC containers: [{ name: a, image: a RES }] } }]";

fn pod(spec: &str, container: &str, rest: &str) -> String {
    format!("{}\n{rest}\n", POD.replace("SPEC", spec).replace("RES", container))
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn each_check_of_the_api_server_is_named() {
    let stand = ClusterFixture::new("refused", json!({ "pod-security.kubernetes.io/enforce": "baseline" })).await;
    let fixed = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "fixed" }, "immutable": true });
    stand.apply(fixed).await;
    let host = pod("hostNetwork: true,", "", "by: PodSecurity\nmessage: hostNetwork|host namespaces");
    assert!(until_refused(&stand, &host).await.contains("violates PodSecurity"));
    let schema =
        "objects: [{ apiVersion: v1, kind: ConfigMap, metadata: { name: a }, dta: {} }]\nby: schema\nmessage: dta";
    until_refused(&stand, schema).await;
    let value = "objects: [{ apiVersion: v1, kind: ConfigMap, metadata: { name: A_B } }]\nby: schema";
    until_refused(&stand, value).await;
    let fixed =
        "objects: [{ apiVersion: v1, kind: ConfigMap, metadata: { name: fixed }, data: { a: b } }]\nby: immutable";
    until_refused(&stand, fixed).await;
    // what is as it should be, or refused by another check, is unmet
    let other = measured(&stand, &schema.replace("by: schema", "by: webhook")).await.expect("measured");
    assert!(!other.holds());
    let accepted = assertion("refused", &pod("", "", "by: PodSecurity"));
    let verdict = accepted.measure(&stand.cx).await.expect("measured");
    assert_eq!(verdict.measures()[0].actual, "accepted");
    assert_eq!(accepted.explain(&stand.cx).await[0].cause, "Accepted");
    let missing = measured(&stand, &format!("{host}namespace: none-such\n")).await.expect_err("no decision");
    assert!(missing.message.starts_with("not measured: "), "{missing}");
    stand.down().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn quota_and_limits_refuse_pods() {
    let stand = ClusterFixture::new("refused-quota", json!({})).await;
    let quota = |name: &str, hard: Value| json!({ "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": name }, "spec": { "hard": hard } });
    stand.apply(quota("none", json!({ "pods": "0" }))).await;
    let refused = until_refused(&stand, &pod("", "", "by: quota\nmessage: none")).await;
    assert!(refused.contains("exceeded quota"), "{refused}");
    let limits = json!({ "apiVersion": "v1", "kind": "LimitRange", "metadata": { "name": "small" },
        "spec": { "limits": [{ "type": "Container", "max": { "memory": "10Mi" } }] } });
    stand.apply(limits).await;
    let large = pod("", ", resources: { limits: { memory: 20Mi } }", "by: LimitRange");
    until_refused(&stand, &large).await;
    stand.down().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_policy_refuses_and_a_webhook_that_cannot_be_reached_does_not() {
    let stand = ClusterFixture::new("refused-policy", json!({})).await;
    let name = stand.namespace.clone();
    let here = json!({ "matchLabels": { "kubernetes.io/metadata.name": name } });
    let maps =
        json!([{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"] }]);
    let policy = json!({ "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": { "name": name }, "spec": { "failurePolicy": "Fail", "matchConstraints": { "resourceRules": maps },
            "validations": [{ "expression": "object.metadata.name != 'bad'", "message": "a bad name" }] } });
    let binding = json!({ "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": { "name": name }, "spec": { "policyName": name, "validationActions": ["Deny"],
            "matchResources": { "namespaceSelector": here } } });
    let secrets =
        json!([{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["secrets"] }]);
    let webhook = json!({ "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": { "name": name }, "webhooks": [{
            "name": "down.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"], "timeoutSeconds": 1,
            "failurePolicy": "Fail", "namespaceSelector": here, "rules": secrets,
            "clientConfig": { "url": "https://127.0.0.1:9/none" } }] });
    for object in [&policy, &binding, &webhook] {
        stand.apply(object.clone()).await;
    }
    let bad =
        "objects: [{ apiVersion: v1, kind: ConfigMap, metadata: { name: bad } }]\nby: policy\nmessage: a bad name";
    until_refused(&stand, bad).await;
    let good = "objects: [{ apiVersion: v1, kind: ConfigMap, metadata: { name: good } }]\nby: policy";
    assert!(!measured(&stand, good).await.expect("measured").holds());
    let secret = "objects: [{ apiVersion: v1, kind: Secret, metadata: { name: a } }]\nby: webhook";
    let unreachable = async {
        loop {
            if let Err(fault) = measured(&stand, secret).await {
                return fault;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let fault = tokio::time::timeout(Duration::from_secs(30), unreachable).await;
    for object in [&policy, &binding, &webhook] {
        stand.api(object).await.delete(&name, &DeleteParams::default()).await.expect("deleted");
    }
    let fault = fault.expect("it cannot be reached");
    assert!(fault.message.contains("failed calling webhook") && fault.transient, "{fault}");
    stand.down().await;
}
