//! Child processes: started through duct, waited for without a thread, ended with their whole group.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::outcome::Fault;

/// A command to run. Its environment is exactly `env`: nothing is inherited.
#[derive(Debug, Clone, Default)]
pub struct Command {
    /// A path, or a name looked up in `env`'s PATH.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its whole environment.
    pub env: BTreeMap<OsString, OsString>,
    /// Its working folder.
    pub dir: PathBuf,
    /// What it reads; `None` is an empty input.
    pub stdin: Option<Vec<u8>>,
}

/// Takes the lines of a process (or of a kind that has something to say), in true order, without their line ends.
pub trait LineSink: Send + Sync {
    /// One line; may hold any bytes. Masking, cutting and storing are the sink's business.
    fn line(&self, line: &[u8]);
}

/// When and how a process is to be stopped.
#[derive(Debug, Clone)]
pub struct Stop {
    /// Ends it: SIGTERM to its group, `grace`, SIGKILL to the group.
    pub cancel: CancellationToken,
    /// Time between SIGTERM and SIGKILL.
    pub grace: Duration,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By a signal that was not ours.
    Signal(i32),
    /// Because it was stopped.
    Stopped,
}

/// What a short command said.
#[derive(Debug, Clone, Default)]
pub struct Captured {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output, cut at the limit.
    pub stdout: Vec<u8>,
    /// Its standard error, cut at the limit.
    pub stderr: Vec<u8>,
}

/// Runs a command to its end, stdout and stderr through one pipe, line by line into `sink`.
/// A line longer than [`LINE_LIMIT`] is handed on in pieces of that length.
///
/// # Errors
/// [`Fault`] when it cannot be started: the program is not there, the folder does not exist.
pub async fn run(command: &Command, sink: &dyn LineSink, stop: &Stop) -> Result<Exit, Fault> {
    let _ = (command, sink, stop);
    Err(Fault::unknown("not written yet"))
}

/// Runs a short command and hands back what it said, each stream cut at `limit` bytes (the rest is read and dropped).
///
/// # Errors
/// [`Fault`] when it cannot be started, or was stopped.
pub async fn capture(command: &Command, limit: usize, stop: &Stop) -> Result<Captured, Fault> {
    let _ = (command, limit, stop);
    Err(Fault::unknown("not written yet"))
}

/// Bytes of a line before it is handed on in pieces: 64 KiB.
pub const LINE_LIMIT: usize = 64 * 1024;
