//! Text that was folded at the blanks of a form: a line break, with its indent, replaces the blanks around it, or hides
//! some of them. Knows no encoding.

use std::ops::Range;

use super::breaks::{BEFORE, Found, LEAST, Unbroken, blank, breaks_line};
use crate::core::mask::Hit;
use crate::core::mask::grams::Grams;

/// Forms with fewer bytes beside their blanks are not looked for: around one break stand three of them and a fourth.
const BARE: usize = 5;

/// The forms that hold blanks.
pub(crate) struct Folds {
    /// Sorted.
    forms: Vec<Vec<u8>>,
    /// Length of the longest.
    longest: usize,
    /// Which four bytes stand side by side in them, but for blanks.
    bare: Grams,
}

impl Folds {
    /// Those among sorted patterns. One that holds a line end is none: its lines are looked for.
    pub fn of(patterns: &[(Vec<u8>, Hit)]) -> Option<Self> {
        let folds = |form: &[u8]| {
            let has = |found: fn(u8) -> bool| form.iter().any(|byte| found(*byte));
            form.len() >= LEAST && has(blank) && !has(|byte| byte == b'\n' || byte == b'\r')
        };
        let mut forms: Vec<_> = patterns.iter().map(|(form, _)| form).filter(|form| folds(form)).cloned().collect();
        forms.retain(|form| bare(form).count() >= BARE);
        forms.dedup();
        let longest = forms.iter().map(Vec::len).max()?;
        let bytes: Vec<Vec<u8>> = forms.iter().map(|form| bare(form).collect()).collect();
        let bare = Grams::of(bytes.iter().flat_map(|form| form.windows(4)));
        Some(Folds { forms, longest, bare })
    }

    /// The same, without what spares a look.
    #[cfg(test)]
    pub fn thorough(self) -> Self {
        Folds { bare: Grams::all(), ..self }
    }

    /// Whether a form may be folded at the break at `end`, or its beginning and the end of the text: a form is so long
    /// that three of its bytes at least stand on one side of its first break, or all that follow.
    pub fn may_fold(&self, text: &[u8], line: usize, end: usize) -> bool {
        let mut before = bare_back(&text[line..end]);
        let Some(last) = before.next() else { return false };
        let mut following = Unbroken::new(text, end).map(|at| text[at]).filter(|byte| !blank(*byte));
        let (Some(first), Some(second), Some(third)) = (following.next(), following.next(), following.next()) else {
            return true;
        };
        self.bare.may_hold(&[last, first, second, third])
            || matches!((before.next(), before.next()), (Some(b), Some(a)) if self.bare.may_hold(&[a, b, last, first]))
    }

    /// Looks for forms that begin in these bytes of a line, up to its end.
    pub fn look(&self, text: &[u8], line: Range<usize>, found: &mut Found) {
        let end = line.end;
        let mut parts = Vec::new();
        for start in line.start.max(end.saturating_sub(self.longest))..end {
            let begun = &text[start..end];
            let at = self.forms.partition_point(|form| form.as_slice() <= begun);
            for form in self.forms[at..].iter().take_while(|form| form.starts_with(begun)) {
                let shown = usize::from(end - start < BEFORE);
                match follow(text, start, form, &mut parts) {
                    Reach::Whole => found.forms.extend(parts.iter().skip(shown).cloned()),
                    Reach::Open => {
                        let second = parts.get(1).map_or(text.len(), |part: &Range<usize>| part.start);
                        found.wait(start, if shown == 1 { second } else { start });
                    }
                    Reach::Apart => {}
                }
            }
        }
    }
}

/// How much of a form is somewhere.
enum Reach {
    Whole,
    /// All that the text has before it ends.
    Open,
    Apart,
}

/// Goes along a form and the text from `start` on, and tells where its parts stand, line by line.
fn follow(text: &[u8], start: usize, form: &[u8], parts: &mut Vec<Range<usize>>) -> Reach {
    parts.clear();
    let (mut part, mut at, mut rest) = (start, start, form);
    while let [next, others @ ..] = rest {
        if at == text.len() || breaks_line(text, at) {
            parts.push(part..at);
            let Some(following) = Unbroken::new(text, at).next() else { return Reach::Open };
            (part, at) = (following, following);
            rest = &rest[rest.iter().take_while(|byte| blank(**byte)).count()..];
        } else if text[at] == *next {
            (at, rest) = (at + 1, others);
        } else {
            return Reach::Apart;
        }
    }
    parts.push(part..at);
    Reach::Whole
}

/// Bytes without the blanks among them.
fn bare(bytes: &[u8]) -> impl Iterator<Item = u8> {
    bytes.iter().copied().filter(|byte| !blank(*byte))
}

/// The same from the last one on.
fn bare_back(bytes: &[u8]) -> impl Iterator<Item = u8> {
    bytes.iter().rev().copied().filter(|byte| !blank(*byte))
}
