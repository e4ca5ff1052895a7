//! Releases that a killed helm left pending: found, explained, and repaired when asked, on a real cluster.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pipeline::core::model::outcome::{Failure, Outcome};
use serde_json::{Value, json};

use super::world::Project;

const CHART: &str = "apiVersion: v2\nname: notes\nversion: 0.1.0\n";
const TEMPLATE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-notes\ndata:\n  \
    greeting: {{ .Values.greeting | quote }}\n{{- if .Values.broken }}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  \
    name: {{ .Release.Name }}-app\nspec:\n  selector: { matchLabels: { app: broken } }\n  template:\n    \
    metadata: { labels: { app: broken } }\n    spec:\n      containers:\n        \
    - { name: app, image: \"pipeline-test-nowhere:1\", imagePullPolicy: Never }\n{{- end }}\n";
const PATIENCE: Duration = Duration::from_secs(60);

/// A namespace of this test alone; deleted at its end, also by a panic.
struct Room {
    project: Project,
    namespace: String,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.kubectl(&["delete", "namespace", &self.namespace, "--wait=false", "--ignore-not-found"]);
    }
}

impl Room {
    fn new(name: &str) -> Self {
        let namespace = format!("hostile-{name}-{}", std::process::id());
        let files = [
            ("chart/Chart.yaml", CHART),
            ("chart/values.yaml", "greeting: hello\nbroken: false\n"),
            ("chart/templates/notes.yaml", TEMPLATE),
        ];
        let room = Room { project: Project::new(&files, &namespace), namespace };
        room.kubectl(&["create", "namespace", &room.namespace]);
        room
    }

    fn kubectl(&self, args: &[&str]) -> String {
        let said = Command::new("kubectl").args(["--context", "local", "-n", &self.namespace]).args(args).output();
        String::from_utf8(said.expect("kubectl runs").stdout).expect("text")
    }

    /// A helm that is killed as soon as the release has this status.
    fn killed(&self, args: &[&str], status: &str) {
        let mut helm = Killed(
            Command::new("helm")
                .args(args)
                .args(["--kube-context", "local", "-n", &self.namespace, "--wait", "--timeout", "120s"])
                .args(["--set", "broken=true"])
                .current_dir(self.project.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("helm runs"),
        );
        let selector = format!("owner=helm,status={status}");
        let begun = Instant::now();
        while self.kubectl(&["get", "secret", "-l", &selector, "-o", "name"]).is_empty() {
            assert!(begun.elapsed() < PATIENCE, "the release never was {status}");
            std::thread::sleep(Duration::from_millis(50));
        }
        helm.0.kill().expect("it runs");
    }

    /// Writes another status into a revision's record, as helm writes it.
    fn forge(&self, revision: u32, status: &str) {
        let name = format!("sh.helm.release.v1.demo.v{revision}");
        let secret: Value = serde_json::from_str(&self.kubectl(&["get", "secret", &name, "-o", "json"])).expect("JSON");
        let entry = STANDARD.decode(secret["data"]["release"].as_str().expect("an entry")).expect("base64");
        let packed = STANDARD.decode(entry).expect("base64");
        let mut text = String::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).expect("gzip");
        let mut release: Value = serde_json::from_str(&text).expect("JSON");
        release["info"]["status"] = json!(status);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(release.to_string().as_bytes()).expect("in memory");
        let entry = STANDARD.encode(STANDARD.encode(gzip.finish().expect("in memory")));
        let patch = json!({"metadata": {"labels": {"status": status}}, "data": {"release": entry}}).to_string();
        self.kubectl(&["patch", "secret", &name, "-p", &patch]);
    }

    async fn fails(&self, body: Value) -> Failure {
        match self.project.step("helm", body).await {
            Ok(Outcome::Failed(failure)) => failure,
            other => panic!("did not fail: {other:?}\n{}", self.project.log.text()),
        }
    }

    async fn passes(&self, body: Value) -> u64 {
        self.project.passes("helm", body).await["revision"].as_u64().expect("a revision")
    }
}

/// Killed at its end.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn act(verb: &str, more: Value) -> Value {
    let mut body = json!({"release": "demo"});
    if verb != "rollback" {
        body["chart"] = json!("chart");
    }
    body.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
    json!({ verb: body })
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn an_install_and_an_upgrade_that_were_killed_are_explained_and_repaired_when_asked() {
    let room = Room::new("killed");
    room.killed(&["install", "demo", "chart"], "pending-install");
    let failure = room.fails(act("install", json!({}))).await;
    assert!(failure.summary.starts_with("release demo is pending-install at revision 1 since 2"), "{failure:?}");
    assert!(
        failure.summary.ends_with(" ago): another helm is at work on it, or was killed in the middle"),
        "{failure:?}"
    );
    assert!(failure.help.as_deref().is_some_and(|help| help.contains("`repair: true` in the step removes what")));
    // somebody else's, and young: asked for, but too early
    let failure = room.fails(act("install", json!({"repair": true}))).await;
    assert!(failure.summary.contains("another helm may be at work on it; it is repaired when"), "{failure:?}");
    let now = json!({"repair": true, "repair_after": "0s"});
    assert_eq!(room.passes(act("install", now.clone())).await, 1);
    assert!(room.project.log.text().contains("left by a helm that was killed: removing what was half done"));
    assert_eq!(room.kubectl(&["get", "deployment", "-o", "name"]), "", "the half-done install is gone");

    room.killed(&["upgrade", "demo", "chart"], "pending-upgrade");
    let failure = room.fails(act("upgrade", json!({}))).await;
    assert!(failure.help.as_deref().is_some_and(|help| help.contains("goes back to revision 1")), "{failure:?}");
    // back to 1 is revision 3, the upgrade itself revision 4
    assert_eq!(room.passes(act("upgrade", now)).await, 4);
    assert_eq!(room.kubectl(&["get", "deployment", "-o", "name"]), "");
    let measures = room.project.measures("helm", json!({"release": "demo", "status": "deployed", "revision": 4})).await;
    assert!(measures.iter().all(|measure| measure.starts_with("holds")), "{measures:?}");
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_rollback_left_pending_is_repaired_by_going_back_once() {
    let mut room = Room::new("forged");
    let scope = [("run".to_owned(), json!({"pipeline": "todo"}))].into();
    room.project.context.scope =
        std::sync::Arc::new(pipeline::core::expr::Scope { roots: scope, ..Default::default() });
    assert_eq!(room.passes(act("install", json!({"values": {"greeting": "one"}}))).await, 1);
    assert_eq!(room.passes(act("upgrade", json!({"values": {"greeting": "two"}}))).await, 2);
    room.forge(2, "pending-rollback");
    let failure = room.fails(act("rollback", json!({}))).await;
    assert!(failure.summary.contains("release demo is pending-rollback at revision 2"), "{failure:?}");
    // a rollback carries the labels of an earlier revision: they do not say whose act it is
    assert!(!failure.summary.contains("of pipeline todo"), "{failure:?}");
    let failure = room.fails(act("rollback", json!({"repair": true}))).await;
    assert!(failure.summary.contains("another helm may be at work on it"), "{failure:?}");
    assert_eq!(room.passes(act("rollback", json!({"repair": true, "repair_after": "0s"}))).await, 3);
    let measures = room.project.measures("helm", json!({"release": "demo", "values": {"greeting": "one"}})).await;
    assert!(measures.iter().all(|measure| measure.starts_with("holds")), "{measures:?}");
    assert_eq!(room.passes(act("upgrade", json!({"values": {"greeting": "three"}}))).await, 4);
}
