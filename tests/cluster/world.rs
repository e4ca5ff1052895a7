//! What a kind is given by the engine, made for one test: a project's folder, a log that is kept, the real drivers.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pipeline::core::kind::settings::Settings;
use pipeline::core::kind::{Assertion, Context, Evidence, Registry, Signals};
use pipeline::core::mask::SecretText;
use pipeline::core::model::outcome::{Fault, Outcome, Outputs, Verdict};
use pipeline::core::model::source::{FileId, Span};
use pipeline::core::yaml::Node;
use pipeline::kinds::ASSERTIONS;
use pipeline::kinds::STEPS;
use pipeline::kubernetes::client::ClusterSettings;
use pipeline::process::LineSink;
use pipeline::services::Clients;
use pipeline::services::services_of;
use serde_json::Value;

const KINDS: Registry = Registry { steps: STEPS, assertions: ASSERTIONS, check_template: |_| Vec::new() };

/// Keeps the lines of a log.
#[derive(Default)]
pub struct Log(Mutex<Vec<String>>);

impl LineSink for Log {
    fn line(&self, line: &[u8]) {
        self.0.lock().expect("never poisoned").push(String::from_utf8_lossy(line).into_owned());
    }
}

impl Log {
    /// All of it.
    pub fn text(&self) -> String {
        self.0.lock().expect("never poisoned").join("\n")
    }
}

struct NoEvidence;

impl Evidence for NoEvidence {
    fn keep(&self, _: &str, _: &str) {}
}

/// A project in a temporary folder, with the real world around it.
pub struct Project {
    pub folder: tempfile::TempDir,
    pub log: Arc<Log>,
    pub context: Context,
}

impl Project {
    /// `files` are written below the folder; the cluster is the one of context `local`, in `namespace`.
    pub fn new(files: &[(&str, &str)], namespace: &str) -> Self {
        let settings = ClusterSettings {
            contexts: vec!["local".into()],
            context: Some("local".into()),
            namespace: Some(namespace.into()),
            load: None,
            ..ClusterSettings::default()
        };
        Project::with(files, settings)
    }

    /// With a cluster as `settings` say.
    pub fn with(files: &[(&str, &str)], settings: ClusterSettings) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("below the folder")).expect("writable");
            std::fs::write(path, text).expect("writable");
        }
        let scratch = folder.path().join(".scratch");
        std::fs::create_dir(&scratch).expect("writable");
        let log = Arc::new(Log::default());
        let services =
            services_of(Settings { project: folder.path().to_owned(), cluster: settings, ..Settings::default() });
        let context = Context {
            name: "stage.step".into(),
            project: folder.path().into(),
            run: "run".into(),
            env: Arc::new(std::env::vars().collect()),
            own_env: Vec::new(),
            secrets: Arc::default(),
            scope: Arc::default(),
            log: log.clone(),
            evidence: Arc::new(NoEvidence),
            output_file: scratch.join("output"),
            scratch: scratch.into(),
            steps: Arc::default(),
            ran: Arc::default(),
            executor: Arc::new(pipeline::process::executor::ThisMachine),
            patience: std::time::Duration::ZERO,
            namespace: services.cluster().namespace().into(),
            waits: pipeline::core::kind::Waits::default(),
            signals: Signals::new(Duration::from_secs(2)),
            services: Arc::new(services),
        };
        Project { folder, log, context }
    }

    /// With this secret among the run's.
    pub fn secret(mut self, name: &str, value: &str) -> Self {
        let secrets = BTreeMap::from([(name.to_owned(), SecretText::new(value))]);
        self.context.secrets = Arc::new(secrets);
        self
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub async fn step(&self, kind: &str, body: Value) -> Result<Outcome, Fault> {
        let kind = KINDS.step(kind).expect("a registered kind");
        kind.decode(&node(&body)).expect("of the right shape").run(&self.context).await
    }

    /// The outputs of a step that has to pass.
    pub async fn passes(&self, kind: &str, body: Value) -> Outputs {
        match self.step(kind, body).await {
            Ok(Outcome::Passed(outputs)) => outputs,
            other => panic!("did not pass: {other:?}\n{}", self.log.text()),
        }
    }

    pub async fn measure(&self, kind: &str, body: Value) -> Result<Verdict, Fault> {
        assertion(kind, &body).measure(&self.context).await
    }

    /// Each measure as `holds size: 1 B / < 2B`.
    pub async fn measures(&self, kind: &str, body: Value) -> Vec<String> {
        let verdict = self.measure(kind, body).await.unwrap_or_else(|fault| panic!("{fault:?}"));
        let mark = |holds| if holds { "holds" } else { "unmet" };
        let line = |measure: &pipeline::core::model::outcome::Measure| {
            format!("{} {}: {} / {}", mark(measure.holds), measure.name, measure.actual, measure.expected)
        };
        verdict.measures().iter().map(line).collect()
    }
}

/// The assertion of this kind and body.
pub fn assertion(kind: &str, body: &Value) -> Box<dyn Assertion> {
    KINDS.assertion(kind).expect("a registered kind").decode(&node(body)).expect("of the right shape")
}

/// A body as the engine hands it to a kind.
fn node(body: &Value) -> Node {
    Node::from_json(body, Span::new(FileId(0), 0, 0))
}
