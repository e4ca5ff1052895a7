//! A run of the program on a copy of a pipeline of this repository, and what its record says of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Copies these files and folders of `from`, as they are in the repository: without what was installed or built there.
pub fn copy(from: &Path, to: &Path, parts: &[&str]) {
    let foreign = ["node_modules", ".next", ".venv", "__pycache__", ".pytest_cache"];
    for part in parts {
        let tree = walkdir::WalkDir::new(from.join(part)).into_iter();
        for entry in tree.filter_entry(|entry| !foreign.contains(&entry.file_name().to_string_lossy().as_ref())) {
            let entry = entry.expect("readable");
            let below = entry.path().strip_prefix(from).expect("below");
            if entry.file_type().is_file() {
                let to = to.join(below);
                fs::create_dir_all(to.parent().expect("below the folder")).expect("writable");
                fs::copy(entry.path(), to).expect("copied");
            }
        }
    }
}

/// Asserts that the cluster holds none of these namespaces.
#[track_caller]
pub fn no_namespaces<S: AsRef<str>>(namespaces: &[S]) {
    for namespace in namespaces.iter().map(AsRef::as_ref) {
        let mut get = Command::new("kubectl");
        get.args(["get", "namespace", namespace, "--ignore-not-found", "-o", "name", "--request-timeout=20s"]);
        let output = get.output().expect("started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{namespace} is left");
    }
}

/// A command whose words and end do not matter.
pub fn quiet(program: &str, args: &[&str]) {
    let mut command = Command::new(program);
    let _ = command.args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
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

impl Ran {
    /// `pipeline run` in a folder, with these arguments and with more in its environment.
    pub fn of(folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
        command.arg("run").args(args).current_dir(folder).stdin(Stdio::null()).envs(env.iter().copied());
        let output = command.env_remove("GITHUB_ACTIONS").env_remove("NO_COLOR").output().expect("started");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let err = text(&output.stderr);
        // two runs may begin in the same second: the one that is announced is meant
        let id = err.split_once(" · run ").and_then(|(_, rest)| rest.split_whitespace().next());
        let newest = |runs: fs::ReadDir| runs.map(|run| run.expect("readable").path()).max();
        let runs = folder.join(".pipeline/runs");
        let announced = id.map(|id| runs.join(id)).filter(|run| run.is_dir());
        let folder = announced.or_else(|| fs::read_dir(&runs).ok().and_then(newest));
        let summary = folder.as_ref().map(|run| fs::read_to_string(run.join("summary.json")).expect("a summary"));
        Ran {
            code: output.status.code().unwrap_or(-1),
            // the result, on stdout, follows what the run reports on stderr
            err: err.clone() + &text(&output.stdout),
            out: text(&output.stdout),
            folder,
            summary: summary.map_or(Value::Null, |text| serde_json::from_str(&text).expect("JSON")),
        }
    }

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

    /// Every node with its state.
    pub fn states(&self) -> Vec<(String, Value)> {
        self.nodes().map(|node| (node["name"].as_str().expect("a name").to_owned(), node["state"].clone())).collect()
    }

    /// The outputs of a node.
    pub fn outputs(&self, node: &str) -> Value {
        self.node(node)["outputs"].clone()
    }

    /// The failure of a node.
    pub fn failure(&self, node: &str) -> Value {
        self.node(node)["failure"].clone()
    }

    /// How often a node was tried.
    pub fn attempts(&self, node: &str) -> u64 {
        self.node(node)["attempts"].as_u64().expect("a number")
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
                self.summary["stages"].as_array().expect("stages").iter().find(|reported| reported["name"] == *stage);
            let nodes = of_stage.expect("the stage is told")["nodes"].as_array().expect("nodes");
            assert!(!nodes.is_empty());
            for node in nodes.iter().filter(finally) {
                kept(node, root);
            }
        }
        self
    }

    /// Asserts that these steps, each with all that `for_each` made of it, were not started, because of `root`.
    #[track_caller]
    pub fn steps_kept_from(&self, steps: &[&str], root: &str) -> &Self {
        for step in steps {
            let is_of = |node: &&Value| node["name"].as_str().and_then(|name| name.split('[').next()) == Some(*step);
            let nodes: Vec<&Value> = self.nodes().filter(is_of).collect();
            assert!(!nodes.is_empty(), "there is no step {step}");
            for node in nodes {
                kept(node, root);
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

/// Asserts that a node was not started, because of `root`.
#[track_caller]
fn kept(node: &Value, root: &str) {
    assert_eq!((&node["state"], &node["attempts"]), (&"skipped".into(), &0.into()), "{node:#}");
    assert_eq!(node["because"]["node"], root, "{node:#}");
}
