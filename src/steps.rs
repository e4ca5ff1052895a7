//! The step kinds: one file each, and the table that registers them.

mod ask;
mod cluster;
mod compose;
mod helm;
mod http;
mod image;
mod kube;
mod pod;
mod shell;
mod traffic;

use crate::kind::StepKind;

/// Every step kind, sorted by name.
#[rustfmt::skip]
pub const STEPS: &[&StepKind] = &[
    &ask::KIND,
    &cluster::KIND,
    &compose::KIND,
    &helm::KIND,
    &http::KIND,
    &image::KIND,
    &kube::KIND,
    &pod::KIND,
    &shell::KIND,
    &traffic::KIND,
];
