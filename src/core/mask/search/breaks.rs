//! Text that line breaks cut, put together again: what an encoder wrapped is one piece. Knows no secret's form.

use std::ops::Range;

use super::Search;

/// Forms shorter than this are not looked for across line breaks, in bytes: `1234` would be found in every table.
pub(crate) const LEAST: usize = 8;
/// Fewer bytes of a form than this, before the first break in it, are not waited for, nor hidden: every fifth line ends
/// with the first letter of some form.
pub(crate) const BEFORE: usize = 4;
/// Blanks at the beginning of a line that may belong to a break.
const INDENT: usize = 64;

/// What was found around the line breaks of a text, by places in that text.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The bytes of forms that breaks cut, line by line.
    pub forms: Vec<Range<usize>>,
    /// From here on what follows decides what is shown.
    pub undecided: Option<usize>,
    /// From here on what follows must be held against the text, whatever was shown of it.
    pub context: Option<usize>,
}

impl Found {
    /// Whether no break matters.
    pub fn is_nothing(&self) -> bool {
        self.forms.is_empty() && self.undecided.is_none() && self.context.is_none()
    }

    /// What follows must be held against the text from `context` on, and decides on what is shown from `undecided` on.
    pub fn wait(&mut self, context: usize, undecided: usize) {
        let earlier = |known: Option<usize>, at: usize| Some(known.map_or(at, |known| known.min(at)));
        self.context = earlier(self.context, context);
        self.undecided = earlier(self.undecided, undecided);
    }
}

/// Checks every line break of a text.
pub(crate) fn find(search: &Search, text: &[u8]) -> Found {
    let mut found = Found::default();
    let mut line = 0;
    for next in memchr::memchr_iter(b'\n', text).map(|end| end + 1).chain([text.len()]) {
        let bytes = text[line..next].strip_suffix(b"\n").unwrap_or(&text[line..next]);
        let end = line + bytes.strip_suffix(b"\r").unwrap_or(bytes).len();
        if end < next {
            let cut = may_be_cut(search, text, line, end);
            let folds = search.folds.as_ref().filter(|folds| folds.may_fold(text, line, end));
            if cut || folds.is_some() {
                let first = line.max(end.saturating_sub(search.longest));
                let start = first + search.undecided(&text[first..end], LEAST);
                if cut && start < end {
                    Joined::of(text, start, search.longest).look(search, text.len(), &mut found);
                }
                if let Some(folds) = folds {
                    folds.look(text, start..end, &mut found);
                }
            }
        }
        line = next;
    }
    found
}

/// Whether a form may stand across the break at `end`, or its beginning across the break and up to the end of the text:
/// a form is so long that three of its bytes at least stand on one side of its first break, or all that follow.
fn may_be_cut(search: &Search, text: &[u8], line: usize, end: usize) -> bool {
    let [.., last] = text[line..end] else { return false };
    let mut following = Unbroken::new(text, end).map(|at| text[at]);
    let (Some(first), Some(second), Some(third)) = (following.next(), following.next(), following.next()) else {
        return true;
    };
    search.within.may_hold(&[last, first, second, third])
        || matches!(text[line..end], [.., a, b, c] if search.within.may_hold(&[a, b, c, first]))
}

/// Whether it keeps words apart, and may belong to an indent.
pub(crate) fn blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Whether the byte at `at` ends a line, or is the first of two that do.
pub(crate) fn breaks_line(text: &[u8], at: usize) -> bool {
    text[at] == b'\n' || text[at] == b'\r' && text.get(at + 1).is_none_or(|next| *next == b'\n')
}

/// The places of a text from one on, without its line breaks and the blanks that may belong to them.
pub(crate) struct Unbroken<'t> {
    text: &'t [u8],
    at: usize,
    /// Blanks that may be left out.
    indent: usize,
    /// A break stands before the place that was handed out, or before the end.
    broken: bool,
}

impl<'t> Unbroken<'t> {
    pub fn new(text: &'t [u8], at: usize) -> Self {
        Unbroken { text, at, indent: 0, broken: false }
    }
}

impl Iterator for Unbroken<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.broken = false;
        loop {
            let (at, byte) = (self.at, *self.text.get(self.at)?);
            self.at += 1;
            if breaks_line(self.text, at) {
                (self.indent, self.broken) = (INDENT, true);
            } else if self.indent > 0 && blank(byte) {
                self.indent -= 1;
            } else {
                self.indent = 0;
                return Some(at);
            }
        }
    }
}

/// A piece of text without its line breaks.
struct Joined {
    bytes: Vec<u8>,
    /// Where each of them is in the text.
    at: Vec<usize>,
    /// Positions among the bytes that follow on a break, or would.
    breaks: Vec<usize>,
    /// The text ended before the piece did.
    open: bool,
}

impl Joined {
    /// From `start` on, as far as a form can reach that begins before the first break.
    fn of(text: &[u8], start: usize, longest: usize) -> Self {
        let mut joined = Joined { bytes: Vec::new(), at: Vec::new(), breaks: Vec::new(), open: false };
        let mut unbroken = Unbroken::new(text, start);
        while joined.breaks.first().is_none_or(|first| joined.bytes.len() <= first + longest) {
            let next = unbroken.next();
            if unbroken.broken {
                joined.breaks.push(joined.bytes.len());
            }
            let Some(at) = next else {
                joined.open = true;
                break;
            };
            joined.bytes.push(text[at]);
            joined.at.push(at);
        }
        joined
    }

    /// Where these bytes stand, line by line.
    fn lines(&self, range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let cuts = self.breaks.iter().copied().filter(move |cut| (range.start + 1..range.end).contains(cut));
        let ends = cuts.chain([range.end]);
        ends.scan(range.start, |start, end| Some(self.at[std::mem::replace(start, end)]..self.at[end - 1] + 1))
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
        found.wait(place(start), place(if cut - start < BEFORE { *cut } else { start }));
    }
}
