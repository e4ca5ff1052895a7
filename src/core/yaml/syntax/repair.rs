//! Repairs: what to read in the place of what is broken, so that the rest of a file can still be read.

use std::ops::Range;

use crate::core::yaml::repaired::Edit;

/// How to read on.
#[derive(Debug)]
pub(in crate::core::yaml) struct Repair {
    /// The changes, from the front to the back.
    pub edits: Vec<Edit>,
    /// A value that becomes a null, because what it was to be is not certain. In bytes before the changes.
    pub broken: Option<Range<usize>>,
    /// Whether nothing but one text is concerned: what else is wrong on its lines has other causes.
    pub exact: bool,
}

impl Repair {
    fn new(edits: Vec<Edit>) -> Self {
        Repair { edits, broken: None, exact: false }
    }

    /// Other text in the place of a range.
    pub(super) fn instead(range: Range<usize>, put: String) -> Self {
        Repair::new(vec![Edit { range, put }])
    }

    /// Text that was left out.
    pub(super) fn insert(at: usize, put: String) -> Self {
        Repair::instead(at..at, put)
    }

    /// Several changes, in order.
    pub(in crate::core::yaml) fn all(edits: Vec<Edit>) -> Self {
        Repair::new(edits)
    }

    /// A word in the place of a broken value, over as many lines.
    pub(super) fn word(text: &str, range: Range<usize>) -> Self {
        let mut filler = 'x';
        let put = filled(&text[range.clone()], |c| match c {
            '\n' | '\r' => {
                filler = ' ';
                c
            }
            _ => filler,
        });
        Repair::instead(range.clone(), put).broken(range)
    }

    /// Blanks in the place of broken lines.
    pub(super) fn blanks(text: &str, range: Range<usize>) -> Self {
        let put = filled(&text[range.clone()], |c| if matches!(c, '\n' | '\r') { c } else { ' ' });
        Repair::instead(range, put)
    }

    pub(super) fn broken(mut self, range: Range<usize>) -> Self {
        self.broken = Some(range);
        self
    }

    pub(super) fn exact(mut self) -> Self {
        self.exact = true;
        self
    }
}

/// A text of the same length in bytes.
fn filled(text: &str, mut filler: impl FnMut(char) -> char) -> String {
    let mut put = String::with_capacity(text.len());
    for c in text.chars() {
        let with = filler(c);
        (0..c.len_utf8()).for_each(|_| put.push(with));
    }
    put
}
