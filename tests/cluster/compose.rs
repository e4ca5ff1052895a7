//! The `compose` step on a real Docker.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use pipeline::core::model::outcome::{Failure, Outcome};
use serde_json::json;

use super::busybox::{IMAGE, loaded};
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
    loaded();
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

/// The containers of a project.
fn containers(name: &str) -> usize {
    let filter = format!("label=com.docker.compose.project={name}");
    let listed = Command::new("docker").args(["ps", "--all", "--quiet", "--filter", &filter]).output();
    String::from_utf8_lossy(&listed.expect("docker runs").stdout).lines().count()
}

/// `pipeline` in a folder.
fn pipeline(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
    command.args(args).current_dir(folder).stdin(Stdio::null()).env_remove("GITHUB_ACTIONS");
    command
}

/// A run that is killed while its project is up.
fn killed(folder: &Path, name: &str) {
    let mut child = pipeline(folder, &["run"]).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("started");
    let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let said: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.contains("│ here")).collect();
    child.kill().expect("ours");
    child.wait().expect("ours");
    assert_eq!(containers(name), 1, "{}", said.join("\n"));
}

#[test]
#[ignore = "needs docker"]
fn a_project_that_a_killed_run_left_is_taken_down_by_clean_or_the_next_run_and_no_others() {
    loaded();
    let (name, other) =
        (format!("pipeline-left-{}", std::process::id()), format!("pipeline-other-{}", std::process::id()));
    let (folder, theirs) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("below")).and_then(|()| fs::write(path, text)).expect("writable");
    };
    let services = format!("services: {{ web: {{ image: {IMAGE}, command: [sleep, '1000'], init: true }} }}\n");
    fs::write(theirs.path().join("compose.yaml"), &services).expect("writable");
    let compose = |args: &[&str]| {
        let mut compose = Command::new("docker");
        compose.args(["compose", "--project-name", &other]).args(args).current_dir(theirs.path());
        assert!(compose.stderr(Stdio::null()).status().expect("docker runs").success());
    };
    compose(&["up", "--detach"]);
    write("compose.yaml", &services);
    write("pipeline.yaml", "version: 1\npipeline: left\nstages: [a.yaml]\n");
    write(
        "a.yaml",
        &format!(
            "stage: a\nsteps:\n  web: {{ compose: {{ project: {name}, up: {{}} }}, during: [work] }}\n  \
             work: {{ shell: {{ run: 'echo here; while [ ! -e go ]; do sleep 0.1; done' }} }}\n"
        ),
    );
    killed(folder.path(), &name);
    // A project that was ours once, and is somebody else's now.
    let text =
        json!({ "name": other, "run": "r", "files": ["/gone.yaml"], "during": true, "volumes": true }).to_string();
    write(&format!(".pipeline/compose/{other}.json"), &text);
    let cleaned = pipeline(folder.path(), &["clean"]).output().expect("started");
    let err = String::from_utf8_lossy(&cleaned.stderr).into_owned();
    assert!(cleaned.status.success(), "{err}");
    assert!(err.contains(&format!("took down compose project {name}, which run ")), "{err}");
    assert!(err.contains(&format!("compose project {other} is another now, of ")), "{err}");
    assert_eq!((containers(&name), containers(&other)), (0, 1), "{err}");

    killed(folder.path(), &name);
    write("go", "");
    let next = pipeline(folder.path(), &["run"]).output().expect("started");
    let err = String::from_utf8_lossy(&next.stderr).into_owned();
    assert!(next.status.success() && err.contains(&format!("took down compose project {name}, which run ")), "{err}");
    assert_eq!((containers(&name), containers(&other)), (0, 1), "{err}");
    compose(&["down"]);
}
