//! Texts as the kernel takes them: each ends with a NUL, all lie in one piece of memory. Starts nothing.

use std::ffi::c_char;
use std::io;
use std::ptr::null;

/// Texts in the order in which they were added.
#[derive(Default)]
pub struct Texts {
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

impl Texts {
    /// With room for so many texts, and for so many bytes without their ends.
    pub fn with_room(count: usize, bytes: usize) -> Self {
        Texts { bytes: Vec::with_capacity(bytes + count), starts: Vec::with_capacity(count) }
    }

    /// Adds the text that these parts make.
    ///
    /// # Errors
    /// Of kind [`io::ErrorKind::InvalidInput`] when there is a NUL in it.
    pub fn add(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        self.starts.push(self.bytes.len());
        for part in parts {
            if memchr::memchr(0, part).is_some() {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "a NUL in an argument or a variable"));
            }
            self.bytes.extend_from_slice(part);
        }
        self.bytes.push(0);
        Ok(())
    }

    /// Where each text is: valid as long as these texts are, unchanged.
    pub fn pointers(&self) -> impl ExactSizeIterator<Item = *const c_char> {
        self.starts.iter().map(|start| self.bytes[*start..].as_ptr().cast())
    }

    /// The same as the kernel takes it, with a null at its end.
    pub fn list(&self) -> Vec<*const c_char> {
        let mut list = Vec::with_capacity(self.starts.len() + 1);
        list.extend(self.pointers());
        list.push(null());
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_ends_where_the_next_one_starts() {
        let mut texts = Texts::default();
        texts.add(&[b"A", b"=", b"1"]).expect("no NUL");
        texts.add(&[]).expect("no NUL");
        texts.add(&[b"B=2"]).expect("no NUL");
        assert_eq!(texts.bytes, b"A=1\0\0B=2\0");
        let first = texts.bytes.as_ptr().addr();
        assert_eq!(texts.pointers().map(|text| text.addr() - first).collect::<Vec<_>>(), [0, 4, 5]);
        assert_eq!((texts.list().len(), texts.list()[3]), (4, null()));
    }

    #[test]
    fn a_nul_would_cut_a_text_short_and_is_refused() {
        let error = Texts::default().add(&[b"A=", b"one\0two"]).expect_err("it holds one");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
