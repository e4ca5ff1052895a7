//! A plan as an indented tree, for a terminal.

use std::fmt::Write;

use crate::core::model::event::{NodeId, Role};
use crate::core::plan::{Body, PartId, Plan, PlanAssertion, PlanNode, PlanPart, PlanStage, StageId, Work};

/// The tree: a line for the pipeline, a block for each stage, and which stages run side by side.
pub fn tree(plan: &Plan) -> String {
    let mut text = summary(plan);
    for stage in plan.stages() {
        text.push('\n');
        block(&mut text, plan, stage);
    }
    let waves = waves(plan);
    if waves.iter().any(|wave| wave.len() > 1) {
        text.push_str("\nside by side\n");
        for (at, wave) in waves.iter().enumerate() {
            let names: Vec<&str> = wave.iter().map(|id| plan.stages()[id.index()].name.as_str()).collect();
            let _ = writeln!(text, "  {:>2}  {}", at + 1, names.join(" | "));
        }
    }
    text
}

fn summary(plan: &Plan) -> String {
    let steps = plan.nodes().iter().filter(|node| !node.outline.is_gate()).count();
    let gates = plan.nodes().len() - steps;
    let assertions: u32 = plan.nodes().iter().map(|node| node.outline.assertions).sum();
    let profile = plan.profile().map(|name| format!(" (profile {name})")).unwrap_or_default();
    format!(
        "{}{profile}: {}, {}, {}, {}\n",
        plan.pipeline(),
        count(plan.stages().len(), "stage"),
        count(steps, "step"),
        count(gates, "gate"),
        count(assertions as usize, "assertion"),
    )
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn block(text: &mut String, plan: &Plan, stage: &PlanStage) {
    let needs: Vec<&str> = stage.needs.iter().map(|id| plan.stages()[id.index()].name.as_str()).collect();
    let _ = match (stage.always, needs.is_empty()) {
        (true, _) => writeln!(text, "{}  always, at the end", stage.name),
        (false, true) => writeln!(text, "{}", stage.name),
        (false, false) => writeln!(text, "{}  after {}", stage.name, needs.join(", ")),
    };
    if let Some(when) = &stage.when {
        let _ = writeln!(text, "│  when {}", when.text());
    }
    // In the order in which the groups run: the gate is behind the steps it is for.
    let mut nodes = stage.nodes.clone();
    nodes.sort_by_key(|id| match plan.node(*id).role {
        Role::Step => 0,
        Role::Gate => 1,
        Role::OnFailure => 2,
        Role::Finally => 3,
    });
    let rows = rows(plan, &nodes, None);
    let mut width = Width::default();
    width.measure(plan, stage, &rows, None, 0);
    Block { plan, stage, width }.write(text, &rows, None, "");
}

/// A line of a stage: a node, or a part with its nodes below it.
enum Row {
    Node(NodeId),
    Part(PartId, Vec<Row>),
}

/// The nodes of `outer`, a part or the stage itself, in their order; those of a part within together.
fn rows(plan: &Plan, nodes: &[NodeId], outer: Option<PartId>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let within = |id: &NodeId| plan.parts_around(plan.node(*id)).find(|part| plan.part(*part).outer == outer);
    let mut at = 0;
    while at < nodes.len() {
        let Some(part) = within(&nodes[at]).filter(|_| plan.node(nodes[at]).part != outer) else {
            rows.push(Row::Node(nodes[at]));
            at += 1;
            continue;
        };
        let end = nodes[at..].iter().position(|id| within(id) != Some(part)).map_or(nodes.len(), |count| at + count);
        rows.push(Row::Part(part, self::rows(plan, &nodes[at..end], Some(part))));
        at = end;
    }
    rows
}

/// How wide the columns are.
#[derive(Default)]
struct Width {
    name: usize,
    kind: usize,
}

/// The kind that the line of a part shows.
const PART: &str = "part";

impl Width {
    fn measure(&mut self, plan: &Plan, stage: &PlanStage, rows: &[Row], outer: Option<PartId>, depth: usize) {
        for row in rows {
            let (name, kind) = match row {
                Row::Node(id) => (local_name(plan, stage, *id), plan.node(*id).outline.kind.len()),
                Row::Part(part, below) => {
                    self.measure(plan, stage, below, Some(*part), depth + 1);
                    (part_name(plan, *part, outer), PART.len())
                }
            };
            self.name = self.name.max(name.chars().count() + 3 * depth);
            self.kind = self.kind.max(kind);
        }
    }
}

struct Block<'a> {
    plan: &'a Plan,
    stage: &'a PlanStage,
    width: Width,
}

impl Block<'_> {
    fn write(&self, text: &mut String, rows: &[Row], outer: Option<PartId>, rails: &str) {
        let (plan, stage) = (self.plan, self.stage);
        let (name, kind) = (self.width.name - rails.chars().count().min(self.width.name), self.width.kind);
        for (at, row) in rows.iter().enumerate() {
            let last = at + 1 == rows.len();
            let below = format!("{rails}{}  ", if last { " " } else { "│" });
            match row {
                Row::Part(id, inner) => {
                    let part = plan.part(*id);
                    let own = part_name(plan, *id, outer);
                    let notes = part_notes(part);
                    let line = format!("{rails}{} {own:name$}  {PART:kind$}  {}{notes}", branch(last), part.path);
                    let _ = writeln!(text, "{}", line.trim_end());
                    self.write(text, inner, Some(*id), &below);
                }
                Row::Node(id) => {
                    let node = plan.node(*id);
                    let title = if node.outline.title == node.outline.kind { "" } else { &node.outline.title };
                    let own = local_name(plan, stage, *id);
                    let notes = notes(plan, stage, node);
                    let line =
                        format!("{rails}{} {own:name$}  {:kind$}  {title}{notes}", branch(last), node.outline.kind);
                    let _ = writeln!(text, "{}", line.trim_end());
                    let Work::Gate(gate) = &node.work else { continue };
                    let without = gate.without.iter().map(|entry| format!("{}  ({})", entry.name, entry.reason()));
                    let lines: Vec<String> = gate.assertions.iter().map(words).chain(without).collect();
                    for (at, line) in lines.iter().enumerate() {
                        let _ = writeln!(text, "{below}{} {line}", branch(at + 1 == lines.len()));
                    }
                }
            }
        }
    }
}

/// The node's name within its part, else within its stage.
fn local_name(plan: &Plan, stage: &PlanStage, id: NodeId) -> String {
    let name = short_name(stage, plan.node(id));
    let Some(part) = plan.node(id).part else { return name };
    name.strip_prefix(&plan.part(part).name).and_then(|rest| rest.strip_prefix('.')).unwrap_or(&name).to_owned()
}

/// The part's name within the one that uses it.
fn part_name(plan: &Plan, id: PartId, outer: Option<PartId>) -> String {
    let name = &plan.part(id).name;
    let prefix = outer.map(|outer| plan.part(outer).name.as_str());
    prefix.and_then(|prefix| name.strip_prefix(prefix)?.strip_prefix('.')).unwrap_or(name).to_owned()
}

/// What orders or limits a part, in brackets behind it.
fn part_notes(part: &PlanPart) -> String {
    let mut notes = Vec::new();
    if let Some(when) = &part.when {
        notes.push(format!("when {}", when.text()));
    }
    if let Some(timeout) = part.timeout {
        notes.push(format!("within {}", crate::core::model::units::TimeSpan(timeout)));
    }
    if notes.is_empty() { String::new() } else { format!("  ({})", notes.join("; ")) }
}

fn branch(last: bool) -> &'static str {
    if last { "└─" } else { "├─" }
}

/// The node's name without its stage.
pub(super) fn short_name(stage: &PlanStage, node: &PlanNode) -> String {
    node.outline
        .name
        .strip_prefix(&stage.name)
        .and_then(|rest| rest.strip_prefix('.'))
        .unwrap_or(&node.outline.name)
        .to_owned()
}

/// What orders or limits a node, in brackets behind it.
fn notes(plan: &Plan, stage: &PlanStage, node: &PlanNode) -> String {
    let names = |ids: &[NodeId]| ids.iter().map(|id| short_name(stage, plan.node(*id))).collect::<Vec<_>>().join(", ");
    let mut notes = Vec::new();
    match node.role {
        Role::OnFailure => notes.push("on failure".to_owned()),
        Role::Finally => notes.push("always".to_owned()),
        Role::Step | Role::Gate => {}
    }
    if !node.needs.is_empty() {
        notes.push(format!("after {}", names(&node.needs)));
    }
    if !node.after.is_empty() {
        let stages: Vec<&str> = node.after.iter().map(|id| plan.stages()[id.index()].name.as_str()).collect();
        notes.push(format!("after stage {}", stages.join(", ")));
    }
    if !node.covers.is_empty() {
        notes.push(format!("during {}", names(&node.covers)));
    }
    if let Some(when) = &node.when {
        notes.push(format!("when {}", when.text()));
    }
    if let Some((name, _)) = node.pool.and_then(|pool| plan.pools().get(pool)) {
        notes.push(format!("pool {name}"));
    }
    if !node.cache.is_empty() {
        notes.push(format!("cache {}", node.cache.join(", ")));
    }
    if notes.is_empty() { String::new() } else { format!("  ({})", notes.join("; ")) }
}

/// An assertion in a few words, with its times.
pub(super) fn words(assertion: &PlanAssertion) -> String {
    let what = match (&assertion.name, &assertion.body) {
        (Some(name), _) => name.clone(),
        (None, Body::Ready(body)) => body.title(),
        (None, Body::Template(_)) => assertion.kind.name.to_owned(),
    };
    let time = |what: &str, time: Option<std::time::Duration>| {
        time.map(|time| format!(", {what} {}", crate::core::model::units::TimeSpan(time))).unwrap_or_default()
    };
    let warning = if assertion.warning { ", warns only" } else { "" };
    format!("{what}{}{}{warning}", time("within", assertion.within), time("for", assertion.hold))
}

/// Stages by how many others must be over before they can start; one whose single steps wait for more stages is placed
/// where it starts and where it ends.
pub(super) fn waves(plan: &Plan) -> Vec<Vec<StageId>> {
    let mut depths: Vec<Option<Depth>> = vec![None; plan.stages().len()];
    let mut waves: Vec<Vec<StageId>> = Vec::new();
    for (at, stage) in plan.stages().iter().enumerate() {
        if stage.always {
            continue;
        }
        let depth = depth_of(plan, at, &mut depths);
        waves.resize_with(waves.len().max(depth.end + 1), Vec::new);
        let id = StageId(u32::try_from(at).unwrap_or(u32::MAX));
        waves[depth.start].push(id);
        if depth.end > depth.start {
            waves[depth.end].push(id);
        }
    }
    waves
}

/// How many stages must be over one after the other before a stage starts, and before its last step does.
#[derive(Debug, Clone, Copy)]
struct Depth {
    start: usize,
    end: usize,
}

fn depth_of(plan: &Plan, id: usize, depths: &mut [Option<Depth>]) -> Depth {
    if let Some(known) = depths[id] {
        return known;
    }
    let stage = &plan.stages()[id];
    let mut behind = |others: &mut dyn Iterator<Item = &StageId>| {
        others.map(|other| depth_of(plan, other.index(), depths).end + 1).max().unwrap_or(0)
    };
    let start = behind(&mut stage.needs.iter());
    let end = start.max(behind(&mut stage.nodes.iter().flat_map(|node| &plan.node(*node).after)));
    depths[id] = Some(Depth { start, end });
    Depth { start, end }
}
