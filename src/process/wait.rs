//! Noticing that a child has exited, without reaping it: by pidfd where there is one, else by SIGCHLD.
//!
//! Most children end soon, and their output ends with them: then one check is enough, and nothing was set up. A caller that reads
//! the output says when it ends ([`Watcher::look_out`]); a child that lives on is watched after a moment anyway.

pub(super) mod linux;
mod portable;

use std::io;
use std::os::fd::OwnedFd;

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use tokio::time::{Duration, Instant, sleep_until};

use super::pump::look;

/// How children are started and their exits noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The best that works here.
    Best,
    /// Duct and SIGCHLD, as on systems without `clone` and pidfds.
    #[cfg_attr(not(test), expect(dead_code, reason = "chosen by tests; others fall back to it"))]
    Portable,
}

/// How long the end of a child's output is waited for before the child itself is watched.
const PATIENCE: Duration = Duration::from_millis(10);

/// Tells when one child has exited. The child stays a zombie, so that its id stays its own until it is reaped.
#[derive(Debug)]
pub struct Watcher {
    pid: Pid,
    /// The child's descriptor, until it is watched by it.
    pidfd: Option<OwnedFd>,
    way: Way,
    eye: Eye,
}

#[derive(Debug)]
enum Eye {
    /// Not before then.
    Closed(Instant),
    Pidfd(linux::Pidfd),
    Sigchld(portable::Sigchld),
}

impl Watcher {
    /// For a child that was just started; `pidfd` is its descriptor, where it came with it.
    pub fn of(pid: Pid, pidfd: Option<OwnedFd>, way: Way) -> Self {
        Watcher { pid, pidfd, way, eye: Eye::Closed(Instant::now() + PATIENCE) }
    }

    /// Waits while this thread is held; whether the child exited in that time. It does not wait where that cannot be seen.
    pub fn exits_within(&self, patience: Duration) -> bool {
        self.pidfd.as_ref().is_some_and(|pidfd| look(pidfd, patience).is_some())
    }

    /// Watches from now on, whatever becomes of the output.
    ///
    /// # Errors
    /// When neither way works here.
    pub fn look_out(&mut self) -> io::Result<()> {
        if !matches!(self.eye, Eye::Closed(_)) {
            return Ok(());
        }
        let pidfd = self.pidfd.take();
        self.eye = match pidfd.map_or_else(|| linux::Pidfd::open(self.pid), linux::Pidfd::of) {
            Ok(pidfd) if self.way == Way::Best => Eye::Pidfd(pidfd),
            // not there: another system, an old kernel, a sandbox that forbids it
            _ => Eye::Sigchld(portable::Sigchld::of(self.pid)?),
        };
        Ok(())
    }

    /// Comes back when the child has exited.
    ///
    /// # Errors
    /// When it cannot be watched.
    pub async fn exited(&mut self) -> io::Result<()> {
        if let Eye::Closed(until) = self.eye {
            sleep_until(until).await;
            self.look_out()?;
        }
        match &mut self.eye {
            Eye::Closed(_) => {}
            Eye::Pidfd(pidfd) => pidfd.exited().await,
            Eye::Sigchld(sigchld) => sigchld.exited().await,
        }
        Ok(())
    }
}

/// The process group that is suspended because it reads from a terminal, or changes its modes: that of the child, or of
/// a process below it that a wrapper (`timeout 60 sudo …`) put into a group of its own.
pub fn waits_for_terminal(pid: Pid) -> Option<Pid> {
    let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let stopped = waitid(WaitId::Pid(pid), options).ok().flatten();
    let signal = stopped.and_then(|status| status.stopping_signal());
    let own = signal.is_some_and(|signal| [libc::SIGTTIN, libc::SIGTTOU].contains(&signal));
    if own { Some(pid) } else { linux::suspended_below(pid) }
}

/// Whether the child has exited. A child that somebody else reaped counts: it will not exit again.
pub fn has_exited(pid: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::Pid(pid), options), Ok(None) | Err(rustix::io::Errno::INTR))
}
