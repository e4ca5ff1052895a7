//! A context for tests of kinds: a project of its own in a temporary folder, a log that can be read, no cluster.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Context, Evidence, Signals};
use crate::core::expr::Scope;
use crate::core::kind::lines::LineSink;
use crate::core::kind::settings::Settings;
use crate::core::mask::SecretText;
use crate::core::model::diagnostic::{Code, Diagnostics};
use crate::core::model::source::{FileId, Span};
use crate::core::yaml::Node;
use crate::process::executor::ThisMachine;

/// A context, what was said in it, and the folder it lives in.
pub(crate) struct TestContext {
    /// Hand it to `run` and `measure`.
    pub cx: Context,
    log: Arc<Log>,
    folder: tempfile::TempDir,
}

#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl LineSink for Log {
    fn line(&self, line: &[u8]) {
        self.0.lock().expect("no test panics here").push(String::from_utf8_lossy(line).into_owned());
    }
}

impl Evidence for Log {
    fn keep(&self, _: &str, _: &str) {}
}

impl TestContext {
    /// With PATH as its environment.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let project = folder.path().canonicalize().expect("it is there");
        let log = Arc::new(Log::default());
        let cx = Context {
            name: "stage.step".into(),
            run: "run".into(),
            env: Arc::new(std::env::var("PATH").map(|path| ("PATH".to_owned(), path)).into_iter().collect()),
            own_env: Vec::new(),
            secrets: Arc::default(),
            scope: Arc::new(Scope::default()),
            log: Arc::clone(&log) as Arc<dyn LineSink>,
            evidence: Arc::clone(&log) as Arc<dyn Evidence>,
            scratch: project.as_path().into(),
            output_file: project.join("outputs"),
            steps: Arc::default(),
            ran: Arc::default(),
            executor: Arc::new(ThisMachine),
            patience: Duration::ZERO,
            namespace: "default".into(),
            waits: super::Waits::default(),
            signals: Signals::new(Duration::from_millis(500)),
            services: Arc::new(crate::services::services_of(Settings {
                project: project.clone(),
                ..Settings::default()
            })),
            project: project.into(),
        };
        TestContext { cx, log, folder }
    }

    /// With these secrets too.
    pub(crate) fn secrets(mut self, secrets: &[(&str, &str)]) -> Self {
        let all = secrets.iter().map(|(name, value)| ((*name).to_owned(), SecretText::new(*value)));
        self.cx.secrets = Arc::new(all.collect::<BTreeMap<_, _>>());
        self
    }

    /// With a variable in the environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        Arc::make_mut(&mut self.cx.env).insert(name.to_owned(), value.to_owned());
        self
    }

    /// With a file in the project.
    pub(crate) fn file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("below the project")).expect("writable");
        std::fs::write(path, text).expect("writable");
        self
    }

    /// The project's folder.
    pub(crate) fn project(&self) -> &Path {
        &self.cx.project
    }

    /// The lines said.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.log.0.lock().expect("no test panics here").clone()
    }
}

/// A body as a user writes it, here as JSON.
pub(crate) fn body<T: serde::de::DeserializeOwned>(json: &serde_json::Value) -> T {
    let node = Node::from_json(json, Span::new(FileId(0), 0, 0));
    crate::core::yaml::decode(&node).expect("a body of this kind")
}

/// What a check complains about: codes and messages.
pub(crate) fn complaints(
    json: &serde_json::Value,
    during: bool,
    check: impl FnOnce(&mut super::CheckContext<'_>),
) -> Vec<(Code, String)> {
    let node = Node::from_json(json, Span::new(FileId(0), 0, 0));
    let mut out = Diagnostics::default();
    check(&mut super::CheckContext { body: &node, project: Path::new("/"), during, on_runner: false, out: &mut out });
    out.sorted().into_iter().map(|found| (found.code, found.message)).collect()
}
