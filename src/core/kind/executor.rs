//! Where the command of a step runs: on this machine, or on one that a runner provides. Knows no step and no technology.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use super::command::{Command, Finished, Leftovers, Stop};
use super::lines::LineSink;
use crate::core::model::outcome::{Fault, Finding};

/// Runs commands of steps to their end.
pub trait Executor: fmt::Debug + Send + Sync {
    /// Runs one. When `work.stop` is cancelled the command ends as well, and this returns soon.
    ///
    /// Errors are [`Fault`]s: it could not be started, or what runs it was lost before its end was known.
    fn execute<'a>(&'a self, work: Work<'a>) -> BoxFuture<'a, Result<Executed, Fault>>;

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
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Executed {
    /// Its exit.
    pub finished: Finished,
    /// What explains a bad end, where the executor knows more than the command said.
    pub findings: Vec<Finding>,
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
    /// Names of the variables that go with the command: those that the pipeline's files set.
    pub env: Vec<String>,
    /// Patterns of files that the command needs.
    pub inputs: Vec<String>,
    /// Patterns of files that come back to the project.
    pub artifacts: Vec<String>,
    /// The local file `$PIPELINE_OUTPUT`.
    pub output_file: PathBuf,
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
