//! Text that line breaks cut, put together again: what an encoder wrapped stands there as one. Knows no secret's form.

use std::ops::Range;

use super::search::Search;

/// Forms shorter than this are not looked for across line breaks, in bytes: `1234` would be found in every table.
const LEAST: usize = 8;
/// Fewer bytes of a form than this, before the first break in it, are not waited for, nor hidden: every fifth line ends
/// with the first letter of some form.
const BEFORE: usize = 4;
/// Blanks at the beginning of a line that may belong to a break.
const INDENT: usize = 64;

/// What was found around the line breaks of a text, by places in that text.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The bytes of forms that breaks cut, line by line.
    pub forms: Vec<Vec<usize>>,
    /// From here on what follows decides what is shown.
    pub undecided: Option<usize>,
    /// From here on what follows must be held against the text, whatever was shown of it.
    pub context: Option<usize>,
}

/// Looks at every line break of a text.
pub(super) fn find(search: &Search, text: &[u8]) -> Found {
    let mut found = Found::default();
    let mut line = 0;
    for (end, byte) in text.iter().enumerate() {
        if !breaks_line(text, end) {
            continue;
        }
        let first = line.max(end.saturating_sub(search.longest));
        let start = first + search.undecided(&text[first..end], LEAST);
        if start < end {
            Joined::of(text, start, search.longest).look(search, text.len(), &mut found);
        }
        if *byte == b'\n' {
            line = end + 1;
        }
    }
    found
}

/// Whether the byte at `at` ends a line, or is the first of two that do.
fn breaks_line(text: &[u8], at: usize) -> bool {
    text[at] == b'\n' || text[at] == b'\r' && text.get(at + 1).is_none_or(|next| *next == b'\n')
}

/// A piece of text without its line breaks.
struct Joined {
    bytes: Vec<u8>,
    /// Where each of them stands in the text.
    at: Vec<usize>,
    /// Positions among the bytes that follow on a break, or would.
    breaks: Vec<usize>,
    /// The text ended before the piece did.
    open: bool,
}

impl Joined {
    /// From `start` on, as far as a form can reach that begins before the first break.
    fn of(text: &[u8], start: usize, longest: usize) -> Self {
        let mut joined = Joined { bytes: Vec::new(), at: Vec::new(), breaks: Vec::new(), open: true };
        let mut indent = 0;
        for at in start..text.len() {
            let byte = text[at];
            if breaks_line(text, at) {
                joined.breaks.push(joined.bytes.len());
                indent = INDENT;
            } else if indent > 0 && (byte == b' ' || byte == b'\t') {
                indent -= 1;
            } else {
                indent = 0;
                joined.bytes.push(byte);
                joined.at.push(at);
            }
            if joined.breaks.first().is_some_and(|first| joined.bytes.len() > first + longest) {
                joined.open = false;
                break;
            }
        }
        joined
    }

    /// The places of these bytes, line by line.
    fn lines(&self, range: Range<usize>) -> impl Iterator<Item = Vec<usize>> {
        let cuts = self.breaks.iter().copied().filter(move |cut| (range.start + 1..range.end).contains(cut));
        let ends = cuts.chain([range.end]);
        ends.scan(range.start, |start, end| Some(self.at[std::mem::replace(start, end)..end].to_vec()))
    }

    fn look(&self, search: &Search, length: usize, found: &mut Found) {
        for form in search.all(&self.bytes).filter(|form| form.len() >= LEAST) {
            if let Some(cut) = self.breaks.iter().find(|cut| form.start < **cut && **cut < form.end) {
                let hidden = if cut - form.start < BEFORE { *cut } else { form.start };
                found.forms.extend(self.lines(hidden..form.end));
            }
        }
        let start = if self.open { search.undecided(&self.bytes, LEAST) } else { self.bytes.len() };
        let Some(cut) = self.breaks.iter().find(|cut| start < **cut) else { return };
        let place = |at: usize| self.at.get(at).copied().unwrap_or(length);
        let earlier = |known: Option<usize>, at: usize| Some(known.map_or(place(at), |known| known.min(place(at))));
        found.context = earlier(found.context, start);
        found.undecided = earlier(found.undecided, if cut - start < BEFORE { *cut } else { start });
    }
}
