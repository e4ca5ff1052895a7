//! Deployments that are broken in one way each: the gate fails, the cause is named, and a wait that cannot end well is
//! over as soon as the cluster knows. And deployments that recover by themselves: no wait ends too early.
//!
//! `CAUSES=name` runs one of them; `CAUSES_JOBS` side by side (4).

mod broken;
mod broken_more;
mod broken_workloads;
mod recovering;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::busybox;
use super::ran::{Ran, quiet};

/// How long every gate could wait.
const WITHIN: &str = "60s";

/// One deployment.
pub struct Case {
    pub name: &'static str,
    pub manifests: String,
    /// The assertion, in flow style: `rollout: { workload: deployment/web }`.
    pub gate: &'static str,
    /// The cause that is named, and words beside it on the terminal.
    pub cause: &'static str,
    pub words: &'static [&'static str],
    /// Whether the wait must be over before its time.
    pub early: bool,
}

impl Case {
    fn namespace(&self) -> String {
        format!("kubecause-{}-{}", self.name, std::process::id())
    }

    fn write(&self, folder: &Path) {
        let namespace = self.namespace();
        let within = if self.early { WITHIN } else { "20s" };
        let pipeline = format!(
            "version: 1\npipeline: kubecause\ncluster: {{ contexts: [local], namespace: {namespace} }}\nstages: [a.yaml]\n"
        );
        let stage = format!(
            "stage: a\nsteps:\n  apply: {{ kube: {{ apply: {{ files: [m.yaml], create_namespace: true }} }} }}\n\
             gate:\n  - {}\n    within: {within}\n",
            self.gate
        );
        for (name, text) in [("pipeline.yaml", &pipeline), ("a.yaml", &stage), ("m.yaml", &self.manifests)] {
            fs::write(folder.join(name), text.replace("NAMESPACE", &namespace)).expect("writable");
        }
    }

    /// What is wrong with how its run ended; nothing if all is right.
    fn run(&self) -> Option<String> {
        let folder = tempfile::tempdir().expect("a folder");
        self.write(folder.path());
        let begun = Instant::now();
        let ran = Ran::of(folder.path(), &[], &[]);
        let took = begun.elapsed();
        quiet("kubectl", &["delete", "namespace", &self.namespace(), "--wait=false", "--ignore-not-found"]);
        let mut wrong = Vec::new();
        if ran.code != 1 {
            wrong.push(format!("exit code {}", ran.code));
        }
        for words in std::iter::once(&self.cause).chain(self.words) {
            if !ran.err.contains(words) {
                wrong.push(format!("no `{words}`"));
            }
        }
        if ran.err.contains("cannot recover") != self.early {
            wrong.push(format!("ended early: {}", !self.early));
        }
        (!wrong.is_empty()).then(|| format!("{} ({took:.1?}): {}\n{}", self.name, wrong.join(", "), ran.err))
    }
}

/// A Deployment `web` with one container `app`; `container` and `pod` are lines of YAML that add to it.
pub fn web(container: &str, pod: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: web }}\nspec:\n  replicas: 1\n  \
         selector: {{ matchLabels: {{ app: web }} }}\n  template:\n    metadata: {{ labels: {{ app: web }} }}\n    \
         spec:\n{}",
        pod_spec(container, pod, 6)
    )
}

/// A Pod's specification, indented.
pub fn pod_spec(container: &str, pod: &str, indent: usize) -> String {
    let image = if container.contains("image:") { "" } else { "image: pipeline-busybox:local\n" };
    let mut lines = vec!["terminationGracePeriodSeconds: 0".to_owned()];
    lines.extend(pod.lines().map(str::to_owned));
    lines.push("containers:".to_owned());
    let own = format!("name: app\n{image}{container}");
    let first = own.lines().enumerate().map(|(at, line)| format!("{}{line}", if at == 0 { "- " } else { "  " }));
    lines.extend(first);
    let margin = " ".repeat(indent);
    lines.iter().flat_map(|line| [margin.as_str(), line, "\n"]).collect()
}

/// `command` that runs a script.
pub fn script(text: &str) -> String {
    format!("command: [/bin/sh, -c, {text:?}]\n")
}

fn jobs() -> usize {
    std::env::var("CAUSES_JOBS").ok().and_then(|text| text.parse().ok()).unwrap_or(4)
}

/// Runs all, some at a time; what went wrong.
fn all(count: usize, name: impl Fn(usize) -> &'static str + Sync, run: impl Fn(usize) -> Option<String> + Sync) {
    busybox::loaded();
    let only = std::env::var("CAUSES").ok();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..jobs() {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        break;
                    }
                    if only.as_deref().is_none_or(|only| only == name(at))
                        && let Some(text) = run(at)
                    {
                        wrong.lock().expect("no panic").push(text);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "{} of {count} went wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
#[ignore = "needs the cluster, and minutes"]
fn every_broken_deployment_fails_by_its_cause() {
    let cases = broken::cases();
    all(cases.len(), |at| cases[at].name, |at| cases[at].run());
}

#[test]
#[ignore = "needs the cluster, and minutes"]
fn no_deployment_that_recovers_is_given_up() {
    let cases = recovering::cases();
    all(cases.len(), |at| cases[at].name, |at| cases[at].run());
}

/// A command of the test, some time after the run began.
pub fn later(after: Duration, program: &str, args: &[&str]) {
    std::thread::sleep(after);
    let mut command = Command::new(program);
    let said = command.args(args).stdin(Stdio::null()).output().expect("started");
    assert!(said.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&said.stderr));
}
