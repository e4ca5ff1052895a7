//! The last lines of a command, kept beside the log for the message when it fails.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::process::{LineSink, each_line};

/// Hands lines on and remembers the last of them.
pub struct LastLines<'a> {
    log: &'a dyn LineSink,
    lines: Mutex<VecDeque<String>>,
}

/// Lines remembered.
const KEPT: usize = 20;

impl<'a> LastLines<'a> {
    /// In front of `log`.
    pub fn new(log: &'a dyn LineSink) -> Self {
        LastLines { log, lines: Mutex::default() }
    }

    /// The last lines with words on them, the oldest first.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl LineSink for LastLines<'_> {
    fn line(&self, line: &[u8]) {
        self.log.line(line);
        self.remember(line);
    }

    fn lines(&self, lines: &[u8]) {
        self.log.lines(lines);
        each_line(lines).for_each(|line| self.remember(line));
    }

    fn piece(&self, piece: &[u8]) {
        self.log.piece(piece);
        self.remember(piece);
    }

    fn ends(&self) {
        self.log.ends();
    }
}

impl LastLines<'_> {
    fn remember(&self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end();
        if !text.is_empty() {
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() == KEPT {
                lines.pop_front();
            }
            // whole: it is cut when it was masked
            lines.push_back(text.to_owned());
        }
    }
}
