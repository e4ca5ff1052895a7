//! The assertion kinds of this technology: one file each, and the table that registers them.

pub mod image;

use crate::core::kind::AssertionKind;

/// Every assertion kind of this technology, sorted by name.
#[rustfmt::skip]
pub const ASSERTIONS: &[&AssertionKind] = &[
    &image::KIND,
];
