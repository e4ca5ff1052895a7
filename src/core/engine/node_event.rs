//! What a running node reports to the run, and who takes it.

use std::time::Duration;

use crate::core::model::event::{AssertionResult, NodeId};
use crate::core::model::outcome::{Failure, Outputs};

use super::ending::Ending;

/// What a running node reports to the run.
#[derive(Debug)]
pub(crate) enum NodeEvent {
    /// Another attempt begins.
    Again(NodeId, u32),
    /// An attempt failed, another follows.
    AttemptFailed { node: NodeId, attempt: u32, failure: Failure, retry_in: Duration },
    /// A `during` node is up, with outputs for the nodes that it covers.
    Up(NodeId, Outputs),
    /// An assertion has its verdict.
    Settled(NodeId, Box<AssertionResult>),
    /// It is over.
    Ended(NodeId, Box<Ending>),
}

impl NodeEvent {
    /// The node that reports.
    pub fn node(&self) -> NodeId {
        match self {
            NodeEvent::AttemptFailed { node, .. }
            | NodeEvent::Again(node, _)
            | NodeEvent::Up(node, _)
            | NodeEvent::Settled(node, _)
            | NodeEvent::Ended(node, _) => *node,
        }
    }
}

/// Takes the events of nodes.
pub(crate) trait EventSink: Send + Sync {
    /// Processes one event, with everything that follows from it.
    fn take(&self, event: NodeEvent);
}
