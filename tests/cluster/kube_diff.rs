//! `kube: diff` and `kustomize:` on a real cluster.

use serde_json::{Value, json};

use super::kube_room::Room;

const MAPS: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: one, labels: { set: a } }\ndata: { a: '1' }\n---\n\
    apiVersion: v1\nkind: ConfigMap\nmetadata: { name: two, labels: { set: a } }\ndata: { a: '1' }\n";

fn counts(outputs: &pipeline::core::model::outcome::Outputs) -> Vec<u64> {
    let count = |name: &str| outputs[name].as_u64().expect("a number");
    ["added", "changed", "deleted", "unchanged"].map(count).to_vec()
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_diff_shows_what_an_apply_would_change_and_changes_nothing() {
    let room = Room::new("diff", &[("m/maps.yaml", MAPS)]).await;
    let outputs = room.passes(json!({ "diff": "m" })).await;
    assert_eq!(counts(&outputs), [2, 0, 0, 0], "{}", room.log());
    assert!(room.log().contains("configmap/one added") && room.log().contains("+  a: '1'"), "{}", room.log());
    room.passes(json!({ "apply": "m" })).await;
    let outputs = room.passes(json!({ "diff": "m" })).await;
    assert_eq!(counts(&outputs), [0, 0, 0, 2], "{}", room.log());
    assert!(room.log().contains("nothing differs"), "{}", room.log());
    let only_one = MAPS.split("---").next().expect("two documents").replace("'1'", "'2'");
    std::fs::write(room.project.path().join("m/maps.yaml"), only_one).expect("written");
    let outputs = room.passes(json!({ "diff": { "files": "m", "selector": "set=a" } })).await;
    assert_eq!(counts(&outputs), [0, 1, 1, 0], "{}", room.log());
    assert_eq!(outputs["kinds"], json!(["ConfigMap"]));
    let changes: Vec<(&Value, &Value)> =
        outputs["changes"].as_array().expect("a list").iter().map(|it| (&it["object"], &it["difference"])).collect();
    assert_eq!(changes, [(&json!("configmap/one"), &json!("changed")), (&json!("configmap/two"), &json!("deleted"))]);
    let lines = outputs["changes"][0]["lines"].to_string();
    assert!(lines.contains("-  a: '1'") && lines.contains("+  a: '2'") && !lines.contains("managedFields"), "{lines}");
    // what is there is as it was
    let outputs = room.passes(json!({ "get": { "target": "configmap/one", "value": "self.data.a" } })).await;
    assert_eq!(outputs["value"], json!("1"));
    room.leave().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn values_of_secrets_are_not_shown_and_what_is_refused_fails() {
    let room = Room::new("diff-secret", &[]).await;
    let secret = |value: &str| json!([{ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "db" }, "stringData": { "URL": value } }]);
    room.passes(json!({ "apply": { "objects": secret("hunter-one") } })).await;
    let outputs = room.passes(json!({ "diff": { "objects": secret("hunter-two") } })).await;
    assert_eq!(counts(&outputs), [0, 1, 0, 0], "{}", room.log());
    let shown = room.log() + &outputs["changes"].to_string();
    assert!(shown.contains("*** (after)"), "{shown}");
    for hidden in ["hunter", "aHVudGVy"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
    let bad = json!([{ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "A_B" } }]);
    let failure = room.fails(json!({ "diff": { "objects": bad } })).await;
    assert!(failure.summary.contains("configmap/A_B"), "{failure:?}");
    let elsewhere = json!([{ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a", "namespace": "kube-none-such" } }]);
    let outputs = room.passes(json!({ "diff": { "objects": elsewhere } })).await;
    assert_eq!(counts(&outputs), [1, 0, 0, 0], "{}", room.log());
    assert!(room.log().contains("not checked by the API server"), "{}", room.log());
    room.leave().await;
}

#[tokio::test]
#[ignore = "needs the cluster and kubectl"]
async fn a_kustomization_is_applied_and_compared() {
    let overlay = "resources: [../base]\nnamePrefix: ci-\nlabels: [{ pairs: { tier: test } }]\n";
    let files = [
        ("base/maps.yaml", MAPS),
        ("base/kustomization.yaml", "resources: [maps.yaml]\n"),
        ("ci/kustomization.yaml", overlay),
    ];
    let room = Room::new("kustomize", &files).await;
    let outputs = room.passes(json!({ "diff": { "kustomize": "ci" } })).await;
    assert_eq!(counts(&outputs), [2, 0, 0, 0], "{}", room.log());
    let outputs = room.passes(json!({ "apply": { "kustomize": "ci" } })).await;
    assert_eq!(outputs["objects"], json!(["configmap/ci-one", "configmap/ci-two"]), "{}", room.log());
    let value = json!({ "get": { "target": "configmap/ci-one", "value": "self.metadata.labels.tier" } });
    assert_eq!(room.passes(value).await["value"], json!("test"));
    std::fs::write(room.project.path().join("ci/kustomization.yaml"), "resources: [../none]\n").expect("written");
    let failure = room.fails(json!({ "apply": { "kustomize": "ci" } })).await;
    assert!(failure.summary.starts_with("kubectl kustomize ci: "), "{failure:?}");
    room.leave().await;
}
