//! From bytes as they come to lines: whole ones without their ends, overlong ones in pieces. Knows no pipe.

use std::ops::Range;

use super::{LINE_LIMIT, LineSink};

/// Hands the whole lines of `buffer` to `sink` and keeps the rest, which grows to [`LINE_LIMIT`] at most.
#[derive(Debug, Default)]
pub struct Lines {
    /// The last thing handed on was a piece of a line whose end has not come yet.
    inside: bool,
}

impl Lines {
    /// Takes what was read; what stays in `buffer` is the start of a line.
    pub fn take(&mut self, buffer: &mut Vec<u8>, sink: &dyn LineSink) {
        let mut start = 0;
        // the end of a line that was handed on in pieces of exactly the limit is not a line of its own
        if self.inside && buffer.first() == Some(&b'\n') {
            sink.ends();
            start = 1;
        }
        if let Some(last) = memchr::memrchr(b'\n', buffer) {
            if last >= start {
                let whole = without_returns(buffer, start..last + 1);
                sink.lines(&buffer[whole]);
            }
            self.inside = false;
            start = last + 1;
        }
        if start == 0 && buffer.len() >= LINE_LIMIT {
            sink.piece(buffer);
            self.inside = true;
            start = buffer.len();
        }
        if start == buffer.len() {
            buffer.clear();
            return;
        }
        if start > 0 {
            buffer.drain(..start);
        }
        sink.unfinished(buffer);
    }

    /// Hands on a last line that has no end.
    pub fn end(&mut self, buffer: &mut Vec<u8>, sink: &dyn LineSink) {
        if !buffer.is_empty() {
            sink.line(buffer);
            buffer.clear();
        } else if self.inside {
            sink.ends();
        }
        self.inside = false;
    }
}

/// Has these whole lines end with `\n` where it was `\r\n`; where they stand then.
fn without_returns(buffer: &mut [u8], whole: Range<usize>) -> Range<usize> {
    if memchr::memmem::find(&buffer[whole.clone()], b"\r\n").is_none() {
        return whole;
    }
    let mut to = whole.start;
    for at in whole.clone() {
        if buffer[at..].starts_with(b"\r\n") {
            continue;
        }
        buffer[to] = buffer[at];
        to += 1;
    }
    whole.start..to
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::tests::CollectedLines;

    fn lines(chunks: &[&[u8]]) -> Vec<Vec<u8>> {
        let (kept, mut lines, mut buffer) = (CollectedLines::default(), Lines::default(), Vec::new());
        for chunk in chunks {
            for piece in chunk.chunks(LINE_LIMIT) {
                let room = LINE_LIMIT - buffer.len();
                let (now, later) = piece.split_at(room.min(piece.len()));
                buffer.extend_from_slice(now);
                lines.take(&mut buffer, &kept);
                buffer.extend_from_slice(later);
                lines.take(&mut buffer, &kept);
            }
        }
        lines.end(&mut buffer, &kept);
        kept.all()
    }

    #[test]
    fn joins_what_came_in_parts_and_keeps_a_last_line_without_an_end() {
        assert_eq!(lines(&[b"on", b"e\ntwo\r\n\nth", b"ree"]), [&b"one"[..], b"two", b"", b"three"]);
    }

    #[test]
    fn keeps_bytes_that_are_not_text() {
        assert_eq!(lines(&[b"\xff\x00\xfe\nb"]), [&b"\xff\x00\xfe"[..], b"b"]);
    }

    #[test]
    fn a_line_longer_than_the_limit_comes_in_pieces() {
        let long = vec![b'x'; LINE_LIMIT + 3];
        let all = lines(&[&long, b"\nnext\n"]);
        assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [LINE_LIMIT, 3, 4]);
    }

    #[test]
    fn a_line_of_exactly_the_limit_has_no_empty_line_after_it() {
        let long = vec![b'x'; LINE_LIMIT];
        let all = lines(&[&long, b"\n\nnext"]);
        assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [LINE_LIMIT, 0, 4]);
    }
}
