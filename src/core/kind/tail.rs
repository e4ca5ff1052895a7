//! The last lines of a script's output, kept for its failure, and the text that says it is up.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::{Context, finding_lines};
use crate::core::kind::lines::{LineSink, each_line};
use crate::core::model::outcome::Finding;

/// Lines shown.
const LINES: usize = 10;
/// Lines kept: of a secret that an encoder wrapped the first lines are needed to know the others.
const KEPT: usize = 40;

/// Hands lines on and remembers the last ones.
pub struct Tail<'a> {
    log: &'a dyn LineSink,
    last: Mutex<VecDeque<Vec<u8>>>,
    wanted: Option<Wanted<'a>>,
}

/// A text that is looked for in what is shown of the output: without escape sequences.
struct Wanted<'a> {
    text: memchr::memmem::Finder<'a>,
    seen: CancellationToken,
    /// The end of a line that is longer than one piece, as far as the text may begin in it.
    carried: Mutex<Vec<u8>>,
}

impl Wanted<'_> {
    /// Whether the text is in this line, or in this part of one.
    fn is_in(&self, line: &[u8]) -> bool {
        let mut carried = self.carried.lock().unwrap_or_else(PoisonError::into_inner);
        if carried.is_empty() {
            return self.text.find(&shown(line)).is_some();
        }
        carried.extend_from_slice(line);
        self.text.find(&shown(&carried)).is_some()
    }

    /// What the next piece of the same line may go on with.
    fn carry(&self, piece: &[u8]) {
        let mut carried = self.carried.lock().unwrap_or_else(PoisonError::into_inner);
        let from = piece.len().saturating_sub(CARRIED.max(self.text.needle().len()));
        *carried = piece[from..].to_vec();
    }

    fn line_is_over(&self) {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Bytes of a long line in which a text may begin that ends in the next piece, escape sequences included.
const CARRIED: usize = 1024;

/// A line as it is shown: control characters are blanks, and escape sequences are left out.
fn shown(line: &[u8]) -> Cow<'_, [u8]> {
    if line.iter().all(|byte| *byte >= b' ' && *byte != 0x7f) {
        return Cow::Borrowed(line);
    }
    let mut text: Vec<u8> = anstream::adapter::strip_bytes(line).flatten().copied().collect();
    text.iter_mut().filter(|byte| byte.is_ascii_control()).for_each(|byte| *byte = b' ');
    Cow::Owned(text)
}

impl<'a> Tail<'a> {
    /// Hands on to `log`; watches for `wanted`.
    pub fn new(log: &'a dyn LineSink, wanted: Option<&'a str>) -> Self {
        let wanted = wanted.map(|text| Wanted {
            text: memchr::memmem::Finder::new(text),
            seen: CancellationToken::new(),
            carried: Mutex::default(),
        });
        Tail { log, last: Mutex::default(), wanted }
    }

    /// Comes back when the wanted text was seen; never, where none is wanted.
    pub async fn seen(&self) {
        match &self.wanted {
            Some(wanted) => wanted.seen.cancelled().await,
            None => std::future::pending().await,
        }
    }

    /// The last lines, as text.
    pub fn last(&self) -> Vec<String> {
        let mut lines = self.kept();
        lines.drain(..lines.len().saturating_sub(LINES));
        lines
    }

    fn kept(&self) -> Vec<String> {
        let last = self.last.lock().map(|last| last.clone()).unwrap_or_default();
        last.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    }

    /// The last lines as what explains a failure, without the run's secrets; none where it said nothing.
    pub fn findings(&self, cx: &Context) -> Vec<Finding> {
        let mut lines = finding_lines(self.kept().iter().map(String::as_str), cx);
        lines.drain(..lines.len().saturating_sub(LINES));
        if lines.is_empty() {
            return Vec::new();
        }
        let message = if lines.len() < LINES { "all that it said" } else { "its last lines" };
        vec![Finding { lines, ..Finding::new("output", "", message) }]
    }
}

impl LineSink for Tail<'_> {
    fn line(&self, line: &[u8]) {
        self.log.line(line);
        self.remember(line);
        self.wanted().inspect(|wanted| wanted.line_is_over());
    }

    fn lines(&self, lines: &[u8]) {
        self.log.lines(lines);
        if self.wanted.as_ref().is_some_and(|wanted| !wanted.seen.is_cancelled()) {
            each_line(lines).for_each(|line| {
                self.watch(line);
                self.wanted().inspect(|wanted| wanted.line_is_over());
            });
        }
        let kept = memchr::memrchr_iter(b'\n', lines).nth(KEPT).map_or(0, |end| end + 1);
        each_line(&lines[kept..]).for_each(|line| self.keep(line));
    }

    fn piece(&self, piece: &[u8]) {
        self.log.piece(piece);
        self.remember(piece);
        self.wanted().inspect(|wanted| wanted.carry(piece));
    }

    fn ends(&self) {
        self.log.ends();
        self.wanted().inspect(|wanted| wanted.line_is_over());
    }

    fn unfinished(&self, start: &[u8]) {
        // the part is not over: its next look begins where this one did
        if let Some(wanted) = self.wanted() {
            let carried = wanted.carried.lock().unwrap_or_else(PoisonError::into_inner).clone();
            self.watch(start);
            *wanted.carried.lock().unwrap_or_else(PoisonError::into_inner) = carried;
        }
    }

    fn adopt(&self, pipe: OwnedFd) {
        self.log.adopt(pipe);
    }
}

impl Tail<'_> {
    fn remember(&self, line: &[u8]) {
        self.watch(line);
        self.keep(line);
    }

    /// What is looked for and was not seen yet.
    fn wanted(&self) -> Option<&Wanted<'_>> {
        self.wanted.as_ref().filter(|wanted| !wanted.seen.is_cancelled())
    }

    fn watch(&self, line: &[u8]) {
        if let Some(wanted) = self.wanted().filter(|wanted| wanted.is_in(line)) {
            wanted.seen.cancel();
        }
    }

    fn keep(&self, line: &[u8]) {
        if let Ok(mut last) = self.last.lock() {
            // the oldest line's buffer is used again: a script that says a lot costs no allocations
            let mut kept = if last.len() == KEPT { last.pop_front().unwrap_or_default() } else { Vec::new() };
            kept.clear();
            kept.extend_from_slice(line);
            last.push_back(kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sees(text: &str, says: impl Fn(&Tail<'_>)) -> bool {
        let log = Log::default();
        let tail = Tail::new(&log, Some(text));
        says(&tail);
        tail.wanted.as_ref().is_some_and(|wanted| wanted.seen.is_cancelled())
    }

    #[test]
    fn what_is_looked_for_is_what_is_shown() {
        assert!(sees("Ready on 8080", |tail| tail.lines(b"Ready on \x1b[1m8080\x1b[0m\n")));
        assert!(sees("Ready on 8080", |tail| tail.line("\x1b]0;title\x07\u{2713} Ready on\t8080".as_bytes())));
        assert!(!sees("1m8080", |tail| tail.line(b"Ready on \x1b[1m8080\x1b[0m")));
    }

    #[test]
    fn a_line_without_its_end_counts_and_so_does_one_that_comes_in_pieces() {
        assert!(sees("Ready>", |tail| tail.unfinished(b"Ready>")));
        assert!(sees("Ready", |tail| {
            tail.piece(b"x Rea");
            tail.unfinished(b"d");
            tail.unfinished(b"dy");
        }));
        assert!(!sees("Ready", |tail| {
            tail.piece(b"x Rea");
            tail.ends();
            tail.line(b"dy");
        }));
        assert!(!sees("ab", |tail| tail.lines(b"a\nb\n")));
    }

    #[derive(Default)]
    struct Log(Mutex<Vec<u8>>);

    impl LineSink for Log {
        fn line(&self, line: &[u8]) {
            self.0.lock().expect("no panic while held").extend([line, b"\n"].concat());
        }
    }

    #[test]
    fn of_lines_that_come_together_the_last_are_kept_and_each_is_watched() {
        let log = Log::default();
        let tail = Tail::new(&log, Some("line 3 "));
        let seen = || tail.wanted.as_ref().is_some_and(|wanted| wanted.seen.is_cancelled());
        tail.line(b"first");
        let lines: Vec<String> = (1..=KEPT + 9).map(|line| format!("line {line}\n")).collect();
        tail.lines(lines.concat().as_bytes());
        assert!(!seen(), "no line has a blank there");
        assert_eq!(tail.kept().iter().map(|line| format!("{line}\n")).collect::<Vec<_>>(), lines[9..]);
        tail.lines(b"line 3 of 4\nready\n");
        assert!(seen());
        assert_eq!(tail.last()[8..], ["line 3 of 4", "ready"]);
        let all = String::from_utf8(log.0.into_inner().expect("no panic")).expect("text");
        assert_eq!(all, format!("first\n{}line 3 of 4\nready\n", lines.concat()));
    }
}
