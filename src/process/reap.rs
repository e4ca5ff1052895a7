//! The heartbeat of the program, and what an init does: orphans that became children of this process are waited for, so
//! that they do not stay as zombies. Starts nothing.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, WaitId, WaitIdOptions, WaitOptions, getpid, waitid, waitpid};

use super::live;
use super::stat::Stat;
use crate::core::clock;
use crate::process::init;

/// What a thread of its own does: beats, and reaps every `pause` where orphans come to this process.
pub fn heartbeat(pause: Duration) -> impl FnOnce() + Send {
    move || {
        let reaps = init::is_init();
        let pause = if reaps { pause } else { clock::BEAT };
        let mut seen = BTreeSet::new();
        loop {
            clock::beat();
            if reaps {
                seen = reap(&seen);
            }
            thread::sleep(pause);
        }
    }
}

/// Waits for orphans that have ended. Children of drivers are left to those who wait for them; so is what was no zombie the
/// last time (`before`): a library may have started it and wait for it.
fn reap(before: &BTreeSet<i32>) -> BTreeSet<i32> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    if !matches!(waitid(WaitId::All, options), Ok(Some(_))) {
        return BTreeSet::new();
    }
    let zombies = zombies(getpid());
    for pid in zombies.intersection(before).filter_map(|pid| Pid::from_raw(*pid)) {
        if !live::contains(pid) {
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
    }
    zombies
}

/// The children of a process that have ended and were not waited for.
fn zombies(parent: Pid) -> BTreeSet<i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let parent = parent.as_raw_nonzero().get();
    pids.filter(|pid| Stat::of(pid).is_some_and(|stat| stat.state == 'Z' && stat.parent == parent)).collect()
}
