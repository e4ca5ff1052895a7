//! A plan as an indented tree, for a terminal.

use std::fmt::Write;

use crate::event::{NodeId, Role};
use crate::plan::{Body, Plan, PlanAssertion, PlanNode, PlanStage, StageId, Work};

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
    let name = |node: &PlanNode| short_name(stage, node);
    let wide = stage.nodes.iter().map(|id| name(plan.node(*id)).chars().count()).max().unwrap_or(0);
    let kind = stage.nodes.iter().map(|id| plan.node(*id).outline.kind.len()).max().unwrap_or(0);
    // In the order in which the groups run: the gate stands behind the steps it is for.
    let mut nodes = stage.nodes.clone();
    nodes.sort_by_key(|id| match plan.node(*id).role {
        Role::Step => 0,
        Role::Gate => 1,
        Role::OnFailure => 2,
        Role::Finally => 3,
    });
    for (at, id) in nodes.iter().enumerate() {
        let node = plan.node(*id);
        let last = at + 1 == nodes.len();
        let title = if node.outline.title == node.outline.kind { "" } else { &node.outline.title };
        let line = format!(
            "{} {:wide$}  {:kind$}  {}{}",
            branch(last),
            name(node),
            node.outline.kind,
            title,
            notes(plan, stage, node)
        );
        let _ = writeln!(text, "{}", line.trim_end());
        if let Work::Gate(gate) = &node.work {
            for (at, assertion) in gate.assertions.iter().enumerate() {
                let rail = if last { " " } else { "│" };
                let _ = writeln!(text, "{rail}  {} {}", branch(at + 1 == gate.assertions.len()), words(assertion));
            }
        }
    }
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
        time.map(|time| format!(", {what} {}", crate::units::TimeSpan(time))).unwrap_or_default()
    };
    let warning = if assertion.warning { ", warns only" } else { "" };
    format!("{what}{}{}{warning}", time("within", assertion.within), time("for", assertion.hold))
}

/// Stages by how many others must be over before they can start; one whose single steps wait for more stages stands
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
