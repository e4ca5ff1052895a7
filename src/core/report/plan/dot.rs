//! A plan as a Graphviz graph.

use std::fmt::Write;

use super::{inner_edges, last_steps, step_name};
use crate::core::model::event::Role;
use crate::core::plan::Plan;

/// The graph: a cluster a stage, a box a step, a diamond a gate; dashed edges are `during`.
pub fn dot(plan: &Plan) -> String {
    let mut text = format!(
        "digraph {} {{\n  rankdir=LR; compound=true; node [shape=box, style=rounded];\n",
        quoted(plan.pipeline())
    );
    for (at, stage) in plan.stages().iter().enumerate() {
        let _ = writeln!(text, "  subgraph cluster_{at} {{ label={};", quoted(&stage.name));
        if stage.nodes.is_empty() {
            let _ = writeln!(text, "    e{at} [label=\"\", shape=point];");
        }
        for id in &stage.nodes {
            let node = plan.node(*id);
            let shape = if node.outline.is_gate() { ", shape=diamond" } else { "" };
            let below = if node.outline.is_gate() { &node.outline.title } else { &node.outline.kind };
            let label = format!("{}\n{below}", step_name(plan, node));
            let _ = writeln!(text, "    n{} [label={}{shape}];", id.0, quoted(&label));
        }
        text.push_str("  }\n");
        for id in &stage.nodes {
            let node = plan.node(*id);
            for (from, to, during) in inner_edges(plan, *id, node) {
                let style = if during { " [style=dashed]" } else { "" };
                let _ = writeln!(text, "  n{} -> n{}{style};", from.0, to.0);
            }
            if node.role == Role::Gate {
                for step in last_steps(plan, &stage.nodes) {
                    let _ = writeln!(text, "  n{} -> n{};", step.0, id.0);
                }
            }
        }
    }
    let anchor = |stage: usize| {
        plan.stages()[stage].nodes.first().map_or_else(|| format!("e{stage}"), |id| format!("n{}", id.0))
    };
    for (at, stage) in plan.stages().iter().enumerate() {
        for id in &stage.nodes {
            for other in plan.node(*id).after.iter().map(|other| other.index()) {
                let _ = writeln!(text, "  {} -> n{} [ltail=cluster_{other}, penwidth=2];", anchor(other), id.0);
            }
        }
        for need in &stage.needs {
            let from = need.index();
            let _ = writeln!(
                text,
                "  {} -> {} [ltail=cluster_{from}, lhead=cluster_{at}, penwidth=2];",
                anchor(from),
                anchor(at)
            );
        }
    }
    text.push_str("}\n");
    text
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
