//! What only Linux has: the pidfd, readable when its process has exited, and the states of a group's members in /proc.

#[cfg(target_os = "linux")]
pub use here::{Pidfd, runs_in_group, suspended_below};
#[cfg(not(target_os = "linux"))]
pub use nowhere::{Pidfd, runs_in_group, suspended_below};

#[cfg(target_os = "linux")]
mod here {
    use std::io;
    use std::os::fd::OwnedFd;

    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use crate::process::stat::Stat;

    /// A descriptor of a process.
    #[derive(Debug)]
    pub struct Pidfd(AsyncFd<OwnedFd>);

    impl Pidfd {
        /// For a child that was not reaped yet.
        pub fn open(pid: Pid) -> io::Result<Self> {
            Pidfd::of(pidfd_open(pid, PidfdFlags::empty())?)
        }

        /// The descriptor of a child that was not reaped yet.
        pub fn of(fd: OwnedFd) -> io::Result<Self> {
            #[expect(
                deprecated,
                reason = "its successor is unsafe for descriptors that can be swapped; an OwnedFd cannot"
            )]
            let registered = AsyncFd::with_interest(fd, Interest::READABLE)?;
            Ok(Pidfd(registered))
        }

        /// Comes back when the process has exited.
        pub async fn exited(&self) {
            // the one error is a runtime that shuts down: then nothing waits any more
            let _ = self.0.readable().await;
        }
    }

    /// Whether any member of the group is more than a zombie; `None` where /proc does not tell.
    pub fn runs_in_group(group: Pid) -> Option<bool> {
        let group = group.as_raw_nonzero().get();
        let mut reported = false;
        for entry in std::fs::read_dir("/proc").ok()?.flatten() {
            let name = entry.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
            let Some(stat) = Stat::of(pid) else { continue };
            reported = true;
            if stat.group == group && !stat.has_ended() {
                return Some(true);
            }
        }
        reported.then_some(false)
    }

    /// The process group of a descendant that is suspended since it reads from a terminal or changes its modes. A
    /// wrapper such as `timeout` puts it into a group of its own, so its parents are not suspended with it.
    pub fn suspended_below(ancestor: Pid) -> Option<Pid> {
        if Stat::of("self")?.terminal == 0 {
            return None;
        }
        let mut found = children(ancestor.as_raw_nonzero().get());
        let mut next = 0;
        // The tree may change while it is read; no step has more processes than this without being busy.
        while let Some(pid) = found.get(next).copied().filter(|_| next < MOST) {
            if let Some(stat) = Stat::of(pid).filter(Stat::waits_for_terminal) {
                return Pid::from_raw(stat.group);
            }
            found.extend(children(pid));
            next += 1;
        }
        None
    }

    /// The most descendants that are checked.
    const MOST: usize = 1000;

    /// The children of all threads of a process.
    fn children(pid: i32) -> Vec<i32> {
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        let listed = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
        listed
            .flat_map(|list| list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
            .collect()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn our_own_group_runs() {
            assert_eq!(runs_in_group(rustix::process::getpgrp()), Some(true));
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod nowhere {
    use std::convert::Infallible;
    use std::io;
    use std::os::fd::OwnedFd;

    use rustix::process::Pid;

    /// Not to be had here.
    #[derive(Debug)]
    pub struct Pidfd(Infallible);

    impl Pidfd {
        /// Always an error.
        pub fn open(_: Pid) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        /// Always an error.
        pub fn of(_: OwnedFd) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        /// Never called: there is no value.
        pub async fn exited(&self) {
            match self.0 {}
        }
    }

    /// Cannot be known here.
    pub fn runs_in_group(_: Pid) -> Option<bool> {
        None
    }

    /// Cannot be known here.
    pub fn suspended_below(_: Pid) -> Option<Pid> {
        None
    }
}
