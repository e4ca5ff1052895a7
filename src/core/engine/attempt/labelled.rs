//! The log of one item within its step's: each line behind the item's label.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use crate::core::kind::lines::{LINE_LIMIT, LineSink, each_line};
use crate::core::mask::{MaskStream, Masker};

/// A step's log, with the item in front of each line.
///
/// Masked here: a secret that goes over several lines, or over the pieces of a long one, is not whole behind the labels.
pub(super) struct Labelled {
    log: Arc<dyn LineSink>,
    label: String,
    stream: Mutex<Masked>,
}

struct Masked {
    stream: MaskStream,
    /// What was masked of a line whose end has not come.
    rest: Vec<u8>,
}

impl Labelled {
    /// In front of a step's log.
    pub fn new(log: &Arc<dyn LineSink>, label: &str, masker: &Masker) -> Self {
        let stream = Mutex::new(Masked { stream: masker.stream(), rest: Vec::new() });
        Labelled { log: Arc::clone(log), label: format!("[{label}] "), stream }
    }

    fn put(&self, bytes: &[u8]) {
        let mut masked = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let Masked { stream, rest } = &mut *masked;
        self.hand_on(rest, &stream.pass(bytes));
    }

    /// Whole lines, each behind the label. A line longer than what is handed on at once is several.
    fn hand_on(&self, rest: &mut Vec<u8>, shown: &[u8]) {
        rest.extend_from_slice(shown);
        if memchr::memchr(b'\n', shown).is_none() && rest.len() >= LINE_LIMIT {
            rest.push(b'\n');
        }
        let Some(end) = memchr::memrchr(b'\n', rest) else { return };
        let mut lines = Vec::with_capacity(rest.len() + self.label.len());
        for line in each_line(&rest[..=end]) {
            lines.extend_from_slice(self.label.as_bytes());
            lines.extend_from_slice(line);
            lines.push(b'\n');
        }
        self.log.lines(&lines);
        rest.drain(..=end);
    }
}

impl LineSink for Labelled {
    fn line(&self, line: &[u8]) {
        self.lines(&[line, b"\n"].concat());
    }

    fn lines(&self, lines: &[u8]) {
        self.put(lines);
    }

    fn piece(&self, piece: &[u8]) {
        self.put(piece);
    }

    fn ends(&self) {
        self.line(b"");
    }

    fn passing(&self, text: &str) {
        self.log.passing(&format!("{}{text}", self.label));
    }

    fn adopt(&self, pipe: OwnedFd) {
        self.log.adopt(pipe);
    }
}

impl Drop for Labelled {
    /// What may have been the beginning of a secret was none.
    fn drop(&mut self) {
        let mut masked = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let Masked { stream, rest } = &mut *masked;
        let mut shown = stream.finish();
        if !rest.is_empty() || !shown.is_empty() {
            shown.push(b'\n');
        }
        self.hand_on(rest, &shown);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::mask::SecretText;

    /// Keeps the lines that it gets.
    #[derive(Default)]
    struct Kept(Mutex<Vec<String>>);

    impl LineSink for Kept {
        fn line(&self, line: &[u8]) {
            self.0.lock().expect("no panic").push(String::from_utf8_lossy(line).into_owned());
        }
    }

    fn said(say: impl FnOnce(&Labelled)) -> Vec<String> {
        let (kept, secret) = (Arc::new(Kept::default()), SecretText::new("first-half\nsecond-half"));
        let log: Arc<dyn LineSink> = Arc::<Kept>::clone(&kept);
        say(&Labelled::new(&log, "a", &Masker::new([&secret])));
        drop(log);
        Arc::into_inner(kept).expect("the log has gone").0.into_inner().expect("no panic")
    }

    #[test]
    fn each_line_is_behind_the_label() {
        let lines = said(|log| {
            log.line(b"one");
            log.lines(b"two\n\nthree\n");
            log.piece(b"fo");
            log.line(b"ur");
            log.piece(b"cut");
        });
        assert_eq!(lines, ["[a] one", "[a] two", "[a] ", "[a] three", "[a] four", "[a] cut"]);
    }

    #[test]
    fn a_secret_that_the_labels_would_cut_is_masked() {
        for lines in [
            said(|log| {
                log.line(b"first-half");
                log.line(b"second-half");
            }),
            said(|log| {
                log.piece(b"x first-");
                log.line(b"half\nsecond-half y");
            }),
        ] {
            let text = lines.join("|");
            assert!(!text.contains("half") && lines.iter().all(|line| line.starts_with("[a] ")), "{text}");
        }
    }
}
