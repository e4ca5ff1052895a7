//! The process group that a child leads: signals to all of it, and the end of what the child left behind.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

/// A child's process group; its number is the child's. While the child is not reaped, or any member lives, the kernel
/// gives the number to no other process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group(Pid);

/// Between two checks of a group that was ordered to end: short at first, since most end at once.
const LOOKS: [Duration; 4] =
    [Duration::from_millis(1), Duration::from_millis(4), Duration::from_millis(15), Duration::from_millis(50)];

impl Group {
    /// The group that the process with this id leads.
    pub fn of(pid: Pid) -> Self {
        Group(pid)
    }

    /// Asks all members to end; wakes those that are stopped, which would not hear it. False where there is none.
    pub fn terminate(self) -> bool {
        let there = kill_process_group(self.0, Signal::TERM).is_ok();
        if there {
            // only a stopped process needs it; that the group is gone meanwhile is fine
            let _ = kill_process_group(self.0, Signal::CONT);
        }
        there
    }

    /// Ends all members at once. That there are none any more is fine.
    pub fn kill(self) {
        let _ = kill_process_group(self.0, Signal::KILL);
    }

    /// Whether it has members, zombies included.
    pub fn is_there(self) -> bool {
        test_kill_process_group(self.0).is_ok()
    }

    /// Whether a member still runs. Zombies do not count: under an init that does not reap they stay for good.
    pub fn is_alive(self) -> bool {
        self.is_there() && super::wait::linux::runs_in_group(self.0).unwrap_or(true)
    }

    /// Comes back when no member runs any more, after `grace` at most: then the rest was killed.
    pub async fn gone(self, grace: Duration) {
        let deadline = tokio::time::Instant::now() + grace;
        for pause in LOOKS.into_iter().chain(std::iter::repeat(LOOKS[LOOKS.len() - 1])) {
            if !self.is_alive() {
                return;
            }
            let now = tokio::time::Instant::now();
            if now >= deadline {
                break;
            }
            tokio::time::sleep(pause.min(deadline - now)).await;
        }
        self.kill();
    }
}
