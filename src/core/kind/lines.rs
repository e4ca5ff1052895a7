//! Where the lines of steps go.

use std::os::fd::OwnedFd;

/// Bytes of a line before it is handed on in pieces: 64 KiB.
pub const LINE_LIMIT: usize = 64 * 1024;

/// Takes the lines of a process (or of a kind that has something to say), in true order, without their line ends.
pub trait LineSink: Send + Sync {
    /// One line; may hold any bytes. Masking, cutting and storing are the sink's business.
    fn line(&self, line: &[u8]);

    /// Lines that came together, each followed by `\n`: a sink that stores them can do so at once.
    fn lines(&self, lines: &[u8]) {
        each_line(lines).for_each(|line| self.line(line));
    }

    /// The state at the moment: shown on a terminal, not stored.
    fn passing(&self, text: &str) {
        let _ = text;
    }

    /// A piece of a line longer than [`LINE_LIMIT`], whose end has not come yet: more pieces follow, then its rest as a
    /// [`LineSink::line`], or [`LineSink::ends`]. A sink that masks must see through the cuts.
    fn piece(&self, piece: &[u8]) {
        self.line(piece);
    }

    /// A line that came in pieces ends where the last piece did.
    fn ends(&self) {}

    /// The start of a line whose end has not come yet, such as a prompt. It comes again, with more, when more was read.
    fn unfinished(&self, start: &[u8]) {
        let _ = start;
    }

    /// Takes the pipe that processes which stay still write to. Dropped, their next write fails.
    fn adopt(&self, pipe: OwnedFd) {
        drop(pipe);
    }
}

/// Lines that are followed by `\n` each, without it.
pub fn each_line(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr::memchr_iter(b'\n', lines).map(move |end| &lines[std::mem::replace(&mut start, end + 1)..end])
}
