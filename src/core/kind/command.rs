//! A command as data: what runs it, how it is stopped, how it ended. Starts nothing.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::captured::Captured;

/// A command to run. Its environment is exactly `base` and `env`, with `PWD` set to `dir` and no `OLDPWD`: nothing is
/// inherited.
#[derive(Clone, Default)]
pub struct Command {
    /// A path, or a name looked up in its environment's PATH.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables that it shares with others: ten thousand steps need no ten thousand copies.
    pub base: Arc<BTreeMap<String, String>>,
    /// Variables of its own; they win.
    pub env: BTreeMap<OsString, OsString>,
    /// Its working folder.
    pub dir: PathBuf,
    /// What it reads; `None` is an empty input.
    pub stdin: Option<Vec<u8>>,
}

impl Command {
    /// The value of a variable in its environment.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        let own = self.env.get(OsStr::new(name)).map(OsString::as_os_str);
        own.or_else(|| self.base.get(name).map(OsStr::new))
    }
}

impl fmt::Debug for Command {
    /// Without the values of its environment and its input: they may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("program", &self.program)
            .field("args", &self.args)
            .field("base", &self.base.keys())
            .field("env", &self.env.keys())
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
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
    /// It was killed, since it waited for a terminal: the system suspends a process in the background that reads from its
    /// terminal (SIGTTIN) or changes its modes (SIGTTOU).
    Terminal,
}

/// What happens to processes that a child left running in its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Leftovers {
    /// SIGTERM, a short grace at most, SIGKILL.
    #[default]
    End,
    /// They stay, unless the child was stopped: then they are ended with it.
    Keep,
}

/// How a process ended, and what it left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// How it ended.
    pub exit: Exit,
    /// Whether processes it had left in the background were ended.
    pub ended_leftovers: bool,
}

/// What a short command printed, and how it ended.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Its standard output.
    pub stdout: Captured,
    /// Its standard error.
    pub stderr: Captured,
}
