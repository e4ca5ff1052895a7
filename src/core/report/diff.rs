//! What differs: between two runs (definitions, outcomes, durations, measures), and between a plan and the last run's.
//! Stories and outlines in, lines out.

mod change;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use super::run_state::{NodeStory, RunState, StageStory};
use super::words::style::{BOLD, DIM, GREEN, OFF, RED};
use super::words::{self, tame};
use crate::core::model::event::{AssertionResult, NodeOutline, StageOutline};
use crate::core::model::outcome::Verdict;
use crate::core::model::units::TimeSpan;

pub use change::{Change, definitions, json, lines};

/// A change in a duration that is worth a line: more than this, and more than a quarter.
const NOTABLE: Duration = Duration::from_millis(500);

/// What is defined: stages with their needs, nodes with what they do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Definition {
    /// The stages.
    pub stages: Vec<StageOutline>,
    /// The nodes.
    pub nodes: Vec<NodeOutline>,
    /// The profile chosen.
    pub profile: Option<String>,
}

impl Definition {
    /// Of the plan that a run had.
    pub fn of(story: &RunState) -> Self {
        let stages = story.stages.iter();
        let outline = |stage: &StageStory| StageOutline {
            name: stage.name.clone(),
            needs: stage.needs.clone(),
            steps_need: stage.steps_need.clone(),
        };
        Definition {
            stages: stages.map(outline).collect(),
            nodes: story.nodes.iter().map(|node| node.outline.clone()).collect(),
            profile: story.profile.clone(),
        }
    }
}

/// What changed from one run to another, in four parts; says so where nothing did.
pub fn runs(old: &RunState, new: &RunState) -> String {
    let mut text = format!("{BOLD}{} → {}{OFF}\n", tame(&old.run), tame(&new.run));
    let before = by_name(old);
    let pairs: Vec<(&NodeStory, &NodeStory)> =
        new.nodes.iter().filter_map(|node| Some((*before.get(node.outline.name.as_str())?, node))).collect();
    part(&mut text, "definitions", &lines(&definitions(&Definition::of(old), &Definition::of(new))));
    let mut outcomes = String::new();
    let verdict = |story: &RunState| story.end.map_or("unfinished", |end| words::state(end.state));
    if verdict(old) != verdict(new) {
        let _ = writeln!(outcomes, "the run: {} → {}", verdict(old), verdict(new));
    }
    for (old, new) in &pairs {
        if old.state != new.state {
            let name = tame(&new.outline.name);
            let _ = writeln!(outcomes, "{name}: {} → {}", words::state(old.state), words::state(new.state));
            for line in words::explanation(new, words::SUMMARIZED).into_iter().take(3) {
                let _ = writeln!(outcomes, "    {line}");
            }
        }
    }
    part(&mut text, "outcomes", &outcomes);
    let mut durations = String::new();
    if let (Some(old), Some(new)) = (&old.end, &new.end) {
        duration(&mut durations, "the run", old.elapsed, new.elapsed);
    }
    for (old, new) in pairs.iter().filter(|(old, new)| old.started.is_some() && new.started.is_some()) {
        duration(&mut durations, &new.outline.name, old.elapsed, new.elapsed);
    }
    part(&mut text, "durations", &durations);
    let mut measures = String::new();
    for (old, new) in &pairs {
        for result in &new.assertions {
            if let Some(other) = old.assertions.iter().find(|other| other.name == result.name) {
                measured(&mut measures, &new.outline.name, other, result);
            }
        }
    }
    part(&mut text, "measures", &measures);
    if text.lines().count() == 1 {
        text.push_str("nothing that is worth telling\n");
    }
    text
}

fn by_name(story: &RunState) -> BTreeMap<&str, &NodeStory> {
    story.nodes.iter().map(|node| (node.outline.name.as_str(), node)).collect()
}

fn part(text: &mut String, title: &str, lines: &str) {
    if !lines.is_empty() {
        let _ = writeln!(text, "{BOLD}{title}{OFF}");
        for line in lines.lines() {
            let _ = writeln!(text, "  {line}");
        }
    }
}

fn duration(text: &mut String, name: &str, old: Duration, new: Duration) {
    let change = new.abs_diff(old);
    if change > NOTABLE && change * 4 > old.max(new) {
        let (colour, sign) = if new > old { (RED, "+") } else { (GREEN, "-") };
        let (name, change) = (tame(name), TimeSpan(change));
        let _ = writeln!(text, "{name}: {} → {}  {colour}{sign}{change}{OFF}", TimeSpan(old), TimeSpan(new));
    }
}

/// Measures whose value is another one, but for those that are nothing but a time.
fn measured(text: &mut String, gate: &str, old: &AssertionResult, new: &AssertionResult) {
    let empty = Vec::new();
    let of = |result: &AssertionResult| match &result.verdict {
        Ok(verdict) => verdict.measures().to_vec(),
        Err(_) => empty.clone(),
    };
    let held = |result: &AssertionResult| match &result.verdict {
        Ok(Verdict::Holds { .. }) => "holds",
        Ok(Verdict::Unmet { .. }) => "does not hold",
        Ok(Verdict::Skipped { .. }) => "skipped",
        Err(_) => "could not be measured",
    };
    let name = format!("{} {}", tame(gate), tame(&new.name));
    if held(old) != held(new) {
        let _ = writeln!(text, "{name}: {} → {}", held(old), held(new));
    }
    let before = of(old);
    for (at, measure) in of(new).iter().enumerate() {
        let other = before.get(at).filter(|other| other.name == measure.name);
        if let Some(other) = other.filter(|other| other.actual != measure.actual) {
            let expected = if measure.expected.is_empty() {
                String::new()
            } else {
                format!("  {DIM}expected {}{OFF}", tame(&measure.expected))
            };
            let _ = writeln!(
                text,
                "{name}: {} {} → {}{expected}",
                tame(&measure.name),
                tame(&other.actual),
                tame(&measure.actual)
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::model::event::{Role, State};
    use crate::core::model::outcome::Measure;
    use crate::core::report::run_state::End;

    fn outline(name: &str, title: &str) -> NodeOutline {
        NodeOutline {
            name: name.to_owned(),
            stage: 0,
            role: Role::Step,
            kind: "shell".to_owned(),
            title: title.to_owned(),
            assertions: 0,
            ..NodeOutline::default()
        }
    }

    fn story(run: &str, title: &str, state: State, seconds: u64, size: &str) -> RunState {
        let verdict = Ok(Verdict::Holds { measures: vec![Measure::new("size", size, "< 1MB", true)] });
        let result = AssertionResult {
            index: 0,
            name: "small".to_owned(),
            kind: "file".to_owned(),
            warning: false,
            verdict,
            findings: Vec::new(),
            elapsed: Duration::ZERO,
            looks: 1,
            ended: None,
            baselines: Vec::new(),
            evidence: Vec::new(),
        };
        let record = serde_json::json!({
            "seq": 0, "at": Duration::ZERO, "event": "run-started", "format": 1, "run": run, "pipeline": "p", "time": "",
            "stages": [{ "name": "a", "needs": [] }], "nodes": [outline("a.one", title)],
        });
        let record = serde_json::from_value(record).expect("a record");
        let mut story = RunState::of([&record]);
        let node = &mut story.nodes[0];
        (node.state, node.started, node.elapsed) = (state, Some(Duration::ZERO), Duration::from_secs(seconds));
        node.assertions.push(result);
        story.end = Some(End { state, exit_code: 0, elapsed: Duration::from_secs(seconds) });
        story
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn tells_definitions_outcomes_durations_and_measures() {
        let (old, new) =
            (story("r1", "make", State::Passed, 2, "1 kB"), story("r2", "make all", State::Failed, 9, "2 kB"));
        assert_eq!(
            plain(&runs(&old, &new)),
            "r1 → r2\ndefinitions\n  ~ a.one  shell: make → shell: make all\noutcomes\n  the run: passed → failed\n  \
             a.one: passed → failed\ndurations\n  the run: 2s → 9s  +7s\n  a.one: 2s → 9s  +7s\nmeasures\n  \
             a.one small: size 1 kB → 2 kB  expected < 1MB\n"
        );
        assert_eq!(plain(&runs(&old, &old)), "r1 → r1\nnothing that is worth telling\n");
    }

    #[test]
    fn a_node_with_the_same_title_may_be_written_differently() {
        let of = |digest: &str| Definition {
            stages: Vec::new(),
            nodes: vec![NodeOutline { definition: digest.to_owned(), ..outline("a.one", "make") }],
            profile: None,
        };
        let changed = |old: &str, new: &str| plain(&lines(&definitions(&of(old), &of(new))));
        assert_eq!(changed("0a", "0b"), "~ a.one  shell: make → shell: make, written differently\n");
        assert_eq!(changed("0a", "0a"), "");
        assert_eq!(changed("", "0b"), "", "the record is of a version that had no digests");
    }

    #[test]
    fn tells_what_came_and_what_went() {
        let stage = |name: &str, needs: &[&str]| StageOutline {
            name: name.to_owned(),
            needs: needs.iter().map(|need| (*need).to_owned()).collect(),
            ..StageOutline::default()
        };
        let old = Definition {
            stages: vec![stage("a", &[]), stage("b", &[])],
            nodes: vec![outline("a.x", "t")],
            profile: None,
        };
        let new = Definition {
            stages: vec![stage("a", &[]), stage("b", &["a"])],
            nodes: vec![outline("a.y", "\u{1b}[31mt")],
            profile: Some("local".to_owned()),
        };
        assert_eq!(
            plain(&lines(&definitions(&old, &new))),
            "~ profile: none → local\n~ stage b  needs nothing → needs a\n- a.x  shell: t\n+ a.y  shell: t\n"
        );
        assert_eq!(definitions(&new, &new), []);
    }
}
