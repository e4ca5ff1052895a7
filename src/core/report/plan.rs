//! A plan, shown: tree, dot, mermaid, SVG, JSON.

mod dot;
mod json;
mod mermaid;
mod svg;
mod tree;

pub use dot::dot;
pub use json::json;
pub use mermaid::mermaid;
pub use svg::svg;
pub use tree::tree;

use crate::core::model::event::{NodeId, Role};
use crate::core::plan::{Plan, PlanNode};

/// The waits between two nodes of the same stage, for pictures: from whom, to whom, and whether it is a `during`.
fn inner_edges(plan: &Plan, id: NodeId, node: &PlanNode) -> Vec<(NodeId, NodeId, bool)> {
    let needs = node.needs.iter().map(move |need| (*need, id, false));
    needs
        .chain(node.covers.iter().map(move |covered| (id, *covered, true)))
        .filter(|(from, to, _)| plan.node(*from).stage == plan.node(*to).stage)
        .collect()
}

/// A step's id, with the part that it belongs to.
fn step_name(plan: &Plan, node: &PlanNode) -> String {
    node.part.map_or_else(|| node.step.clone(), |part| format!("{}.{}", plan.part(part).name, node.step))
}

/// Steps that nothing in their stage waits for: the gate's own predecessors.
fn last_steps(plan: &Plan, nodes: &[NodeId]) -> Vec<NodeId> {
    let steps = || nodes.iter().copied().filter(|id| plan.node(*id).role == Role::Step);
    steps().filter(|id| !steps().any(|other| plan.node(other).needs.contains(id))).collect()
}

/// A text as XML and Mermaid take it, on one line.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;").replace('\n', " ")
}
