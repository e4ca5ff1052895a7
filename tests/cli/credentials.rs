//! Credential plugins of a kubeconfig: what the program says of them, and that they end with it.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::api::{Api, Asked, Reply};
use crate::kit::{Project, lives, said};

const STAGE: &str = "stage: one
steps:
  apply: { kube: { apply: { objects: [{ apiVersion: v1, kind: ConfigMap, metadata: { name: one }, data: { a: b } }] } } }
";

/// A project whose only context signs in with this plugin.
fn project(api: &Api, exec: &Value) -> Project {
    let project = Project::headed("cluster: { contexts: [fake], namespace: todo }\n", &[("a.yaml", STAGE)]);
    let mut exec = exec.clone();
    exec["apiVersion"] = json!("client.authentication.k8s.io/v1");
    exec["interactiveMode"] = json!("Never");
    project.write("kubeconfig", &api.kubeconfig(&json!({ "exec": exec })));
    project
}

fn well() -> Api {
    Api::new(|_: &Asked| Reply::Well)
}

fn run(project: &Project, args: &[&str]) -> crate::kit::Said {
    said(project.command(args).env("KUBECONFIG", project.path().join("kubeconfig")))
}

#[test]
fn a_plugin_that_fails_leaves_no_secret_anywhere() {
    let script = "echo '{\"status\":{\"token\":\"hk-TOKEN-FROM-PLUGIN\"}}'; \
                  echo \"refused: $OIDC_CLIENT_SECRET hk-TOKEN-FROM-PLUGIN\" >&2; exit 1";
    let env = json!([{ "name": "OIDC_CLIENT_SECRET", "value": "hk-s3cr3t-value" }]);
    let project = project(&well(), &json!({ "command": "sh", "args": ["-c", script], "env": env }));
    let answer = run(&project, &["run"]);
    let words = ["the credential plugin `sh` of context \"fake\" failed with exit code 1: refused: "];
    let answer = answer.ends(3, &words);
    let mut everything = format!("{}{}", answer.out, answer.err);
    for entry in walkdir::WalkDir::new(project.path().join(".pipeline")).into_iter().flatten() {
        everything.push_str(&String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap_or_default()));
    }
    for secret in ["hk-s3cr3t-value", "hk-TOKEN-FROM-PLUGIN", "OIDC_CLIENT_SECRET"] {
        assert!(!everything.contains(secret), "{secret} is in:\n{everything}");
    }
}

#[test]
fn a_missing_plugin_is_named_with_its_install_hint() {
    let exec = json!({ "command": "hk-no-such-plugin", "installHint": "Install it with: corp install hk" });
    let answer = run(&project(&well(), &exec), &["run"]);
    answer.ends(
        3,
        &[
            "the credential plugin `hk-no-such-plugin` of context \"fake\" is not installed",
            "Install it with: corp install hk",
        ],
    );
}

#[test]
fn a_hanging_plugin_ends_with_the_first_ctrl_c() {
    let project = project(&well(), &json!({ "command": "sh", "args": ["-c", "sleep 3600 & echo $! > child; wait"] }));
    let mut command = project.command(&["run"]);
    command.env("KUBECONFIG", project.path().join("kubeconfig"));
    let mut live = project.started(command);
    live.line("signs in with the program");
    let begun = Instant::now();
    while !project.has("child") || project.read("child").is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the plugin does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    let begun = Instant::now();
    live.signal(Signal::INT);
    let (code, reported) = live.end();
    assert_eq!(code, Some(130), "{reported}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}: {reported}", begun.elapsed());
    assert!(!lives(&project.read("child")), "what the plugin started lives");
}

#[test]
fn a_token_that_the_cluster_rejects_is_issued_again() {
    let api = Api::new(|asked: &Asked| match (asked.path.as_str(), asked.before) {
        ("/version", 0) => Reply::Refuse(401, "", "Unauthorized"),
        _ => Reply::Well,
    });
    let script = "echo x >> starts; echo \"{\\\"status\\\":{\\\"token\\\":\\\"t-$$\\\"}}\"";
    let project = project(&api, &json!({ "command": "sh", "args": ["-c", script] }));
    let answer = run(&project, &["run"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert_eq!(project.read("starts").lines().count(), 2);
}
