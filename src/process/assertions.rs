//! The assertion kinds of this technology: one file each, and the table that registers them.

pub mod file;
pub mod shell;
pub mod tcp;

use crate::core::kind::AssertionKind;

/// Every assertion kind of this technology, sorted by name.
#[rustfmt::skip]
pub const ASSERTIONS: &[&AssertionKind] = &[
    &file::KIND,
    &shell::KIND,
    &tcp::KIND,
];
