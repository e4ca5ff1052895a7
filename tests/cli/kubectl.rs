//! A script's own `kubectl` finds the run's cluster and no other.

use std::fs;

use super::kit::{Project, said};

const KUBECONFIG: &str = "apiVersion: v1
kind: Config
current-context: mine
contexts:
  - { name: mine, context: { cluster: near, user: me } }
  - { name: prod, context: { cluster: far, user: me } }
clusters:
  - { name: near, cluster: { server: \"https://127.0.0.1:1\" } }
  - { name: far, cluster: { server: \"https://127.0.0.1:2\" } }
users: [{ name: me, user: {} }]
";

/// Says which file it was given and what stands in it.
const KUBECTL: &str = "#!/bin/sh\necho \"$KUBECONFIG\" && cat \"$KUBECONFIG\"\n";

const STAGE: &str = "stage: one
steps:
  look: { shell: { run: sh bin/kubectl get pods } }
  own: { env: { KUBECONFIG: kubeconfig.yaml }, shell: { run: sh bin/kubectl get pods } }
gate:
  - shell: { run: sh bin/kubectl get pods, stdout: { lacks: '127.0.0.1:2' } }
";

fn log_of(project: &Project, head: &str, current: &str, step: &str) -> String {
    let kubeconfig = project.path().join("kubeconfig.yaml");
    project
        .write("kubeconfig.yaml", &KUBECONFIG.replace("current-context: mine", &format!("current-context: {current}")));
    project.write("pipeline.yaml", &format!("version: 1\npipeline: test\n{head}stages: [one.yaml]\n"));
    let ran = said(project.command(&["run"]).env("KUBECONFIG", kubeconfig));
    assert_eq!(ran.code, 0, "{}", ran.err);
    fs::read_to_string(project.newest().join(format!("logs/one.{step}.log"))).expect("it said something")
}

#[test]
fn a_script_reaches_the_runs_cluster_and_no_other() {
    let project = Project::new(&[("bin/kubectl", KUBECTL), ("one.yaml", STAGE)]);
    let head = "cluster: { contexts: [mine], namespace: todo }\n";
    let look = log_of(&project, head, "mine", "look");
    assert!(look.contains("https://127.0.0.1:1") && look.contains("\"namespace\":\"todo\""), "{look}");
    assert!(!look.contains("https://127.0.0.1:2"), "{look}");
    assert!(log_of(&project, head, "mine", "own").starts_with("kubeconfig.yaml\n"));
}

#[test]
fn where_the_context_is_not_allowed_it_reaches_none() {
    let project = Project::new(&[("bin/kubectl", KUBECTL), ("one.yaml", STAGE)]);
    assert_eq!(log_of(&project, "cluster: { contexts: [mine] }\n", "prod", "look"), "/dev/null\n");
}

#[test]
fn a_pipeline_without_a_cluster_leaves_kubeconfig_alone() {
    let stage = STAGE.split("gate:").next().expect("steps");
    let project = Project::new(&[("bin/kubectl", KUBECTL), ("one.yaml", stage)]);
    let look = log_of(&project, "", "mine", "look");
    assert!(look.starts_with(&format!("{}\n", project.path().join("kubeconfig.yaml").display())), "{look}");
}
