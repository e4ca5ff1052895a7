//! A plan as JSON, for programs. Keys are stable within format version 1.

use serde_json::{Value, json};

use super::tree::words;
use crate::core::model::event::NodeId;
use crate::core::plan::{Plan, Work};

/// The plan: stages with their needs, nodes with what they wait for.
pub fn json(plan: &Plan) -> Value {
    let name = |id: &NodeId| plan.node(*id).outline.name.clone();
    let stages = plan.stages().iter().map(|stage| {
        let nodes = stage.nodes.iter().map(|id| {
            let node = plan.node(*id);
            let mut value = json!({
                "name": node.outline.name,
                "role": node.role,
                "kind": node.outline.kind,
                "title": node.outline.title,
                "after": node.after.iter().map(|id| plan.stages()[id.index()].name.as_str()).collect::<Vec<_>>(),
                "needs": node.needs.iter().map(name).collect::<Vec<_>>(),
            });
            if !node.covers.is_empty() {
                value["during"] = node.covers.iter().map(name).collect();
            }
            if let Some(when) = &node.when {
                value["when"] = when.text().into();
            }
            if let Some(part) = node.part {
                value["part"] = plan.part(part).name.clone().into();
            }
            if let Some(timeout) = node.timeout {
                value["timeout_ms"] = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX).into();
            }
            if node.retry.attempts > 1 {
                value["attempts"] = node.retry.attempts.into();
            }
            if !node.cache.is_empty() {
                value["cache"] = node.cache.clone().into();
            }
            if let Work::Gate(gate) = &node.work {
                value["assertions"] = gate
                    .assertions
                    .iter()
                    .map(|assertion| json!({ "kind": assertion.kind.name, "title": words(assertion) }))
                    .collect();
            }
            value
        });
        json!({
            "name": stage.name,
            "needs": stage.needs.iter().map(|id| plan.stages()[id.index()].name.clone()).collect::<Vec<_>>(),
            "always": stage.always,
            "nodes": nodes.collect::<Vec<_>>(),
        })
    });
    json!({
        "format": 1,
        "pipeline": plan.pipeline(),
        "profile": plan.profile(),
        "stages": stages.collect::<Vec<_>>(),
    })
}
