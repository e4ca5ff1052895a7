//! One child from its start to its end: `posix_spawn` through duct, pipes, signals, reaping.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{LazyLock, Mutex};

use rustix::process::Pid;
use tokio::net::unix::pipe::Receiver;
use tokio::time::Instant;

use super::feed::Feed;
use super::group::Group;
use super::lines::Lines;
use super::pump::{Into, Pump, output_pipe};
use super::wait::{Watcher, Way};
use super::{
    Captured, Command, DRAIN_LIMIT, Exit, Finished, LEFTOVER_GRACE, Leftovers, LineSink, QUIET, Stop, environment,
    program,
};
use crate::outcome::Fault;

/// A child that was started. Dropped before its end, it is killed with its whole group.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Receiver,
    feed: Feed,
}

/// The child itself: its handle, its group, and who tells of its exit.
#[derive(Debug)]
struct Child {
    handle: duct::Handle,
    pid: Pid,
    watcher: Watcher,
    /// Set when it was reaped: its id is free from then on.
    status: Option<ExitStatus>,
}

impl Running {
    /// Starts a command, stdout and stderr in one pipe.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be started.
    pub fn start(command: &Command) -> Result<Self, Fault> {
        Running::start_watched(command, Way::Best)
    }

    pub(super) fn start_watched(command: &Command, way: Way) -> Result<Self, Fault> {
        let (stdout, writer) = output_pipe().map_err(|error| out_of(command, &error))?;
        let second = writer.try_clone().map_err(|error| out_of(command, &error))?;
        Running::start_with(command, stdout, writer, second, way)
    }

    /// Starts a command with a pipe of its own for stderr.
    pub(super) fn start_apart(command: &Command) -> Result<(Self, Receiver), Fault> {
        let (stdout, out) = output_pipe().map_err(|error| out_of(command, &error))?;
        let (stderr, err) = output_pipe().map_err(|error| out_of(command, &error))?;
        Ok((Running::start_with(command, stdout, out, err, Way::Best)?, stderr))
    }

    fn start_with(command: &Command, stdout: Receiver, out: OwnedFd, err: OwnedFd, way: Way) -> Result<Self, Fault> {
        let program = program::find(&command.program, command.variable("PATH"), &command.dir)?;
        let (feed, input) = match &command.stdin {
            None => (Feed::none(), nothing().map_err(|error| out_of(command, &error))?),
            Some(bytes) => {
                let (feed, reader) = Feed::new(bytes.clone()).map_err(|error| out_of(command, &error))?;
                (feed, Stdio::from(reader))
            }
        };
        let ends = Ends { input, out, err };
        let handle = spawn(command, &program, ends).map_err(|error| not_started(command, &program, &error))?;
        let pid = handle
            .pids()
            .first()
            .and_then(|pid| i32::try_from(*pid).ok())
            .and_then(Pid::from_raw)
            .expect("a started command has one process");
        Ok(Running { child: Child { handle, pid, watcher: Watcher::of(pid, way), status: None }, stdout, feed })
    }

    /// The child's process id, which is its group's too.
    pub fn id(&self) -> i32 {
        self.child.pid.as_raw_nonzero().get()
    }

    /// Reads its output into `sink` until it has ended, by itself or because of `stop`.
    ///
    /// # Errors
    /// [`Fault`] when its exit status cannot be read.
    pub async fn finish(self, sink: &dyn LineSink, stop: &Stop, leftovers: Leftovers) -> Result<Finished, Fault> {
        let Running { mut child, stdout, mut feed } = self;
        let mut pump = Pump::new(stdout, Into::Lines(Lines::default(), sink));
        let finished = child.attend(&mut [&mut pump], &mut feed, stop, leftovers).await;
        pump.end();
        finished
    }

    /// The same with stderr apart, both kept up to `limit` bytes.
    pub(super) async fn finish_apart(self, stderr: Receiver, limit: usize, stop: &Stop) -> Result<Captured, Fault> {
        let Running { mut child, stdout, mut feed } = self;
        let mut out = Pump::new(stdout, Into::Kept(Vec::new(), limit));
        let mut err = Pump::new(stderr, Into::Kept(Vec::new(), limit));
        let finished = child.attend(&mut [&mut out, &mut err], &mut feed, stop, Leftovers::End).await?;
        let code = match finished.exit {
            Exit::Code(code) => Some(code),
            Exit::Signal(_) => None,
            Exit::Stopped => return Err(Fault::unknown("stopped")),
        };
        Ok(Captured { code, stdout: out.end(), stderr: err.end() })
    }
}

impl Child {
    /// The whole of a child's life after its start.
    async fn attend(
        &mut self,
        pumps: &mut [&mut Pump<'_>],
        feed: &mut Feed,
        stop: &Stop,
        leftovers: Leftovers,
    ) -> Result<Finished, Fault> {
        let group = Group::of(self.pid);
        let stopping = self.live(pumps, feed, stop).await?;
        drain(pumps).await;
        let status = self.reap()?;
        let end = leftovers == Leftovers::End || stopping.is_some();
        let ended_leftovers = end && group.terminate();
        if ended_leftovers {
            let grace = stopping
                .map_or(stop.grace.min(LEFTOVER_GRACE), |until| until.saturating_duration_since(Instant::now()));
            tokio::select! {
                biased;
                () = group.gone(grace) => {}
                () = read_on(pumps) => {}
            }
        }
        let exit = match (stopping, status.code(), status.signal()) {
            (Some(_), ..) => Exit::Stopped,
            (None, Some(code), _) => Exit::Code(code),
            (None, None, signal) => Exit::Signal(signal.unwrap_or_default()),
        };
        Ok(Finished { exit, ended_leftovers })
    }

    /// Until the child has exited. When it was told to stop: until when its group has time to.
    async fn live(
        &mut self,
        pumps: &mut [&mut Pump<'_>],
        feed: &mut Feed,
        stop: &Stop,
    ) -> Result<Option<Instant>, Fault> {
        let group = Group::of(self.pid);
        let mut cancelled = std::pin::pin!(stop.cancel.cancelled());
        loop {
            tokio::select! {
                biased;
                seen = self.watcher.exited() => return seen.map(|()| None).map_err(unseen),
                () = &mut cancelled => break,
                () = any(pumps) => if self.is_over(pumps)? { return Ok(None) },
                () = feed.next() => {}
            }
        }
        let deadline = Instant::now() + stop.grace;
        group.terminate();
        let mut grace = std::pin::pin!(tokio::time::sleep_until(deadline));
        let mut killed = false;
        loop {
            tokio::select! {
                biased;
                seen = self.watcher.exited() => return seen.map(|()| Some(deadline)).map_err(unseen),
                () = &mut grace, if !killed => {
                    group.kill();
                    killed = true;
                }
                () = any(pumps) => if self.is_over(pumps)? { return Ok(Some(deadline)) },
                () = feed.next() => {}
            }
        }
    }

    /// Whether it ended with its output. If its output alone has ended, its own end is looked out for from now on.
    fn is_over(&mut self, pumps: &[&mut Pump<'_>]) -> Result<bool, Fault> {
        if !pumps.iter().all(|pump| pump.is_over()) {
            return Ok(false);
        }
        let over = self.try_reap()?.is_some();
        if !over {
            self.watcher.look_out().map_err(unseen)?;
        }
        Ok(over)
    }

    /// Takes the exit status of a child that has exited; its id is free from here on.
    fn reap(&mut self) -> Result<ExitStatus, Fault> {
        self.try_reap()?.ok_or_else(|| Fault::unknown("the process has exited, but has no exit status yet"))
    }

    fn try_reap(&mut self) -> Result<Option<ExitStatus>, Fault> {
        if self.status.is_none() {
            let output = self.handle.try_wait();
            let output = output.map_err(|error| Fault::unknown(format!("the exit status cannot be read: {error}")))?;
            self.status = output.map(|output| output.status);
        }
        Ok(self.status)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.status.is_none() {
            // nobody waits for it any more; duct reaps it when the next process is started
            Group::of(self.pid).kill();
        }
    }
}

/// One read of whichever pipe has something.
async fn any(pumps: &mut [&mut Pump<'_>]) {
    match pumps {
        [one] => one.next().await,
        [one, two] => tokio::select! {
            () = one.next() => {}
            () = two.next() => {}
        },
        _ => std::future::pending().await,
    }
}

async fn read_on(pumps: &mut [&mut Pump<'_>]) {
    loop {
        any(pumps).await;
    }
}

/// Reads what an exited child has left in its pipes: to their end, or until they are silent.
async fn drain(pumps: &mut [&mut Pump<'_>]) {
    let until = Instant::now() + DRAIN_LIMIT;
    while pumps.iter().any(|pump| !pump.is_over()) && Instant::now() < until {
        if tokio::time::timeout(QUIET, any(pumps)).await.is_err() {
            return;
        }
    }
}

/// What a child gets as its descriptors 0, 1 and 2.
struct Ends {
    input: Stdio,
    out: OwnedFd,
    err: OwnedFd,
}

/// An empty input: one /dev/null, opened once and handed on.
fn nothing() -> io::Result<Stdio> {
    static NULL: LazyLock<io::Result<File>> = LazyLock::new(|| File::open("/dev/null"));
    match &*NULL {
        Ok(null) => Ok(Stdio::from(null.try_clone()?)),
        Err(_) => Ok(Stdio::null()),
    }
}

/// Starts it in a group of its own. Duct would copy descriptors, arguments and the whole environment once more, so the
/// `Command` it starts is ours; an absolute program, `process_group` and no `pre_exec` keep std at `posix_spawn`.
fn spawn(command: &Command, program: &Path, ends: Ends) -> io::Result<duct::Handle> {
    let mut own = std::process::Command::new(program);
    own.args(&command.args).current_dir(&command.dir).stdin(ends.input).stdout(ends.out).stderr(ends.err);
    own.process_group(0);
    environment::give(&mut own, &command.base, &command.env);
    let own = Mutex::new(Some(own));
    let nothing: [(OsString, OsString); 0] = [];
    duct::cmd(program, None::<OsString>)
        .full_env(nothing)
        .unchecked()
        .before_spawn(move |child| {
            let own = own.lock().map_or(None, |mut own| own.take());
            *child = own.ok_or(io::ErrorKind::InvalidInput)?;
            Ok(())
        })
        .start()
}

#[allow(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn unseen(error: io::Error) -> Fault {
    Fault::unknown(format!("the end of the process cannot be noticed: {error}"))
}

fn out_of(command: &Command, error: &io::Error) -> Fault {
    let fault = Fault::unknown(format!("`{}` cannot be started: {error}", command.program.to_string_lossy()));
    match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
        Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE) => {
            fault.help("too many files are open; raise the limit with `ulimit -n 4096`, or lower --jobs").transient()
        }
        _ => fault,
    }
}

/// Why a start failed, as far as the file system tells.
fn not_started(command: &Command, file: &Path, error: &io::Error) -> Fault {
    use rustix::io::Errno;
    let name = command.program.to_string_lossy();
    let shown = file.display();
    if !command.dir.is_dir() {
        return Fault::invalid(format!("the folder `{}` to run `{name}` in does not exist", command.dir.display()))
            .help("create it in an earlier step, or correct `dir:`");
    }
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOENT) if !file.exists() => {
            program::forget(&command.program);
            Fault::environment(format!("program `{name}` does not exist ({shown})"))
                .help(format!("create `{name}`, or write a name that is in PATH"))
        }
        Some(Errno::NOENT) => interpreter(&name, file),
        Some(Errno::ACCESS) => Fault::environment(format!("program `{name}` is not executable ({shown})"))
            .help(format!("type: chmod +x {name}")),
        Some(Errno::NOEXEC) => Fault::environment(format!("program `{name}` is no program for this machine ({shown})"))
            .help("a script starts with a line such as #!/bin/sh; a binary must be built for this architecture"),
        Some(Errno::TOOBIG) => Fault::invalid(format!("the arguments and environment of `{name}` are too long"))
            .help("hand large values over by `stdin:` or a file"),
        Some(Errno::AGAIN | Errno::NOMEM) => out_of(command, error).transient(),
        _ => out_of(command, error),
    }
}

/// The file is there, but what its first line names is not.
fn interpreter(name: &str, file: &Path) -> Fault {
    use std::io::Read;
    let mut first = [0; 256];
    let count = std::fs::File::open(file).and_then(|mut open| open.read(&mut first)).unwrap_or_default();
    let line = first[..count].split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Some(named) = line.strip_prefix(b"#!") else {
        return Fault::environment(format!("program `{name}` needs a loader that is not there ({})", file.display()))
            .help("it was built for another system (glibc and musl, for example)");
    };
    let shown = String::from_utf8_lossy(named).trim().to_owned();
    if named.ends_with(b"\r") {
        return Fault::environment(format!(
            "`{name}` has CRLF line endings, so its interpreter `{shown}\\r` does not exist"
        ))
        .help(format!("type: sed -i 's/\\r$//' {name}   (and `*.sh text eol=lf` into .gitattributes)"));
    }
    Fault::environment(format!("`{name}` names the interpreter `{shown}`, which does not exist"))
        .help("install it, or correct the script's first line")
}
