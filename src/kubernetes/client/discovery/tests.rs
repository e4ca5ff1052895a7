//! Tests of discovery: names, versions, and groups that do not answer.

use super::*;

fn catalog() -> Catalog {
    let core = r#"{ "items": [{ "versions": [{ "version": "v1", "resources": [
        { "resource": "pods", "singularResource": "pod", "shortNames": ["po"], "scope": "Namespaced", "responseKind": { "kind": "Pod" } },
        { "resource": "namespaces", "singularResource": "namespace", "shortNames": ["ns"], "scope": "Cluster", "responseKind": { "kind": "Namespace" } } ] }] }] }"#;
    let named = r#"{ "items": [
        { "metadata": { "name": "apps" }, "versions": [{ "version": "v1", "resources": [
          { "resource": "deployments", "singularResource": "deployment", "shortNames": ["deploy"], "scope": "Namespaced", "responseKind": { "kind": "Deployment" } } ] }] },
        { "metadata": { "name": "metrics.k8s.io" }, "versions": [{ "version": "v1beta1", "resources": [
          { "resource": "pods", "singularResource": "", "scope": "Namespaced", "responseKind": { "kind": "PodMetrics" } } ] }] } ] }"#;
    Catalog::of_aggregated(
        serde_json::from_str(core).expect("well formed"),
        serde_json::from_str(named).expect("well formed"),
    )
}

#[test]
fn finds_kinds_by_every_name_that_kubectl_takes() {
    let catalog = catalog();
    for written in ["deploy", "deployment", "deployments", "Deployment", "deployments.apps", "deployment.v1.apps"] {
        assert_eq!(catalog.loose(written).map(ToString::to_string).as_deref(), Some("deployment.apps"), "{written}");
    }
    assert_eq!(catalog.loose("po").map(ToString::to_string).as_deref(), Some("pod"));
    assert_eq!(catalog.loose("deployments.extensions"), None);
}

#[test]
fn the_core_group_goes_before_others_of_the_same_plural() {
    let catalog = catalog();
    assert_eq!(catalog.loose("pods").map(|kind| kind.resource.api_version.as_str()), Some("v1"));
    assert_eq!(catalog.loose("pods.metrics.k8s.io").map(|kind| kind.resource.kind.as_str()), Some("PodMetrics"));
}

#[test]
fn a_group_that_did_not_answer_may_serve_what_was_not_found() {
    let named = r#"{ "items": [
        { "metadata": { "name": "metrics.k8s.io" }, "versions": [{ "version": "v1beta1", "freshness": "Stale", "resources": [] }] },
        { "metadata": { "name": "apps" }, "versions": [{ "version": "v1", "freshness": "Current", "resources": [] }] } ] }"#;
    let core = serde_json::from_str(r#"{ "items": [] }"#).expect("well formed");
    let catalog = Catalog::of_aggregated(core, serde_json::from_str(named).expect("well formed"));
    assert_eq!(catalog.may_be_in(Some("metrics.k8s.io")).as_deref(), Some("metrics.k8s.io/v1beta1"));
    assert_eq!(catalog.may_be_in(None).as_deref(), Some("metrics.k8s.io/v1beta1"));
    assert_eq!(catalog.may_be_in(Some("apps")), None);
    assert_eq!(
        not_discovered("kind \"widgets\"", "metrics.k8s.io/v1beta1").message,
        "kind \"widgets\" is not known: the API server of metrics.k8s.io/v1beta1 does not answer"
    );
}

#[test]
fn knows_which_kinds_live_in_namespaces() {
    let catalog = catalog();
    assert!(!catalog.exact("v1", "Namespace").expect("served").namespaced);
    assert!(catalog.exact("apps/v1", "Deployment").expect("served").namespaced);
    assert_eq!(catalog.exact("apps/v1beta1", "Deployment"), None);
}

#[test]
fn a_kind_that_only_a_later_version_of_its_group_has_is_preferred_there() {
    let named = r#"{ "items": [{ "metadata": { "name": "example.com" }, "versions": [
        { "version": "v1", "resources": [
          { "resource": "widgets", "verbs": ["list", "delete"], "scope": "Namespaced", "responseKind": { "kind": "Widget" } } ] },
        { "version": "v1alpha1", "resources": [
          { "resource": "widgets", "verbs": ["list", "delete"], "scope": "Namespaced", "responseKind": { "kind": "Widget" } },
          { "resource": "gadgets", "verbs": ["list", "delete"], "scope": "Namespaced", "responseKind": { "kind": "Gadget" } } ] } ] }] }"#;
    let core = serde_json::from_str(r#"{ "items": [] }"#).expect("well formed");
    let catalog = Catalog::of_aggregated(core, serde_json::from_str(named).expect("well formed"));
    let preferred = catalog.kinds.iter().filter(|kind| kind.preferred).map(|kind| kind.resource.api_version.as_str());
    assert_eq!(preferred.collect::<Vec<_>>(), ["example.com/v1", "example.com/v1alpha1"]);
    assert_eq!(catalog.loose("gadgets").map(|kind| kind.resource.version.as_str()), Some("v1alpha1"));
    assert_eq!(catalog.loose("widgets").map(|kind| kind.resource.version.as_str()), Some("v1"));
}
