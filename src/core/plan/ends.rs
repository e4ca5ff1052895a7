//! The steps of a stage or a part with their places in the graph: where edges to and from a step begin and end.

use super::node::PlanNode;
use crate::core::model::event::{NodeId, Role};

/// A step with its place in the graph.
pub(super) struct Placed {
    pub role: Role,
    /// Its nodes by index into `built.nodes`.
    pub nodes: Vec<usize>,
    /// Of a part: which of its nodes begin and end it.
    pub ends: Option<Box<Ends>>,
}

impl Placed {
    pub fn new(role: Role) -> Self {
        Placed { role, nodes: Vec::new(), ends: None }
    }

    /// The nodes that wait for what the step needs.
    pub fn begins(&self) -> &[usize] {
        self.ends.as_ref().map_or(&self.nodes, |ends| &ends.first)
    }

    /// The nodes for which those wait that need the step.
    pub fn ends(&self) -> &[usize] {
        self.ends.as_ref().map_or(&self.nodes, |ends| &ends.last)
    }
}

/// The nodes of a part that need no other of it, and those that no other needs.
pub(super) struct Ends {
    first: Vec<usize>,
    last: Vec<usize>,
}

impl Ends {
    pub fn of(nodes: &[PlanNode], range: std::ops::Range<usize>) -> Self {
        let mut needed = vec![false; range.len()];
        let mut first = Vec::new();
        for index in range.clone() {
            let within = |id: &NodeId| range.contains(&id.index());
            for id in nodes[index].needs.iter().filter(|id| within(id)) {
                needed[id.index() - range.start] = true;
            }
            if !nodes[index].needs.iter().any(within) {
                first.push(index);
            }
        }
        let last = range.clone().filter(|index| !needed[index - range.start]).collect();
        Ends { first, last }
    }
}
