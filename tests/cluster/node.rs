//! What becomes of a run when the node's kubelet stops, dies or comes back. For a cluster of tools/ alone, and for one
//! test at a time: whatever else runs on the node suffers too.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::busybox;
use crate::ran::{Ran, quiet};

/// For every test that stops something of the node.
pub static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The node's kubelet, which runs again in the end.
pub struct Kubelet;

impl Kubelet {
    fn path(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tools").join(name)
    }

    pub fn tool(name: &str, args: &[&str]) {
        let output = Command::new(Kubelet::path(name)).args(args).output().expect("started");
        assert!(output.status.success(), "tools/{name} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    pub fn stopped() -> Self {
        Kubelet::tool("kubelet", &["stop"]);
        Kubelet
    }

    pub fn goes_on(self) {
        drop(self);
        kubectl(&["wait", "--for=condition=Ready", "node", "--all", "--timeout=60s"]);
        // What serves others on this node was counted out with it.
        kubectl(&["wait", "--for=condition=Available", "deployment", "--all", "-n", "kube-system", "--timeout=120s"]);
    }

    /// As after a crash that a service manager notices.
    fn dies_and_comes_back(self) {
        Kubelet::tool("kubelet", &["kill"]);
        Kubelet::tool("up", &[]);
        // Nothing of it is left that could go on.
        std::mem::forget(self);
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        quiet(&Kubelet::path("kubelet").display().to_string(), &["continue"]);
    }
}

#[track_caller]
fn kubectl(args: &[&str]) {
    let output = Command::new("kubectl").args(args).output().expect("started");
    assert!(output.status.success(), "kubectl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Two pods that only sleep, applied by a stage with a gate.
struct Sleepers {
    folder: tempfile::TempDir,
    namespace: String,
}

impl Sleepers {
    fn new(name: &str, within: &str) -> Self {
        busybox::loaded();
        let sleepers = Sleepers {
            folder: tempfile::tempdir().expect("a folder"),
            namespace: format!("node-{name}-{}", std::process::id()),
        };
        let (namespace, image) = (&sleepers.namespace, busybox::IMAGE);
        sleepers.write(
            "pipeline.yaml",
            &format!("version: 1\npipeline: node\ncluster: {{ contexts: [local], namespace: {namespace} }}\nstages: [stage.yaml]\n"),
        );
        sleepers.write(
            "stage.yaml",
            &format!(
                "stage: sleep\nsteps:\n  apply: {{ kube: {{ apply: {{ files: web.yaml }} }} }}\ngate:\n  - name: both sleep\n    pods: {{ selector: app=web, count: 2, ready: all }}\n    within: {within}\n"
            ),
        );
        sleepers.write(
            "web.yaml",
            &format!(
                "apiVersion: v1\nkind: Namespace\nmetadata: {{ name: {namespace} }}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: web }}\nspec:\n  replicas: 2\n  selector: {{ matchLabels: {{ app: web }} }}\n  template:\n    metadata: {{ labels: {{ app: web }} }}\n    spec:\n      terminationGracePeriodSeconds: 0\n      containers: [{{ name: web, image: \"{image}\", imagePullPolicy: Never, command: [sleep, \"3600\"] }}]\n"
            ),
        );
        sleepers
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.folder.path().join(file), text).expect("writable");
    }

    fn run(&self) -> Ran {
        Ran::of(self.folder.path(), &[], &[])
    }

    /// Its Deployment is there, and pods of it are on a node.
    fn are_scheduled(&self) {
        let begun = Instant::now();
        loop {
            let mut get = Command::new("kubectl");
            get.args(["get", "pods", "-n", &self.namespace, "-o", "jsonpath={.items[*].spec.nodeName}"]);
            let said = get.stderr(Stdio::null()).output().expect("started").stdout;
            if String::from_utf8_lossy(&said).split_whitespace().count() == 2 {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "no pod was scheduled");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        quiet("kubectl", &["delete", "namespace", &self.namespace, "--ignore-not-found", "--wait=false"]);
    }
}

#[test]
#[ignore = "needs a cluster of tools/, and a minute"]
fn a_kubelet_that_dies_in_the_middle_of_a_rollout_is_waited_for() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let sleepers = Sleepers::new("restart", "2m");
    let kubelet = Kubelet::stopped();
    std::thread::scope(|scope| {
        let run = scope.spawn(|| sleepers.run());
        sleepers.are_scheduled();
        assert!(!run.is_finished(), "nobody can have started a pod");
        kubelet.dies_and_comes_back();
        run.join().expect("no panic").ends(0, &["✔ both sleep"]).passed(&["sleep.gate"]);
    });
}

#[test]
#[ignore = "needs a cluster of tools/, and two minutes"]
fn a_node_that_goes_not_ready_is_named_with_the_clusters_words() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let sleepers = Sleepers::new("not-ready", "90s");
    let kubelet = Kubelet::stopped();
    let ran = sleepers.run();
    ran.ends(1, &["✘ both sleep", "node/local · NodeNotReady · Kubelet stopped posting node status."])
        .failed(&["sleep.gate"]);
    kubelet.goes_on();
    sleepers.run().ends(0, &["✔ both sleep"]);
}
