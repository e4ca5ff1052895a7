//! The step kinds of this technology: one file each, and the table that registers them.

pub mod compose;
pub mod image;

use crate::core::kind::StepKind;

/// Every step kind of this technology, sorted by name.
#[rustfmt::skip]
pub const STEPS: &[&StepKind] = &[
    &compose::KIND,
    &image::KIND,
];
