//! The step kinds: one file each, and the table that registers them.

mod image;

use crate::kind::StepKind;

/// Every step kind, sorted by name.
pub const STEPS: &[&StepKind] = &[&image::KIND];
