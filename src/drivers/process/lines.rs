//! From bytes as they come to lines: whole ones without their ends, overlong ones in pieces. Knows no pipe.

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
        for end in memchr::memchr_iter(b'\n', buffer) {
            let line = &buffer[start..end];
            // the end of a line that was handed on in pieces of exactly the limit is not a line of its own
            if self.inside && line.is_empty() {
                sink.ends();
            } else {
                sink.line(line.strip_suffix(b"\r").unwrap_or(line));
            }
            self.inside = false;
            start = end + 1;
        }
        if start == 0 && buffer.len() >= LINE_LIMIT {
            sink.piece(buffer);
            self.inside = true;
            start = buffer.len();
        }
        if start == buffer.len() {
            buffer.clear();
        } else if start > 0 {
            buffer.drain(..start);
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drivers::process::tests::Kept;

    fn lines(chunks: &[&[u8]]) -> Vec<Vec<u8>> {
        let (kept, mut lines, mut buffer) = (Kept::default(), Lines::default(), Vec::new());
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
