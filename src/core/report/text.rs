//! A run's summary for people: a line a stage, and under it whatever did not go well. The end of every run.

use std::fmt::Write;

use super::run_state::{NodeStory, RunState, StageStory};
use super::skipped::{self, OfStages};
use super::words::style::{BOLD, DIM, OFF};
use super::words::{self, sign};
use crate::core::model::event::{AssertionResult, State};
use crate::core::model::units::TimeSpan;

/// The summary, with ANSI styles.
pub fn summary(story: &RunState) -> String {
    let mut text = String::new();
    let wide = story.stages.iter().map(|stage| stage.name.chars().count()).max().unwrap_or(0);
    for stage in &story.stages {
        match skipped::stages(story, stage) {
            OfStages::Alone => {}
            OfStages::First(line) => {
                let _ = writeln!(text, "{} {line}", sign(stage.state));
                continue;
            }
            OfStages::Later => continue,
        }
        let time = if stage.elapsed.is_zero() { String::new() } else { TimeSpan(stage.elapsed).to_string() };
        let line = format!("{} {:wide$}  {time:>7}  {}", sign(stage.state), stage.name, stage_words(story, stage));
        let _ = writeln!(text, "{}", line.trim_end());
        for node in nodes(story, stage).filter(|node| worth_telling(node)) {
            let _ = writeln!(text, "    {} {}  {}", words::sign_of(node), node.outline.name, words::end(node));
            for line in words::explanation_below(node) {
                let _ = writeln!(text, "        {line}");
            }
        }
    }
    for warning in &story.warnings {
        let _ = writeln!(text, "warning: {}", words::tame(warning));
    }
    let _ = writeln!(text, "{}", verdict(story));
    text
}

/// Every node, a line each, with what it took and handed on.
pub fn every_node(story: &RunState) -> String {
    let mut text = String::new();
    let wide = story.nodes.iter().map(|node| node.outline.name.chars().count()).max().unwrap_or(0);
    for node in &story.nodes {
        let time = if node.started.is_some() { TimeSpan(node.elapsed).to_string() } else { String::new() };
        let name = &node.outline.name;
        let line =
            format!("{} {name:wide$}  {time:>7}  {:<8} {}", words::sign_of(node), node.outline.kind, words::end(node));
        let _ = writeln!(text, "{}", line.trim_end());
        for result in &node.assertions {
            let _ = writeln!(text, "    {}", words::assertion(result));
        }
        for (name, value) in &node.outputs {
            let value = match value {
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let short: String = value.chars().take(100).collect();
            let _ = writeln!(text, "    {DIM}{} = {}{OFF}", words::tame(name), words::tame(&short));
        }
    }
    text
}

/// The gates: a line an assertion, and under one that does not hold what explains it; how many hold, in the end.
pub fn gates(story: &RunState) -> String {
    let mut text = String::new();
    let (mut held, mut all, mut skipped) = (0, 0, 0);
    for node in story.nodes.iter().filter(|node| node.outline.is_gate()) {
        for result in &node.assertions {
            all += 1;
            skipped += usize::from(words::is_skipped(result));
            held += usize::from(matches!(&result.verdict, Ok(verdict) if verdict.holds()));
            let _ = writeln!(text, "{}", words::assertion(result));
            let mut lines = words::findings(&result.findings, words::LISTED);
            lines.extend(
                result.verdict.as_ref().err().and_then(|fault| fault.help.as_ref()).map(|help| format!("help: {help}")),
            );
            for line in lines {
                let _ = writeln!(text, "    {line}");
            }
        }
        for line in words::explanation(node, words::LISTED).iter().filter(|_| node.assertions.is_empty()) {
            let _ = writeln!(text, "{line}");
        }
    }
    let _ = match (all, skipped) {
        (1.., skipped) if skipped == all => writeln!(text, "{BOLD}nothing measured, {skipped} skipped{OFF}"),
        (_, 0) => writeln!(text, "{BOLD}{held} of {all} hold{OFF}"),
        (_, skipped) => writeln!(text, "{BOLD}{held} of {all} hold, {skipped} skipped{OFF}"),
    };
    text
}

/// A state in a word.
pub fn state_word(state: State) -> &'static str {
    words::state(state)
}

/// `todo-chatbot passed in 41s · run 2026…`.
fn verdict(story: &RunState) -> String {
    let how = match &story.end {
        Some(end) if end.state == State::Cancelled && failed(story).next().is_some() => {
            let more = failed(story).count() - 1;
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let first = failed(story).next().unwrap_or_default();
            format!("failed ({first}{more}) and was interrupted in {}", TimeSpan(end.elapsed))
        }
        Some(end) => format!("{} in {}", words::state(end.state), TimeSpan(end.elapsed)),
        None => "has no end in its record".to_owned(),
    };
    format!("{BOLD}{} {how}{OFF}{} {DIM}· run {}{OFF}", story.pipeline, proved(story), story.run)
}

/// The names of the nodes that ended badly, by themselves.
fn failed(story: &RunState) -> impl Iterator<Item = &str> {
    let bad = |node: &&NodeStory| matches!(node.state, State::Failed | State::Errored) && !node.tolerated;
    story.nodes.iter().filter(bad).map(|node| node.outline.name.as_str())
}

/// ` · 4 of 5 assertions hold, 2 not measured`: only what was measured can hold.
fn proved(story: &RunState) -> String {
    let results: Vec<&AssertionResult> = story.nodes.iter().flat_map(|node| &node.assertions).collect();
    let held = results.iter().filter(|result| matches!(&result.verdict, Ok(verdict) if verdict.holds())).count();
    let skipped = results.iter().filter(|result| words::is_skipped(result)).count();
    let all = story.nodes.iter().map(|node| node.outline.assertions as usize).sum::<usize>().max(results.len());
    let (measured, open) = (results.len() - skipped, all - results.len());
    match (measured, all) {
        (_, 0) => return String::new(),
        (0, 1) => return " · the assertion was not measured".to_owned(),
        (0, _) => return format!(" · none of {all} assertions was measured"),
        _ => {}
    }
    let of = |count: usize, what: &str| if count > 0 { format!(", {count} {what}") } else { String::new() };
    format!(" · {held} of {measured} assertions hold{}{}", of(skipped, "skipped"), of(open, "not measured"))
}

fn nodes<'s>(story: &'s RunState, stage: &'s StageStory) -> impl Iterator<Item = &'s NodeStory> {
    stage.nodes.iter().filter_map(|id| story.node(*id))
}

/// What did not go well; skipped nodes only where their stage was entered.
fn worth_telling(node: &NodeStory) -> bool {
    match node.state {
        State::Failed | State::Errored | State::Cancelled => true,
        State::Passed => node
            .assertions
            .iter()
            .any(|result| result.warning && !matches!(&result.verdict, Ok(verdict) if verdict.holds())),
        _ => false,
    }
}

/// `3 steps, gate 5/5 hold`, or why it did not run.
fn stage_words(story: &RunState, stage: &StageStory) -> String {
    if stage.state == State::Skipped {
        let why = nodes(story, stage).find_map(|node| node.because.as_ref());
        return format!("{DIM}skipped{}{OFF}", why.map(|why| format!(": {}", words::because(why))).unwrap_or_default());
    }
    let steps: Vec<&NodeStory> =
        nodes(story, stage).filter(|node| !node.outline.is_gate() && node.started.is_some()).collect();
    let mut parts = Vec::new();
    if !steps.is_empty() {
        let passed = steps.iter().filter(|node| node.state == State::Passed).count();
        let count = if passed == steps.len() { passed.to_string() } else { format!("{passed}/{}", steps.len()) };
        parts.push(format!("{count} step{}", if steps.len() == 1 { "" } else { "s" }));
    }
    for gate in nodes(story, stage).filter(|node| node.outline.is_gate() && node.started.is_some()) {
        let name = gate.outline.name.rsplit('.').next().unwrap_or_default();
        parts.push(format!("{name} {}", words::gate_count(gate)));
    }
    parts.join(", ")
}
