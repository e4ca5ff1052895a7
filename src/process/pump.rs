//! The reading end of a child's output: non-blocking, one buffer, nothing allocated before the first byte, nothing asked of
//! the runtime for a child that is over before anybody had to wait.

use std::future::pending;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use tokio::net::unix::pipe::Receiver;

use super::lines::Lines;
use super::{Captured, LINE_LIMIT, LineSink};

/// Room for the first read, in bytes: most children say little, many nothing. The allocator keeps pieces of this size
/// at hand; for one of [`LINE_LIMIT`] it would go to the kernel and back for every child.
const FIRST_READ: usize = 1000;

/// What becomes of the bytes.
pub enum Into<'a> {
    /// Lines for a sink.
    Lines(Lines, &'a dyn LineSink),
    /// Kept up to a limit; the rest is read and dropped.
    Kept(Captured),
}

/// The pipe, and who tells that it holds something.
#[derive(Debug)]
enum Pipe {
    /// No holder yet.
    Unwatched(OwnedFd),
    /// The runtime.
    Watched(Receiver),
    /// Its end was reached, or it broke.
    Over,
}

/// Reads one pipe to its end.
pub struct Pump<'a> {
    pipe: Pipe,
    buffer: Vec<u8>,
    into: Into<'a>,
}

impl<'a> Pump<'a> {
    /// Reads `pipe`.
    pub fn new(pipe: OwnedFd, into: Into<'a>) -> Self {
        Pump { pipe: Pipe::Unwatched(pipe), buffer: Vec::new(), into }
    }

    /// Reads once, when there is something; never comes back when the end was reached.
    pub async fn next(&mut self) {
        self.watch();
        let Pipe::Watched(pipe) = &self.pipe else { return pending().await };
        loop {
            // an error of the pipe itself ends it like its end: the child's exit says what became of the child
            if pipe.readable().await.is_err() {
                break;
            }
            make_room(&mut self.buffer);
            match pipe.try_read_buf(&mut self.buffer) {
                Ok(0) => break,
                Ok(_) => return self.take(),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(_) => break,
            }
        }
        self.pipe = Pipe::Over;
    }

    /// Reads what is there, and waits for no more.
    pub fn read_rest(&mut self) {
        while let Pipe::Unwatched(pipe) = &self.pipe {
            match look(pipe, Duration::ZERO) {
                None => return,
                // the other end is closed, and nothing is left in it: no read is needed to know
                Some(found) if !found.contains(PollFlags::IN) => {
                    self.pipe = Pipe::Over;
                    break;
                }
                Some(_) => {}
            }
            make_room(&mut self.buffer);
            match rustix::io::read(pipe, rustix::buffer::spare_capacity(&mut self.buffer)) {
                Ok(1..) => self.take(),
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                Ok(0) | Err(_) => self.pipe = Pipe::Over,
            }
        }
    }

    /// Has the runtime watch the pipe. One that cannot be watched is over.
    fn watch(&mut self) {
        let pipe = std::mem::replace(&mut self.pipe, Pipe::Over);
        self.pipe = match pipe {
            Pipe::Unwatched(pipe) => {
                let ready = rustix::io::ioctl_fionbio(&pipe, true).map_err(io::Error::from);
                ready.and_then(|()| Receiver::from_owned_fd_unchecked(pipe)).map_or(Pipe::Over, Pipe::Watched)
            }
            watched => watched,
        };
    }

    /// Whether the end was reached.
    pub fn is_over(&self) -> bool {
        matches!(self.pipe, Pipe::Over)
    }

    fn take(&mut self) {
        match &mut self.into {
            Into::Lines(lines, sink) => lines.take(&mut self.buffer, *sink),
            Into::Kept(captured) => {
                captured.extend(&self.buffer);
                self.buffer.clear();
            }
        }
    }

    /// Reads no further; the pipe, where processes still hold its other end.
    pub fn end_and_pipe(mut self) -> Option<OwnedFd> {
        let pipe = match std::mem::replace(&mut self.pipe, Pipe::Over) {
            Pipe::Unwatched(pipe) => Some(pipe),
            Pipe::Watched(pipe) => pipe.into_nonblocking_fd().ok(),
            Pipe::Over => None,
        };
        let Some(pipe) = pipe else {
            self.end();
            return None;
        };
        self.pipe = Pipe::Unwatched(pipe);
        self.read_rest();
        let pipe = match std::mem::replace(&mut self.pipe, Pipe::Over) {
            Pipe::Unwatched(pipe) => Some(pipe),
            Pipe::Watched(_) | Pipe::Over => None,
        };
        self.end();
        pipe.filter(|pipe| rustix::io::ioctl_fionbio(pipe, false).is_ok())
    }

    /// Reads no further; returns what was kept.
    pub fn end(mut self) -> Captured {
        match &mut self.into {
            Into::Lines(lines, sink) => {
                lines.end(&mut self.buffer, *sink);
                Captured::default()
            }
            Into::Kept(captured) => std::mem::take(captured),
        }
    }
}

fn make_room(buffer: &mut Vec<u8>) {
    let room = if buffer.capacity() == 0 { FIRST_READ } else { LINE_LIMIT };
    buffer.reserve(room.saturating_sub(buffer.len()).max(1));
}

/// What `fd` has come to within `patience`: it has something to read, or its end was reached. This thread waits.
pub fn look(fd: &OwnedFd, patience: Duration) -> Option<PollFlags> {
    let (mut looked, patience) = ([PollFd::new(fd, PollFlags::IN)], patience.try_into().ok()?);
    matches!(poll(&mut looked, Some(&patience)), Ok(1..)).then(|| looked[0].revents())
}
