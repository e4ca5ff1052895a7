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
            if !entry.file_name().as_encoded_bytes().first().is_some_and(u8::is_ascii_digit) {
                continue;
            }
            let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
            reported = true;
            if state_and_group(&stat).is_some_and(|(state, of)| of == group && !matches!(state, "Z" | "X")) {
                return Some(true);
            }
        }
        reported.then_some(false)
    }

    /// Third and fifth field of /proc/PID/stat; the second, the name, may hold blanks and parentheses.
    fn state_and_group(stat: &str) -> Option<(&str, i32)> {
        let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
        let state = fields.next()?;
        Some((state, fields.nth(1)?.parse().ok()?))
    }

    /// The process group of a descendant that is suspended since it reads from a terminal or changes its modes. A
    /// wrapper such as `timeout` puts it into a group of its own, so its parents are not suspended with it.
    pub fn suspended_below(ancestor: Pid) -> Option<Pid> {
        let own = std::fs::read_to_string("/proc/self/stat").ok()?;
        if Stat::parse(&own)?.terminal == 0 {
            return None;
        }
        let mut found = children(ancestor.as_raw_nonzero().get());
        let mut next = 0;
        // The tree may change while it is read; no step has more processes than this without being busy.
        while let Some(pid) = found.get(next).copied().filter(|_| next < MOST) {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok();
            if let Some(stat) = stat.and_then(|stat| Stat::parse(&stat)).filter(Stat::waits_for_terminal) {
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

    /// What /proc/PID/stat says of a process.
    struct Stat {
        suspended: bool,
        group: i32,
        /// 0 without a terminal.
        terminal: i32,
        /// Of a suspended process the signal that did it.
        signal: i32,
    }

    impl Stat {
        fn parse(stat: &str) -> Option<Self> {
            let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_ascii_whitespace().collect();
            let number = |at: usize| fields.get(at).and_then(|field| field.parse().ok());
            Some(Stat {
                suspended: *fields.first()? == "T",
                group: number(2)?,
                terminal: number(4)?,
                signal: number(49).unwrap_or(0),
            })
        }

        fn waits_for_terminal(&self) -> bool {
            self.suspended && self.terminal != 0 && [libc::SIGTTIN, libc::SIGTTOU].contains(&self.signal)
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        const SUSPENDED: &str = concat!(
            "23328 (a) b) T 23327 23327 23326 34816 23326 4194304 0 0 0 0 0 0 0 0 20 0 1 0 ",
            "1 2 3 4 5 6 7 8 9 0 0 0 0 0 0 0 17 0 0 0 0 0 0 1 2 3 4 5 6 7 21"
        );

        #[test]
        fn a_process_that_waits_for_the_terminal_is_distinguished_from_one_that_the_user_stopped() {
            let stat = Stat::parse(SUSPENDED).expect("a stat");
            assert!(stat.waits_for_terminal());
            assert_eq!(stat.group, 23327);
            let by_user = SUSPENDED.replace("7 21", "7 19");
            assert!(!Stat::parse(&by_user).expect("a stat").waits_for_terminal());
            let running = SUSPENDED.replace(") T ", ") S ");
            assert!(!Stat::parse(&running).expect("a stat").waits_for_terminal());
        }

        #[test]
        fn reads_state_and_group_behind_any_name() {
            assert_eq!(state_and_group("12 (a) b (c) Z 1 77 77 0"), Some(("Z", 77)));
            assert_eq!(state_and_group("12 (sh"), None);
        }

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
