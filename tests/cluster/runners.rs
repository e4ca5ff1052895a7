//! Steps on a runner of Pods, on the real cluster: the same results as on this machine; what the cluster does to them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::busybox::{IMAGE, loaded};
use super::ran::{Ran, copy};

/// A project with a runner in a namespace of its own, which goes with it.
pub struct Farm {
    pub folder: tempfile::TempDir,
    pub namespace: String,
}

impl Farm {
    pub fn new(name: &str, steps: &str) -> Self {
        loaded();
        let farm = Farm {
            folder: tempfile::tempdir().expect("a folder"),
            namespace: format!("runners-{name}-{}", std::process::id()),
        };
        kubectl(&["create", "namespace", &farm.namespace]);
        let pipeline = format!(
            "version: 1\npipeline: farm\ncluster: {{ contexts: [local], namespace: {} }}\n\
             secrets: {{ token: {{ env: FARM_TOKEN }} }}\n\
             runners:\n  farm: {{ pod: {{ image: '{IMAGE}', resources: {{ memory: 64Mi }}, max: 3 }} }}\n\
             stages: [stage.yaml]\n",
            farm.namespace
        );
        farm.write("pipeline.yaml", &pipeline);
        farm.write("stage.yaml", &format!("stage: test\nruns_on: farm\nsteps:\n{steps}"));
        farm
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("writable");
        fs::write(path, text).expect("writable");
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.folder.path(), args, &[("FARM_TOKEN", "hunter2-and-more")])
    }

    /// Waits until no Job, Pod or Secret of a run is left.
    pub fn nothing_is_left(&self) {
        let limit = Instant::now() + Duration::from_secs(40);
        loop {
            let left = kubectl(&["get", "jobs,pods,secrets", "-n", &self.namespace, "-o", "name"]);
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < limit, "{left}");
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// The name of a Pod of a step, once it runs.
    pub fn running(&self, step: &str) -> String {
        let limit = Instant::now() + Duration::from_secs(40);
        loop {
            let label = format!("pipeline.dev/step={step}");
            let phase = "--field-selector=status.phase=Running";
            let found = kubectl(&["get", "pods", "-n", &self.namespace, "-l", &label, phase, "-o", "name"]);
            if let Some(pod) = found.lines().next() {
                return pod.to_owned();
            }
            assert!(Instant::now() < limit, "no pod of {step} runs");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        kubectl(&["delete", "namespace", &self.namespace, "--wait=false"]);
    }
}

pub fn kubectl(args: &[&str]) -> String {
    let output = Command::new("kubectl").args(args).stdin(Stdio::null()).output().expect("started");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
#[ignore = "needs the cluster"]
fn the_same_steps_give_the_same_results_here_and_in_pods() {
    let steps = "
  files:
    inputs: [src]
    artifacts: [out, 'reports/*.txt']
    outputs: [sum]
    env: { TOKEN: '${{ secrets.token }}', TEXT: \"a 'b\" }
    shell: |
      echo \"$TEXT\"; echo \"token $TOKEN\"
      test -d src/empty; test -x src/run.sh; test \"$(readlink src/link)\" = ../lib/a; cat src/link
      mkdir -p out/deep reports; src/run.sh > out/deep/said; ln -s deep/said out/latest; chmod 700 out/deep/said
      echo kept > reports/a.txt; echo left > reports/a.log
      printf 'sum=7\\ntext<<END\\none\\ntwo\\nEND\\n' >> \"$PIPELINE_OUTPUT\"
  input: { shell: { command: [cat], stdin: from the step } }
  code: { shell: { run: exit 3, exit_code: 3 } }
  fails:
    continue_on_error: true
    artifacts: [failed.txt]
    shell: 'echo before > failed.txt; echo broken; exit 4'
";
    let mut seen = Vec::new();
    for (name, args) in [("here", &["--runner", "farm=local"][..]), ("pods", &[])] {
        let farm = Farm::new(name, steps);
        farm.write("lib/a", "of the library\n");
        farm.write("src/run.sh", "#!/bin/sh\necho it runs\n");
        fs::create_dir(farm.path("src/empty")).expect("made");
        std::os::unix::fs::symlink("../lib/a", farm.path("src/link")).expect("a link");
        Command::new("chmod").args(["755"]).arg(farm.path("src/run.sh")).status().expect("started");
        let ran = farm.run(args);
        ran.ends(0, &["of the library", "token ***", "from the step", "broken"]);
        assert!(!ran.err.contains("hunter2"), "{}", ran.err);
        let mode = fs::metadata(farm.path("out/deep/said")).expect("it came back").permissions();
        let link = fs::read_link(farm.path("out/latest")).expect("a link");
        let files = ["out/latest", "reports/a.txt", "failed.txt"].map(|path| farm.read(path));
        seen.push((ran.states(), ran.outputs("test.files"), ran.failure("test.fails"), mode, link, files));
        if args.is_empty() {
            assert!(!farm.path("reports/a.log").exists(), "no pattern names it");
            farm.nothing_is_left();
        }
    }
    assert_eq!(seen[0], seen[1]);
}

#[test]
#[ignore = "needs the cluster"]
fn a_pod_that_is_lost_is_a_fault_and_may_be_tried_again() {
    let steps = "
  lost:
    retry: { attempts: 2, on: fault, backoff: 100ms }
    shell: 'echo begun; sleep 15; echo ended'
  failing:
    retry: { attempts: 3, on: fault, backoff: 100ms }
    continue_on_error: true
    shell: exit 1
  greedy:
    continue_on_error: true
    shell: 'tail -c 300000000 /dev/zero > /dev/null'
";
    let farm = Farm::new("lost", steps);
    let ran = std::thread::scope(|scope| {
        scope.spawn(|| {
            let pod = farm.running("test.lost");
            kubectl(&["delete", "-n", &farm.namespace, &pod, "--grace-period=0", "--force"]);
        });
        farm.run(&["--keep-going"])
    });
    ran.ends(0, &["the cluster ended the container: Deleted", "ended"]);
    assert_eq!((ran.attempts("test.lost"), ran.attempts("test.failing")), (2, 1), "{}", ran.err);
    assert!(ran.causes("test.greedy").contains_key("OOMKilled"), "{}", ran.err);
    farm.nothing_is_left();
}

#[test]
#[ignore = "needs the cluster"]
fn what_keeps_a_pod_from_running_a_step_is_a_fault_with_its_cause() {
    let farm = Farm::new("unable", "  one: { shell: 'true' }\n");
    let pipeline = farm.read("pipeline.yaml");
    farm.write("pipeline.yaml", &pipeline.replace(IMAGE, "not-there.invalid/nothing:1"));
    farm.run(&[]).ends(3, &["runner farm", "ImagePull"]).failed(&["test.one"]);
    farm.write("pipeline.yaml", &pipeline.replace("memory: 64Mi", "memory: 900Gi"));
    farm.write("stage.yaml", "stage: test\nruns_on: farm\nsteps:\n  one: { timeout: 5s, shell: 'true' }\n");
    farm.run(&[]).ends(1, &["timed out after 5s", "Unschedulable"]);
    farm.nothing_is_left();
}

#[test]
#[ignore = "needs the cluster"]
fn no_more_pods_run_than_the_runner_allows_and_jobs_do_not_count_them() {
    let farm = Farm::new("max", "  each: { for_each: [1, 2, 3, 4, 5, 6, 7], shell: sleep 2 }\n");
    let most = std::thread::scope(|scope| {
        let run = scope.spawn(|| farm.run(&["--jobs", "1"]));
        let mut most = 0;
        while !run.is_finished() {
            let active = ["get", "jobs", "-n", &farm.namespace, "-o", "jsonpath={.items[*].status.active}"];
            most = most.max(kubectl(&active).split_whitespace().count());
            std::thread::sleep(Duration::from_millis(100));
        }
        run.join().expect("ran").ends(0, &[]);
        most
    });
    assert_eq!(most, 3);
}

#[test]
#[ignore = "needs the cluster"]
fn the_shards_of_the_example_pass_here_and_in_pods() {
    let mut seen = Vec::new();
    for args in [&["--runner", "farm=local"][..], &[]] {
        let folder = tempfile::tempdir().expect("a folder");
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/farm");
        copy(&example, folder.path(), &["pipeline.yaml", "stages", "words", "tests"]);
        let ran = Ran::of(folder.path(), args, &[]);
        ran.ends(0, &["farm passed", "passed by shard: [\"2\",\"2\",\"2\",\"2\"]"]);
        let read =
            |shard| fs::read_to_string(folder.path().join(format!("reports/{shard}.json"))).expect("it came back");
        seen.push((ran.states(), [1, 2, 3, 4].map(read)));
    }
    assert_eq!(seen[0], seen[1]);
}

/// The block of a page of the docs that begins with this comment.
fn block(page: &str, comment: &str) -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).expect("a page");
    let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.map(str::to_owned).find(|block| block.starts_with(comment)).expect("the page has the block")
}

#[test]
#[ignore = "needs the cluster"]
fn the_permissions_of_the_docs_are_enough_for_a_step_with_files() {
    let steps = "  one: { inputs: [src], artifacts: [out], shell: 'cp src/a out' }\n";
    let farm = Farm::new("rbac", steps);
    farm.write("src/a", "content\n");
    farm.write("role.yaml", &block("docs/runners.md", "# rbac.yaml"));
    let (namespace, role) = (farm.namespace.as_str(), farm.path("role.yaml"));
    kubectl(&["apply", "-n", namespace, "-f", &role.display().to_string()]);
    kubectl(&["create", "serviceaccount", "ci", "-n", namespace]);
    let account = format!("--serviceaccount={namespace}:ci");
    kubectl(&["create", "rolebinding", "ci", "-n", namespace, "--role=pipeline-runner", &account]);
    let token = kubectl(&["create", "token", "ci", "-n", namespace]);
    let ours = kubectl(&["config", "view", "--raw", "--minify", "--flatten", "-o", "json"]);
    let mut config: serde_json::Value = serde_json::from_str(&ours).expect("JSON");
    config["users"][0]["user"] = serde_json::json!({ "token": token });
    farm.write("kubeconfig", &config.to_string());
    let config = farm.path("kubeconfig").display().to_string();
    let env = [("FARM_TOKEN", "hunter2-and-more"), ("KUBECONFIG", config.as_str())];
    Ran::of(farm.folder.path(), &[], &env).ends(0, &[]);
    assert_eq!(farm.read("out"), "content\n");
    farm.nothing_is_left();
}
