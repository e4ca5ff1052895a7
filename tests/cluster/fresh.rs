//! A namespace for each run: created, used by what names none, removed with all that the run made; kept where a run fails.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use pipeline::core::kind::settings::FreshSettings;
use pipeline::core::model::outcome::FaultKind;
use pipeline::kubernetes::client::{Cluster, ClusterSettings};

use crate::ran::{Ran, quiet};

/// All that runs of one test leave, removed at its end, also by a panic.
struct Left(String);

impl Left {
    fn new(name: &str) -> Self {
        Left(format!("fresh-{name}-{}", std::process::id()))
    }

    /// The namespaces that are there and not being removed.
    fn namespaces(&self) -> Vec<String> {
        let fields = "-o=jsonpath={range .items[*]}{.metadata.name}={.metadata.deletionTimestamp}{\"\\n\"}{end}";
        let found = kubectl(&["get", "namespaces", &format!("-lpipeline.dev/fresh={}", self.0), fields]);
        let names = found.lines().filter_map(|line| line.strip_suffix('='));
        names.map(str::to_owned).collect()
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        let label = format!("-lpipeline.dev/fresh={}", self.0);
        quiet("kubectl", &["delete", "namespace,clusterrole", &label, "--wait=false"]);
    }
}

fn kubectl(args: &[&str]) -> String {
    let output = Command::new("kubectl").args(args).output().expect("started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn clean(folder: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
    let output = command.arg("clean").current_dir(folder).stdin(Stdio::null()).output().expect("started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

/// A project whose gate holds when `pass` says so.
fn project(namespace: &str, pass: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(
        "version: 1\npipeline: fresh\ncluster: {{ contexts: [local], namespace: {namespace} }}\nstages:\n  a:\n    steps:\n      \
         apply: {{ kube: {{ config_map: {{ name: one, data: {{ where: '${{{{ run.namespace }}}}' }} }} }} }}\n      \
         role: {{ kube: {{ apply: {{ objects: [{{ apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {{ name: '${{{{ run.namespace }}}}' }}, rules: [] }}] }} }} }}\n      \
         own: {{ needs: [apply], shell: 'kubectl get configmap one -o name; cat pass' }}\n    \
         gate:\n      - resource: {{ kind: ConfigMap, name: one, match: {{ data: {{ where: '${{{{ run.namespace }}}}' }} }} }}\n      \
         - shell: grep -q yes pass\n"
    );
    fs::write(folder.path().join("pipeline.yaml"), text).expect("written");
    fs::write(folder.path().join("pass"), pass).expect("written");
    folder
}

#[test]
#[ignore = "needs the cluster"]
fn two_runs_at_once_have_a_namespace_each_and_leave_nothing() {
    let left = Left::new("two");
    let namespace = format!("{{ fresh: {} }}", left.0);
    let (one, other) = (project(&namespace, "yes"), project(&namespace, "yes"));
    let (one, other) = std::thread::scope(|threads| {
        let [one, other] = [&one, &other].map(|folder| threads.spawn(|| Ran::of(folder.path(), &[], &[])));
        (one.join().expect("ran"), other.join().expect("ran"))
    });
    for ran in [&one, &other] {
        ran.ends(0, &["✔ a.own", "✔ a.gate", &format!("removed namespace/{}-", left.0)]);
    }
    assert_eq!(left.namespaces(), [""; 0]);
    let roles = kubectl(&["get", "clusterroles", "-lpipeline.dev/pipeline=fresh", "-o=name"]);
    assert!(!roles.contains(&left.0), "{roles}");
}

#[test]
#[ignore = "needs the cluster"]
fn a_failed_run_leaves_its_namespace_until_it_is_continued_or_cleaned() {
    let left = Left::new("keep");
    let namespace = format!("{{ fresh: {}, keep: failed, expires: 2h }}", left.0);
    let (failing, passing) = (project(&namespace, "no"), project(&namespace, "yes"));
    Ran::of(failing.path(), &[], &[]).ends(1, &["is kept until 20", "`pipeline clean` removes it"]);
    let found = left.namespaces();
    let [kept] = found.as_slice() else { panic!("{found:?}") };
    Ran::of(passing.path(), &[], &[]).ends(0, &["✔ a.gate"]);
    let said = clean(passing.path());
    assert!(said.contains(&format!("namespace {kept} is of run")), "{said}");
    assert_eq!(left.namespaces(), [kept.as_str()], "it is not of that folder, and its time is not over");
    fs::write(failing.path().join("pass"), "yes").expect("written");
    Ran::of(failing.path(), &["--resume"], &[]).ends(0, &["✔ a.gate", &format!("removed namespace/{kept}")]);
    assert_eq!(left.namespaces(), [""; 0]);
    // once more, and cleaned
    fs::write(failing.path().join("pass"), "no").expect("written");
    Ran::of(failing.path(), &[], &[]).ends(1, &["is kept until 20"]);
    let said = clean(failing.path());
    assert!(said.contains(&format!("removed namespace/{}-", left.0)), "{said}");
    assert_eq!(left.namespaces(), [""; 0]);
    // what is gone cannot be continued
    Ran::of(failing.path(), &["--resume"], &[]).ends(3, &["which an earlier run created, is gone"]);
}

#[test]
#[ignore = "needs the cluster"]
fn a_namespace_whose_time_is_over_is_removed_by_a_later_run() {
    let left = Left::new("expires");
    let namespace = format!("{{ fresh: {}, keep: failed, expires: 2h }}", left.0);
    Ran::of(project(&namespace, "no").path(), &[], &[]).ends(1, &["is kept until"]);
    let found = left.namespaces();
    let [kept] = found.as_slice() else { panic!("{found:?}") };
    kubectl(&["annotate", "namespace", kept, "--overwrite", "pipeline.dev/expires=2020-01-01T00:00:00Z"]);
    Ran::of(project(&namespace, "yes").path(), &[], &[]).ends(0, &["✔ a.gate"]);
    assert_eq!(left.namespaces(), [""; 0]);
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_namespace_that_is_taken_is_an_error() {
    let left = Left::new("taken");
    let (run, pipeline) = ("20200101-000000-aaaa", "fresh".to_owned());
    let fresh = FreshSettings {
        prefix: left.0.clone(),
        pipeline,
        keep_failed: false,
        expires: FreshSettings::EXPIRES,
        origin: None,
    };
    let settings = ClusterSettings {
        contexts: vec!["local".into()],
        context: Some("local".into()),
        fresh: Some(fresh),
        ..ClusterSettings::default()
    };
    let settings = settings.for_run(run).expect("each run has one");
    let name = settings.fresh_namespace().expect("a name").to_owned();
    kubectl(&["create", "namespace", &name]);
    let taken = Cluster::new(settings.clone()).begin_fresh().await.expect_err("taken");
    quiet("kubectl", &["delete", "namespace", &name, "--wait=true"]);
    assert_eq!(taken.kind, FaultKind::Environment);
    assert!(taken.message.starts_with(&format!("namespace {name} is taken")), "{}", taken.message);
    for _ in 0..2 {
        // another connection finds the run's own
        Cluster::new(settings.clone()).begin_fresh().await.expect("created");
    }
    assert_eq!(left.namespaces(), [name]);
}
