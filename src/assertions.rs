//! The assertion kinds: one file each, and the table that registers them.

mod image;
mod live;
mod pods;

use crate::kind::AssertionKind;

/// Every assertion kind, sorted by name.
pub const ASSERTIONS: &[&AssertionKind] = &[&image::KIND, &pods::KIND];
