//! Steps that may run at the same time and write different content to one object: which of the two stays would be chance.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::node::{Body, PlanNode, PlanPart, PlanStage, StageId, StepPlan, Work};
use crate::core::expr::Template;
use crate::core::kind::WrittenObject;
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::core::model::event::{NodeId, Role};
use crate::core::model::source::Span;
use crate::core::yaml::{Entry, Node, Value};

/// A step that writes an object.
struct Writer {
    node: NodeId,
    span: Span,
    object: WrittenObject,
}

/// Reports every pair of steps of which neither waits for the other, and that write different content to one object.
/// Steps, stages and parts with a condition are left out: of two variants one may run.
pub(super) fn check(
    project: &Path,
    stages: &[PlanStage],
    nodes: &[PlanNode],
    parts: &[PlanPart],
    out: &mut Diagnostics,
) {
    let mut writers: BTreeMap<String, Vec<Writer>> = BTreeMap::new();
    for (index, node) in nodes.iter().enumerate() {
        let Work::Step(step) = &node.work else { continue };
        if node.when.is_some() || stages[node.stage.index()].when.is_some() || in_conditional_part(node, parts) {
            continue;
        }
        let Ok(index) = u32::try_from(index) else { continue };
        for object in written(step, project) {
            let writer = Writer { node: NodeId(index), span: step.span, object };
            let key = format!("{}{}", writer.object.key, own_namespace(node, stages, parts));
            writers.entry(key).or_default().push(writer);
        }
    }
    let order = Order { stages, nodes };
    let mut reported = HashSet::new();
    for writers in writers.values() {
        for (at, later) in writers.iter().enumerate() {
            let clash = writers[..at].iter().find(|first| {
                first.object.content != later.object.content
                    && first.node != later.node
                    && !order.waits_for(later.node, first.node)
                    && !order.waits_for(first.node, later.node)
            });
            if let Some(first) = clash
                && reported.insert((first.span, later.span, later.object.shown.clone()))
            {
                out.push(clashes(stages, (&nodes[first.node.index()], first), (&nodes[later.node.index()], later)));
            }
        }
    }
}

/// Marks text that only the run knows, in a body that is decoded all the same.
const UNKNOWN: char = '␂';

/// The objects that a step writes. Where values are known only during the run: those whose names do not depend on them,
/// with the templates in the place of the values.
fn written(step: &StepPlan, project: &Path) -> Vec<WrittenObject> {
    let body = match &step.body {
        Body::Ready(body) => return body.writes(project),
        Body::Template(node) => step.kind.decode(&with_marks(node)),
    };
    // a template where another type than text is due: nothing is known then
    let Ok(body) = body else { return Vec::new() };
    body.writes(project).into_iter().filter(|object| !object.key.contains(UNKNOWN)).collect()
}

/// The tree with every template as a text that no other value has.
fn with_marks(node: &Node) -> Node {
    let value = match &node.value {
        Value::Text(text) if Template::is_in(text) => Value::Text(format!("{UNKNOWN}{text}")),
        Value::List(items) => Value::List(items.iter().map(with_marks).collect()),
        Value::Map(entries) => {
            Value::Map(entries.iter().map(|entry| Entry { node: with_marks(&entry.node), ..entry.clone() }).collect())
        }
        other => other.clone(),
    };
    Node { span: node.span, value, spelling: node.spelling.clone() }
}

/// Which stage or part gives the node a namespace of its own; nothing where it has the pipeline's.
fn own_namespace(node: &PlanNode, stages: &[PlanStage], parts: &[PlanPart]) -> String {
    let mut part = node.part;
    while let Some(found) = part.and_then(|id| parts.get(id.index())) {
        if found.namespace.is_some() {
            return format!(" in {}", found.name);
        }
        part = found.outer;
    }
    let stage = &stages[node.stage.index()];
    if stage.namespace.is_some() { format!(" in {}", stage.name) } else { String::new() }
}

/// Whether the node belongs to a part, or to one in it, that may be skipped.
fn in_conditional_part(node: &PlanNode, parts: &[PlanPart]) -> bool {
    let mut part = node.part;
    while let Some(found) = part.and_then(|id| parts.get(id.index())) {
        if found.when.is_some() {
            return true;
        }
        part = found.outer;
    }
    false
}

fn clashes(
    stages: &[PlanStage],
    (first, before): (&PlanNode, &Writer),
    (later, writer): (&PlanNode, &Writer),
) -> Diagnostic {
    let message = format!(
        "{} and {} write different content to {}, and neither waits for the other",
        first.outline.name, later.outline.name, writer.object.shown
    );
    let same = before.span == writer.span;
    let waits_for = if first.stage == later.stage { &first.step } else { &stages[first.stage.index()].name };
    let help = match &later.item {
        Some(_) if same => "give each item its own name or namespace: `name: web-${{ item }}`".to_owned(),
        _ if same => "give each use its own name or namespace".to_owned(),
        _ => format!("write `needs: [{waits_for}]` where the later one is to stay, or give each its own name"),
    };
    let error = Diagnostic::error(Code::InvalidValue, writer.span, message).help(help);
    if same { error } else { error.also(before.span, "also written here") }
}

/// Who waits for whom.
struct Order<'a> {
    stages: &'a [PlanStage],
    nodes: &'a [PlanNode],
}

impl Order<'_> {
    /// Whether a node starts after the other has ended, if both run.
    fn waits_for(&self, node: NodeId, other: NodeId) -> bool {
        let (own, of) = (&self.nodes[node.index()], &self.nodes[other.index()]);
        if own.stage == of.stage {
            return rank(own.role) > rank(of.role) || self.needs(node, other);
        }
        self.stage_waits_for(own.stage, of.stage) || self.after(node, of.stage)
    }

    fn stage_waits_for(&self, stage: StageId, other: StageId) -> bool {
        let mut seen = HashSet::new();
        let mut open = vec![stage];
        while let Some(stage) = open.pop() {
            let stage = &self.stages[stage.index()];
            if stage.always || stage.needs.contains(&other) {
                return true;
            }
            open.extend(stage.needs.iter().filter(|need| seen.insert(**need)));
        }
        false
    }

    fn needs(&self, node: NodeId, other: NodeId) -> bool {
        let mut seen = HashSet::new();
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            let needs = &self.nodes[node.index()].needs;
            if needs.contains(&other) {
                return true;
            }
            open.extend(needs.iter().filter(|need| seen.insert(**need)));
        }
        false
    }

    /// Whether the node, or one that it needs, waits for the whole of a stage.
    fn after(&self, node: NodeId, stage: StageId) -> bool {
        let mut seen = HashSet::new();
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            let node = &self.nodes[node.index()];
            if node.after.iter().any(|after| *after == stage || self.stage_waits_for(*after, stage)) {
                return true;
            }
            open.extend(node.needs.iter().filter(|need| seen.insert(**need)));
        }
        false
    }
}

/// When the roles of one stage run.
fn rank(role: Role) -> u8 {
    match role {
        Role::Step => 0,
        Role::Gate => 1,
        Role::OnFailure => 2,
        Role::Finally => 3,
    }
}
