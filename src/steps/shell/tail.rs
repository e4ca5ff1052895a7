//! The last lines of a script's output, kept for its failure, and the text that says it is up.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio_util::sync::CancellationToken;

use crate::drivers::process::{LineSink, each_line};
use crate::kind::{Context, finding_lines};
use crate::outcome::Finding;

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

/// A text that is looked for.
struct Wanted<'a> {
    text: memchr::memmem::Finder<'a>,
    seen: CancellationToken,
}

impl<'a> Tail<'a> {
    /// Hands on to `log`; watches for `wanted`.
    pub fn new(log: &'a dyn LineSink, wanted: Option<&'a str>) -> Self {
        let wanted =
            wanted.map(|text| Wanted { text: memchr::memmem::Finder::new(text), seen: CancellationToken::new() });
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
    }

    fn lines(&self, lines: &[u8]) {
        self.log.lines(lines);
        if self.wanted.as_ref().is_some_and(|wanted| !wanted.seen.is_cancelled()) {
            each_line(lines).for_each(|line| self.watch(line));
        }
        let kept = memchr::memrchr_iter(b'\n', lines).nth(KEPT).map_or(0, |end| end + 1);
        each_line(&lines[kept..]).for_each(|line| self.keep(line));
    }

    fn piece(&self, piece: &[u8]) {
        self.log.piece(piece);
        self.remember(piece);
    }

    fn ends(&self) {
        self.log.ends();
    }
}

impl Tail<'_> {
    fn remember(&self, line: &[u8]) {
        self.watch(line);
        self.keep(line);
    }

    fn watch(&self, line: &[u8]) {
        if let Some(wanted) = self.wanted.as_ref().filter(|wanted| wanted.text.find(line).is_some()) {
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
