//! How a child is started: through duct, and on Linux by a way that costs a short step less. Knows neither what the child
//! says nor when it ends.

pub(super) mod linux;

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};

use rustix::process::{Pid, WaitOptions, waitpid};

use super::wait::Way;
use super::{Command, environment};

/// What a child gets as its descriptors 0, 1 and 2.
pub struct Ends {
    /// An empty input where there is none.
    pub input: Option<OwnedFd>,
    pub out: OwnedFd,
    /// The same as `out` where there is none.
    pub err: Option<OwnedFd>,
}

/// A started child: the leader of a group of its own, whose exit status was not taken yet.
#[derive(Debug)]
pub struct Started {
    pub pid: Pid,
    /// Its own descriptor, where it came with it.
    pub pidfd: Option<OwnedFd>,
    /// Who reaps it; we do where there is none.
    duct: Option<duct::Handle>,
}

/// Children of ours that were left before they had ended.
static LEFT: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

impl Started {
    /// Starts `program` with the arguments, environment and folder of `command`.
    ///
    /// # Errors
    /// The system's: the program or the folder is not there, is no program, there are too many processes.
    pub fn new(command: &Command, program: &Path, ends: Ends, way: Way) -> io::Result<Self> {
        reap_left();
        if way == Way::Best {
            match linux::start(command, program, &ends) {
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
                started => return started.map(|(pid, pidfd)| Started { pid, pidfd, duct: None }),
            }
        }
        let handle = by_duct(command, program, ends)?;
        let pid = handle.pids().first().and_then(|pid| i32::try_from(*pid).ok()).and_then(Pid::from_raw);
        Ok(Started { pid: pid.expect("a started command has one process"), pidfd: None, duct: Some(handle) })
    }

    /// Takes the exit status, if it has exited; its id is free from then on, and this must not be called again.
    ///
    /// # Errors
    /// The system's, if another thread has taken it.
    pub fn try_reap(&self) -> io::Result<Option<ExitStatus>> {
        match &self.duct {
            Some(handle) => Ok(handle.try_wait()?.map(|output| output.status)),
            None => try_reap(self.pid),
        }
    }

    /// Nothing waits for it any more: it is reaped when the next process is started. Duct does the same with its own.
    pub fn leave(&self) {
        if self.duct.is_none() && matches!(self.try_reap(), Ok(None)) {
            LEFT.lock().unwrap_or_else(PoisonError::into_inner).push(self.pid);
        }
    }
}

fn try_reap(pid: Pid) -> io::Result<Option<ExitStatus>> {
    match waitpid(Some(pid), WaitOptions::NOHANG) {
        Ok(exited) => Ok(exited.map(|(_, status)| ExitStatus::from_raw(status.as_raw()))),
        Err(rustix::io::Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn reap_left() {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner).retain(|pid| matches!(try_reap(*pid), Ok(None)));
}

/// Duct would copy descriptors, arguments and the whole environment once more, so the `Command` it starts is ours; an
/// absolute program, `process_group` and no `pre_exec` keep std at `posix_spawn`.
fn by_duct(command: &Command, program: &Path, ends: Ends) -> io::Result<duct::Handle> {
    let err = match ends.err {
        Some(err) => err,
        None => ends.out.try_clone()?,
    };
    let mut own = std::process::Command::new(program);
    own.args(&command.args).current_dir(&command.dir).process_group(0);
    own.stdin(ends.input.map_or_else(Stdio::null, Stdio::from)).stdout(ends.out).stderr(err);
    environment::give(&mut own, &command.base, &command.env, &command.dir);
    let own = Mutex::new(Some(own));
    let nothing: [(OsString, OsString); 0] = [];
    duct::cmd(program, None::<OsString>)
        .full_env(nothing)
        .unchecked()
        .before_spawn(move |child| {
            let own = own.lock().map_or(None, |mut own| own.take());
            *child = own.ok_or(io::ErrorKind::InvalidInput)?;
            Ok(())
        })
        .start()
}
