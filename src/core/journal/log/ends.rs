//! The file of a log that may be longer than what is kept of it: its first three quarters and its last quarter. Knows no
//! secret and no step.
//!
//! What follows on the first part goes into two files beside it by turns, so disk and memory stay bounded and a crash
//! leaves all of it; when the log is closed they are joined.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::core::files::open;
use crate::core::model::event::LogSize;
use crate::core::model::units::ByteSize;

/// A log's file.
pub(super) struct Ends {
    path: PathBuf,
    limit: u64,
    head: Option<File>,
    tail: Option<Tail>,
    size: LogSize,
}

/// What is written behind the first part.
struct Tail {
    file: File,
    /// Bytes in the newer file, and all that went into either.
    newer: u64,
    all: u64,
}

impl Ends {
    /// A file at `path`, mode 0600, that comes with the first line and keeps at most `limit` bytes of lines.
    pub fn new(path: PathBuf, limit: u64) -> Self {
        Ends { path, limit, head: None, tail: None, size: LogSize::default() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes whole lines, in as few writes as can be.
    pub fn lines(&mut self, mut lines: &[u8]) -> io::Result<()> {
        let (first, last) = (self.limit - self.limit / 4, self.limit / 4);
        if self.tail.is_none() {
            let (fit, others) = split_to_fit(lines, first - self.size.bytes);
            self.size.bytes += fit.len() as u64;
            self.size.lines += memchr::memchr_iter(b'\n', fit).count() as u64;
            self.head()?.write_all(fit)?;
            lines = others;
        }
        while !lines.is_empty() {
            let tail = self.tail()?;
            let (mut fit, mut others) = split_to_fit(lines, last.saturating_sub(tail.newer));
            if fit.is_empty() && tail.newer > 0 {
                self.turn()?;
                continue;
            }
            if fit.is_empty() {
                (fit, others) = lines.split_at(memchr::memchr(b'\n', lines).map_or(lines.len(), |end| end + 1));
            }
            tail.newer += fit.len() as u64;
            tail.all += fit.len() as u64;
            tail.file.write_all(fit)?;
            lines = others;
        }
        Ok(())
    }

    fn tail(&mut self) -> io::Result<&mut Tail> {
        if self.tail.is_none() {
            self.tail = Some(Tail { file: private().truncate(true).open(newer(&self.path))?, newer: 0, all: 0 });
        }
        Ok(self.tail.as_mut().expect("it is there now"))
    }

    /// Goes on in a new file; the one before the last is lost.
    fn turn(&mut self) -> io::Result<()> {
        fs::rename(newer(&self.path), older(&self.path))?;
        let file = private().truncate(true).open(newer(&self.path))?;
        let tail = self.tail()?;
        (tail.file, tail.newer) = (file, 0);
        Ok(())
    }

    /// Joins what is kept.
    pub fn close(&mut self) -> io::Result<LogSize> {
        if let Some(tail) = self.tail.take() {
            let (lines, bytes) = join(&self.path, self.limit, Some(tail.all))?;
            self.size.lines += lines;
            self.size.bytes += bytes;
            self.size.dropped += tail.all - bytes;
        }
        Ok(self.size)
    }

    fn head(&mut self) -> io::Result<&mut File> {
        if self.head.is_none() {
            self.head = Some(private().append(true).open(&self.path)?);
        }
        Ok(self.head.as_mut().expect("was just opened"))
    }
}

/// The whole of a log as it is, also of one that was not closed.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn open(log: &Path) -> io::Result<Box<dyn Read>> {
    let head = open::open(log)?;
    let part = |path: PathBuf| match open::open(&path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    Ok(match (part(older(log))?, part(newer(log))?) {
        (None, None) => Box::new(head),
        (None, Some(newer)) => Box::new(head.chain(newer)),
        (Some(older), newer) => {
            let gap = io::Cursor::new(gap(None));
            let newer = newer.map_or_else(|| Box::new(io::empty()) as Box<dyn Read>, |newer| Box::new(newer));
            Box::new(head.chain(gap).chain(older).chain(newer))
        }
    })
}

/// Closes the log that a run left open when it died. Nothing where it was closed.
///
/// # Errors
/// When it cannot be written.
pub fn mend(log: &Path, limit: u64) -> io::Result<()> {
    join(log, limit, None).map(|_| ())
}

/// Puts what is kept of the last part behind the first: lines and bytes. `all` is what went into the last part, where
/// that is known.
fn join(log: &Path, limit: u64, all: Option<u64>) -> io::Result<(u64, u64)> {
    let mut last = Vec::new();
    for part in [older(log), newer(log)] {
        match open::open(&part) {
            Ok(mut file) => _ = file.read_to_end(&mut last)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    if last.is_empty() {
        return Ok((0, 0));
    }
    let room = usize::try_from(limit / 4).unwrap_or(usize::MAX);
    let mut from = last.len().saturating_sub(room);
    if from > 0 && last[from - 1] != b'\n' {
        from = last[from..].iter().position(|byte| *byte == b'\n').map_or(last.len(), |end| from + end + 1);
    }
    let kept = &last[from..];
    let dropped = all.map(|all| all - kept.len() as u64);
    let mut head = private().append(true).open(log)?;
    if dropped.unwrap_or(u64::from(older(log).exists())) > 0 {
        head.write_all(gap(dropped).as_bytes())?;
    }
    head.write_all(kept)?;
    for part in [older(log), newer(log)] {
        let _ = fs::remove_file(part);
    }
    let lines = memchr::memchr_iter(b'\n', kept).count();
    Ok((lines as u64, kept.len() as u64))
}

/// The lines that fit into so many bytes, and the others.
fn split_to_fit(lines: &[u8], room: u64) -> (&[u8], &[u8]) {
    let room = usize::try_from(room).map_or(lines.len(), |room| room.min(lines.len()));
    lines.split_at(memchr::memrchr(b'\n', &lines[..room]).map_or(0, |end| end + 1))
}

/// The line between the two parts.
fn gap(dropped: Option<u64>) -> String {
    let what = dropped.map_or_else(|| "what stood here may be".to_owned(), |bytes| format!("{} are", ByteSize(bytes)));
    format!("… {what} left out: of a long log its beginning and its end are kept\n")
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    open::nonblocking(options.create(true).write(true).mode(0o600));
    options
}

fn beside(log: &Path, ending: &str) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn newer(log: &Path) -> PathBuf {
    beside(log, ".end")
}

fn older(log: &Path) -> PathBuf {
    beside(log, ".middle")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(limit: u64, lines: usize) -> (tempfile::TempDir, Ends) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut ends = Ends::new(folder.path().join("a.log"), limit);
        (1..=lines).try_for_each(|line| ends.lines(format!("{line:04}\n").as_bytes())).expect("writable");
        (folder, ends)
    }

    fn files(folder: &tempfile::TempDir) -> usize {
        fs::read_dir(folder.path()).expect("readable").count()
    }

    #[test]
    fn what_is_not_too_long_is_kept_whole_and_in_order() {
        let (folder, mut ends) = written(100, 20);
        assert_eq!(files(&folder), 2);
        assert_eq!(ends.close().expect("joined"), LogSize { lines: 20, bytes: 100, dropped: 0 });
        let text = fs::read_to_string(ends.path()).expect("kept");
        let expected = (1..=20).map(|line| format!("{line:04}\n")).collect::<Vec<_>>().concat();
        assert_eq!((text, files(&folder)), (expected, 1));
        assert_eq!(ends.close().expect("closed"), LogSize { lines: 20, bytes: 100, dropped: 0 });
    }

    #[test]
    fn of_a_long_log_the_beginning_and_the_end_are_kept() {
        for count in [21, 22, 99, 500] {
            let (folder, mut ends) = written(100, count);
            let size = ends.close().expect("joined");
            let dropped = (count as u64 - 20) * 5;
            assert_eq!(size, LogSize { lines: 20, bytes: 100, dropped });
            let text = fs::read_to_string(ends.path()).expect("kept");
            let lines: Vec<&str> = text.lines().collect();
            let words =
                format!("… {} are left out: of a long log its beginning and its end are kept", ByteSize(dropped));
            assert_eq!((lines[14], lines[15]), ("0015", words.as_str()));
            let expected: Vec<String> = (count - 4..=count).map(|line| format!("{line:04}")).collect();
            assert_eq!(
                (&lines[16..], files(&folder)),
                (&expected.iter().map(String::as_str).collect::<Vec<_>>()[..], 1)
            );
        }
    }

    #[test]
    fn a_log_that_nothing_closed_is_read_whole_and_can_be_closed_later() {
        let (folder, ends) = written(100, 99);
        let path = ends.path().to_owned();
        drop(ends);
        let mut text = String::new();
        open(&path).expect("there").read_to_string(&mut text).expect("text");
        assert!(text.starts_with("0001\n") && text.contains("\n… what stood here may be left out: "), "{text}");
        assert!(text.ends_with("0098\n0099\n"), "{text}");
        mend(&path, 100).expect("writable");
        mend(&path, 100).expect("nothing to do");
        let mended = fs::read_to_string(&path).expect("kept");
        assert!(mended.contains("may be left out: ") && mended.ends_with("0095\n0096\n0097\n0098\n0099\n"), "{mended}");
        assert_eq!(files(&folder), 1);
    }
    proptest::proptest! {
        #[test]
        fn lines_that_come_together_are_kept_as_if_they_came_one_by_one(
            lines in proptest::collection::vec("[a-z]{0,20}\n", 0..40),
            limit in 1..200_u64,
            together in 1..40_usize,
        ) {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let kept = |name: &str, together: usize| {
                let mut ends = Ends::new(folder.path().join(name), limit);
                lines.chunks(together).try_for_each(|lines| ends.lines(lines.concat().as_bytes())).expect("writable");
                let mut text = String::new();
                if let Ok(mut log) = open(ends.path()) {
                    log.read_to_string(&mut text).expect("text");
                }
                let size = ends.close().expect("joined");
                (size, text, fs::read_to_string(ends.path()).ok())
            };
            proptest::prop_assert_eq!(kept("a.log", together), kept("b.log", 1));
        }
    }
}
