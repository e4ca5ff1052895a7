//! The worked example in a temporary folder, with namespaces and a port of its own, and one thing in it broken.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The images of the unbroken example, in the cluster's runtime.
const IMAGES: [&str; 2] = ["greeter-gates:dev", "greeter-gates:next"];

/// The example, to be broken.
pub struct Example {
    folder: tempfile::TempDir,
    namespaces: [String; 2],
    images: [String; 2],
}

/// How its run ended.
pub struct Ran {
    pub code: i32,
    pub err: String,
    pub out: String,
    /// The newest run's folder; `None` where nothing was recorded.
    folder: Option<PathBuf>,
    summary: Value,
}

impl Example {
    /// With the images of the unbroken example, which are built and loaded once.
    pub fn new(name: &str) -> Self {
        static READY: OnceLock<()> = OnceLock::new();
        READY.get_or_init(|| {
            let plain = Example::with("images", IMAGES.map(str::to_owned));
            let ran = plain.run(&["--until", "cluster"]);
            assert_eq!(ran.code, 0, "{}", ran.err);
        });
        Example::with(name, IMAGES.map(str::to_owned))
    }

    /// With images of its own, which its first stage builds.
    pub fn with_own_images(name: &str) -> Self {
        Example::with(name, ["dev", "next"].map(|tag| format!("greeter-gates-{name}:{tag}")))
    }

    fn with(name: &str, images: [String; 2]) -> Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR"));
        let namespace = format!("gates-{name}-{}", std::process::id());
        let chart = format!("{namespace}-chart");
        let example = Example {
            folder: tempfile::tempdir().expect("a folder"),
            namespaces: [namespace.clone(), chart.clone()],
            images,
        };
        for part in ["pipeline.yaml", "stages", "gates", "app", "manifests", "charts"] {
            for entry in walkdir::WalkDir::new(from.join(part)).into_iter().map(|entry| entry.expect("readable")) {
                let below = entry.path().strip_prefix(from).expect("below");
                if entry.file_type().is_file() {
                    let to = example.path().join(below);
                    fs::create_dir_all(to.parent().expect("below the folder")).expect("writable");
                    fs::copy(entry.path(), to).expect("copied");
                }
            }
        }
        // What other tests run too must be ours alone, and what is waited for must be short.
        let port = node_port().to_string();
        let load = from.join("tools/cluster-load").display().to_string();
        example.edit("pipeline.yaml", "tools/cluster-load", &load);
        example.edit("pipeline.yaml", "namespace: greeter", &format!("namespace: {namespace}"));
        let [dev, next] = &example.images;
        example.edit("pipeline.yaml", "image: \"greeter:dev\"", &format!("image: \"{dev}\""));
        example.edit("pipeline.yaml", "greeter:next", next);
        example.edit("manifests/greeter.yaml", "greeter:dev", dev);
        let (repository, tag) = dev.split_once(':').expect("a tag");
        example.edit("charts/greeter/values.yaml", "name: greeter", &format!("name: {repository}"));
        example.edit("charts/greeter/values.yaml", "tag: dev", &format!("tag: {tag}"));
        example.edit("manifests/greeter.yaml", "30080", &port);
        example.edit("manifests/greeter.yaml", "GREETING: hello", "GREETING: hello\n  LEAVE_AFTER_SECONDS: \"0\"");
        for file in ["manifests/greeter.yaml", "charts/greeter/templates/deployment.yaml"] {
            example.edit(file, "terminationGracePeriodSeconds: 15", "terminationGracePeriodSeconds: 1");
        }
        for file in ["stages/3-manifests.yaml", "stages/4-rollout.yaml"] {
            example.edit(file, "30080", &port);
        }
        example.edit("stages/5-chart.yaml", "greeter-chart", &chart);
        for file in ["gates/greets.yaml", "stages/3-manifests.yaml", "stages/5-chart.yaml"] {
            example.every(file, "within: 60s", "within: 12s");
            example.every(file, "within: 20s", "within: 12s");
        }
        example
    }

    /// Puts `to` in the place of every `from`, of which there must be one.
    #[track_caller]
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        assert!(fs::read_to_string(self.path().join(file)).expect("there").contains(from), "no `{from}` in {file}");
        self.every(file, from, to);
    }

    fn every(&self, file: &str, from: &str, to: &str) {
        let path = self.path().join(file);
        let text = fs::read_to_string(&path).expect("there");
        fs::write(path, text.replace(from, to)).expect("writable");
    }

    pub fn write(&self, file: &str, text: &str) {
        fs::write(self.path().join(file), text).expect("writable");
    }

    /// Lets the gate say what is wrong with the pods, not the step that would wait for them.
    pub fn unwaited(&self) {
        self.edit("stages/3-manifests.yaml", "wait: true", "wait: false");
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn namespace(&self) -> &str {
        &self.namespaces[0]
    }

    /// `pipeline run` with these arguments.
    pub fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, &[])
    }

    /// The same, with more in its environment.
    pub fn run_with(&self, args: &[&str], env: &[(&str, &str)]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
        command.arg("run").args(args).current_dir(self.path()).stdin(Stdio::null()).envs(env.iter().copied());
        let output = command.env_remove("GITHUB_ACTIONS").env_remove("NO_COLOR").output().expect("started");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let folder = fs::read_dir(self.path().join(".pipeline/runs"))
            .ok()
            .and_then(|mut runs| runs.next())
            .map(|run| run.expect("readable").path());
        let summary = folder.as_ref().map(|run| fs::read_to_string(run.join("summary.json")).expect("a summary"));
        Ran {
            code: output.status.code().unwrap_or(-1),
            err: text(&output.stderr),
            out: text(&output.stdout),
            folder,
            summary: summary.map_or(Value::Null, |text| serde_json::from_str(&text).expect("JSON")),
        }
    }

    /// Asserts that the cluster holds nothing of it.
    #[track_caller]
    pub fn nothing_is_left(&self) {
        for namespace in &self.namespaces {
            let mut get = Command::new("kubectl");
            get.args(["get", "namespace", namespace, "--ignore-not-found", "-o", "name", "--request-timeout=20s"]);
            let output = get.output().expect("started");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{namespace} is left");
        }
    }
}

impl Drop for Example {
    /// What a failed assertion may leave.
    fn drop(&mut self) {
        let quiet = |program: &str, args: &[&str]| {
            let mut command = Command::new(program);
            let _ = command.args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
        };
        if std::thread::panicking() {
            for namespace in &self.namespaces {
                quiet("kubectl", &["delete", "namespace", namespace, "--ignore-not-found", "--wait=false"]);
            }
        }
        if self.images[0] != IMAGES[0] {
            quiet("docker", &["rmi", "-f", &self.images[0], &self.images[1]]);
        }
    }
}

impl Ran {
    /// Asserts the exit code, and that these stand on stderr.
    #[track_caller]
    pub fn ends(&self, code: i32, words: &[&str]) -> &Self {
        assert_eq!(self.code, code, "{}", self.err);
        for word in words {
            assert!(self.err.contains(word), "no `{word}` in:\n{}", self.err);
        }
        self
    }

    fn nodes(&self) -> impl Iterator<Item = &Value> {
        self.summary["stages"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|stage| stage["nodes"].as_array().expect("nodes"))
    }

    fn node(&self, name: &str) -> &Value {
        self.nodes().find(|node| node["name"] == name).unwrap_or_else(|| panic!("no {name} in:\n{:#}", self.summary))
    }

    /// Asserts that these nodes, and of steps and gates no others, ended badly.
    #[track_caller]
    pub fn failed(&self, names: &[&str]) -> &Self {
        let bad = self.nodes().filter(|node| node["state"] == "failed" || node["state"] == "errored");
        let bad: Vec<&str> = bad.map(|node| node["name"].as_str().expect("a name")).collect();
        assert_eq!(bad, names, "{}", self.err);
        self
    }

    /// Asserts that nothing of these stages was started, because of `root`.
    #[track_caller]
    pub fn kept_from(&self, stages: &[&str], root: &str) -> &Self {
        let finally = |node: &&Value| node["role"] != "finally" && node["role"] != "on-failure";
        for stage in stages {
            let of_stage =
                self.summary["stages"].as_array().expect("stages").iter().find(|told| told["name"] == *stage);
            let nodes = of_stage.expect("the stage is told")["nodes"].as_array().expect("nodes");
            assert!(!nodes.is_empty());
            for node in nodes.iter().filter(finally) {
                assert_eq!((&node["state"], &node["attempts"]), (&"skipped".into(), &0.into()), "{node:#}");
                assert_eq!(node["because"]["node"], root, "{node:#}");
            }
        }
        self
    }

    /// Asserts that these passed.
    #[track_caller]
    pub fn passed(&self, names: &[&str]) -> &Self {
        for name in names {
            assert_eq!(self.node(name)["state"], "passed", "{name}:\n{}", self.err);
        }
        self
    }

    /// The measures of a gate that do not hold: `assertion: measure: actual / expected`.
    pub fn unmet(&self, gate: &str) -> Vec<String> {
        let assertions = self.node(gate)["assertions"].as_array().expect("assertions");
        let lines = assertions.iter().flat_map(|assertion| {
            let measures = assertion["verdict"]["Ok"]["Unmet"]["measures"].as_array().into_iter().flatten();
            measures.filter(|measure| measure["holds"] == false).map(move |measure| {
                let text = |value: &Value| value.as_str().expect("a text").to_owned();
                let (name, actual) = (text(&measure["name"]), text(&measure["actual"]));
                format!("{}: {name}: {actual} / {}", text(&assertion["name"]), text(&measure["expected"]))
            })
        });
        lines.collect()
    }

    /// The causes that a gate's assertions, or a step, found: `CrashLoopBackOff`, with their last lines.
    pub fn causes(&self, node: &str) -> BTreeMap<String, Vec<String>> {
        let node = self.node(node);
        let of_assertions = node["assertions"].as_array().into_iter().flatten();
        let findings = of_assertions.chain(std::iter::once(&node["failure"]));
        let findings = findings.flat_map(|owner| owner["findings"].as_array().into_iter().flatten());
        let lines = |finding: &Value| {
            let lines = finding["lines"].as_array().into_iter().flatten();
            lines.map(|line| line.as_str().expect("a text").to_owned()).collect()
        };
        findings.map(|finding| (finding["cause"].as_str().expect("a text").to_owned(), lines(finding))).collect()
    }

    /// The evidence of a node: paths below its folder, sorted; and one file's text.
    pub fn evidence(&self, node: &str) -> BTreeMap<String, String> {
        let folder = self.folder.as_ref().expect("a run").join("evidence").join(node);
        let files = walkdir::WalkDir::new(&folder).into_iter().filter_map(Result::ok);
        let files = files.filter(|entry| entry.file_type().is_file()).map(|entry| {
            let name = entry.path().strip_prefix(&folder).expect("below").display().to_string();
            (name, String::from_utf8_lossy(&fs::read(entry.path()).expect("readable")).into_owned())
        });
        files.collect()
    }

    /// Asserts that a folder of evidence holds a file with this ending and this text in it.
    #[track_caller]
    pub fn shows(&self, node: &str, ending: &str, text: &str) -> &Self {
        let evidence = self.evidence(node);
        let shown = evidence.iter().any(|(name, whole)| name.ends_with(ending) && whole.contains(text));
        assert!(shown, "`{text}` in no …{ending} of {node}: {:?}", evidence.keys());
        self
    }

    /// Whether anything was recorded.
    pub fn is_recorded(&self) -> bool {
        self.folder.is_some()
    }
}

/// A port of the cluster's range that no other test of this process has, and seldom one of another.
fn node_port() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    31_000 + (std::process::id() * 40 + NEXT.fetch_add(1, Ordering::Relaxed)) % 1_600
}
