//! The beginning of a stream, up to a limit, and whether there was more.

use std::ops::Deref;

use crate::core::model::outcome::Fault;
use crate::core::model::units::ByteSize;

/// Bytes of a stream up to a limit. They read as a slice where only their beginning matters; a conclusion about the whole
/// stream starts from [`Captured::whole`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    bytes: Vec<u8>,
    limit: usize,
    cut: bool,
}

impl Captured {
    /// Keeps up to `limit` bytes.
    pub fn up_to(limit: usize) -> Self {
        Captured { limit, ..Captured::default() }
    }

    /// Takes in what was read.
    pub fn extend(&mut self, bytes: &[u8]) {
        let kept = self.limit.saturating_sub(self.bytes.len()).min(bytes.len());
        self.bytes.extend_from_slice(&bytes[..kept]);
        self.cut |= kept < bytes.len();
    }

    /// Whether there was more than the limit.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// All bytes of the stream, which is called `name`.
    ///
    /// # Errors
    /// [`Fault`] of kind unknown when there was more than the limit.
    pub fn whole(&self, name: &str) -> Result<&[u8], Fault> {
        if self.cut {
            return Err(Fault::unknown(format!("{name} is larger than {}", ByteSize(self.limit as u64))));
        }
        Ok(&self.bytes)
    }
}

impl Deref for Captured {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_more_than_the_limit_is_a_cut() {
        let mut captured = Captured::up_to(4);
        captured.extend(b"12");
        captured.extend(b"34");
        captured.extend(b"");
        assert_eq!(captured.whole("stdout"), Ok(&b"1234"[..]));
        captured.extend(b"5");
        assert_eq!(&captured[..], b"1234");
        let fault = captured.whole("stdout").expect_err("there was more");
        assert_eq!(fault.message, "stdout is larger than 4 B");
    }
}
