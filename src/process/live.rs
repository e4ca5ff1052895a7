//! The process groups of this program that are alive, for an end that does not wait for the event loop. Starts nothing.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

static GROUPS: Mutex<Vec<Pid>> = Mutex::new(Vec::new());
/// Children that are being started and are not in [`GROUPS`] yet.
static STARTING: AtomicUsize = AtomicUsize::new(0);
/// Nothing is started any more.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// How long [`kill_all`] waits for children that are being started.
const START_LIMIT: Duration = Duration::from_millis(100);

/// A child that is being started.
#[derive(Debug)]
pub struct Starting(());

/// A group that [`kill_all`] ends, until this is dropped.
#[derive(Debug)]
pub struct Registered(Pid);

/// Announces a start.
///
/// # Errors
/// When the program is ending.
pub fn begin() -> io::Result<Starting> {
    STARTING.fetch_add(1, Ordering::SeqCst);
    let starting = Starting(());
    if CLOSED.load(Ordering::SeqCst) {
        return Err(io::Error::new(io::ErrorKind::Interrupted, "the program is ending"));
    }
    Ok(starting)
}

impl Starting {
    /// The child was started and leads this group.
    #[allow(clippy::unused_self, reason = "the value is given up: the start is over")]
    pub fn started(self, group: Pid) -> Registered {
        groups().push(group);
        Registered(group)
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        STARTING.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut groups = groups();
        if let Some(at) = groups.iter().rposition(|group| *group == self.0) {
            groups.swap_remove(at);
        }
    }
}

/// Whether this process is a child that a driver has started and waits for.
pub fn contains(pid: Pid) -> bool {
    groups().contains(&pid)
}

/// Kills all groups and prevents further starts.
pub fn kill_all() {
    CLOSED.store(true, Ordering::SeqCst);
    let until = Instant::now() + START_LIMIT;
    while STARTING.load(Ordering::SeqCst) > 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
    signal_all(Signal::KILL);
}

/// Suspends all groups.
pub fn stop_all() {
    signal_all(Signal::STOP);
}

/// Resumes all groups.
pub fn continue_all() {
    signal_all(Signal::CONT);
}

fn signal_all(signal: Signal) {
    for group in groups().iter() {
        // a group without members needs no signal
        let _ = kill_process_group(*group, signal);
    }
}

fn groups() -> MutexGuard<'static, Vec<Pid>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_known_until_it_is_dropped() {
        let pid = Pid::from_raw(i32::MAX).expect("a number");
        let registered = begin().expect("open").started(pid);
        assert!(contains(pid));
        drop(registered);
        assert!(!contains(pid));
    }
}
