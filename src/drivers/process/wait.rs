//! Noticing that a child has exited, without reaping it: by pidfd where there is one, else by SIGCHLD.

use std::io;

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::{wait_linux, wait_portable};

/// How exits are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The best that works here.
    Best,
    /// SIGCHLD, as on systems without pidfds.
    #[cfg_attr(not(test), expect(dead_code, reason = "chosen by tests; others fall back to it"))]
    Portable,
}

/// Tells when one child has exited. The child stays a zombie, so that its id stays its own until it is reaped.
#[derive(Debug)]
pub enum Watcher {
    /// By pidfd.
    Pidfd(wait_linux::Pidfd),
    /// By SIGCHLD.
    Sigchld(wait_portable::Sigchld),
}

impl Watcher {
    /// For a child that was not reaped yet.
    pub fn of(pid: Pid, way: Way) -> io::Result<Self> {
        if way == Way::Best
            && let Ok(pidfd) = wait_linux::Pidfd::open(pid)
        {
            // not there: another system, an old kernel, a sandbox that forbids it
            return Ok(Watcher::Pidfd(pidfd));
        }
        Ok(Watcher::Sigchld(wait_portable::Sigchld::of(pid)?))
    }

    /// Comes back when the child has exited.
    pub async fn exited(&mut self) {
        match self {
            Watcher::Pidfd(pidfd) => pidfd.exited().await,
            Watcher::Sigchld(sigchld) => sigchld.exited().await,
        }
    }
}

/// Whether the child has exited. A child that somebody else reaped counts: it will not exit again.
pub fn has_exited(pid: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::Pid(pid), options), Ok(None) | Err(rustix::io::Errno::INTR))
}
