//! What a reader sees of bytes: without escape sequences, NULs and other characters that reports strip and terminals do
//! not show. Knows no secret.

use std::borrow::Cow;

use anstream::adapter::StripBytes;

/// More invisible bytes than this inside a text keep what is around them apart.
const GAP: usize = 1024;

/// The marker of a [`GAP`]: no secret holds it.
const APART: u8 = 0;

/// The bytes without what is invisible, as reports show them.
pub fn visible(bytes: &[u8]) -> Cow<'_, [u8]> {
    if hides(bytes) { Cow::Owned(View::of(bytes, &mut StripBytes::new()).bytes) } else { Cow::Borrowed(bytes) }
}

/// Whether there may be something invisible in the bytes.
pub(super) fn hides(bytes: &[u8]) -> bool {
    bytes.chunks(64).any(|some| some.iter().fold(false, |any, byte| any | control(*byte))) || hides_char(bytes)
}

#[expect(clippy::needless_bitwise_bool, reason = "without jumps it is worked out for many bytes at once")]
fn control(byte: u8) -> bool {
    (byte < b' ') & (byte != b'\t') & (byte != b'\n') & (byte != 0x0c) & (byte != b'\r') | (byte == 0x7f)
}

fn hides_char(bytes: &[u8]) -> bool {
    memchr::memchr_iter(0xe2, bytes).any(|at| unseen_char(&bytes[at..]))
}

/// Bytes without what is invisible.
pub(super) struct View {
    pub bytes: Vec<u8>,
    /// Where each of them is.
    pub at: Vec<usize>,
}

impl View {
    /// Of bytes that follow on what brought `strip` to where it is. A line end ends every sequence, as it does for a
    /// report, which strips line by line.
    pub fn of(bytes: &[u8], strip: &mut StripBytes) -> Self {
        let mut view = View { bytes: Vec::with_capacity(bytes.len()), at: Vec::with_capacity(bytes.len()) };
        let (mut line_at, mut skip) = (0, 0);
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if skip == 0 && *strip == StripBytes::new() && !hides(line) {
                view.extend(line_at, line);
                line_at += line.len();
                continue;
            }
            for seen in strip.strip_next(line) {
                let first = seen.as_ptr().addr() - bytes.as_ptr().addr();
                if skip == 0 && !hides_char(seen) {
                    view.extend(first, seen);
                    continue;
                }
                for at in first..first + seen.len() {
                    if skip == 0 && unseen_char(&bytes[at..]) {
                        skip = 3.min(bytes.len() - at);
                    }
                    if skip > 0 { skip -= 1 } else { view.push(at, bytes[at]) }
                }
            }
            line_at += line.len();
            if line.ends_with(b"\n") {
                *strip = StripBytes::new();
                // In the middle of a sequence it is not handed on, but it ends the line all the same.
                if view.at.last() != Some(&(line_at - 1)) {
                    view.push(line_at - 1, b'\n');
                }
            }
        }
        view.part(bytes.len());
        view
    }

    fn push(&mut self, at: usize, byte: u8) {
        self.extend(at, &[byte]);
    }

    /// Takes in bytes that stand at `first`.
    fn extend(&mut self, first: usize, bytes: &[u8]) {
        self.part(first);
        self.bytes.extend_from_slice(bytes);
        self.at.extend(first..first + bytes.len());
    }

    /// Marks a gap that is too long before `at`.
    fn part(&mut self, at: usize) {
        let next = self.at.last().map_or(0, |last| last + 1);
        if at - next > GAP {
            self.bytes.push(APART);
            self.at.push(next);
        }
    }
}

/// Whether a character begins here that reorders text (a bidirectional control), or what may become one.
fn unseen_char(bytes: &[u8]) -> bool {
    match bytes {
        [0xe2, 0x80, last, ..] => (0xaa..=0xae).contains(last),
        [0xe2, 0x81, last, ..] => (0xa6..=0xa9).contains(last),
        [0xe2] | [0xe2, 0x80 | 0x81] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reports_strip_is_not_seen() {
        let text =
            "a\u{1b}[01;31m\u{1b}[Kb\u{1b}[m\0c\u{8}\u{202e}d\u{1b}]8;;http://x\u{7}e\u{1b}]never ends\nf ü│\r\n";
        assert_eq!(String::from_utf8_lossy(&visible(text.as_bytes())), "abcde\nf ü│\r\n");
        assert!(matches!(visible("plain ü│✔\t\r\n".as_bytes()), Cow::Borrowed(_)));
    }

    #[test]
    fn each_byte_is_known_by_its_place() {
        let view = View::of(b"a\x1b[1mb\nc", &mut StripBytes::new());
        assert_eq!((view.bytes.as_slice(), view.at.as_slice()), (&b"ab\nc"[..], &[0, 5, 6, 7][..]));
    }

    #[test]
    fn a_long_gap_keeps_apart() {
        let text = [b"a\x1b]".as_slice(), &[b'x'; 2000], b"\x07b\x1b]", &[b'x'; 2000]].concat();
        assert_eq!(&*visible(&text), b"a\0b\0");
    }
}
