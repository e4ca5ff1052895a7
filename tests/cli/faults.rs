//! Faults of the cluster and of the image engine: what a run makes of them, in its own words.

use std::time::Duration;

use serde_json::json;

use crate::api::{Api, Asked, Reply};
use crate::kit::{Project, Said, said};

const HEAD: &str = "cluster: { contexts: [fake], namespace: todo }\n";
const STAGE: &str = "stage: a\nsteps:\n  apply:\n    kube:\n      apply:\n        objects:\n\
    \x20         - { apiVersion: v1, kind: ConfigMap, metadata: { name: one }, data: { a: b } }\n\
    \x20         - { apiVersion: v1, kind: ConfigMap, metadata: { name: two }, data: { a: b } }\n";
const ONE: &str = "/api/v1/namespaces/todo/configmaps/one";

fn run(api: &Api) -> Said {
    let project = Project::headed(HEAD, &[("a.yaml", STAGE)]);
    project.write("kubeconfig", &api.kubeconfig(&json!({})));
    said(project.command(&["run"]).env("KUBECONFIG", project.path().join("kubeconfig")))
}

/// Answers what `fault` says to the first object's first requests, and is well otherwise.
fn ailing(times: usize, fault: impl Fn() -> Reply + Send + Sync + 'static) -> Api {
    Api::new(
        move |asked: &Asked| {
            if asked.method == "PATCH" && asked.path == ONE && asked.before < times { fault() } else { Reply::Well }
        },
    )
}

#[test]
fn an_api_server_that_restarts_in_the_middle_of_an_apply_is_waited_for() {
    for fault in [|| Reply::Reset, || Reply::Torn] {
        let api = ailing(2, fault);
        run(&api).ends(0, &["a.apply"]);
        // the client itself may try once more where a kept connection was closed
        assert!(api.count(&format!("PATCH {ONE}")) >= 3);
        assert_eq!(
            api.count("PATCH /api/v1/namespaces/todo/configmaps/two"),
            1,
            "what was applied is not applied again"
        );
    }
}

#[test]
fn a_retry_after_of_429_and_503_is_honoured() {
    for status in [429, 503] {
        let api = ailing(1, move || Reply::Refuse(status, "retry-after: 1\r\n", "too many requests"));
        let begun = std::time::Instant::now();
        run(&api).ends(0, &[]);
        assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
        assert_eq!(api.count(&format!("PATCH {ONE}")), 2);
    }
}

#[test]
fn a_slow_api_server_is_waited_for() {
    let api = ailing(1, || Reply::Slow(Duration::from_secs(5)));
    run(&api).ends(0, &[]);
}

#[test]
fn garbage_instead_of_json_is_no_answer() {
    let api =
        Api::new(
            |asked: &Asked| {
                if asked.method == "PATCH" { Reply::Garbage("<html>proxy says hello</html>") } else { Reply::Well }
            },
        );
    run(&api).ends(
        3,
        &[
            "what answers for context \"fake\" at http://127.0.0.1:",
            "does not speak the Kubernetes API: its answer is not JSON",
        ],
    );
    let api = Api::new(|asked: &Asked| if asked.path == "/version" { Reply::Garbage("<html>") } else { Reply::Well });
    run(&api).ends(
        3,
        &[
            "what answers for context \"fake\" at http://127.0.0.1:",
            "does not speak the Kubernetes API: its answer is not JSON",
        ],
    );
}

#[test]
fn a_server_that_is_away_for_good_is_named_and_the_run_ends() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    let api = Api::new(|_: &Asked| Reply::Well);
    let gone = api.kubeconfig(&json!({})).replace(&format!(":{}", api.port), &format!(":{port}"));
    let project = Project::headed(HEAD, &[("a.yaml", STAGE)]);
    project.write("kubeconfig", &gone);
    let run = said(project.command(&["run"]).env("KUBECONFIG", project.path().join("kubeconfig")));
    run.ends(3, &[&format!("does not answer at http://127.0.0.1:{port}: connection refused"), "help: start it"]);
}

#[test]
fn a_docker_daemon_that_dies_in_the_middle_of_a_build_is_no_failed_build() {
    let stage = "stage: a\nsteps: { build: { image: { build: { context: app, tag: 'x:1' }, engine: [docker] } } }\n";
    let project = Project::of(&[("a.yaml", stage)]);
    project.write("app/Dockerfile", "FROM scratch\n");
    let docker = "#!/bin/sh\ncase \"$1\" in\n  version) echo 27.0.0;;\n  buildx) exit 1;;\n\
        \x20 *) echo 'Step 1/9 : FROM scratch'; echo 'ERROR: error during connect: Post \"http://docker/build\": EOF' >&2; exit 1;;\nesac\n";
    project.program("bin/docker", docker);
    let search = format!("{}:{}", project.path().join("bin").display(), std::env::var("PATH").unwrap_or_default());
    let run = said(project.command(&["run"]).env("PATH", search));
    let words = "docker went away during docker build of app: error during connect: Post \"http://docker/build\": EOF";
    run.ends(3, &[words, "start docker again, and see in its log why it ended"]);
}
