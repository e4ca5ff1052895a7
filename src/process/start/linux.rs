//! Starting a child on Linux: the one room with `unsafe` in it. Knows nothing of what follows.
//!
//! std and duct start children through `posix_spawn`. There glibc asks twice after each of 64 signals, and takes a stack
//! from the kernel for every child and gives it back, and all cores that run threads of ours have to be notified. That is
//! a tenth of what a step `sh -c true` costs on two cores (docs/decisions/0037). Here a child runs on a stack that its
//! thread keeps, and looks after the signals that this program handles.
//!
//! Between `clone` and `execve` the child shares our memory (`CLONE_VM`), while the thread that started it is suspended
//! (`CLONE_VFORK`): it is as if that thread called a function that never returns. What this room must hold to:
//! nothing in the child allocates, locks or panics; it writes to its own stack and to one atomic, no more; no signal
//! reaches a handler of ours in it.

#[cfg(target_os = "linux")]
pub use here::start;
#[cfg(not(target_os = "linux"))]
pub use nowhere::start;

#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "std has no way to start a child on a stack that is there already")]
mod here {
    use std::cell::RefCell;
    use std::ffi::{c_char, c_int, c_void};
    use std::fs::File;
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;
    use std::ptr::{from_ref, null, null_mut};
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicI32, Ordering};

    use rustix::process::{Pid, WaitOptions, waitpid};

    use crate::process::Command;
    use crate::process::environment::Block;
    use crate::process::start::Ends;
    use crate::process::texts::Texts;

    /// Signals that this program or its runtime handles, or std ignores for it alone (SIGPIPE): in the child they mean
    /// what they mean to everybody. Others are inherited, so that `nohup` does what it is for. `execve` would put
    /// handlers away too, but the signals must be let through before.
    const HANDLED: [c_int; 8] = [
        libc::SIGHUP,
        libc::SIGINT,
        libc::SIGQUIT,
        libc::SIGTERM,
        libc::SIGTSTP,
        libc::SIGCONT,
        libc::SIGCHLD,
        libc::SIGPIPE,
    ];

    /// Bytes of a child's stack; what runs on it is [`child`] alone.
    const STACK: usize = 32 * 1024;

    thread_local! {
        /// What this thread's children run on until they are another program: one at a time, as the thread waits.
        static ROOM: RefCell<Vec<u128>> = RefCell::new(vec![0; STACK / size_of::<u128>()]);
    }

    /// An empty input, opened once.
    static NOTHING: LazyLock<io::Result<File>> = LazyLock::new(|| File::open("/dev/null"));

    /// What the child is given, and what it answers. All pointers are to texts that live until the child is done.
    struct Task {
        program: *const c_char,
        dir: *const c_char,
        args: *const *const c_char,
        env: *const *const c_char,
        /// Becomes 0, 1 and 2; all are greater.
        ends: [RawFd; 3],
        /// Why it did not become the program.
        errno: AtomicI32,
    }

    /// Starts `program` in a group of its own, with exactly the environment of `command`. The descriptor of the new process
    /// comes with it where the kernel has such (5.2).
    ///
    /// # Errors
    /// The system's; of kind [`io::ErrorKind::Unsupported`] where it must be started in another way.
    pub fn start(command: &Command, program: &Path, ends: &Ends) -> io::Result<(Pid, Option<OwnedFd>)> {
        let Ok(nothing) = &*NOTHING else { return Err(io::ErrorKind::Unsupported.into()) };
        let out = ends.out.as_raw_fd();
        let fds = [
            ends.input.as_ref().map_or(nothing.as_raw_fd(), AsRawFd::as_raw_fd),
            out,
            ends.err.as_ref().map_or(out, AsRawFd::as_raw_fd),
        ];
        // one of ours was closed when we were started: the ends would overwrite each other
        if fds.iter().any(|fd| *fd <= libc::STDERR_FILENO) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let (program, dir) = (program.as_os_str().as_bytes(), command.dir.as_os_str().as_bytes());
        let bytes = command.args.iter().map(|arg| arg.len()).sum::<usize>() + dir.len() + program.len();
        let mut texts = Texts::with_room(command.args.len() + 2, bytes);
        texts.add(&[dir])?;
        texts.add(&[program])?;
        command.args.iter().try_for_each(|arg| texts.add(&[arg.as_bytes()]))?;
        let block = Block::new(&command.base, &command.env, &command.dir)?;
        let (list, env) = (texts.list(), block.list());
        let task = Task {
            dir: list[0],
            program: list[1],
            args: list[1..].as_ptr(),
            env: env.as_ptr(),
            ends: fds,
            errno: AtomicI32::new(0),
        };
        let pid = ROOM.with_borrow_mut(|room| beget(&task, room));
        block.give_back();
        let (pid, pidfd) = pid?;
        match task.errno.load(Ordering::Relaxed) {
            0 => Ok((pid, pidfd)),
            errno => {
                // it has ended, or is about to: its id must not stay taken
                while matches!(waitpid(Some(pid), WaitOptions::empty()), Err(rustix::io::Errno::INTR)) {}
                Err(io::Error::from_raw_os_error(errno))
            }
        }
    }

    /// Has a child that runs on `stack`, and comes back when it is another program or has failed.
    fn beget(task: &Task, stack: &mut [u128]) -> io::Result<(Pid, Option<OwnedFd>)> {
        let mut pidfd: c_int = -1;
        let (mut all, mut before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        // SAFETY: both sets are ours to write; `sigfillset` has written `all` when it is read.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
        }
        // SAFETY: the stack is ours alone, aligned to 16 bytes, and grows down from its end. With CLONE_VFORK this thread
        // goes on only when the child no longer uses `stack` and `task`. `child` keeps to what this room promises, and
        // no signal is delivered in it before it has put the handlers away, since all are blocked. With CLONE_PIDFD the
        // fifth argument is where the kernel writes one int, to a variable of this thread.
        let pid = unsafe {
            let top = stack.as_mut_ptr_range().end;
            let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
            libc::clone(child, top.cast(), flags, from_ref(task).cast_mut().cast(), &raw mut pidfd)
        };
        let error = io::Error::last_os_error();
        // SAFETY: `pthread_sigmask` has written `before`.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), null_mut());
        }
        match (Pid::from_raw(pid.max(0)), error.raw_os_error()) {
            (Some(pid), _) => {
                // SAFETY: the kernel has made it for us, closed in other programs; it has no other owner.
                let pidfd = (pidfd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(pidfd) });
                Ok((pid, pidfd))
            }
            // a sandbox that knows no such child
            (None, Some(libc::EINVAL | libc::ENOSYS | libc::EPERM)) => Err(io::ErrorKind::Unsupported.into()),
            (None, _) => Err(error),
        }
    }

    /// The child's whole life before it is another program.
    extern "C" fn child(task: *mut c_void) -> c_int {
        // SAFETY: it is the `Task` that `beget` has handed to `clone`, and lives until this process is gone or another
        // program. Only this child writes to it, and only to its atomic.
        let task = unsafe { &*task.cast_const().cast::<Task>() };
        task.errno.store(turn(task), Ordering::Relaxed);
        // SAFETY: ends this process without a use of what it shares with its parent.
        unsafe { libc::_exit(127) }
    }

    /// Becomes the program, or says why not.
    fn turn(task: &Task) -> c_int {
        // SAFETY: system calls without memory of ours, but for the pointers of `task`, which are valid (see there).
        let done = unsafe {
            libc::setpgid(0, 0) == 0
                && libc::dup2(task.ends[0], libc::STDIN_FILENO) >= 0
                && libc::dup2(task.ends[1], libc::STDOUT_FILENO) >= 0
                && libc::dup2(task.ends[2], libc::STDERR_FILENO) >= 0
                && libc::chdir(task.dir) == 0
        };
        if done {
            HANDLED.into_iter().for_each(put_away);
            let mut none = MaybeUninit::uninit();
            // SAFETY: the set is ours and is written before it is read; the pointers of `task` are valid (see there).
            unsafe {
                libc::sigemptyset(none.as_mut_ptr());
                libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), null_mut());
                libc::execve(task.program, task.args, task.env);
            }
        }
        io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL)
    }

    /// Restores the default meaning of a signal, unless the process that started us wants it ignored.
    fn put_away(signal: c_int) {
        let mut action = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: all zeros are an action (`SIG_DFL`, an empty mask, no flags), and the kernel writes whole ones.
        unsafe {
            libc::sigaction(signal, null(), action.as_mut_ptr());
            let now = action.assume_init_mut();
            let wanted = now.sa_sigaction == libc::SIG_IGN && signal != libc::SIGPIPE;
            if !wanted && now.sa_sigaction != libc::SIG_DFL {
                *now = MaybeUninit::zeroed().assume_init();
                libc::sigaction(signal, now, null_mut());
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use tokio::signal::unix::{SignalKind, signal};

        use super::*;

        /// A mask of /proc/self/status, as signal numbers.
        fn signals(name: &str) -> Vec<c_int> {
            let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("it is told");
            let mask = u64::from_str_radix(line.trim(), 16).expect("a mask");
            (1..=64).filter(|signal| mask >> (signal - 1) & 1 == 1).collect()
        }

        #[tokio::test]
        async fn every_signal_that_is_caught_is_put_away_in_children() {
            // what the program listens to: `drivers::signals`, and `wait_portable`
            for number in
                [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGTSTP, libc::SIGCONT, libc::SIGCHLD]
            {
                let _listening = signal(SignalKind::from_raw(number)).expect("it can be listened to");
            }
            // std's, for a stack that has overflown: they come from the child's own doing alone, and end it; 32 to 34 are
            // glibc's own, which it keeps from everybody
            let stack = [libc::SIGSEGV, libc::SIGBUS];
            let known = |one: &c_int| HANDLED.contains(one) || stack.contains(one) || (32..=34).contains(one);
            let unknown: Vec<c_int> = signals("SigCgt:").into_iter().filter(|one| !known(one)).collect();
            assert_eq!(unknown, Vec::<c_int>::new());
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod nowhere {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::path::Path;

    use rustix::process::Pid;

    use crate::process::Command;
    use crate::process::start::Ends;

    /// Always the error that asks for another way.
    pub fn start(_: &Command, _: &Path, _: &Ends) -> io::Result<(Pid, Option<OwnedFd>)> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
