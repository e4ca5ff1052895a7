//! Which four bytes stand side by side in any of many forms: a quick no to most places of a text. Knows no line.

/// Bits for each gram: one other text in so many is taken for one of them.
const ROOM: usize = 32;
/// The table is no larger than this, as a power of two of bits: 2 MiB.
const MOST: u32 = 24;

/// A set of four bytes each, which may claim to hold more than it does.
pub(super) struct Grams {
    bits: Vec<u64>,
    /// What is left of a hash is a place.
    shift: u32,
}

impl Grams {
    /// The set of these.
    pub fn of<'f>(grams: impl Iterator<Item = &'f [u8]> + Clone) -> Self {
        let size = (grams.clone().count().max(2) * ROOM).next_power_of_two().ilog2().min(MOST);
        let mut set = Grams { bits: vec![0; 1 << (size - 6)], shift: u32::BITS - size };
        for gram in grams {
            let at = set.place(gram);
            set.bits[at / 64] |= 1 << (at % 64);
        }
        set
    }

    /// One that claims to hold everything.
    #[cfg(test)]
    pub fn all() -> Self {
        Grams { bits: vec![u64::MAX], shift: u32::BITS - 6 }
    }

    /// Whether these four bytes may be in it.
    pub fn may_hold(&self, gram: &[u8]) -> bool {
        let at = self.place(gram);
        self.bits[at / 64] >> (at % 64) & 1 == 1
    }

    fn place(&self, gram: &[u8]) -> usize {
        let number = u32::from_le_bytes([gram[0], gram[1], gram[2], gram[3]]);
        (number.wrapping_mul(0x9e37_79b1) >> self.shift) as usize
    }
}
