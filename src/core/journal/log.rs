//! The log of one step: masked lines to a file and to the reporters. Knows no process and no terminal.

mod ends;

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::core::kind::lines::{LINE_LIMIT, LineSink};
use crate::core::mask::{MaskStream, Masker};
use crate::core::model::event::LogSize;

use ends::Ends;
pub use ends::{mend, open};

/// How many bytes of a step's log are kept, unless an option says otherwise: the first 12 MiB, and the last 4 MiB, where the error
/// is.
pub const LOG_LIMIT: u64 = 16 * 1024 * 1024;

/// Takes the lines of a step. The file (mode 0600) comes with the first line; a step that says nothing has none.
///
/// The bytes are kept as they are, escape sequences and all; a line longer than [`LINE_LIMIT`] is broken into lines of that
/// length. Secrets are masked within lines, across them and across such breaks. A line that may be the beginning of a secret of several lines waits
/// for the next one, or for the end.
pub struct StepLog {
    state: Mutex<State>,
    show: Box<dyn Fn(String) + Send + Sync>,
}

struct State {
    file: Ends,
    masked: MaskStream,
    /// Masked bytes whose line is not over yet.
    unfinished: Vec<u8>,
    /// A part of this line was kept already, because it is so long.
    broken: bool,
    /// The first thing that went wrong; nothing is written after it.
    failed: Option<io::Error>,
}

impl StepLog {
    /// A log at `path`, of at most `limit` bytes: the first three quarters, and the last one. Lines go to `show` as they
    /// come, one or several, masked, each followed by `\n`.
    pub fn new(
        path: impl Into<PathBuf>,
        limit: u64,
        masker: &Masker,
        show: impl Fn(String) + Send + Sync + 'static,
    ) -> Self {
        let state = State {
            file: Ends::new(path.into(), limit),
            masked: masker.stream(),
            unfinished: Vec::new(),
            broken: false,
            failed: None,
        };
        StepLog { state: Mutex::new(state), show: Box::new(show) }
    }

    /// Writes what was held back and puts the end of a long log behind its beginning.
    ///
    /// # Errors
    /// The first error since the last call; the words name the file.
    pub fn finish(&self) -> io::Result<LogSize> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rest = state.masked.finish();
        let something = !state.unfinished.is_empty() || !rest.is_empty();
        if something && !rest.ends_with(b"\n") {
            rest.push(b'\n');
        }
        state.take(&rest, &self.show);
        let closed = state.file.close();
        state.failed.take().map_or(closed, Err).map_err(|error| {
            let words = format!("cannot write the log {}: {error}", state.file.path().display());
            io::Error::new(error.kind(), words)
        })
    }
}

/// Nothing waits for the end of a step that was dropped (a second Ctrl-C): its log keeps what it has.
impl Drop for StepLog {
    fn drop(&mut self) {
        let _ = self.finish();
    }
}

impl LineSink for StepLog {
    fn line(&self, line: &[u8]) {
        self.lines(&[line, b"\n"].concat());
    }

    fn lines(&self, lines: &[u8]) {
        self.piece(lines);
    }

    fn piece(&self, piece: &[u8]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let masked = state.masked.pass(piece);
        state.take(&masked, &self.show);
    }

    fn ends(&self) {
        self.line(b"");
    }
}

impl State {
    /// Keeps and shows what is whole lines by now, at once.
    fn take(&mut self, masked: &[u8], show: &dyn Fn(String)) {
        let whole = memchr::memrchr(b'\n', masked).map_or(0, |last| last + 1);
        let (mut masked, start) = masked.split_at(whole);
        if let Some(end) = memchr::memchr(b'\n', masked) {
            let (first, others) = masked.split_at(end + 1);
            if !self.unfinished.is_empty() {
                let mut line = std::mem::take(&mut self.unfinished);
                line.extend_from_slice(first);
                self.keep(&line, show);
                masked = others;
            } else if self.broken && first == b"\n" {
                // all of the line was kept
                masked = others;
            }
            self.broken = false;
            self.keep(masked, show);
        }
        self.unfinished.extend_from_slice(start);
        self.keep_overlong(show);
    }

    /// Breaks what is longer than a line may be.
    fn keep_overlong(&mut self, show: &dyn Fn(String)) {
        while self.unfinished.len() >= LINE_LIMIT {
            let rest = self.unfinished.split_off(LINE_LIMIT);
            let mut line = std::mem::replace(&mut self.unfinished, rest);
            line.push(b'\n');
            self.keep(&line, show);
            self.broken = true;
        }
    }

    fn keep(&mut self, lines: &[u8], show: &dyn Fn(String)) {
        if lines.is_empty() {
            return;
        }
        if self.failed.is_none() {
            self.failed = self.file.lines(lines).err();
        }
        show(text(lines));
    }
}

/// The bytes as text; most are that already.
fn text(bytes: &[u8]) -> String {
    str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes).into_owned(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::mask::SecretText;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    struct Case {
        folder: tempfile::TempDir,
        shown: Arc<Mutex<String>>,
        log: StepLog,
    }

    fn case(limit: u64, secret: &str) -> Case {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let shown = Arc::new(Mutex::new(String::new()));
        let masker = Masker::new(&[SecretText::new(secret)]);
        let to = Arc::clone(&shown);
        let show = move |lines: String| to.lock().expect("no panic while held").push_str(&lines);
        let log = StepLog::new(folder.path().join("a.b.log"), limit, &masker, show);
        Case { folder, shown, log }
    }

    impl Case {
        fn text(&self) -> String {
            std::fs::read_to_string(self.folder.path().join("a.b.log")).expect("written")
        }

        fn shown(&self) -> Vec<String> {
            self.shown.lock().expect("no panic while held").split_terminator('\n').map(str::to_owned).collect()
        }
    }

    #[test]
    fn a_step_that_says_nothing_has_no_file() {
        let case = case(100, "hunter22");
        assert_eq!(case.log.finish().expect("nothing to fail"), LogSize::default());
        assert!(!case.folder.path().join("a.b.log").exists());
    }

    #[test]
    fn lines_are_masked_kept_and_shown_at_once() {
        let case = case(100, "hunter22");
        case.log.line(b"password hunter22");
        assert_eq!((case.text(), case.shown()), ("password ***\n".to_owned(), vec!["password ***".to_owned()]));
        case.log.line(b"\xff");
        assert_eq!(case.log.finish().expect("room enough"), LogSize { lines: 2, bytes: 15, dropped: 0 });
        let mode = std::fs::metadata(case.folder.path().join("a.b.log")).expect("written").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn lines_that_come_together_are_kept_and_shown_as_lines() {
        let case = case(100, "ab\ncd\nef");
        case.log.lines(b"one\nab\ncd\nef\n\nab\ncd\n");
        assert_eq!(case.text(), "one\n***\n\n");
        case.log.lines(b"x\ny\n");
        assert_eq!(case.text(), "one\n***\n\nab\ncd\nx\ny\n");
        assert_eq!(case.shown(), ["one", "***", "", "ab", "cd", "x", "y"]);
        assert_eq!(case.log.finish().expect("room enough"), LogSize { lines: 7, bytes: 19, dropped: 0 });
    }

    #[test]
    fn a_secret_of_several_short_lines_is_masked_across_them() {
        let case = case(100, "ab\ncd\nef");
        for line in ["x", "ab", "cd", "ef", "ab", "cd", "y", "ab"] {
            case.log.line(line.as_bytes());
        }
        case.log.finish().expect("room enough");
        assert_eq!(case.text(), "x\n***\nab\ncd\ny\nab\n");
        assert_eq!(case.shown(), ["x", "***", "ab", "cd", "y", "ab"]);
    }

    #[test]
    fn a_line_without_end_is_broken_and_a_secret_is_masked_across_the_break() {
        let case = case(1 << 20, "hunter22");
        let mut piece = vec![b'x'; LINE_LIMIT - 4];
        piece.extend_from_slice(b"hunt");
        case.log.piece(&piece);
        case.log.piece(b"er22");
        case.log.line(b"rest");
        case.log.piece(&vec![b'y'; LINE_LIMIT]);
        case.log.ends();
        case.log.line(b"next");
        case.log.finish().expect("room enough");
        let lines: Vec<String> = case.text().lines().map(str::to_owned).collect();
        assert_eq!(lines.iter().map(String::len).collect::<Vec<_>>(), [LINE_LIMIT + 3, LINE_LIMIT, 4]);
        assert!(lines[0].ends_with("x***rest") && lines[2] == "next");
    }

    #[test]
    fn a_long_log_keeps_its_beginning_and_its_end_and_says_so() {
        let case = case(16, "hunter22");
        let lines = ["one", "two", "three", "four", "five", "the end is hunter22", "6"];
        for line in lines {
            case.log.line(line.as_bytes());
        }
        assert_eq!(case.log.finish().expect("room enough"), LogSize { lines: 3, bytes: 10, dropped: 31 });
        let gap = "… 31 B are left out: of a long log its beginning and its end are kept";
        assert_eq!(case.text(), format!("one\ntwo\n{gap}\n6\n"));
        assert_eq!(case.shown()[3..], ["four", "five", "the end is ***", "6"]);
    }

    #[test]
    fn a_log_that_is_dropped_keeps_what_it_has() {
        let Case { folder, shown: _, log } = case(16, "hunter22");
        for line in ["one", "two", "three", "four", "hunt"] {
            log.line(line.as_bytes());
        }
        drop(log);
        let text = std::fs::read_to_string(folder.path().join("a.b.log")).expect("written");
        assert_eq!(text, "one\ntwo\n… 16 B are left out: of a long log its beginning and its end are kept\n");
    }

    #[test]
    fn a_log_that_cannot_be_written_is_named_at_the_end() {
        let log = StepLog::new("/no/such/folder/a.log", 10, &Masker::default(), |_| {});
        log.line(b"x");
        let error = log.finish().expect_err("no such folder").to_string();
        assert!(error.starts_with("cannot write the log /no/such/folder/a.log: "), "{error}");
    }
}
