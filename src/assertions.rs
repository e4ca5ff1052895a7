//! The assertion kinds: one file each, and the table that registers them.

mod image;
mod live;
mod pods;
mod resource;
mod rollout;

use crate::kind::AssertionKind;

/// Every assertion kind, sorted by name.
#[rustfmt::skip]
pub const ASSERTIONS: &[&AssertionKind] = &[
    &image::KIND,
    &pods::KIND,
    &resource::KIND,
    &rollout::KIND,
];
