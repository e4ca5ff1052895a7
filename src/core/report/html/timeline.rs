//! When each node ran, drawn as bars over the run's time. Numbers and names in, SVG out.

use super::super::run_state::{NodeStory, RunState};
use super::page::Page;
use super::span;
use crate::core::model::event::State;
use crate::core::model::units::TimeSpan;

/// Nodes drawn; in a run of thousands the longest tell enough.
const SHOWN: usize = 200;
/// Measures of the picture, in its own units.
const WIDTH: f64 = 1000.0;
const NAMES: f64 = 260.0;
const ROW: f64 = 18.0;

/// Draws the nodes that ran, in the order in which they began.
pub fn draw(page: &mut Page, story: &RunState) {
    let mut nodes: Vec<&NodeStory> = story.nodes.iter().filter(|node| node.started.is_some()).collect();
    if nodes.is_empty() {
        return;
    }
    if nodes.len() > SHOWN {
        nodes.sort_by_key(|node| std::cmp::Reverse(node.elapsed));
        nodes.truncate(SHOWN);
    }
    nodes.sort_by_key(|node| node.started);
    let total = span(story).as_secs_f64().max(0.001);
    #[expect(clippy::cast_precision_loss, reason = "at most a few hundred rows")]
    let height = ROW * (nodes.len() as f64) + 24.0;
    page.open("section", "");
    page.element("h2", "", "Timeline");
    page.markup(&format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"when each node ran\">"));
    for step in 0..=4_u32 {
        let part = f64::from(step) / 4.0;
        let x = NAMES + part * (WIDTH - NAMES - 60.0);
        page.markup(&format!("<line class=\"grid\" x1=\"{x:.1}\" y1=\"14\" x2=\"{x:.1}\" y2=\"{height}\"/>"));
        page.markup(&format!("<text class=\"axis\" x=\"{x:.1}\" y=\"10\">"));
        page.text(&TimeSpan(std::time::Duration::from_millis(millis(part * total))).to_string());
        page.markup("</text>");
    }
    let mut y = 20.0;
    for node in nodes {
        bar(page, node, total, y);
        y += ROW;
    }
    page.markup("</svg>");
    page.close("section");
}

fn bar(page: &mut Page, node: &NodeStory, total: f64, y: f64) {
    let scale = (WIDTH - NAMES - 60.0) / total;
    let x = NAMES + node.started.unwrap_or_default().as_secs_f64() * scale;
    let width = (node.elapsed.as_secs_f64() * scale).max(1.5);
    let class = match node.state {
        State::Passed => "passed",
        State::Failed => "failed",
        State::Errored => "errored",
        State::Cancelled => "cancelled",
        _ => "other",
    };
    page.markup(&format!("<text x=\"0\" y=\"{:.1}\">", y + 11.0));
    let name: String = node.outline.name.chars().take(40).collect();
    page.text(&name);
    page.markup(&format!(
        "</text><rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"13\" rx=\"2\"><title>"
    ));
    page.text(&format!("{}: {}", node.outline.name, TimeSpan(node.elapsed)));
    page.markup(&format!("</title></rect><text class=\"axis\" x=\"{:.1}\" y=\"{:.1}\">", x + width + 4.0, y + 11.0));
    page.text(&TimeSpan(node.elapsed).to_string());
    page.markup("</text>");
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a run's time, never negative")]
fn millis(seconds: f64) -> u64 {
    (seconds * 1000.0) as u64
}
