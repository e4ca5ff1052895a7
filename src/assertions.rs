//! The assertion kinds: one file each, and the table that registers them.

mod live;
mod pods;
mod resource;
mod rollout;

use crate::kind::AssertionKind;

/// Every assertion kind, sorted by name.
pub const ASSERTIONS: &[&AssertionKind] = &[&pods::KIND, &resource::KIND, &rollout::KIND];
