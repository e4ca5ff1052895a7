//! Exits by SIGCHLD, for systems without pidfds: every signal wakes every waiter, and each asks for its own child.

use std::io;

use rustix::process::Pid;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::has_exited;

/// Hears SIGCHLD and asks whether it was meant for this child.
#[derive(Debug)]
pub struct Sigchld {
    pid: Pid,
    signals: Signal,
}

impl Sigchld {
    /// For a child that was not reaped yet.
    pub fn of(pid: Pid) -> io::Result<Self> {
        Ok(Sigchld { pid, signals: signal(SignalKind::child())? })
    }

    /// Comes back when the child has exited.
    pub async fn exited(&mut self) {
        // listening since `of`, so a signal that came before this look is not lost
        while !has_exited(self.pid) {
            if self.signals.recv().await.is_none() {
                return;
            }
        }
    }
}
