//! A secret planted in an image and in the cluster is found; what is clean holds.

use std::process::Command;

use serde_json::{Value, json};

use super::world::Project;

const VALUE: &str = "planted-\"canary\"-value";

fn only(place: &str, what: Value) -> Value {
    let mut written = json!({"images": [], "files": [], "namespaces": [], "run": false, "argv": false});
    written[place] = what;
    written
}

async fn measured(project: &Project, place: &str, what: Value, at: usize) -> String {
    project.measures("secrets", only(place, what)).await.swap_remove(at)
}

#[tokio::test]
#[ignore = "needs docker"]
async fn a_secret_in_any_layer_configuration_or_history_of_an_image_is_found() {
    let dockerfile = "FROM scratch AS base\nCOPY covered /app/x\nCOPY clean /app/x\nCOPY wrapped /app/notes\n\
        ARG TOKEN\nENV URL=pg://$TOKEN\nLABEL clean=1\n";
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("user:{VALUE}"));
    let (one, two) = base64.split_at(20);
    let project = Project::new(
        &[
            ("app/Dockerfile", dockerfile),
            ("app/covered", VALUE),
            ("app/clean", "nothing"),
            ("app/wrapped", &format!("x: {one}\n  {two}\n")),
            ("fine/Dockerfile", "FROM scratch\nCOPY Dockerfile /\n"),
        ],
        "default",
    )
    .secret("token", VALUE);
    let (tag, fine) =
        (format!("hostile-secrets:{}", std::process::id()), format!("hostile-fine:{}", std::process::id()));
    let build = json!({"build": {"context": "app", "tag": tag, "args": {"TOKEN": VALUE}}});
    project.passes("image", build).await;
    project.passes("image", json!({"build": {"context": "fine", "tag": fine}})).await;
    let found = measured(&project, "images", json!([tag]), 0).await;
    for place in [
        "secret token in /app/x (layer 1 of 3, covered by a later layer but still readable) of image",
        "secret token (in base64, across line breaks) in /app/notes (layer 3 of 3) of image",
        "secret token in env URL of image",
        "secret token in history entry ",
    ] {
        assert!(found.starts_with("unmet images: ") && found.contains(place), "no `{place}`: {found}");
    }
    assert!(!found.contains(VALUE), "{found}");
    assert_eq!(measured(&project, "images", json!([fine]), 0).await, "holds images: none in 1 image / none");
    let missing = project.measure("secrets", only("images", json!(["hostile-nowhere:1"]))).await.expect_err("missing");
    assert_eq!(missing.message, "docker has no image hostile-nowhere:1: it cannot be looked at");
    for name in [&tag, &fine] {
        Command::new("docker").args(["image", "rm", name]).output().expect("docker runs");
    }
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_secret_in_any_object_but_a_secret_is_found() {
    let namespace = format!("hostile-objects-{}", std::process::id());
    let project = Project::new(&[], &namespace).secret("token", VALUE);
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {
        "name": "planted", "annotations": {"note": json!({"password": VALUE}).to_string()}}});
    let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "planted"},
        "spec": {"holderIdentity": base64::Engine::encode(&base64::engine::general_purpose::STANDARD, VALUE)}});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "rightly"},
        "stringData": {"token": VALUE}});
    let apply = |objects: Value| json!({"apply": {"objects": objects, "create_namespace": true}});
    project.passes("kube", apply(json!([secret]))).await;
    let written = json!([namespace]);
    let clean = measured(&project, "namespaces", written.clone(), 2).await;
    assert!(clean.starts_with("holds objects: none in "), "{clean}");
    project.passes("kube", apply(json!([account, lease]))).await;
    let found = measured(&project, "namespaces", written, 2).await;
    for place in [
        format!("metadata.annotations.note of serviceaccount/planted in namespace {namespace}"),
        format!("spec.holderIdentity of lease.coordination.k8s.io/planted in namespace {namespace}"),
    ] {
        assert!(found.starts_with("unmet objects: 2: ") && found.contains(&place), "no `{place}`: {found}");
    }
    project.passes("kube", json!({"delete": {"target": format!("namespace/{namespace}"), "wait": false}})).await;
}
