//! Keys that several parts of the loader know.

use crate::core::model::event::Role;

/// The keys of a stage file that hold steps, in the order in which they run.
pub(super) const GROUPS: [(&str, Role); 3] =
    [("steps", Role::Step), ("on_failure", Role::OnFailure), ("finally", Role::Finally)];

/// The kind of a gate's node, and the key of one.
pub(super) const GATE: &str = "gate";

/// The key of a step that uses a part.
pub(super) const USE: &str = "use";
