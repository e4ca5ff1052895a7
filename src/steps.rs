//! The step kinds: one file each, and the table that registers them.

pub mod kube;

use crate::kind::StepKind;

/// Every step kind, sorted by name.
pub const STEPS: &[&StepKind] = &[&kube::KIND];
