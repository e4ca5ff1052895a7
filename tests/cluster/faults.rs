//! kill -9 of the runner at random moments of a run with shell, kube and helm steps, and going on with it: the end is the
//! same as without, nothing is marked done that was not, nothing done is repeated, nothing is left.
//!
//! `FAULTS` kills (6 where nothing is said), `FAULTS_SEED`, `FAULTS_JOBS` side by side (2).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const STAGE_A: &str = r#"stage: prepare
steps:
  first: { shell: { run: 'sleep 0.2; echo one > out; echo "token=t1" >> "$PIPELINE_OUTPUT"; echo first >> ledger' }, outputs: [token] }
  second:
    needs: [first]
    env: { TOKEN: "${{ steps.first.outputs.token }}" }
    shell: { run: 'sh -c "sleep 0.2" & wait; echo "$TOKEN" > out.tmp; mv out.tmp out2; echo second >> ledger' }
gate: [{ file: { path: out } }]
"#;

const STAGE_B: &str = r#"stage: deploy
needs: [prepare]
steps:
  settings: { kube: { config_map: { name: settings, data: { MODE: fast } } } }
  objects: { kube: { apply: objects } }
  credentials: { kube: { secret: { name: credentials, data: { KEY: "${{ secrets.key }}" } } } }
finally: { tidied: { shell: { run: 'echo tidied >> ledger' } } }
gate: [{ resource: { kind: configmap, name: settings, match: { data: { MODE: fast } } } }]
"#;

const STAGE_C: &str = r"stage: release
needs: [deploy]
steps:
  install: { helm: { install: { release: notes, chart: chart, values: { greeting: one }, repair: true } } }
  upgrade: { needs: [install], helm: { upgrade: { release: notes, chart: chart, values: { greeting: two }, repair: true } } }
  last: { needs: [upgrade], shell: { run: 'echo last >> ledger' } }
gate: [{ helm: { release: notes, status: deployed } }]
";

const OBJECTS: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\ndata: { n: '1' }\n---\napiVersion: v1\nkind: ConfigMap\n\
    metadata: { name: b }\ndata: { n: '2' }\n---\napiVersion: v1\nkind: Service\nmetadata: { name: web }\n\
    spec: { selector: { app: web }, ports: [{ port: 80 }] }\n";
const TEMPLATE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-notes\ndata:\n  \
    greeting: {{ .Values.greeting | quote }}\n";

/// A namespace that is there before and after; kinds of it come and go.
struct Ground {
    namespace: String,
}

impl Ground {
    fn new(worker: usize) -> Self {
        let namespace = format!("pipeline-test-faults-{}-{worker}", std::process::id());
        assert!(kubectl(&["create", "namespace", &namespace]).1, "{namespace} could not be made");
        Ground { namespace }
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        kubectl(&["delete", "namespace", &self.namespace, "--wait=false", "--ignore-not-found"]);
    }
}

fn kubectl(args: &[&str]) -> (String, bool) {
    let said = Command::new("kubectl").args(args).stdin(Stdio::null()).output().expect("kubectl is there");
    (String::from_utf8_lossy(&said.stdout).into_owned(), said.status.success())
}

/// A project in a folder of its own.
struct TestContext<'g> {
    folder: tempfile::TempDir,
    ground: &'g Ground,
}

impl<'g> TestContext<'g> {
    fn new(ground: &'g Ground) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let head = format!(
            "version: 1\npipeline: faults\ncluster: {{ contexts: [local], namespace: {} }}\nsecrets: {{ key: {{ generate: 16, keep: true }} }}\n\
             stages: [a.yaml, b.yaml, c.yaml]\nfinally: {{ over: {{ shell: {{ run: 'echo over >> ledger' }} }} }}\n",
            ground.namespace
        );
        let chart = "apiVersion: v2\nname: notes\nversion: 0.1.0\n";
        for (path, text) in [
            ("pipeline.yaml", head.as_str()),
            ("a.yaml", STAGE_A),
            ("b.yaml", STAGE_B),
            ("c.yaml", STAGE_C),
            ("objects/all.yaml", OBJECTS),
            ("chart/Chart.yaml", chart),
            ("chart/values.yaml", "greeting: none\n"),
            ("chart/templates/notes.yaml", TEMPLATE),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("below")).expect("made");
            fs::write(path, text).expect("written");
        }
        TestContext { folder, ground }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
        command.args(args).current_dir(self.path()).stdin(Stdio::null()).env("CI", "1");
        command
    }

    fn run(&self, args: &[&str]) -> (Option<i32>, String, String) {
        // Far more than it takes: a run that hangs is a failure, not a test that never ends.
        let program = self.command(args);
        let mut bounded = Command::new("timeout");
        bounded.args(["-s", "KILL", "300"]).arg(program.get_program()).args(program.get_args());
        bounded.current_dir(self.path()).stdin(Stdio::null()).env("CI", "1");
        let said = bounded.output().expect("started");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (said.status.code(), text(&said.stdout), text(&said.stderr))
    }

    fn passes(&self, args: &[&str], after: &str) -> String {
        let (code, out, err) = self.run(args);
        assert_eq!(code, Some(0), "`pipeline {}` {after}:\n{out}{err}", args.join(" "));
        out
    }

    /// Starts a run and kills the runner after `moment`, unless it has ended by then.
    fn killed(&self, moment: Duration) -> bool {
        let mut child = self.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
        let until = Instant::now() + moment;
        while Instant::now() < until {
            if child.try_wait().expect("asked").is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2).min(until.saturating_duration_since(Instant::now())));
        }
        child.kill().expect("ours");
        child.wait().expect("ended").code().is_none()
    }

    fn ledger(&self, word: &str) -> usize {
        let text = fs::read_to_string(self.path().join("ledger")).unwrap_or_default();
        text.lines().filter(|line| *line == word).count()
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap_or_default()
    }

    /// What the run was for: files, objects and their content, the release; not how often it took.
    fn state(&self) -> Value {
        let (text, good) = kubectl(&["get", "configmap,service,secret", "-n", &self.ground.namespace, "-o", "json"]);
        assert!(good, "the namespace can be read");
        let list: Value = serde_json::from_str(&text).expect("JSON");
        let mut objects = BTreeMap::new();
        let mut releases = BTreeMap::new();
        for item in list["items"].as_array().expect("items") {
            let name = format!(
                "{}/{}",
                item["kind"].as_str().unwrap_or_default(),
                item["metadata"]["name"].as_str().unwrap_or_default()
            );
            if item["metadata"]["labels"]["owner"] == "helm" {
                let version: u32 =
                    item["metadata"]["labels"]["version"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0);
                releases.insert(version, item["metadata"]["labels"]["status"].clone());
            } else if name != "ConfigMap/kube-root-ca.crt" {
                // A secret's value is another in every project.
                let data = if item["kind"] == "Secret" {
                    json!(item["data"].as_object().map(|data| data.keys().cloned().collect::<Vec<_>>()))
                } else {
                    item["data"].clone()
                };
                let owner = item["metadata"]["labels"]["pipeline.dev/pipeline"].clone();
                objects.insert(name, json!({ "data": data, "owner": owner }));
            }
        }
        json!({ "objects": objects, "release": releases.values().next_back(), "out": self.file("out"), "out2": self.file("out2") })
    }

    /// What the newest record says.
    fn report(&self) -> Option<Value> {
        let (code, out, _) = self.run(&["report", "--format", "json"]);
        (code == Some(0)).then(|| serde_json::from_str(&out).expect("JSON"))
    }

    /// Names of nodes that the newest record says passed.
    fn passed(&self) -> Vec<String> {
        let report = self.report().unwrap_or_default();
        let stages = report["stages"].as_array().cloned().unwrap_or_default();
        let nodes = stages.iter().flat_map(|stage| stage["nodes"].as_array().cloned().unwrap_or_default());
        nodes
            .filter(|node| node["state"] == "passed")
            .filter_map(|node| node["name"].as_str().map(str::to_owned))
            .collect()
    }

    /// What is marked done is done.
    fn is_true(&self, passed: &[String], after: &str) {
        let state = self.state();
        let there = |object: &str| !state["objects"][object].is_null();
        for node in passed {
            let done = match node.as_str() {
                "prepare.first" => self.ledger("first") == 1 && self.file("out") == "one\n",
                "prepare.second" => self.ledger("second") == 1 && self.file("out2") == "t1\n",
                "deploy.settings" => there("ConfigMap/settings"),
                "deploy.objects" => there("ConfigMap/a") && there("ConfigMap/b") && there("Service/web"),
                "deploy.credentials" => there("Secret/credentials"),
                "release.install" => there("ConfigMap/notes-notes"),
                "release.upgrade" => state["objects"]["ConfigMap/notes-notes"]["data"]["greeting"] == "two",
                "release.last" => self.ledger("last") == 1,
                _ => true,
            };
            assert!(done, "{node} is marked done and is not, {after}:\n{state:#}");
        }
    }

    /// Processes of this project that still run.
    fn orphans(&self) -> Vec<String> {
        let wanted = format!("PIPELINE_PROJECT={}", self.path().canonicalize().expect("there").display());
        let processes = fs::read_dir("/proc").expect("Linux").flatten().map(|entry| entry.path());
        let ours = |path: &PathBuf| {
            let environ = fs::read(path.join("environ")).unwrap_or_default();
            let stat = fs::read_to_string(path.join("stat")).unwrap_or_default();
            let ended = stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with(['Z', 'X']);
            !ended && environ.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
        };
        processes
            .filter(ours)
            .map(|path| fs::read_to_string(path.join("cmdline")).unwrap_or_default().replace('\0', " "))
            .collect()
    }

    /// Nothing of the pipeline is in the namespace any more.
    fn is_clean(&self, after: &str) {
        self.passes(&["clean"], after);
        let state = self.state();
        assert_eq!((&state["objects"], &state["release"]), (&json!({}), &Value::Null), "left by `clean` {after}");
        let (leases, _) = kubectl(&["get", "lease", "-n", &self.ground.namespace, "-o", "name"]);
        assert_eq!(leases, "", "a lease is left {after}");
        assert_eq!(self.orphans(), Vec::<String>::new(), "{after}");
    }
}

/// One kill and all that must be true after it.
fn kill_and_go_on(ground: &Ground, moment: Duration, expected: &Value) -> &'static str {
    let trial = TestContext::new(ground);
    let after = format!("after a kill at {} ms", moment.as_millis());
    let was_killed = trial.killed(moment);
    let passed = trial.passed();
    trial.is_true(&passed, &after);
    let begun = trial.report().is_some_and(|report| report["run"] != "");
    assert!(!begun || trial.run(&["runs", "show"]).0 == Some(0), "the record can be read {after}");
    let (finally, over) = (trial.ledger("tidied"), trial.ledger("over"));
    trial.passes(if begun { &["run", "--resume"] } else { &["run"] }, &after);
    assert_eq!(&trial.state(), expected, "{after}");
    for (node, word) in [("prepare.first", "first"), ("prepare.second", "second"), ("release.last", "last")] {
        if passed.iter().any(|name| name == node) {
            assert_eq!(trial.ledger(word), 1, "{node} was done and is repeated, {after}");
        }
    }
    let again = |node: &str| usize::from(was_killed && !passed.iter().any(|name| name == node));
    assert!(trial.ledger("tidied") >= 1 && trial.ledger("tidied") <= finally + again("deploy.tidied"), "{after}");
    assert!(trial.ledger("over") >= 1 && trial.ledger("over") <= over + 1, "{after}");
    assert_eq!(trial.orphans(), Vec::<String>::new(), "{after}");
    trial.is_clean(&after);
    match (was_killed, begun) {
        (false, _) => "over before",
        (true, false) => "before it began",
        (true, true) => "in the middle",
    }
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// The next of a row of numbers that a seed begins (xorshift).
fn next(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

#[test]
#[ignore = "needs the cluster"]
#[allow(clippy::print_stdout, reason = "count and seed are what one wants to see of it")]
fn wherever_the_runner_is_killed_the_next_one_ends_as_if_it_had_not_been() {
    let kills = number("FAULTS", 6);
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let seed = number("FAULTS_SEED", since.as_secs()).max(1);
    let jobs = usize::try_from(number("FAULTS_JOBS", 2)).expect("few").max(1);
    println!("faults: {kills} kills, seed {seed}, {jobs} side by side");

    let grounds: Vec<Ground> = (0..jobs).map(Ground::new).collect();
    let undisturbed = TestContext::new(&grounds[0]);
    let begun = Instant::now();
    undisturbed.passes(&["run"], "undisturbed");
    let whole = begun.elapsed();
    let expected = undisturbed.state();
    assert_eq!(expected["release"], "deployed", "{expected:#}");
    assert_eq!(expected["objects"]["ConfigMap/notes-notes"]["data"]["greeting"], "two");
    undisturbed.is_clean("undisturbed");
    println!("faults: an undisturbed run takes {} ms", whole.as_millis());

    let mut row = seed;
    let span = u64::try_from(whole.as_micros()).expect("a short time") * 105 / 100;
    let moments: Vec<Duration> = (0..kills).map(|_| Duration::from_micros(next(&mut row) % span)).collect();
    let (turn, counts) = (AtomicU32::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for ground in &grounds {
            scope.spawn(|| {
                while let Some(moment) = moments.get(turn.fetch_add(1, Ordering::Relaxed) as usize) {
                    let when = kill_and_go_on(ground, *moment, &expected);
                    let mut counts = counts.lock().expect("no panic while held");
                    *counts.entry(when).or_insert(0) += 1;
                    let so_far: u32 = counts.values().sum();
                    println!("faults: {so_far} of {kills}, killed at {} ms: {when}", moment.as_millis());
                }
            });
        }
    });
    let counts = counts.into_inner().expect("no panic while held");
    println!("faults: {kills} kills, seed {seed}, all ended as if undisturbed: {counts:?}");
}
