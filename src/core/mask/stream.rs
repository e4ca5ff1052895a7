//! Masking of a stream that comes in pieces: a secret cut by the edge of two pieces, by escape sequences or by line breaks
//! is masked all the same. Knows no lines.

use std::borrow::Cow;

use anstream::adapter::StripBytes;

use super::search::Search;
use super::search::breaks;
use super::visible::{View, hides};
use super::{MASK, Masker};

/// Masks a stream. Held back is only what may be the beginning of a secret, so never more than the longest form less one
/// byte, as it is seen, and nothing where nothing looks like a secret.
///
/// What is invisible, and a line break that cut a secret, stay where they were: colours end, and lines stay lines, each
/// with a mask of its own.
#[derive(Debug)]
pub struct MaskStream {
    masker: Masker,
    held: Vec<u8>,
    /// What becomes of each held byte.
    marks: Vec<Mark>,
    /// How many of the held bytes were handed back already: what follows is held against them.
    reported: usize,
    /// Where the held bytes begin within escape sequences.
    strip: StripBytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Mark {
    /// It is shown.
    Kept,
    /// A mask replaces it and those behind it.
    First,
    /// It belongs to a mask.
    Hidden,
}

impl MaskStream {
    pub(super) fn new(masker: Masker) -> Self {
        MaskStream { masker, held: Vec::new(), marks: Vec::new(), reported: 0, strip: StripBytes::new() }
    }

    /// Takes a piece in and hands back what can be shown by now. Of many lines together most are handed back as they came,
    /// after one look.
    pub fn pass<'p>(&mut self, piece: &'p [u8]) -> Cow<'p, [u8]> {
        let Some(search) = self.masker.search.clone() else { return Cow::Borrowed(piece) };
        if self.held.is_empty() && self.strip == StripBytes::new() && search.clears(piece) {
            return Cow::Borrowed(piece);
        }
        Cow::Owned(self.take(&search, piece))
    }

    /// The same as bytes of its own.
    pub fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.pass(piece).into_owned()
    }

    /// The same by a check of everything.
    pub(super) fn take(&mut self, search: &Search, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        self.marks.resize(self.held.len(), Mark::Kept);
        let (context, cut) = self.look(search);
        let out = self.release(cut);
        self.forget(context);
        out
    }

    /// How many bytes are held back.
    pub fn held(&self) -> usize {
        self.held.len() - self.reported
    }

    /// Hands back the rest: nothing more comes.
    pub fn finish(&mut self) -> Vec<u8> {
        let out = self.release(self.held.len());
        *self = MaskStream::new(std::mem::take(&mut self.masker));
        out
    }

    /// Marks the secrets in what is held. From where on it must be kept to check what follows, and from where on it
    /// cannot be shown yet.
    fn look(&mut self, search: &Search) -> (usize, usize) {
        let end = self.held.len();
        let whole: Vec<_> = search.all(&self.held).collect();
        let mut cut = search.undecided(&self.held, 0);
        let view = (hides(&self.held) || self.strip != StripBytes::new())
            .then(|| View::of(&self.held, &mut self.strip.clone()));
        let place = |at: usize| view.as_ref().map_or(at, |view| view.at.get(at).copied().unwrap_or(end));
        let mut seen = Vec::new();
        if let Some(view) = &view {
            seen.extend(search.all(&view.bytes).map(|form| view.at[form].to_vec()));
            cut = cut.min(place(search.undecided(&view.bytes, 0)));
        }
        let broken = breaks::find(search, view.as_ref().map_or(&self.held, |view| &view.bytes));
        seen.extend(broken.forms.into_iter().map(|form| form.into_iter().map(place).collect()));
        cut = cut.min(broken.undecided.map_or(end, place));
        let context = cut.min(broken.context.map_or(end, place));
        for form in whole {
            self.mark(form);
        }
        for form in seen {
            self.mark(form);
        }
        (context, cut.max(self.reported))
    }

    /// Hides these bytes, in order, behind one mask. Secrets that overlap share one: no tail of either is left.
    fn mark(&mut self, form: impl IntoIterator<Item = usize>) {
        let mut form = form.into_iter();
        if let Some(first) = form.next() {
            if self.marks[first] == Mark::Kept {
                self.marks[first] = Mark::First;
            }
            form.for_each(|at| self.marks[at] = Mark::Hidden);
        }
    }

    /// What is shown of the held bytes before `cut`, as far as it was not.
    fn release(&mut self, cut: usize) -> Vec<u8> {
        let (bytes, marks) = (&self.held[self.reported..cut], &self.marks[self.reported..cut]);
        self.reported = cut;
        if marks.iter().all(|mark| *mark == Mark::Kept) {
            return bytes.to_vec();
        }
        let mut out = Vec::with_capacity(bytes.len());
        for (byte, mark) in bytes.iter().zip(marks) {
            match mark {
                Mark::Kept => out.push(*byte),
                Mark::First => out.extend_from_slice(MASK.as_bytes()),
                Mark::Hidden => {}
            }
        }
        out
    }

    /// Forgets the held bytes before `context`; all of them were released.
    fn forget(&mut self, context: usize) {
        let gone = &self.held[..context];
        let gone = match memchr::memrchr(b'\n', gone) {
            // A line end ends every sequence.
            Some(end) => {
                self.strip = StripBytes::new();
                &gone[end + 1..]
            }
            None => gone,
        };
        if hides(gone) || self.strip != StripBytes::new() {
            View::of(gone, &mut self.strip);
        }
        self.held.drain(..context);
        self.marks.drain(..context);
        self.reported -= context;
    }
}
