//! A plan as a Mermaid flowchart, for Markdown pages.

use std::fmt::Write;

use super::{escaped, inner_edges, last_steps, step_name};
use crate::core::model::event::Role;
use crate::core::plan::Plan;

/// The flowchart: a subgraph a stage, a box a step, a rhombus a gate; dotted edges are `during`.
pub fn mermaid(plan: &Plan) -> String {
    let mut text = String::from("flowchart LR\n");
    for (at, stage) in plan.stages().iter().enumerate() {
        let _ = writeln!(text, "  subgraph s{at}[\"{}\"]", escaped(&stage.name));
        for id in &stage.nodes {
            let node = plan.node(*id);
            let step = escaped(&step_name(plan, node));
            let _ = if node.outline.is_gate() {
                writeln!(text, "    n{}{{\"{step}: {}\"}}", id.0, escaped(&node.outline.title))
            } else {
                writeln!(text, "    n{}[\"{step}\"]", id.0)
            };
        }
        for id in &stage.nodes {
            let node = plan.node(*id);
            for (from, to, during) in inner_edges(plan, *id, node) {
                let _ = writeln!(text, "    n{} {} n{}", from.0, if during { "-.->" } else { "-->" }, to.0);
            }
            if node.role == Role::Gate {
                for step in last_steps(plan, &stage.nodes) {
                    let _ = writeln!(text, "    n{} --> n{}", step.0, id.0);
                }
            }
        }
        text.push_str("  end\n");
    }
    for (at, stage) in plan.stages().iter().enumerate() {
        for id in &stage.nodes {
            for other in &plan.node(*id).after {
                let _ = writeln!(text, "  s{} ==> n{}", other.index(), id.0);
            }
        }
        for need in &stage.needs {
            let _ = writeln!(text, "  s{} ==> s{at}", need.index());
        }
    }
    text
}
