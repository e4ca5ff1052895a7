//! Claims about what `check` finds in the manifests of an `apply`, without a cluster.

use serde_json::{Value, json};

use crate::core::kind::test_context::{TestContext, body};
use crate::core::kind::{CheckContext, Step};
use crate::core::model::diagnostic::Diagnostics;
use crate::core::model::source::{FileId, Span};
use crate::core::yaml::Node;
use crate::kubernetes::steps::kube::Kube;

fn complaints(trial: &TestContext, json: &Value) -> Vec<String> {
    let node = Node::from_json(json, Span::new(FileId(0), 0, 0));
    let mut out = Diagnostics::default();
    let mut cx = CheckContext { body: &node, project: trial.project(), during: false, on_runner: false, out: &mut out };
    body::<Kube>(json).check(&mut cx);
    out.sorted().into_iter().map(|found| found.message.clone()).collect()
}

fn map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: {name} }}\n")
}

#[test]
fn the_same_object_twice_is_an_error_with_both_places() {
    let trial =
        TestContext::new().file("m/d1.yaml", map("dup")).file("m/d2.yaml", map("dup")).file("m/d3.yaml", map("other"));
    assert_eq!(
        complaints(&trial, &json!({ "apply": "m" })),
        ["configmap/dup is there twice: m/d1.yaml:1 and m/d2.yaml:1"]
    );
    assert_eq!(
        complaints(&trial, &json!({ "apply": ["m/d1.yaml", "m/d1.yaml"] })),
        ["configmap/dup is applied twice: m/d1.yaml:1 is named more than once"]
    );
    let inline =
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "other", "namespace": "todo" } });
    let step = |namespace: Value| json!({ "namespace": namespace, "apply": { "files": ["m/d3.yaml"], "objects": [inline.clone()] } });
    assert_eq!(
        complaints(&trial, &step(json!("todo"))),
        ["configmap/other is there twice: m/d3.yaml:1 and objects[0]"]
    );
    assert_eq!(complaints(&trial, &step(json!("elsewhere"))), Vec::<String>::new());
}

#[test]
fn metadata_that_is_not_text_is_an_error_with_its_place() {
    let trial = TestContext::new().file("m/a.yaml", map("2026"));
    assert_eq!(
        complaints(&trial, &json!({ "apply": "m" })),
        ["m/a.yaml:1: metadata.name is the number 2026, expected text"]
    );
}

#[test]
fn a_kustomization_is_not_applied() {
    let trial = TestContext::new().file("m/a.yaml", map("a")).file("m/kustomization.yaml", "resources: [a.yaml]\n");
    let found = complaints(&trial, &json!({ "apply": "m" }));
    assert!(found.len() == 1 && found[0].contains("which only kustomize reads"), "{found:?}");
}
