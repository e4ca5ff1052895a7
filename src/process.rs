//! Child processes: started without a copy of this program, waited for without a thread, ended with their whole group.
//! Knows no step and no log.
//!
//! A child leads a process group of its own. Its standard output and standard error are one pipe, so that their order
//! is the true one. When it has exited, what the pipe holds is read on until it is closed or was silent for
//! [`QUIET`]: a daemon that keeps it open does not delay the end. What the child left running in its group is then ended,
//! unless [`Leftovers::Keep`] is asked for. The pipe of processes that stay goes to [`LineSink::adopt`].

pub mod assertions;
pub mod command_context;
mod environment;
pub mod executor;
mod feed;
mod group;
mod init;
mod lines;
pub(crate) mod live;
mod program;
mod pump;
pub(crate) mod reap;
mod refused;
pub mod script;
#[cfg(test)]
pub(crate) mod scripts;
pub mod signals;
mod spawn;
mod start;
pub mod stat;
pub mod steps;
pub mod tcp;
mod texts;
pub mod tree;
mod wait;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::core::model::outcome::Fault;

pub use crate::core::kind::captured::Captured;
pub use crate::core::kind::command::{Command, Exit, Finished, Leftovers, Output, Stop};
pub use crate::core::kind::lines::{LINE_LIMIT, LineSink, each_line};
pub use group::Group;
pub(crate) use lines::Lines;
pub use spawn::Running;

/// Silence on the pipe of an exited child after which it is read no further.
pub const QUIET: Duration = Duration::from_millis(100);
/// The longest that the pipe of an exited child is read, however much its descendants say.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(2);
/// The longest that processes left in the background get between SIGTERM and SIGKILL.
pub const LEFTOVER_GRACE: Duration = Duration::from_secs(2);

/// Runs a command to its end, stdout and stderr through one pipe, line by line into `sink`.
/// A line longer than [`LINE_LIMIT`] is handed on in pieces of that length. What it left in the background is ended.
///
/// # Errors
/// [`Fault`] when it cannot be started: the program is not there, the folder does not exist.
pub async fn run(command: &Command, sink: &dyn LineSink, stop: &Stop) -> Result<Exit, Fault> {
    Ok(Running::start(command)?.finish(sink, stop, Leftovers::End).await?.exit)
}

/// Runs a short command and hands back what it said, each stream cut at `limit` bytes (the rest is read and dropped).
///
/// # Errors
/// [`Fault`] when it cannot be started, or was stopped.
pub async fn capture(command: &Command, limit: usize, stop: &Stop) -> Result<Output, Fault> {
    match capture_stopped(command, limit, stop).await? {
        (output, false) => Ok(output),
        (_, true) => Err(Fault::unknown("stopped")),
    }
}

/// Like [`capture`], but also hands back what a command that was stopped had printed by then, and whether it was stopped.
///
/// # Errors
/// [`Fault`] when it cannot be started.
pub async fn capture_stopped(command: &Command, limit: usize, stop: &Stop) -> Result<(Output, bool), Fault> {
    let (running, stderr) = Running::start_apart(command)?;
    running.finish_apart(stderr, limit, stop).await
}

/// Runs a helper program that must answer soon: as [`capture`], and it is ended when `limit` is over.
///
/// # Errors
/// [`Fault`] when it cannot be started, was stopped, or did not end in time.
pub async fn capture_within(command: &Command, bytes: usize, stop: &Stop, limit: Duration) -> Result<Output, Fault> {
    let own = Stop { cancel: stop.cancel.child_token(), grace: stop.grace.min(LEFTOVER_GRACE) };
    let mut work = std::pin::pin!(capture(command, bytes, &own));
    if let Ok(said) = crate::core::clock::timeout(limit, &mut work).await {
        return said;
    }
    own.cancel.cancel();
    // its end is waited for: nothing of it may stay
    match work.await {
        Err(_) => {
            let program = command.program.to_string_lossy();
            Err(Fault::unknown(format!(
                "`{program}` did not end within {}",
                crate::core::model::units::TimeSpan(limit)
            )))
        }
        said => said,
    }
}

/// Why a program that waited for the terminal was ended, and what to do.
pub fn waits_for_terminal(program: &str) -> (String, String) {
    let message = format!("{program} waits for input from the terminal, and was ended: steps have no terminal");
    let help = "use an option that does not ask (`sudo -n`, `ssh -o BatchMode=yes`, `docker login --password-stdin`), or \
                pass the answer with `stdin:`";
    (message, help.to_owned())
}

/// Where `name` is found in a PATH (a colon-separated list of folders): the first executable file of that name.
/// A name with a slash is a path already, relative to `dir`.
///
/// # Errors
/// [`Fault`] of kind environment that says which name is not there.
pub fn find_program(name: &OsStr, path: Option<&OsStr>, dir: &Path) -> Result<PathBuf, Fault> {
    program::find(name, path, dir)
}

#[cfg(test)]
mod cost;
#[cfg(test)]
mod stay_tests;
#[cfg(test)]
mod tests;
