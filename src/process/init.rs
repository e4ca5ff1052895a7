//! Whether orphaned processes become children of this one.

use rustix::process::{Pid, getpid};

/// Whether orphaned processes become children of this one.
pub fn is_init() -> bool {
    getpid() == Pid::INIT || is_subreaper()
}

#[cfg(target_os = "linux")]
pub(super) fn is_subreaper() -> bool {
    rustix::process::child_subreaper().is_ok_and(|set| set.is_some())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn is_subreaper() -> bool {
    false
}
