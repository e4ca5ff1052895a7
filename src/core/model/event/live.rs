//! What passes by while a run goes on.

use super::NodeId;
use crate::core::model::outcome::{Fault, Verdict};

/// What passes by while a run goes on; shown, never journaled.
#[derive(Debug, Clone, PartialEq)]
pub enum Live {
    /// Lines of a step's log that came together, masked.
    Lines {
        /// Which node.
        node: NodeId,
        /// Whole lines, each followed by `\n`; other control characters are the reporter's business.
        text: String,
    },
    /// The state of a step at the moment, masked.
    Passing {
        /// Which node.
        node: NodeId,
        /// The words; control characters are the reporter's business.
        text: String,
    },
    /// A gate's current measurement.
    Measured {
        /// The gate.
        node: NodeId,
        /// The assertion's position.
        index: u32,
        /// What was measured now.
        verdict: Result<Verdict, Fault>,
    },
}
