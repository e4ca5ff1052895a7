//! The steps of a stage file as others can name them, gathered before any is built.

use super::PartFiles;
use crate::core::model::diagnostic::{Code, Diagnostics, closest};
use crate::core::model::source::Span;
use crate::core::plan::keys::GATE;
use crate::core::plan::keys::GROUPS;
use crate::core::plan::keys::USE;
use crate::core::plan::names::{StepName, StepNames};
use crate::core::plan::recovery::{is_reported, is_torn, may_miss_steps};
use crate::core::plan::shapes::Shapes;
use crate::core::yaml::template::has_mark;
use crate::core::yaml::{Entry, Node, Value};

/// The steps of a stage file or a part by id, with the outputs that can be named before they are built.
pub(crate) fn step_names(stage: &Node, shapes: &Shapes, parts: &PartFiles, out: &Diagnostics) -> StepNames {
    let mut names = StepNames { partial: may_miss_steps(stage, out), ..StepNames::default() };
    for (key, _) in GROUPS {
        for entry in stage.get(key).map(Node::entries).unwrap_or_default() {
            let name = || {
                let name = step_name(entry, shapes, parts, out);
                let makes = if key == "steps" { made(entry, parts) } else { Vec::new() };
                StepName { makes, ..name }
            };
            let makes = !names.steps.entry(entry.key.clone()).or_insert_with(name).makes.is_empty();
            names.makes |= makes;
        }
    }
    names
}

fn step_name(entry: &Entry, shapes: &Shapes, parts: &PartFiles, out: &Diagnostics) -> StepName {
    if let Some(using) = entry.node.get(USE) {
        let part = using.as_text().and_then(|reference| parts.get(reference));
        let names = |secret: bool| {
            let outputs = part.iter().flat_map(|part| &part.outputs);
            outputs.filter(move |(_, own)| !secret || **own).map(|(name, _)| name.clone()).collect::<Vec<_>>()
        };
        let (outputs, secret) = (part.is_some().then(|| names(false)), names(true));
        let (texts, makes) = (Vec::new(), Vec::new());
        return StepName { span: entry.key_span, kind: Some(USE), verb: None, outputs, texts, secret, makes };
    }
    let mut kinds = entry.node.entries().iter().filter_map(|field| shapes.registry.step(&field.key));
    let kind = kinds.next().filter(|_| kinds.next().is_none() && entry.node.get(GATE).is_none());
    let own = kind.map(|kind| kind.outputs).or_else(|| entry.node.get(GATE).map(|_| &[][..]));
    // What a step writes as `name=value` is text; with `for_each` a list of texts.
    let declared = entry.node.get("outputs").map(Node::items).unwrap_or_default();
    let declared: Vec<String> = declared.iter().filter_map(|item| item.as_text().map(str::to_owned)).collect();
    let outputs = own.filter(|_| !outputs_are_lost(entry, shapes, out)).map(|own| {
        let own = own.iter().map(|row| row.name.to_owned());
        own.chain(declared.iter().cloned()).collect()
    });
    let texts = if entry.node.get("for_each").is_none() { declared } else { Vec::new() };
    let body = kind.and_then(|kind| entry.node.get(kind.name));
    let verb = body.and_then(|body| body.entries().first()).map(|verb| verb.key.clone());
    let (kind, secret, makes) = (kind.map(|kind| kind.name), Vec::new(), Vec::new());
    StepName { span: entry.key_span, kind, verb, outputs, texts, secret, makes }
}

/// The files that a step makes, as patterns; of a part those of its steps.
fn made(entry: &Entry, parts: &PartFiles) -> Vec<String> {
    if let Some(part) = entry.node.get(USE).and_then(|using| parts.get(using.as_text()?)) {
        return part.names.steps.values().flat_map(|step| step.makes.clone()).collect();
    }
    let lists = ["makes", "cache", "artifacts"].into_iter().filter_map(|key| entry.node.get(key));
    let patterns = lists.flat_map(Node::items).filter_map(Node::as_text);
    patterns.filter(|pattern| !has_mark(pattern)).map(str::to_owned).collect()
}

/// Whether a step may publish more than can be read.
fn outputs_are_lost(entry: &Entry, shapes: &Shapes, out: &Diagnostics) -> bool {
    let slip = |field: &Entry| {
        !shapes.step_keys.has_key(&field.key)
            && shapes.registry.step(&field.key).is_none()
            && closest(&field.key, shapes.step_keys.keys()) == Some("outputs")
    };
    let strange = |node: &Node| match &node.value {
        Value::List(items) => items.iter().any(|item| item.as_text().is_none_or(has_mark)),
        Value::Null => is_reported(node, out),
        _ => true,
    };
    if entry.node.get("outputs").is_some_and(strange) || entry.node.entries().iter().any(slip) {
        return true;
    }
    if out.is_empty() {
        return false;
    }
    let whole = Span { start: entry.key_span.start.min(entry.node.span.start), ..entry.node.span };
    let twice = entry.node.entry("outputs").is_some_and(|outputs| {
        out.iter().any(|problem| {
            problem.code == Code::DuplicateKey && problem.labels.iter().any(|label| label.span == outputs.key_span)
        })
    });
    twice || is_torn(whole, out)
}
