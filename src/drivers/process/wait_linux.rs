//! What only Linux has: the pidfd, readable when its process has exited, and the states of a group's members in /proc.

#[cfg(target_os = "linux")]
pub use here::{Pidfd, runs_in_group};
#[cfg(not(target_os = "linux"))]
pub use nowhere::{Pidfd, runs_in_group};

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
            // the one error is a runtime that shuts down: then nobody waits any more
            let _ = self.0.readable().await;
        }
    }

    /// Whether any member of the group is more than a zombie; `None` where /proc does not tell.
    pub fn runs_in_group(group: Pid) -> Option<bool> {
        let group = group.as_raw_nonzero().get();
        let mut told = false;
        for entry in std::fs::read_dir("/proc").ok()?.flatten() {
            if !entry.file_name().as_encoded_bytes().first().is_some_and(u8::is_ascii_digit) {
                continue;
            }
            let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
            told = true;
            if state_and_group(&stat).is_some_and(|(state, of)| of == group && !matches!(state, "Z" | "X")) {
                return Some(true);
            }
        }
        told.then_some(false)
    }

    /// Third and fifth field of /proc/PID/stat; the second, the name, may hold blanks and parentheses.
    fn state_and_group(stat: &str) -> Option<(&str, i32)> {
        let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
        let state = fields.next()?;
        Some((state, fields.nth(1)?.parse().ok()?))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

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

    /// Cannot be told here.
    pub fn runs_in_group(_: Pid) -> Option<bool> {
        None
    }
}
