//! Load around rollouts of an app that loses requests in one way each: every loss has to be caught, and a good app has
//! to come through without one. The app is `traffic/server.c`; what it does wrong, its Deployment says.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The app, in the cluster's runtime.
const IMAGE: &str = "pipeline-traffic:local";

/// What is wrong with an app; nothing by default.
#[derive(Clone)]
struct App {
    /// Environment of the container.
    env: Vec<(&'static str, &'static str)>,
    /// Its readiness probe.
    probe: &'static str,
    /// Its lifecycle.
    lifecycle: &'static str,
    strategy: &'static str,
    grace: u32,
    /// How long is measured after the last step: longer than a pod takes to go.
    cool_down: u32,
    /// Whether clients use connections again.
    keep_alive: bool,
}

impl App {
    /// Waits until nobody sends any more, finishes what is under way, is ready when it says so.
    fn good() -> Self {
        App {
            env: vec![("DELAY_MS", "100"), ("ON_TERM", "drain")],
            probe: "readinessProbe: { httpGet: { path: /ready, port: 8080 }, periodSeconds: 1 }",
            lifecycle: "lifecycle: { preStop: { sleep: { seconds: 8 } } }",
            strategy: "{ rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } }",
            grace: 20,
            cool_down: 12,
            keep_alive: true,
        }
    }

    fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.env.retain(|(known, _)| *known != name);
        self.env.push((name, value));
        self
    }

    /// Deploys it as `name`, loads it while it is rolled out and back, and says what the run recorded.
    fn run(&self, name: &str) -> Ran {
        loaded();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let namespace = format!("traffic-{name}-{}", std::process::id());
        for (file, text) in [
            ("pipeline.yaml", pipeline(&namespace)),
            ("app.yaml", self.manifest(&namespace)),
            ("roll.yaml", self.stage(&namespace)),
        ] {
            fs::write(folder.path().join(file), text).expect("writable");
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
        command.args(["run", "--jobs", "4"]).current_dir(folder.path()).stdin(Stdio::null());
        let output = command.env_remove("GITHUB_ACTIONS").output().expect("started");
        Ran::read(
            folder.path(),
            output.status.code().unwrap_or(-1),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    }

    fn manifest(&self, namespace: &str) -> String {
        let env: Vec<String> =
            self.env.iter().map(|(name, value)| format!("{{ name: {name}, value: \"{value}\" }}")).collect();
        format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{ name: {namespace} }}\n---\n\
             apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: app }}\nspec:\n  replicas: 2\n  strategy: {}\n  \
             selector: {{ matchLabels: {{ app: app }} }}\n  template:\n    metadata: {{ labels: {{ app: app }} }}\n    \
             spec:\n      terminationGracePeriodSeconds: {}\n      volumes: [{{ name: mark, emptyDir: {{}} }}]\n      \
             containers:\n        - name: app\n          image: {IMAGE}\n          imagePullPolicy: Never\n          \
             command: [/server]\n          env: [{}]\n          ports: [{{ containerPort: 8080 }}]\n          \
             volumeMounts: [{{ name: mark, mountPath: /mark }}]\n          {}\n          {}\n---\n\
             apiVersion: v1\nkind: Service\nmetadata: {{ name: app }}\nspec:\n  type: NodePort\n  \
             selector: {{ app: app }}\n  ports: [{{ port: 80, targetPort: 8080 }}]\n",
            self.strategy,
            self.grace,
            env.join(", "),
            self.probe,
            self.lifecycle,
        )
    }

    fn stage(&self, namespace: &str) -> String {
        format!(
            "stage: roll\nsteps:\n  apply:\n    kube: {{ apply: {{ files: [app.yaml], wait: true }} }}\n    \
             timeout: 90s\n  load:\n    needs: [apply]\n    during: [restart, undo]\n    traffic:\n      \
             service: app\n      rate: 150/s\n      connections: 64\n      keep_alive: {}\n      timeout: 5s\n      \
             cool_down: {}s\n  restart:\n    needs: [apply]\n    kube: {{ restart: deployment/app }}\n    timeout: 90s\n  \
             undo:\n    needs: [restart]\n    kube: {{ undo: deployment/app }}\n    timeout: 90s\n\
             gate:\n  - name: nobody noticed\n    traffic: {{ of: load, failed: 0, requests: \">= 300\" }}\n\
             finally:\n  gone: {{ shell: {{ run: 'kubectl delete namespace {namespace} --wait=false' }} }}\n",
            self.keep_alive, self.cool_down
        )
    }
}

fn pipeline(namespace: &str) -> String {
    let context = std::env::var("PIPELINE_TEST_CONTEXT").unwrap_or_else(|_| "local".to_owned());
    format!(
        "version: 1\npipeline: traffic\ncluster: {{ contexts: [{context}], namespace: {namespace} }}\nstages: [roll.yaml]\n"
    )
}

/// How a run ended.
struct Ran {
    code: i32,
    err: String,
    summary: Value,
    /// The load's figures, second by second, and the marks of the steps it ran around.
    seconds: String,
    marks: String,
}

impl Ran {
    fn read(project: &Path, code: i32, err: String) -> Self {
        let runs = fs::read_dir(project.join(".pipeline/runs")).ok().and_then(|mut runs| runs.next());
        let run = runs.unwrap_or_else(|| panic!("nothing was recorded: {err}")).expect("readable").path();
        let file = |name: &str| fs::read_to_string(run.join(name)).unwrap_or_default();
        Ran {
            code,
            summary: serde_json::from_str(&file("summary.json")).unwrap_or(Value::Null),
            seconds: file("evidence/roll.load/seconds.csv"),
            marks: file("evidence/roll.load/marks.ndjson"),
            err,
        }
    }

    /// The load's count of this name.
    fn count(&self, name: &str) -> u64 {
        let nodes =
            self.summary["stages"].as_array().into_iter().flatten().filter_map(|stage| stage["nodes"].as_array());
        let load = nodes.flatten().find(|node| node["name"] == "roll.load");
        load.and_then(|load| load["outputs"][name].as_u64()).unwrap_or_else(|| panic!("no {name}: {}", self.err))
    }

    /// Whether the machine was too busy to say: no answer, to be asked again.
    fn is_unknown(&self) -> bool {
        self.err.contains("the load generator itself fell behind")
    }

    /// Asserts that requests were lost by one of these causes, and that the gate says so with the first failures.
    #[track_caller]
    fn lost(&self, causes: &[&str]) {
        assert_eq!(self.code, 1, "{}", self.err);
        assert!(self.err.contains("✘ nobody noticed: failed is "), "{}", self.err);
        let lost: u64 = causes.iter().map(|cause| self.count(cause)).sum();
        assert!(lost > 0, "none of {causes:?} in:\n{}", self.err);
    }
}

/// Runs it again where the machine was too busy to measure.
fn known(app: &App, name: &str) -> Ran {
    (0..4).map(|turn| app.run(&format!("{name}{turn}"))).find(|ran| !ran.is_unknown()).expect("one of them is measured")
}

/// Puts the app into the cluster's runtime, once a run of the tests.
fn loaded() {
    const BUILD: &str = r#"
        root=$(mktemp -d); trap 'rm -rf "$root"' EXIT
        mkdir "$root/tmp" "$root/mark"; cc -static -O1 -pthread -o "$root/server" "$SOURCE"
        tar -C "$root" -c server tmp mark | docker import - "$IMAGE"
        docker save "$IMAGE" | "$LOAD"
    "#;
    static LOADED: OnceLock<()> = OnceLock::new();
    LOADED.get_or_init(|| {
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut build = Command::new("bash");
        build.args(["-euo", "pipefail", "-c", BUILD]).stdout(Stdio::null());
        build.env("IMAGE", IMAGE).env("LOAD", project.join("tools/cluster-load"));
        build.env("SOURCE", project.join("tests/cluster/traffic/server.c"));
        assert!(build.status().expect("started").success(), "{IMAGE} could not be put into the cluster");
    });
}

#[test]
#[ignore = "needs the cluster"]
fn a_good_app_is_rolled_out_and_back_without_a_failed_request() {
    let ran = known(&App::good(), "good");
    assert_eq!(ran.code, 0, "{}\n{}", ran.err, ran.seconds);
    assert_eq!(ran.count("failed"), 0);
    let steps: Vec<&str> =
        ["restart", "undo"].into_iter().filter(|step| ran.marks.contains(&format!("roll.{step}"))).collect();
    assert_eq!(steps, ["restart", "undo"], "{}", ran.marks);
    assert!(ran.seconds.contains("roll.restart began") && ran.seconds.contains("roll.undo passed"), "{}", ran.seconds);
}

/// `PIPELINE_TEST_ROLLOUTS=20` says how often; it is not asked for otherwise.
#[test]
#[ignore = "needs the cluster, and PIPELINE_TEST_ROLLOUTS"]
#[expect(clippy::print_stderr, reason = "its figures are what it is run for")]
fn a_good_app_comes_through_many_rollouts_in_a_row() {
    let Some(times) = std::env::var("PIPELINE_TEST_ROLLOUTS").ok().and_then(|times| times.parse::<u32>().ok()) else {
        return;
    };
    let mut failed = Vec::new();
    for turn in 0..times {
        for app in [App::good(), App { keep_alive: false, ..App::good() }] {
            let ran = known(&app, &format!("row{turn}-{}-", u8::from(app.keep_alive)));
            eprintln!(
                "{turn} keep_alive {}: {} requests, {} failed, {} stale",
                app.keep_alive,
                ran.count("requests"),
                ran.count("failed"),
                ran.count("stale_connection")
            );
            if (ran.code, ran.count("failed")) != (0, 0) {
                failed.push(format!("{turn}: {}\n{}", ran.err, ran.seconds));
            }
        }
    }
    assert!(failed.is_empty(), "{} runs failed:\n{}", failed.len(), failed.join("\n"));
}

#[test]
#[ignore = "needs the cluster"]
fn an_app_that_is_deaf_to_sigterm_and_has_no_pre_stop_loses_requests() {
    // Killed when its grace is over, with connections that clients still use.
    let app = App { lifecycle: "", grace: 1, ..App::good().with("ON_TERM", "deaf").with("DELAY_MS", "300") };
    known(&app, "deaf").lost(&["closed", "reset", "timed_out"]);
}

#[test]
#[ignore = "needs the cluster"]
fn all_pods_at_once_lose_requests() {
    // The old ones are gone long before a new one listens: until then they would still be sent to, and still answer.
    let app = App {
        strategy: "{ rollingUpdate: { maxUnavailable: \"100%\", maxSurge: 0 } }",
        lifecycle: "lifecycle: { preStop: { sleep: { seconds: 2 } } }",
        ..App::good().with("START_MS", "10000")
    };
    known(&app, "all").lost(&["refused", "unreachable", "timed_out", "reset"]);
}

#[test]
#[ignore = "needs the cluster"]
fn no_readiness_probe_loses_requests() {
    // The old ones go as soon as the new ones run: for the rest of the time there is nobody, whoever is sent to.
    let app = App { probe: "", keep_alive: false, ..App::good().with("START_MS", "10000") };
    known(&app, "probe").lost(&["refused"]);
}

#[test]
#[ignore = "needs the cluster"]
fn a_false_readiness_probe_loses_requests() {
    // Cold for longer than the old ones stay.
    let app = App { keep_alive: false, ..App::good().with("WARM_MS", "10000").with("LIE", "1") };
    known(&app, "lie").lost(&["wrong_status"]);
}

#[test]
#[ignore = "needs the cluster"]
fn an_app_that_ends_before_nothing_sends_to_it_any_more_loses_requests() {
    // It takes no more connections from SIGTERM on; that it is gone has yet to reach every node. Four pods race so in a
    // run; should the nodes win every time, nothing was lost, and there was nothing to catch.
    let app = App { lifecycle: "", keep_alive: false, ..App::good() };
    let ran = (0..4).map(|turn| known(&app, &format!("early{turn}-"))).find(|ran| ran.count("failed") > 0);
    ran.expect("the race is lost once").lost(&["refused", "reset", "closed"]);
}

#[test]
#[ignore = "needs the cluster"]
fn an_app_that_drops_what_is_under_way_loses_requests() {
    let app = App::good().with("ON_TERM", "exit").with("DELAY_MS", "300");
    known(&app, "drop").lost(&["closed"]);
}

#[test]
#[ignore = "needs the cluster"]
fn recreating_loses_requests() {
    let app = App { strategy: "{ type: Recreate }", keep_alive: false, ..App::good().with("START_MS", "500") };
    known(&app, "recreate").lost(&["refused", "unreachable", "timed_out", "reset"]);
}

#[test]
#[ignore = "needs the cluster"]
fn a_crash_in_mid_rollout_loses_requests() {
    // Each pod ends once by itself, with answers under way: the first ones in the warm-up, the others while measured.
    let app = App::good().with("CRASH_AT", "100").with("CRASH_MARK", "/mark/crashed").with("DELAY_MS", "300");
    let app = App { keep_alive: false, ..app };
    known(&app, "crash").lost(&["closed", "refused", "reset"]);
}
