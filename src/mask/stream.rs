//! Masking of a stream that comes in pieces: a secret cut by the edge of two pieces is masked all the same. Knows no lines.

use super::Masker;

/// Masks a stream. Held back is only what may be the beginning of a secret, so never more than the longest form less one
/// byte, and nothing where nothing looks like a secret.
#[derive(Debug)]
pub struct MaskStream {
    masker: Masker,
    held: Vec<u8>,
    /// How many of the held bytes belong to a mask that was already written.
    covered: usize,
}

impl MaskStream {
    pub(super) fn new(masker: Masker) -> Self {
        MaskStream { masker, held: Vec::new(), covered: 0 }
    }

    /// Takes a piece in and hands back what can be shown by now.
    pub fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        let Some(search) = self.masker.search.as_deref() else { return piece.to_vec() };
        self.held.extend_from_slice(piece);
        let cut = search.undecided(&self.held);
        self.release(cut)
    }

    /// How many bytes are held back.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Hands back the rest: nothing more comes.
    pub fn finish(&mut self) -> Vec<u8> {
        self.release(self.held.len())
    }

    fn release(&mut self, cut: usize) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(search) = self.masker.search.as_deref() {
            self.covered = search.mask(&self.held, cut, self.covered, &mut out);
            self.held.drain(..cut);
        }
        out
    }
}
