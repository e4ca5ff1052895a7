//! What a kind is given: at check time its body and the place to complain, at run time its services and its signals.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::core::expr::Scope;
use crate::core::mask::SecretText;
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::core::model::event::{Ran, State};
use crate::core::model::namespace::refuse_system_namespace;
use crate::core::model::outcome::{Fault, Outputs};
use crate::core::model::source::Span;
use crate::core::yaml::{Node, Segment};

use super::command::Stop;
use super::executor::Executor;
use super::fields::Since;
use super::lines::LineSink;
use super::services::{HasServices, Services};
use super::waits::Waits;

/// For [`super::Step::check`] and [`super::Assertion::check`].
#[derive(Debug)]
pub struct CheckContext<'a> {
    /// The body as written, rendered where its values are known.
    pub body: &'a Node,
    /// The project's folder.
    pub project: &'a Path,
    /// Whether the step runs `during` others.
    pub during: bool,
    /// Whether its command runs on a runner.
    pub on_runner: bool,
    /// Where to complain.
    pub out: &'a mut Diagnostics,
}

/// How a body is used, beyond what it says itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Whether the step runs `during` others.
    pub during: bool,
    /// Whether its command runs on a runner.
    pub on_runner: bool,
}

impl CheckContext<'_> {
    /// The place of what `path` leads to in the body.
    pub fn span(&self, path: &[Segment]) -> Span {
        self.body.span_at(path)
    }

    /// Complains about what `path` leads to.
    pub fn error(&mut self, path: &[Segment], code: Code, message: impl Into<String>, help: Option<String>) {
        self.out.push(Diagnostic::error(code, self.body.span_at(path), message).maybe_help(help));
    }

    /// Complains at `path` about keys of which only one can stand.
    pub fn only_one(&mut self, path: &[Segment], keys: &[&str]) {
        let message = format!("`{}` cannot stand together", keys.join("` and `"));
        self.error(path, Code::InvalidValue, message, Some("leave one of them out".to_owned()));
    }
}

/// What the engine and a running kind tell each other.
#[derive(Debug, Clone)]
pub struct Signals {
    /// Stop now: Ctrl-C, timeout, `--fail-fast`.
    pub cancel: CancellationToken,
    /// The covered steps of a `during` step are over: end well.
    pub stop: CancellationToken,
    /// Set by a `during` step when it is up.
    pub up: CancellationToken,
    /// What a `during` step publishes when it is up, for the steps that it covers.
    pub up_outputs: Arc<OnceLock<Outputs>>,
    /// Time between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// For a `during` step: when the steps that it covers began and ended.
    pub covered: Arc<CoveredSteps>,
    /// Whether the step runs `during` others: only then `stop` comes, and `up` is waited for.
    pub during: bool,
}

impl Signals {
    /// Those of an attempt that runs alone: nothing is covered by it, and nothing has been signalled.
    pub fn new(grace: Duration) -> Self {
        Signals {
            cancel: CancellationToken::new(),
            stop: CancellationToken::new(),
            up: CancellationToken::new(),
            up_outputs: Arc::default(),
            grace,
            covered: Arc::default(),
            during: false,
        }
    }
}

/// When the steps that a `during` step covers began and ended, as far as they have.
#[derive(Debug, Default)]
pub struct CoveredSteps(Mutex<Vec<Mark>>);

/// One moment of a covered step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The step, as `stage.step`.
    pub step: String,
    /// How it ended; `None` when it began.
    pub ended: Option<State>,
    /// When, from the epoch.
    pub at: Duration,
}

impl CoveredSteps {
    /// A covered step begins, or ends like this.
    pub fn mark(&self, step: &str, ended: Option<State>) {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mark = Mark { step: step.to_owned(), ended, at };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(mark);
    }

    /// All so far, in their order.
    pub fn marks(&self) -> Vec<Mark> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What runs the commands of a gate's assertions that do not run on this machine, by their index.
pub type Executors = Vec<(u32, Arc<dyn Executor>)>;

/// The run's secrets, by name.
pub type RunSecrets = BTreeMap<String, SecretText>;

/// For [`super::Step::run`] and [`super::Assertion::measure`]: one attempt's surroundings.
#[derive(Clone)]
pub struct Context {
    /// `stage.step`.
    pub name: Arc<str>,
    /// The project's folder, absolute: relative paths start here.
    pub project: Arc<Path>,
    /// The run's id.
    pub run: Arc<str>,
    /// The whole environment of the step: the pipeline's, the step's `env`, `PIPELINE_*`. Secret values included.
    pub env: Arc<BTreeMap<String, String>>,
    /// For a [light](super::Kind::light) kind: the variables that are its step's alone (`PIPELINE_STEP`,
    /// `PIPELINE_OUTPUT`), so that `env` is shared. For any other they stand in `env` and this is empty.
    pub own_env: Vec<(&'static str, OsString)>,
    /// The run's secrets by name, for masking decisions and the `secrets` assertion.
    pub secrets: Arc<RunSecrets>,
    /// The names that CEL may use, for expressions the kind evaluates itself.
    pub scope: Arc<Scope>,
    /// Where lines go: masked, cut, stored and shown by the engine.
    pub log: Arc<dyn LineSink>,
    /// The run's `evidence/` folder.
    pub evidence: Arc<dyn Evidence>,
    /// A private folder (0700) for temporary files, removed when the run is over.
    pub scratch: Arc<Path>,
    /// The file `$PIPELINE_OUTPUT` that the step may write `key=value` lines to; the engine reads it.
    pub output_file: PathBuf,
    /// Outputs of the stage's steps that are over, by step id: what `of:` refers to.
    pub steps: Arc<BTreeMap<String, Outputs>>,
    /// When the stage's steps ran, by step id, for assertions.
    pub ran: Arc<BTreeMap<String, Ran>>,
    /// What runs the commands of a kind that may run [elsewhere](super::Kind::elsewhere).
    pub executor: Arc<dyn Executor>,
    /// How long the thread that a step begins on may be held for it: no other work waits for that thread then.
    pub patience: Duration,
    /// The namespace for what names none: that of the part or stage, else the pipeline's.
    pub namespace: Arc<str>,
    /// What a wait of this attempt goes by.
    pub waits: Waits,
    /// Signals.
    pub signals: Signals,
    /// What kinds share during the run.
    pub services: Arc<Services>,
}

/// Keeps what explains a failure, masked.
pub trait Evidence: Send + Sync {
    /// Stores `text` as `evidence/<node>/<name>`; a name with `/` makes folders. A failure to store is reported by
    /// the engine, not here.
    fn keep(&self, name: &str, text: &str);
}

/// The time since the Unix epoch.
pub fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A time since the Unix epoch, as a moment.
pub fn timestamp(since_epoch: Duration) -> Timestamp {
    Timestamp::UNIX_EPOCH.checked_add(since_epoch).unwrap_or(Timestamp::MAX)
}

impl Context {
    /// Comes back when the attempt must stop now.
    pub async fn cancelled(&self) {
        self.signals.cancel.cancelled().await;
    }

    /// Comes back when a `during` step should end well.
    pub async fn stopped(&self) {
        self.signals.stop.cancelled().await;
    }

    /// Says that a `during` step is up.
    pub fn up(&self) {
        self.signals.up.cancel();
    }

    /// Says that a `during` step is up, and publishes outputs for the steps that it covers.
    pub fn up_with(&self, outputs: Outputs) {
        // a second call changes nothing: the covered steps may have read the first outputs
        let _ = self.signals.up_outputs.set(outputs);
        self.up();
    }

    /// The namespace for what names none: that of the part or stage, else the pipeline's.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// `named`, or the namespace for what names none.
    ///
    /// # Errors
    /// [`Fault`] of kind environment when it is one of the system's.
    pub fn namespace_or<'a>(&'a self, named: Option<&'a str>) -> Result<&'a str, Fault> {
        let namespace = named.unwrap_or(&self.namespace);
        refuse_system_namespace(namespace)?;
        Ok(namespace)
    }

    /// Writes a line to the step's log.
    pub fn say(&self, line: impl AsRef<str>) {
        self.log.line(line.as_ref().as_bytes());
    }

    /// Reports its state at the moment: for the progress line, not for the log.
    pub fn pass(&self, text: impl AsRef<str>) {
        self.log.passing(text.as_ref());
    }

    /// The folder in which this run is kept: journal, logs, evidence, reports.
    pub fn record(&self) -> PathBuf {
        self.project.join(".pipeline/runs").join(&*self.run)
    }

    /// When a step of the same stage ran.
    ///
    /// # Errors
    /// [`Fault`] of kind unknown when it has not run.
    pub fn ran(&self, step: &str) -> Result<Ran, Fault> {
        self.ran.get(step).copied().ok_or_else(|| {
            Fault::unknown(format!("not measured: the step `{step}` has not run, so there is no time to count from"))
                .help("name a step that runs before this is measured")
        })
    }

    /// How long ago a time since the Unix epoch was.
    pub fn ago(&self, since_epoch: Duration) -> Duration {
        Timestamp::now().duration_since(timestamp(since_epoch)).try_into().unwrap_or_default()
    }

    /// The moment that `since` means.
    ///
    /// # Errors
    /// As [`Context::ran`].
    pub fn moment(&self, since: &Since) -> Result<Timestamp, Fault> {
        match since {
            Since::Step(step) => Ok(timestamp(self.ran(step)?.from)),
            Since::Ago(time) => Ok(Timestamp::now().checked_sub(time.0).unwrap_or(Timestamp::MIN)),
        }
    }

    /// How processes of this attempt are stopped.
    pub fn stop(&self) -> Stop {
        Stop { cancel: self.signals.cancel.clone(), grace: self.signals.grace }
    }

    /// `future`, unless the attempt must stop first.
    ///
    /// # Errors
    /// A fault that says so; the engine reports the cancellation, not the fault.
    pub async fn unless_cancelled<T>(&self, future: impl Future<Output = T>) -> Result<T, Fault> {
        tokio::select! {
            biased;
            () = self.cancelled() => Err(Fault::unknown("stopped")),
            value = future => Ok(value),
        }
    }
}

impl HasServices for Context {
    fn services(&self) -> &Services {
        &self.services
    }
}
