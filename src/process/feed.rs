//! The writing end of a child's input: what fits into the pipe at once, the rest as the child reads it.

use std::fmt;
use std::future::pending;
use std::io;
use std::os::fd::OwnedFd;

use tokio::net::unix::pipe::Sender;

/// Writes bytes into a pipe and closes it.
pub struct Feed {
    pipe: Option<Sender>,
    bytes: Vec<u8>,
    written: usize,
}

impl fmt::Debug for Feed {
    /// Without the bytes: they may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Feed({} of {} bytes)", self.written, self.bytes.len())
    }
}

impl Feed {
    /// A child without input of its own.
    pub fn none() -> Self {
        Feed { pipe: None, bytes: Vec::new(), written: 0 }
    }

    /// Will write `bytes`; the reading end is for the child.
    pub fn new(bytes: Vec<u8>) -> io::Result<(Self, OwnedFd)> {
        let (reader, writer) = io::pipe()?;
        rustix::io::ioctl_fionbio(&writer, true)?;
        let pipe = Sender::from_owned_fd_unchecked(writer.into())?;
        Ok((Feed { pipe: Some(pipe), bytes, written: 0 }, reader.into()))
    }

    /// Writes once, when there is room; never comes back when all is written or the child reads no more.
    pub async fn next(&mut self) {
        let Some(pipe) = &self.pipe else { return pending().await };
        while self.written < self.bytes.len() {
            if pipe.writable().await.is_err() {
                break;
            }
            match pipe.try_write(&self.bytes[self.written..]) {
                Ok(count) => {
                    self.written += count;
                    if self.written < self.bytes.len() {
                        return;
                    }
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                // the child closed its input: its own business (`head -1`)
                Err(_) => break,
            }
        }
        self.pipe = None;
        self.bytes = Vec::new();
    }
}
