//! A run as one JSON document, for programs: `summary.json`. Keys are stable within format version 1.

use serde_json::{Value, json};

use super::story::{NodeStory, Story};

/// The document.
pub fn json(story: &Story) -> Value {
    let stages = story.stages.iter().map(|stage| {
        json!({
            "name": stage.name,
            "state": stage.state,
            "seconds": stage.elapsed.as_secs_f64(),
            "nodes": stage.nodes.iter().filter_map(|id| story.node(*id)).map(node).collect::<Vec<_>>(),
        })
    });
    json!({
        "format": 1,
        "run": story.run,
        "pipeline": story.pipeline,
        "profile": story.profile,
        "time": story.time,
        "state": story.end.as_ref().map(|end| end.state),
        "exit_code": story.end.as_ref().map(|end| end.exit_code),
        "seconds": story.end.as_ref().map(|end| end.elapsed.as_secs_f64()),
        "interrupted_by_signal": story.interrupted,
        "warnings": story.warnings,
        "stages": stages.collect::<Vec<_>>(),
    })
}

fn node(node: &NodeStory) -> Value {
    let mut value = json!({
        "name": node.outline.name,
        "role": node.outline.role,
        "kind": node.outline.kind,
        "title": node.outline.title,
        "state": node.state,
        "attempts": node.attempts,
        "seconds": node.elapsed.as_secs_f64(),
    });
    let mut add = |key: &str, part: Value| {
        if !part.is_null() {
            value[key] = part;
        }
    };
    add("because", json!(node.because));
    add("failure", json!(node.failure));
    add("fault", json!(node.fault));
    if node.tolerated {
        add("tolerated", true.into());
    }
    if !node.outputs.is_empty() {
        add("outputs", json!(node.outputs));
    }
    if !node.assertions.is_empty() {
        add("assertions", json!(node.assertions));
    }
    add("log", json!(node.log));
    value
}
