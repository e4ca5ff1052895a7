//! A plan as a picture: one SVG that needs nothing else, for light and dark pages. Knows no browser.
//!
//! Stages stand in columns by what must be over before them, the nodes of a stage likewise inside of it.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::tree::{short_name, waves};
use super::{escaped, inner_edges, last_steps};
use crate::core::model::event::{NodeId, Role};
use crate::core::plan::{Plan, PlanNode, PlanStage};
use crate::core::report::tame;

/// Measures in the picture's own units: a letter's width, the height of a box, the space between boxes.
const LETTER: usize = 7;
const BOX: usize = 38;
const ROW: usize = 12;
const COLUMN: usize = 36;
const PAD: usize = 14;
/// Room for a stage's name.
const HEAD: usize = 26;
/// Letters of a name that are shown; the tooltip holds the whole of it.
const SHOWN: usize = 32;

const STYLE: &str = "\
.page{fill:#fff}.stage{fill:#f3f4f6;stroke:#d6d9de}.node{fill:#fff;stroke:#5c6470}.gate{fill:#fff;stroke:#1a7f37;stroke-width:2}
.late{stroke-dasharray:2 3}text{fill:#1c1e21}.dim{fill:#5c6470}.name{font-weight:600}
path{fill:none;stroke:#5c6470}.during{stroke-dasharray:5 4}.wide{stroke-width:2}.tip{fill:#5c6470;stroke:none}
@media(prefers-color-scheme:dark){.page{fill:#15171a}.stage{fill:#1f2226;stroke:#363b42}.node{fill:#15171a;stroke:#9aa3ae}
.gate{fill:#15171a;stroke:#4ac26b}text{fill:#e6e8eb}.dim{fill:#9aa3ae}path{stroke:#9aa3ae}.tip{fill:#9aa3ae}}
";

#[derive(Debug, Clone, Copy, Default)]
struct Area {
    x: usize,
    y: usize,
    wide: usize,
    high: usize,
}

impl Area {
    fn moved(self, x: usize, y: usize) -> Self {
        Area { x: self.x + x, y: self.y + y, ..self }
    }

    fn rect(self, class: &str) -> String {
        let Area { x, y, wide, high } = self;
        format!("<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{high}\" rx=\"6\"/>")
    }
}

/// A stage and its nodes, each with its place.
struct Drawn {
    area: Area,
    nodes: BTreeMap<NodeId, Area>,
    edges: Vec<Edge>,
}

/// What waits for what, and whether it is a `during`.
type Edge = (NodeId, NodeId, bool);

/// The picture: a box a stage, in it a box a step and a green one a gate; dashed lines are `during`, dotted boxes run
/// only behind a failure or at the end.
pub fn svg(plan: &Plan) -> String {
    let (stages, page) = placed(plan);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"img\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\">\n<title>{name}</title>\n<style>\n{STYLE}</style>\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
         markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"tip\" d=\"M0 0 8 4 0 8z\"/></marker></defs>\n{}\n",
        page.rect("page"),
        w = page.wide,
        h = page.high,
        name = shown(plan.pipeline(), usize::MAX),
    );
    // Lines between stages lie below all boxes, where they pass behind one.
    for (stage, drawn) in plan.stages().iter().zip(&stages) {
        for need in &stage.needs {
            line(&mut text, stages[need.index()].area, drawn.area, "wide");
        }
    }
    for (stage, drawn) in plan.stages().iter().zip(&stages) {
        box_of_stage(&mut text, stage, drawn);
    }
    for (stage, drawn) in plan.stages().iter().zip(&stages) {
        for (id, area) in &drawn.nodes {
            for other in &plan.node(*id).after {
                line(&mut text, stages[other.index()].area, *area, "wide");
            }
        }
        for (from, to, during) in &drawn.edges {
            if let (Some(from), Some(to)) = (drawn.nodes.get(from), drawn.nodes.get(to)) {
                line(&mut text, *from, *to, if *during { "during" } else { "edge" });
            }
        }
        for (id, area) in &drawn.nodes {
            box_of_node(&mut text, stage, plan.node(*id), *area);
        }
    }
    text.push_str("</svg>\n");
    text
}

/// Every stage at its place, and the page around them.
fn placed(plan: &Plan) -> (Vec<Drawn>, Area) {
    let mut stages: Vec<Drawn> = plan.stages().iter().map(|stage| drawn(plan, stage)).collect();
    let waves = waves(plan);
    // A stage whose single steps wait for others is placed where the last of them start, so that all lines lead on. What
    // always runs is behind all else.
    let mut columns = vec![waves.len(); stages.len()];
    for (column, id) in waves.iter().enumerate().flat_map(|(column, wave)| wave.iter().map(move |id| (column, id))) {
        columns[id.index()] = column;
    }
    let (mut page, mut x) = (Area::default(), PAD);
    for column in 0..=waves.len() {
        if !columns.contains(&column) {
            continue;
        }
        let (mut y, mut wide) = (PAD, 0);
        for stage in stages.iter_mut().zip(&columns).filter(|(_, own)| **own == column).map(|(stage, _)| stage) {
            stage.area = stage.area.moved(x, y);
            stage.nodes.values_mut().for_each(|node| *node = node.moved(x, y));
            y += stage.area.high + PAD;
            wide = wide.max(stage.area.wide);
        }
        page.high = page.high.max(y);
        page.wide = x + wide + PAD;
        x += wide + COLUMN;
    }
    (stages, page)
}

/// A stage as if it stood at the corner of the page.
fn drawn(plan: &Plan, stage: &PlanStage) -> Drawn {
    let (mut nodes, edges) = (BTreeMap::new(), edges(plan, &stage.nodes));
    let (mut x, mut high) = (PAD, HEAD);
    for layer in layers(plan, &stage.nodes, &edges) {
        let widest = layer.iter().map(|id| letters(stage, plan.node(*id))).max().unwrap_or(0);
        let (wide, mut y) = (widest * LETTER + 2 * PAD, HEAD);
        for id in layer {
            nodes.insert(id, Area { x, y, wide, high: BOX });
            y += BOX + ROW;
        }
        high = high.max(y);
        x += wide + COLUMN;
    }
    let least = stage.name.chars().count().min(SHOWN) * LETTER + 2 * PAD;
    let wide = if nodes.is_empty() { least } else { least.max(x - COLUMN + PAD) };
    Drawn { area: Area { x: 0, y: 0, wide, high }, nodes, edges }
}

/// The nodes of a stage by how many others must be over before them; behind all of these what runs after a failure, and
/// at the end.
fn layers(plan: &Plan, nodes: &[NodeId], edges: &[Edge]) -> Vec<Vec<NodeId>> {
    let mut depth: BTreeMap<NodeId, usize> = nodes.iter().map(|id| (*id, 0)).collect();
    // There is no circle: a round more than the longest way is enough.
    for _ in 0..=nodes.len() {
        let before = depth.clone();
        for (from, to, _) in edges {
            let behind = depth.get(from).map_or(0, |from| from + 1);
            depth.entry(*to).and_modify(|depth| *depth = behind.max(*depth));
        }
        if depth == before {
            break;
        }
    }
    let mut layers: Vec<Vec<NodeId>> = Vec::new();
    for roles in [&[Role::Step, Role::Gate][..], &[Role::OnFailure], &[Role::Finally]] {
        let base = layers.len();
        for id in nodes.iter().filter(|id| roles.contains(&plan.node(**id).role)) {
            let at = base + depth.get(id).copied().unwrap_or(0);
            layers.resize_with(layers.len().max(at + 1), Vec::new);
            layers[at].push(*id);
        }
    }
    layers
}

/// What waits for what inside of a stage.
fn edges(plan: &Plan, nodes: &[NodeId]) -> Vec<Edge> {
    let mut edges = Vec::new();
    for id in nodes {
        let node = plan.node(*id);
        edges.extend(inner_edges(plan, *id, node));
        if node.role == Role::Gate {
            edges.extend(last_steps(plan, nodes).into_iter().map(|step| (step, *id, false)));
        }
    }
    edges
}

/// A line from the right side of one box to the left side of another.
fn line(text: &mut String, from: Area, to: Area, class: &str) {
    let (x1, y1, x2, y2) = (from.x + from.wide, from.y + from.high / 2, to.x, to.y + to.high / 2);
    let bend = (x2.abs_diff(x1) / 2).max(COLUMN / 2);
    let _ = writeln!(
        text,
        "<path class=\"{class}\" marker-end=\"url(#tip)\" d=\"M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}\"/>",
        x1 + bend,
        x2.saturating_sub(bend),
    );
}

fn box_of_stage(text: &mut String, stage: &PlanStage, drawn: &Drawn) {
    let Area { x, y, .. } = drawn.area;
    let class = if stage.always { "stage late" } else { "stage" };
    let _ = writeln!(
        text,
        "<g><title>{}</title>{}<text class=\"name\" x=\"{}\" y=\"{}\">{}</text></g>",
        shown(&stage.name, usize::MAX),
        drawn.area.rect(class),
        x + PAD,
        y + 17,
        shown(&stage.name, SHOWN),
    );
}

fn box_of_node(text: &mut String, stage: &PlanStage, node: &PlanNode, area: Area) {
    let name = short_name(stage, node);
    let class = match (node.outline.is_gate(), node.role) {
        (true, _) => "gate",
        (false, Role::OnFailure | Role::Finally) => "node late",
        (false, _) => "node",
    };
    let _ = writeln!(
        text,
        "<g><title>{}: {}</title>{}<text x=\"{tx}\" y=\"{}\">{}</text>\
         <text class=\"dim\" x=\"{tx}\" y=\"{}\">{}</text></g>",
        shown(&name, usize::MAX),
        shown(&node.outline.title, usize::MAX),
        area.rect(class),
        area.y + 16,
        shown(&name, SHOWN),
        area.y + 31,
        shown(below(node), SHOWN),
        tx = area.x + PAD,
    );
}

/// The second line of a node's box.
fn below(node: &PlanNode) -> &str {
    if node.outline.is_gate() { &node.outline.title } else { &node.outline.kind }
}

/// The letters of the longer line in a node's box.
fn letters(stage: &PlanStage, node: &PlanNode) -> usize {
    short_name(stage, node).chars().count().max(below(node).chars().count()).min(SHOWN)
}

/// A text as it is in the picture: cut, without control characters, escaped.
fn shown(text: &str, longest: usize) -> String {
    let tamed = tame(text);
    let cut: String = match tamed.char_indices().nth(longest) {
        Some(_) => tamed.chars().take(longest.saturating_sub(1)).chain(['…']).collect(),
        None => tamed,
    };
    escaped(&cut)
}
