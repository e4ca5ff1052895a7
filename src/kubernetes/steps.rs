//! The step kinds of this technology: one file each, and the table that registers them.

pub mod cluster;
pub mod helm;
pub mod kube;
pub mod pod;

use crate::core::kind::StepKind;

/// Every step kind of this technology, sorted by name.
#[rustfmt::skip]
pub const STEPS: &[&StepKind] = &[
    &cluster::KIND,
    &helm::KIND,
    &kube::KIND,
    &pod::KIND,
];
