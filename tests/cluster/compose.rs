//! The `compose` step on a real Docker.

use pipeline::outcome::{Failure, Outcome};
use serde_json::json;

use super::stand::{IMAGE, image};
use super::world::Project;

/// A web service that is healthy, and a worker that ends as `code` says.
fn file(code: u32) -> String {
    format!(
        "services:\n  web:\n    image: {IMAGE}\n    command: [sleep, '1000']\n    stop_grace_period: 1s\n    init: true\n    \
         environment: {{ WORD: \"${{WORD:?say a word}}\" }}\n    \
         healthcheck: {{ test: [CMD, 'true'], interval: 1s, retries: 20 }}\n  worker:\n    image: {IMAGE}\n    \
         command: [sh, -c, 'echo working; exit {code}']\n    depends_on: {{ web: {{ condition: service_healthy }} }}\n"
    )
}

fn project(code: u32) -> (Project, String) {
    image();
    let mut project = Project::new(&[("compose.yaml", &file(code))], "default");
    let env = std::sync::Arc::make_mut(&mut project.context.env);
    env.insert("WORD".to_owned(), "hello".to_owned());
    (project, format!("pipeline-compose-{code}-{}", std::process::id()))
}

#[tokio::test]
#[ignore = "needs docker"]
async fn brings_a_project_up_looks_at_it_and_takes_it_down() {
    let (mut project, name) = project(0);
    let up = project.passes("compose", json!({ "project": name, "up": {} })).await;
    let stands: Vec<_> =
        up["services"].as_array().into_iter().flatten().map(|it| (&it["name"], &it["state"], &it["health"])).collect();
    assert_eq!(stands[0], (&json!("web"), &json!("running"), &json!("healthy")));
    assert_eq!(stands[1].0, &json!("worker"));
    let looked = project.passes("compose", json!({ "project": name, "ps": {} })).await;
    assert_eq!(looked["healthy"], json!(2));
    // the variable is gone by now: it is taken down all the same, by its name
    std::sync::Arc::make_mut(&mut project.context.env).remove("WORD");
    project.passes("compose", json!({ "project": name, "down": { "volumes": true } })).await;
    let left = std::process::Command::new("docker")
        .args(["ps", "--all", "--quiet", "--filter", &format!("label=com.docker.compose.project={name}")])
        .output()
        .expect("docker runs");
    assert_eq!(String::from_utf8_lossy(&left.stdout), "");
}

#[tokio::test]
#[ignore = "needs docker"]
async fn a_service_that_ends_is_named_with_its_exit_code_and_last_lines() {
    let (project, name) = project(7);
    let outcome = project.step("compose", json!({ "project": name, "up": { "within": "30s" } })).await;
    project.passes("compose", json!({ "project": name, "down": {} })).await;
    let Ok(Outcome::Failed(Failure { summary, findings, .. })) = outcome else { panic!("it fails: {outcome:?}") };
    assert!(summary.contains("worker"), "{summary}");
    let finding = findings.iter().find(|finding| finding.object == "service/worker").expect("it is named");
    assert_eq!((finding.cause.as_str(), finding.message.as_str()), ("exited", "ended with exit code 7"));
    assert_eq!(finding.lines, ["working"]);
}
