//! A text with repairs: what is read in the place of what was written, and where each byte of it was written.
//! Knows neither YAML nor what was wrong.

use std::ops::Range;

/// A text that is changed piece by piece and still knows its original.
#[derive(Debug)]
pub(super) struct Repaired {
    text: String,
    pieces: Vec<Piece>,
}

/// Some bytes of the text, and the bytes of the original that they stand for.
#[derive(Debug)]
struct Piece {
    len: usize,
    from: Range<usize>,
    /// Whether they are those very bytes.
    kept: bool,
}

/// One change: these bytes of the text become that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    /// In bytes of the text as it is, on character boundaries.
    pub range: Range<usize>,
    /// What is read there.
    pub put: String,
}

impl Repaired {
    pub(super) fn new(original: &str) -> Self {
        let whole = Piece { len: original.len(), from: 0..original.len(), kept: true };
        Repaired { text: original.to_owned(), pieces: vec![whole] }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether nothing was changed, so that every place is the original's.
    pub(super) fn is_original(&self) -> bool {
        self.pieces.len() == 1 && self.pieces[0].kept
    }

    /// Makes a change.
    pub(super) fn apply(&mut self, edit: &Edit) {
        let Edit { range, put } = edit;
        let start = self.split(range.start);
        let end = self.split(range.end);
        let from = match (self.pieces.get(start), self.pieces[..end].last()) {
            (Some(first), Some(last)) if start < end => first.from.start..last.from.end,
            (Some(first), _) => first.from.start..first.from.start,
            (None, last) => last.map_or(0..0, |last| last.from.end..last.from.end),
        };
        self.pieces.splice(start..end, [Piece { len: put.len(), from, kept: false }]);
        self.text.replace_range(range.clone(), put);
    }

    /// Where the byte at `at` was written, in the original. May lie inside a character.
    pub(super) fn written(&self, at: usize) -> usize {
        let mut start = 0;
        for piece in &self.pieces {
            if at < start + piece.len {
                return match (at - start, piece.kept) {
                    (0, _) => piece.from.start,
                    (offset, true) => piece.from.start + offset,
                    (offset, false) => piece.from.start + offset.min(piece.from.len()),
                };
            }
            start += piece.len;
        }
        self.pieces.last().map_or(at, |last| last.from.end)
    }

    /// Where what ends at `at` ended in the original.
    pub(super) fn written_end(&self, at: usize) -> usize {
        let mut start = 0;
        for piece in &self.pieces {
            if at > start && at <= start + piece.len {
                return match (at - start, piece.kept) {
                    (offset, true) => piece.from.start + offset,
                    (offset, false) if offset == piece.len => piece.from.end,
                    (offset, false) => piece.from.start + offset.min(piece.from.len()),
                };
            }
            start += piece.len;
        }
        self.written(at)
    }

    /// The index of the piece that starts at `at`.
    fn split(&mut self, at: usize) -> usize {
        let mut start = 0;
        for index in 0..self.pieces.len() {
            let piece = &self.pieces[index];
            if at == start {
                return index;
            }
            if at < start + piece.len {
                let (offset, from, kept) = (at - start, piece.from.clone(), piece.kept);
                let middle = if kept { from.start + offset } else { from.start + offset.min(from.len()) };
                let rest = Piece { len: piece.len - offset, from: middle..from.end, kept };
                self.pieces[index] = Piece { len: offset, from: from.start..middle, kept };
                self.pieces.insert(index + 1, rest);
                return index + 1;
            }
            start += piece.len;
        }
        self.pieces.len()
    }
}

impl Edit {
    /// Where a place of the text is after the change is made.
    pub(super) fn moves(&self, at: usize) -> usize {
        if at >= self.range.end {
            at - self.range.len() + self.put.len()
        } else {
            at.min(self.range.start + self.put.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_where_each_byte_was_written() {
        let mut text = Repaired::new("steps\n  é: > 5\nx: [a\n");
        text.apply(&Edit { range: 21..21, put: "]".to_owned() });
        text.apply(&Edit { range: 12..15, put: "\"> 5\"".to_owned() });
        text.apply(&Edit { range: 5..5, put: ":".to_owned() });
        assert_eq!(text.text(), "steps:\n  é: \"> 5\"\nx: [a]\n");
        let places: Vec<usize> = (0..=text.text().len()).map(|at| text.written(at)).collect();
        let expected =
            [0, 1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 15, 15, 16, 17, 18, 19, 20, 21, 21, 22];
        assert_eq!(places, expected);
        assert_eq!((text.written_end(18), text.written_end(6)), (15, 5));
    }
}
