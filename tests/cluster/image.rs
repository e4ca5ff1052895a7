//! The `image` step and assertion on a real Docker.

use pipeline::core::model::outcome::Outcome;
use serde_json::json;

use pipeline::kubernetes::client::ClusterSettings;

use super::world::{Project, assertion};

const DOCKERFILE: &str = "FROM scratch AS base\nCOPY .env secret.txt /app/\nCOPY passwd /etc/passwd\n\
    FROM base AS runtime\nCOPY empty /app/.env\nUSER app\nENV MODE=production\nEXPOSE 8000\nLABEL team=todo\n\
    HEALTHCHECK CMD [\"/app/check\"]\nCMD [\"/app/run\"]\n";

fn project() -> Project {
    let files = [
        ("app/Dockerfile", DOCKERFILE),
        ("app/.env", "DATABASE_URL=postgres\n"),
        ("app/secret.txt", "the password is hunter2-and-more\n"),
        ("app/passwd", "root:x:0:0::/:/\napp:x:1001:1001::/:/\n"),
        ("app/empty", ""),
    ];
    Project::new(&files, "default").secret("db_password", "hunter2-and-more")
}

#[tokio::test]
#[ignore = "needs docker"]
async fn builds_measures_saves_and_reads_back_an_image() {
    let project = project();
    let tag = format!("pipeline-test-image:{}", std::process::id());
    let build = json!({"build": {"context": "app", "tag": tag, "target": "runtime", "labels": {"by": "test"}}});
    let outputs = project.passes("image", build).await;
    assert_eq!(outputs["image"], json!(tag));
    assert_eq!(outputs["engine"], json!("docker"));
    assert_eq!(outputs["layers"], json!(3));
    assert!(outputs["digest"].as_str().is_some_and(|digest| digest.starts_with("sha256:") && digest.len() == 71));
    assert!(outputs["size"].as_u64().is_some_and(|size| (50..10_000).contains(&size)));
    assert!(project.log.text().contains("Dockerfile"), "{}", project.log.text());

    let expected = json!({
        "name": tag, "size": "< 1MB", "non_root": true, "user": "app", "env": {"MODE": "production"}, "ports": [8000],
        "labels": {"team": "todo", "by": "test"}, "cmd": ["/app/run"], "healthcheck": true, "layers": 3, "os": "linux",
        "dockerfile": "app/Dockerfile", "stages": 2,
        "files": {"present": ["/app/secret.txt"], "absent": ["**/*.pem"]}
    });
    let measures = project.measures("image", expected).await;
    assert!(measures.iter().all(|measure| measure.starts_with("holds")), "{measures:#?}");

    let secrets = project.measures("image", json!({"name": tag, "secrets": "none"})).await;
    assert_eq!(secrets.len(), 1);
    assert!(secrets[0].starts_with("unmet secrets: 2: .env file in /app/.env (layer 1 of 3"), "{secrets:?}");
    assert!(secrets[0].contains("secret db_password in /app/secret.txt (layer 1 of 3)"), "{secrets:?}");
    assert!(!secrets[0].contains("hunter2"), "{secrets:?}");

    let saved = project.passes("image", json!({"save": {"image": tag, "path": "out/image.tar"}})).await;
    assert_eq!(saved["path"], json!("out/image.tar"));
    let from_file = json!({"archive": "out/image.tar", "name": tag, "user": "app", "non_root": true, "layers": 3});
    let measures = project.measures("image", from_file).await;
    assert!(measures.iter().all(|measure| measure.starts_with("holds")), "{measures:#?}");

    let other = format!("{tag}-again");
    project.passes("image", json!({"tag": {"image": tag, "tag": other}})).await;
    for name in [&tag, &other] {
        std::process::Command::new("docker").args(["image", "rm", name]).output().expect("docker runs");
    }
}

#[tokio::test]
#[ignore = "needs docker"]
async fn a_build_that_fails_says_the_builders_last_words() {
    let project = Project::new(&[("Dockerfile", "FROM scratch\nCOPY nothing-here /\n")], "default");
    let outcome = project.step("image", json!({"build": {"context": ".", "tag": "pipeline-test-broken:1"}})).await;
    let Ok(Outcome::Failed(failure)) = outcome else { panic!("should fail: {outcome:?}") };
    assert!(failure.summary.starts_with("docker build of . failed: "), "{failure:?}");
    assert!(failure.summary.contains("nothing-here"), "{failure:?}");
    assert!(failure.exit_code.is_some() && !failure.findings[0].lines.is_empty(), "{failure:?}");
}

#[tokio::test]
#[ignore = "needs docker"]
async fn a_missing_image_is_unmet_and_explained() {
    let project = Project::new(&[], "default");
    let body = json!({"name": "pipeline-test-nowhere:1", "size": "< 1MB"});
    assert_eq!(
        project.measures("image", body.clone()).await,
        ["unmet image: no such image: pipeline-test-nowhere:1 / present"]
    );
    let findings = assertion("image", &body).explain(&project.context).await;
    assert_eq!((findings.len(), findings[0].cause.as_str()), (1, "NoSuchImage"));
}

#[tokio::test]
#[ignore = "needs docker"]
async fn a_step_without_an_engine_says_what_was_tried() {
    let mut project = Project::new(&[], "default");
    project.context.env = std::sync::Arc::new([("PATH".to_owned(), "/nowhere".to_owned())].into());
    let fault = project.step("image", json!({"pull": {"image": "a"}})).await.expect_err("no engine");
    assert_eq!(fault.kind, pipeline::core::model::outcome::FaultKind::Environment);
    assert!(fault.message.starts_with("no image engine answers: docker: "), "{fault:?}");
    assert!(fault.message.contains("; podman: ") && fault.help.is_some(), "{fault:?}");
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn loads_an_image_through_the_clusters_own_command() {
    let settings = ClusterSettings {
        contexts: vec!["local".into()],
        context: Some("local".into()),
        namespace: None,
        load: Some(vec![concat!(env!("CARGO_MANIFEST_DIR"), "/tools/cluster-load").into()]),
        ..ClusterSettings::default()
    };
    let project = Project::with(&[("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")], settings);
    let tag = format!("pipeline-test-load:{}", std::process::id());
    project.passes("image", json!({"build": {"context": ".", "tag": tag}})).await;
    let outputs = project.passes("image", json!({"load": {"image": tag}})).await;
    assert_eq!((&outputs["provider"], &outputs["context"]), (&json!("command"), &json!("local")));
    let missing = project.step("image", json!({"load": {"image": "pipeline-test-nowhere:1"}})).await;
    let Ok(Outcome::Failed(failure)) = missing else { panic!("should fail: {missing:?}") };
    assert_eq!(failure.summary, "no such image: pipeline-test-nowhere:1 (docker does not have it)");
    std::process::Command::new("docker").args(["image", "rm", &tag]).output().expect("docker runs");
}

#[tokio::test]
#[ignore = "needs docker"]
async fn a_base_image_holds_no_secrets_and_its_files_are_found() {
    let project = Project::new(&[], "default").secret("db_password", "hunter2-and-more");
    let body = json!({
        "name": "python:3.11-slim", "secrets": "none", "size": "< 300MB", "non_root": false,
        "files": {"present": ["/usr/bin/python3*", "/etc/passwd"], "absent": ["**/.git"]}
    });
    let measures = project.measures("image", body).await;
    assert!(measures.iter().all(|measure| measure.starts_with("holds")), "{measures:#?}");
}

#[tokio::test]
#[ignore = "needs buildah"]
async fn buildah_builds_and_is_measured_alike() {
    let project = project();
    let tag = format!("pipeline-test-buildah:{}", std::process::id());
    let build = json!({"build": {"context": "app", "tag": tag}, "engine": ["buildah"]});
    let outputs = project.passes("image", build).await;
    assert_eq!((&outputs["engine"], &outputs["layers"]), (&json!("buildah"), &json!(3)));
    assert!(outputs["size"].as_u64().is_some_and(|size| size > 0), "{outputs:?}");
    let expected = json!({
        "name": tag, "engine": ["buildah"], "size": "< 1MB", "non_root": true, "env": {"MODE": "production"},
        "ports": [8000], "labels": {"team": "todo"}, "healthcheck": true, "layers": 3,
        "files": {"present": ["/app/secret.txt"]}
    });
    let measures = project.measures("image", expected).await;
    assert!(measures.iter().all(|measure| measure.starts_with("holds")), "{measures:#?}");
    for format in ["docker_archive", "oci_archive"] {
        let save = json!({"save": {"image": tag, "path": "out.tar", "format": format}, "engine": ["buildah"]});
        project.passes("image", save).await;
        let measures = project.measures("image", json!({"archive": "out.tar", "non_root": true, "layers": 3})).await;
        assert!(measures.iter().all(|measure| measure.starts_with("holds")), "{measures:#?}");
    }
    let missing = json!({"name": "pipeline-test-nowhere:1", "engine": ["buildah"]});
    assert!(project.measures("image", missing).await[0].starts_with("unmet image: no such image"));
    std::process::Command::new("buildah").args(["rmi", &tag]).output().expect("buildah runs");
}
