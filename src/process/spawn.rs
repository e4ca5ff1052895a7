//! One child from its start to its end: pipes, signals, reaping.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::time::Instant;

use super::feed::Feed;
use super::group::Group;
use super::lines::Lines;
use super::live::{self, Registered};
use super::pump::{Into, Pump};
use super::refused::{not_started, out_of};
use super::start::{Ends, Started};
use super::wait::{Watcher, Way, has_exited, waits_for_terminal};
use super::{
    Captured, Command, DRAIN_LIMIT, Exit, Finished, LEFTOVER_GRACE, Leftovers, LineSink, Output, QUIET, Stop, program,
};
use crate::core::model::outcome::Fault;

/// A child that was started. Dropped before its end, it is killed with its whole group.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: OwnedFd,
    feed: Feed,
    /// How long a thread may be held for it.
    patience: Duration,
}

/// The child itself, which leads its group, and who tells of its exit.
#[derive(Debug)]
struct Child {
    started: Started,
    watcher: Watcher,
    /// Set when it was reaped: its id is free from then on.
    status: Option<ExitStatus>,
    /// Until it and its group have ended.
    _registered: Registered,
}

/// How long a child may wait for a terminal before it is noticed.
const TERMINAL_CHECK: Duration = Duration::from_millis(500);

/// Why a child is waited for no longer.
enum Life {
    /// It has exited by itself.
    Over,
    /// It was asked to stop; its group has time until then.
    Stopping(Instant),
    /// A process of it waits for a terminal; this is its group.
    Terminal(Group),
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
        let (stdout, out) = pipe(command)?;
        Running::start_with(command, stdout, Ends { input: None, out, err: None }, way)
    }

    /// Starts a command with a pipe of its own for stderr.
    pub(super) fn start_apart(command: &Command) -> Result<(Self, OwnedFd), Fault> {
        let (stdout, out) = pipe(command)?;
        let (stderr, err) = pipe(command)?;
        let ends = Ends { input: None, out, err: Some(err) };
        Ok((Running::start_with(command, stdout, ends, Way::Best)?, stderr))
    }

    fn start_with(command: &Command, stdout: OwnedFd, mut ends: Ends, way: Way) -> Result<Self, Fault> {
        let program = program::find(&command.program, command.variable("PATH"), &command.dir)?;
        let mut feed = Feed::none();
        if let Some(bytes) = &command.stdin {
            let (writer, reader) = Feed::new(bytes.clone()).map_err(|error| out_of(command, &error))?;
            (feed, ends.input) = (writer, Some(reader));
        }
        let starting = live::begin().map_err(|error| out_of(command, &error))?;
        let started = Started::new(command, &program, ends, way);
        let mut started = started.map_err(|error| not_started(command, &program, &error))?;
        let watcher = Watcher::of(started.pid, started.pidfd.take(), way);
        let registered = starting.started(started.pid);
        let child = Child { watcher, started, status: None, _registered: registered };
        Ok(Running { child, stdout, feed, patience: Duration::ZERO })
    }

    /// Lets the thread that waits for it be held for so long, which spares a short command the way through the runtime.
    #[must_use]
    pub fn patiently(self, patience: Duration) -> Self {
        Running { patience, ..self }
    }

    /// The child's process id, which is its group's too.
    pub fn id(&self) -> i32 {
        self.child.started.pid.as_raw_nonzero().get()
    }

    /// Reads its output into `sink` until it has ended, by itself or because of `stop`.
    ///
    /// # Errors
    /// [`Fault`] when its exit status cannot be read.
    pub async fn finish(self, sink: &dyn LineSink, stop: &Stop, leftovers: Leftovers) -> Result<Finished, Fault> {
        let Running { mut child, stdout, mut feed, patience } = self;
        let mut pump = Pump::new(stdout, Into::Lines(Lines::default(), sink));
        if !patience.is_zero() && !stop.cancel.is_cancelled() {
            child.ends_within(patience, &mut pump)?;
        }
        let finished = match child.ended(&pump, leftovers) {
            Some(finished) => Ok(finished),
            // boxed: a step that is over by now needs no room for it
            None => Box::pin(child.attend(&mut [&mut pump], &mut feed, stop, leftovers)).await,
        };
        if let (Ok(_), Some(pipe)) = (&finished, pump.end_and_pipe()) {
            sink.adopt(pipe);
        }
        finished
    }

    /// The same with stderr apart, both kept up to `limit` bytes, and whether it was stopped.
    pub(super) async fn finish_apart(
        self,
        stderr: OwnedFd,
        limit: usize,
        stop: &Stop,
    ) -> Result<(Output, bool), Fault> {
        let Running { mut child, stdout, mut feed, .. } = self;
        let mut out = Pump::new(stdout, Into::Kept(Captured::up_to(limit)));
        let mut err = Pump::new(stderr, Into::Kept(Captured::up_to(limit)));
        let finished = child.attend(&mut [&mut out, &mut err], &mut feed, stop, Leftovers::End).await?;
        let (code, signal) = match finished.exit {
            Exit::Code(code) => (Some(code), None),
            Exit::Signal(signal) => (None, Some(signal)),
            Exit::Stopped => (None, None),
            Exit::Terminal => {
                let (message, help) = super::waits_for_terminal("the program");
                return Err(Fault::environment(message).help(help));
            }
        };
        let stopped = finished.exit == Exit::Stopped;
        Ok((Output { code, signal, stdout: out.end(), stderr: err.end() }, stopped))
    }
}

impl Child {
    /// Waits for its end while this thread is held, and reads what it has said by then. One that says more than its pipe
    /// holds, or lives longer, goes its usual way.
    fn ends_within(&mut self, patience: Duration, pump: &mut Pump<'_>) -> Result<(), Fault> {
        if self.watcher.exits_within(patience) && self.try_reap()?.is_some() {
            pump.read_rest();
        }
        Ok(())
    }

    /// How it ended, if it has, with its output, and left nothing to end.
    fn ended(&self, pump: &Pump<'_>, leftovers: Leftovers) -> Option<Finished> {
        let status = self.status.filter(|_| pump.is_over())?;
        let nothing_left = leftovers == Leftovers::Keep || !Group::of(self.started.pid).is_there();
        nothing_left.then(|| Finished { exit: exit(status), ended_leftovers: false })
    }

    /// The whole of a child's life after its start.
    async fn attend(
        &mut self,
        pumps: &mut [&mut Pump<'_>],
        feed: &mut Feed,
        stop: &Stop,
        leftovers: Leftovers,
    ) -> Result<Finished, Fault> {
        let group = Group::of(self.started.pid);
        let life = if self.status.is_some() { Life::Over } else { self.live(pumps, feed, stop).await? };
        let stopping = if let Life::Stopping(until) = life { Some(until) } else { None };
        let terminal = matches!(life, Life::Terminal(_));
        if let Life::Terminal(waiting) = life {
            waiting.kill();
            group.kill();
            self.watcher.exited().await.map_err(unseen)?;
        }
        drain(pumps).await;
        let status = self.reap()?;
        let end = leftovers == Leftovers::End || stopping.is_some() || terminal;
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
        let exit = match life {
            Life::Stopping(_) => Exit::Stopped,
            Life::Terminal(_) => Exit::Terminal,
            Life::Over => exit(status),
        };
        Ok(Finished { exit, ended_leftovers })
    }

    /// Until the child has exited or waits for a terminal.
    async fn live(&mut self, pumps: &mut [&mut Pump<'_>], feed: &mut Feed, stop: &Stop) -> Result<Life, Fault> {
        let group = Group::of(self.started.pid);
        let mut cancelled = std::pin::pin!(stop.cancel.cancelled());
        let mut check = std::pin::pin!(tokio::time::sleep(TERMINAL_CHECK));
        loop {
            tokio::select! {
                biased;
                seen = self.watcher.exited() => return seen.map(|()| Life::Over).map_err(unseen),
                () = &mut cancelled => break,
                () = any(pumps) => if self.is_over(pumps)? { return Ok(Life::Over) },
                () = feed.next() => {}
                () = &mut check => {
                    if let Some(waiting) = waits_for_terminal(self.started.pid) {
                        return Ok(Life::Terminal(Group::of(waiting)));
                    }
                    check.as_mut().reset(Instant::now() + TERMINAL_CHECK);
                }
            }
        }
        // it may have ended by itself before the time was over that ends it
        if has_exited(self.started.pid) {
            return Ok(Life::Over);
        }
        let deadline = Instant::now() + stop.grace;
        group.terminate();
        let mut grace = std::pin::pin!(tokio::time::sleep_until(deadline));
        let mut killed = false;
        loop {
            tokio::select! {
                biased;
                seen = self.watcher.exited() => return seen.map(|()| Life::Stopping(deadline)).map_err(unseen),
                () = &mut grace, if !killed => {
                    group.kill();
                    killed = true;
                }
                () = any(pumps) => if self.is_over(pumps)? { return Ok(Life::Stopping(deadline)) },
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
            let status = self.started.try_reap();
            self.status = status.map_err(|error| Fault::unknown(format!("the exit status cannot be read: {error}")))?;
        }
        Ok(self.status)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.status.is_none() {
            Group::of(self.started.pid).kill();
            self.started.leave();
        }
    }
}

/// The reading end of a new pipe and the writing end for a child; both are closed in other children.
fn pipe(command: &Command) -> Result<(OwnedFd, OwnedFd), Fault> {
    let (reader, writer) = io::pipe().map_err(|error| out_of(command, &error))?;
    Ok((reader.into(), writer.into()))
}

/// How a child ended that was not stopped.
fn exit(status: ExitStatus) -> Exit {
    status.code().map_or_else(|| Exit::Signal(status.signal().unwrap_or_default()), Exit::Code)
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

#[allow(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn unseen(error: io::Error) -> Fault {
    Fault::unknown(format!("the end of the process cannot be noticed: {error}"))
}
