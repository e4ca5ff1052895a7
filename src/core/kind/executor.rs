//! Where the command of a step runs: on this machine, or on one that a runner provides. Knows no step and no technology.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::command::{Command, Finished, Leftovers, Output, Stop};
use super::lines::LineSink;
use crate::core::model::outcome::{Fault, Finding};

/// Runs commands of steps to their end.
pub trait Executor: fmt::Debug + Send + Sync {
    /// Runs one. When `work.stop` is cancelled the command ends as well, and this returns soon.
    ///
    /// Errors are [`Fault`]s: it could not be started, or what runs it was lost before its end was known.
    fn execute<'a>(&'a self, work: Work<'a>) -> BoxFuture<'a, Result<Executed, Fault>>;

    /// Runs a short one and hands back what it printed. `None` where it did not end in time: it has ended then.
    ///
    /// Errors are as those of [`Executor::execute`]; also where it was stopped.
    fn capture<'a>(&'a self, work: Capture<'a>) -> BoxFuture<'a, Result<Option<Output>, Fault>>;

    /// Whether commands run on this machine, where others can reach what they serve.
    fn is_here(&self) -> bool {
        false
    }
}

/// A command to run, and what belongs to it.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// The command, as it would run on this machine.
    pub command: &'a Command,
    /// What happens to processes that it leaves in the background.
    pub leftovers: Leftovers,
    /// How long the calling thread may be held for it.
    pub patience: Duration,
    /// Takes its lines.
    pub sink: &'a dyn LineSink,
    /// Ends it.
    pub stop: &'a Stop,
    /// For a command on another machine that serves others: takes the news of it.
    pub service: Option<&'a Service>,
}

/// A short command whose output is measured.
#[derive(Debug, Clone, Copy)]
pub struct Capture<'a> {
    /// The command.
    pub command: &'a Command,
    /// Bytes of each stream that are kept.
    pub limit: usize,
    /// How long it may run, counted from its start.
    pub timeout: Duration,
    /// Ends it.
    pub stop: &'a Stop,
}

/// What tells that a service on another machine is up: its own port, asked again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// It takes connections.
    Tcp {
        /// The port.
        port: u16,
    },
    /// It answers with a status from 200 to 399.
    Http {
        /// The port.
        port: u16,
        /// The path, with its query.
        path: String,
        /// Whether it speaks TLS; its certificate is not checked.
        tls: bool,
    },
}

/// A command on another machine that serves others while it runs.
#[derive(Debug, Default)]
pub struct Service {
    /// What tells that it is up; without one it is as soon as it runs.
    pub probe: Option<Probe>,
    begun: CancellationToken,
    up: CancellationToken,
    host: OnceLock<String>,
}

impl Service {
    /// One that has not begun.
    pub fn new(probe: Option<Probe>) -> Self {
        Service { probe, ..Service::default() }
    }

    /// It runs, and is reached at `host`.
    pub fn has_begun(&self, host: String) {
        let _ = self.host.set(host);
        self.begun.cancel();
    }

    /// Its probe holds.
    pub fn is_up(&self) {
        self.up.cancel();
    }

    /// Comes back when it runs.
    pub async fn begun(&self) {
        self.begun.cancelled().await;
    }

    /// Comes back when its probe holds.
    pub async fn up(&self) {
        self.up.cancelled().await;
    }

    /// Where others reach it; nothing before it runs.
    pub fn host(&self) -> &str {
        self.host.get().map(String::as_str).unwrap_or_default()
    }
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Executed {
    /// Its exit.
    pub finished: Finished,
    /// What explains a bad end, where the executor knows more than the command said.
    pub findings: Vec<Finding>,
}

impl From<Finished> for Executed {
    fn from(finished: Finished) -> Self {
        Executed { finished, findings: Vec::new() }
    }
}

/// What an executor on another machine must know of the step whose commands it runs.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The pipeline.
    pub pipeline: String,
    /// The run's id.
    pub run: Arc<str>,
    /// The step, as `stage.step`.
    pub step: Arc<str>,
    /// The project's folder.
    pub project: Arc<Path>,
    /// The image in the place of the runner's.
    pub image: Option<String>,
    /// Names of the variables that go with the command: those that the pipeline's files set.
    pub env: Vec<String>,
    /// Patterns of files that the command needs.
    pub inputs: Vec<String>,
    /// Patterns of files that come back to the project.
    pub artifacts: Vec<String>,
    /// Keys the digest by which a later run finds what this one has left; without one it finds nothing.
    pub key: Option<[u8; 32]>,
    /// Whether the run goes on with an earlier one, which may have left the same work under way.
    pub resumes: bool,
    /// Limit of the attempt, for the case that this program is killed.
    pub timeout: Option<Duration>,
}

/// A runner of pipeline.yaml: makes an executor for each step that runs on it.
pub trait Runner: fmt::Debug + Send + Sync {
    /// Whether it may be used.
    ///
    /// # Errors
    /// [`Fault`] of kind environment when what it runs on may not be touched.
    fn guard(&self) -> Result<(), Fault>;

    /// What runs the commands of one step.
    fn executor(self: Arc<Self>, assignment: Assignment) -> Arc<dyn Executor>;
}
