//! The reading end of a child's output: non-blocking, one buffer, nothing allocated before the first byte.

use std::future::pending;
use std::io;

use std::os::fd::OwnedFd;

use tokio::net::unix::pipe::Receiver;

use super::lines::Lines;
use super::{LINE_LIMIT, LineSink};

/// Room for the first read, in bytes: most children say little, many nothing. The allocator keeps pieces of this size
/// at hand; for one of [`LINE_LIMIT`] it would go to the kernel and back for every child.
const FIRST_READ: usize = 1000;

/// What becomes of the bytes.
pub enum Into<'a> {
    /// Lines for a sink.
    Lines(Lines, &'a dyn LineSink),
    /// Kept up to this many bytes; the rest is read and dropped.
    Kept(Vec<u8>, usize),
}

/// Reads one pipe to its end.
pub struct Pump<'a> {
    pipe: Option<Receiver>,
    buffer: Vec<u8>,
    into: Into<'a>,
}

impl<'a> Pump<'a> {
    /// Reads `pipe`, which must not block.
    pub fn new(pipe: Receiver, into: Into<'a>) -> Self {
        Pump { pipe: Some(pipe), buffer: Vec::new(), into }
    }

    /// Reads once, when there is something; never comes back when the end was reached.
    pub async fn next(&mut self) {
        let Some(pipe) = &self.pipe else { return pending().await };
        loop {
            // an error of the pipe itself ends it like its end: the child's exit says what became of the child
            if pipe.readable().await.is_err() {
                break;
            }
            let room = if self.buffer.capacity() == 0 { FIRST_READ } else { LINE_LIMIT };
            self.buffer.reserve(room.saturating_sub(self.buffer.len()).max(1));
            match pipe.try_read_buf(&mut self.buffer) {
                Ok(0) => break,
                Ok(_) => return self.take(),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(_) => break,
            }
        }
        self.pipe = None;
    }

    /// Whether the end was reached.
    pub fn is_over(&self) -> bool {
        self.pipe.is_none()
    }

    fn take(&mut self) {
        match &mut self.into {
            Into::Lines(lines, sink) => lines.take(&mut self.buffer, *sink),
            Into::Kept(kept, limit) => {
                let room = limit.saturating_sub(kept.len()).min(self.buffer.len());
                kept.extend_from_slice(&self.buffer[..room]);
                self.buffer.clear();
            }
        }
    }

    /// Reads no further; what was kept.
    pub fn end(mut self) -> Vec<u8> {
        match &mut self.into {
            Into::Lines(lines, sink) => {
                lines.end(&mut self.buffer, *sink);
                Vec::new()
            }
            Into::Kept(kept, _) => std::mem::take(kept),
        }
    }
}

/// The reading end of a new pipe, for tokio, and the writing end for a child; both are closed in other children.
pub fn output_pipe() -> io::Result<(Receiver, OwnedFd)> {
    let (reader, writer) = io::pipe()?;
    rustix::io::ioctl_fionbio(&reader, true)?;
    Ok((Receiver::from_owned_fd_unchecked(reader.into())?, writer.into()))
}
