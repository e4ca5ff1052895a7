//! The assertion kinds of this technology: one file each, and the table that registers them.

pub mod changes;
pub mod events;
pub mod helm;
pub mod leftover;
pub mod live;
pub mod logs;
pub mod pods;
pub mod policy;
pub mod refused;
pub mod resource;
pub mod rollout;

use crate::core::kind::AssertionKind;

/// Every assertion kind of this technology, sorted by name.
#[rustfmt::skip]
pub const ASSERTIONS: &[&AssertionKind] = &[
    &changes::KIND,
    &events::KIND,
    &helm::KIND,
    &leftover::KIND,
    &logs::KIND,
    &pods::KIND,
    &policy::KIND,
    &refused::KIND,
    &resource::KIND,
    &rollout::KIND,
];
