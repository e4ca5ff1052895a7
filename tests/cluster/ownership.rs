//! Whose objects and whose turn: `clean` removes what runs made and nothing else, a foreign manager's fields are not
//! taken, one run at a time holds a namespace.

use std::fs;
use std::process::{Command, Stdio};

/// A namespace of this test alone; deleted at its end, also by a panic.
struct Ground(String);

impl Ground {
    fn new(name: &str) -> Self {
        let namespace = format!("pipeline-test-{name}-{}", std::process::id());
        assert_eq!(kubectl(&["create", "namespace", &namespace], "").0, 0);
        Ground(namespace)
    }

    fn kubectl(&self, args: &[&str], input: &str) -> String {
        let mut all = vec!["-n", self.0.as_str()];
        all.extend(args);
        let (code, out) = kubectl(&all, input);
        assert_eq!(code, 0, "kubectl {}: {out}", all.join(" "));
        out.trim().to_owned()
    }

    /// A project with one stage of these steps.
    fn project(&self, steps: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let head = format!(
            "version: 1\npipeline: owner\ncluster: {{ contexts: [local], namespace: {} }}\nstages: [a.yaml]\n",
            self.0
        );
        fs::write(folder.path().join("pipeline.yaml"), head).expect("written");
        fs::write(folder.path().join("a.yaml"), format!("stage: a\nsteps:\n{steps}")).expect("written");
        folder
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        kubectl(&["delete", "namespace", &self.0, "--wait=false", "--ignore-not-found"], "");
    }
}

fn kubectl(args: &[&str], input: &str) -> (i32, String) {
    use std::io::Write;
    let mut child = Command::new("kubectl")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kubectl is there");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("read");
    let said = child.wait_with_output().expect("ended");
    let text = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
    (said.status.code().unwrap_or(-1), text)
}

/// Runs the program: its exit code, and all that it said.
fn pipeline(folder: &tempfile::TempDir, args: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
    let said = command.args(args).current_dir(folder.path()).stdin(Stdio::null()).output().expect("started");
    let text = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
    (said.status.code().unwrap_or(-1), text)
}

#[track_caller]
fn ends(said: (i32, String), code: i32, words: &[&str]) -> String {
    assert_eq!(said.0, code, "{}", said.1);
    for word in words {
        assert!(said.1.contains(word), "no `{word}` in:\n{}", said.1);
    }
    said.1
}

const MINE: &str = "  mine: { kube: { config_map: { name: mine, data: { a: '1' } } } }\n";

#[test]
#[ignore = "needs the cluster"]
fn clean_removes_what_runs_made_and_names_what_holds_it_and_touches_nothing_else() {
    let ground = Ground::new("owner");
    ground.kubectl(&["create", "configmap", "theirs", "--from-literal=a=1"], "");
    let project = ground.project(MINE);
    ends(pipeline(&project, &["run"]), 0, &[]);
    let label = |name: &str| {
        let path = "jsonpath={.metadata.labels.pipeline\\.dev/run} {.metadata.resourceVersion}";
        ground.kubectl(&["get", "configmap", name, "-o", path], "")
    };
    let before = label("mine");
    ends(pipeline(&project, &["run"]), 0, &[]);
    assert_eq!(label("mine"), before, "an object that is as wanted is not changed, and keeps who made it");

    // Another's object: its fields are not taken, and asking for them with force does not make it ours.
    let conflict = ground.project("  theirs: { kube: { config_map: { name: theirs, data: { a: '2' } } } }\n");
    ends(pipeline(&conflict, &["run"]), 1, &[".data.a", "kubectl-create", "force: true"]);
    let forced =
        ground.project("  theirs: { kube: { config_map: { name: theirs, data: { a: '2' }, force: true } } }\n");
    ends(pipeline(&forced, &["run"]), 0, &[]);

    let shown = format!("configmap/mine in {}", ground.0);
    let said = ends(pipeline(&project, &["clean", "--dry-run"]), 0, &[&shown]);
    assert!(!said.contains("theirs"), "{said}");
    let held = r#"{"metadata":{"finalizers":["example.com/hold"]}}"#;
    ground.kubectl(&["patch", "configmap", "mine", "--type=merge", "-p", held], "");
    let words = [&*shown, "is still there: its finalizers have not let go: example.com/hold"];
    ends(pipeline(&project, &["clean", "--timeout", "1s"]), 1, &words);
    ground.kubectl(&["patch", "configmap", "mine", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#], "");
    ends(pipeline(&project, &["clean"]), 0, &[]);
    let left = ground.kubectl(&["get", "configmap", "-o", "name"], "");
    assert_eq!(left, "configmap/kube-root-ca.crt\nconfigmap/theirs");
    // And `--fresh` makes anew what was there.
    ends(pipeline(&project, &["run"]), 0, &[]);
    ends(pipeline(&project, &["run", "--fresh"]), 0, &[&format!("removed {shown}")]);
}

#[test]
#[ignore = "needs the cluster"]
fn a_namespace_is_held_by_one_run_at_a_time_and_a_holder_that_is_gone_is_followed() {
    let ground = Ground::new("lease");
    let project = ground.project(MINE);
    let hold = |holder: &str, renewed: jiff::Timestamp| {
        let lease = format!(
            "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {{ name: pipeline-owner }}\nspec: {{ holderIdentity: '{holder}', \
             leaseDurationSeconds: 30, renewTime: '{}' }}\n",
            renewed.strftime("%Y-%m-%dT%H:%M:%S.%6fZ")
        );
        ground.kubectl(&["apply", "-f", "-"], &lease);
    };
    let none = || {
        let left = ground.kubectl(&["get", "lease", "-o", "name"], "");
        assert_eq!(left, "", "it is given back");
    };
    let now = jiff::Timestamp::now;

    hold("20260101-000000-aaaa@elsewhere", now());
    let said = ends(pipeline(&project, &["run"]), 3, &["is held by run 20260101-000000-aaaa@elsewhere", "--wait 10m"]);
    assert!(!said.contains("a.mine"), "nothing ran: {said}");
    assert_eq!(ground.kubectl(&["get", "configmap", "-o", "name"], ""), "configmap/kube-root-ca.crt");

    hold("20260101-000000-aaaa@elsewhere", now() - jiff::SignedDuration::from_secs(3600));
    ends(pipeline(&project, &["run"]), 0, &["was held by 20260101-000000-aaaa@elsewhere", "taken over"]);
    none();

    // A run of this project that is not going on is known to be dead: nobody waits for its time to be over.
    let run =
        fs::read_dir(project.path().join(".pipeline/runs")).expect("runs").next().expect("one").expect("readable");
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    hold(&format!("{}@{host}", run.file_name().to_string_lossy()), now());
    ends(pipeline(&project, &["run"]), 0, &["taken over"]);
    none();
}
