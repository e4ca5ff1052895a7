//! GitLab's files, and others with jobs at their top: a job is a step of the stage that it names.

use crate::core::model::event::Role;
use crate::core::yaml::{Entry, Node, Value};

use super::Parts;
use crate::core::plan::foreign::Known;
use crate::core::plan::foreign::groups::{Groups, Order};
use crate::core::plan::foreign::step::values::needs;
use crate::core::plan::foreign::tree::{entry, map, names, slug, text, text_at, texts};

/// Keys at the top of such a file that are no jobs.
const NO_JOBS: [&str; 16] = [
    "image",
    "services",
    "stages",
    "types",
    "variables",
    "cache",
    "include",
    "workflow",
    "default",
    "before_script",
    "after_script",
    "pages",
    "version",
    "name",
    "on",
    "env",
];

/// The jobs at the top of a file; nothing where it has none.
pub(crate) fn read(file: &Node, mut parts: Parts, known: &Known) -> Option<Parts> {
    // Stages of our own are written out; another key beside them is a slip, or holds an anchor.
    if file.get("stages").is_some_and(|stages| !stages.entries().is_empty()) {
        return None;
    }
    let jobs: Vec<&Entry> = file
        .entries()
        .iter()
        .filter(|own| !NO_JOBS.contains(&own.key.as_str()) && !known.is_pipeline_key(&own.key) && is_job(&own.node))
        .collect();
    let first = jobs.first()?;
    parts.foreign.push((first.key.clone(), first.key_span));
    let written: Vec<String> = file.get("stages").map(texts).unwrap_or_default();
    let mut order: Vec<String> = written.iter().map(|name| slug(name)).collect();
    let stage_of = |job: &Node| {
        let default = if order.is_empty() || order.iter().any(|name| name == "test") { "test" } else { "main" };
        let plain = file.get("stages").is_none() && jobs.iter().all(|job| job.node.get("stage").is_none());
        text_at(job, "stage")
            .map_or_else(|| if plain { "main".to_owned() } else { default.to_owned() }, |name| slug(&name))
    };
    let placed: Vec<(String, &Entry)> =
        jobs.iter().filter(|job| !job.key.starts_with('.')).map(|job| (stage_of(&job.node), *job)).collect();
    let usual = ["build", "test", "deploy"].map(str::to_owned);
    let more: Vec<String> = usual.into_iter().chain(placed.iter().map(|(stage, _)| stage.clone())).collect();
    for name in more {
        if !order.contains(&name) {
            order.push(name);
        }
    }
    let mut last: Option<String> = None;
    for name in &order {
        let own: Vec<&(String, &Entry)> = placed.iter().filter(|(stage, _)| stage == name).collect();
        if own.is_empty() {
            continue;
        }
        let at = own[0].1.node.span;
        let steps: Vec<Entry> = own.iter().map(|(stage, job)| step_of(file, stage, job, &placed)).collect();
        let mut groups = Groups::default();
        groups.take(&map(steps, at), Role::Step, Order::AtOnce, known);
        parts.notes(std::mem::take(&mut groups.notes));
        let mut keys = vec![entry("stage", text(name.clone(), at))];
        keys.extend(last.replace(name.clone()).map(|last| entry("needs", names([last], at))));
        keys.extend(groups.keys(at));
        parts.stages.push(map(keys, at));
    }
    Some(parts)
}

/// Whether a file has jobs at its top.
pub(crate) fn has_jobs(file: &Node, known: &Known) -> bool {
    let mapping = |own: &&Entry| matches!(own.node.value, Value::Map(_)) && is_job(&own.node);
    file.entries()
        .iter()
        .filter(mapping)
        .any(|own| !NO_JOBS.contains(&own.key.as_str()) && !known.is_pipeline_key(&own.key))
}

/// Whether an entry at the top of a file is a job, or a list of commands.
fn is_job(node: &Node) -> bool {
    let keys = ["script", "run", "cmds", "commands", "command", "trigger", "extends", "uses", "shell", "steps", "deps"];
    match &node.value {
        Value::Map(_) => keys.iter().any(|key| node.get(key).is_some()),
        Value::List(items) => !items.is_empty() && items.iter().all(|item| item.scalar_text().is_some()),
        _ => false,
    }
}

/// A job as an entry of `steps`, with the file's own scripts and image, and its needs by where they are.
fn step_of(file: &Node, stage: &str, job: &Entry, placed: &[(String, &Entry)]) -> Entry {
    let at = job.node.span;
    let default = file.get("default").unwrap_or(file);
    let mut keys: Vec<Entry> = Vec::new();
    for key in ["image", "before_script"] {
        if job.node.get(key).is_none() {
            keys.extend(default.entry(key).cloned());
        }
    }
    if !matches!(job.node.value, Value::Map(_)) {
        keys.push(entry("script", job.node.clone()));
    }
    let waits = job.node.get("needs").or_else(|| job.node.get("dependencies")).map(needs).unwrap_or_default();
    let place = |name: String| match placed.iter().find(|(_, other)| slug(&other.key) == name) {
        Some((other, _)) if other == stage => Some(name),
        Some(_) => None,
        None => placed.iter().any(|(other, _)| *other == name).then_some(name),
    };
    let waits: Vec<String> = waits.into_iter().filter_map(place).collect();
    let left = |own: &&Entry| !matches!(own.key.as_str(), "needs" | "dependencies" | "stage");
    keys.extend(job.node.entries().iter().filter(left).cloned());
    if !waits.is_empty() {
        keys.push(entry("needs", names(waits, at)));
    }
    entry(job.key.clone(), map(keys, at))
}
