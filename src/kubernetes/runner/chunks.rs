//! Between a blocking reader or writer and an asynchronous stream: a few chunks at a time, so that memory is bounded.

use std::io::{self, Read, Write};

use tokio::sync::mpsc;

/// Bytes of a chunk.
const SIZE: usize = 64 * 1024;
/// Chunks under way.
const COUNT: usize = 8;

/// The blocking end that is written to, and the chunks that come of it.
pub(super) fn to_chunks() -> (ChunkWriter, mpsc::Receiver<Vec<u8>>) {
    let (sender, receiver) = mpsc::channel(COUNT);
    (ChunkWriter { sender, chunk: Vec::with_capacity(SIZE) }, receiver)
}

/// The asynchronous end that takes chunks, and the blocking end that is read from.
pub(super) fn from_chunks() -> (mpsc::Sender<Vec<u8>>, ChunkReader) {
    let (sender, receiver) = mpsc::channel(COUNT);
    (sender, ChunkReader { receiver, chunk: Vec::new(), at: 0 })
}

/// Collects what is written and hands it on in chunks.
pub(super) struct ChunkWriter {
    sender: mpsc::Sender<Vec<u8>>,
    chunk: Vec<u8>,
}

impl Write for ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(SIZE - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        if self.chunk.len() == SIZE {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(SIZE));
        self.sender.blocking_send(chunk).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Reads what comes in chunks; its end is the end of the chunks.
pub(super) struct ChunkReader {
    receiver: mpsc::Receiver<Vec<u8>>,
    chunk: Vec<u8>,
    at: usize,
}

impl Read for ChunkReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.chunk.len() {
            let Some(chunk) = self.receiver.blocking_recv() else { return Ok(0) };
            (self.chunk, self.at) = (chunk, 0);
        }
        let taken = into.len().min(self.chunk.len() - self.at);
        into[..taken].copy_from_slice(&self.chunk[self.at..self.at + taken]);
        self.at += taken;
        Ok(taken)
    }
}
