//! A run's summary for people: a line a stage, and under it whatever did not go well. The end of every run.

use std::fmt::Write;

use super::run_state::{NodeStory, RunState, StageStory};
use super::words::style::{BOLD, DIM, OFF};
use super::words::{self, sign};
use crate::core::model::event::State;
use crate::core::model::units::TimeSpan;

/// The summary, with ANSI styles.
pub fn summary(story: &RunState) -> String {
    let mut text = String::new();
    let wide = story.stages.iter().map(|stage| stage.name.chars().count()).max().unwrap_or(0);
    for stage in &story.stages {
        let time = if stage.elapsed.is_zero() { String::new() } else { TimeSpan(stage.elapsed).to_string() };
        let line = format!("{} {:wide$}  {time:>7}  {}", sign(stage.state), stage.name, stage_words(story, stage));
        let _ = writeln!(text, "{}", line.trim_end());
        for node in nodes(story, stage).filter(|node| worth_telling(node)) {
            let _ = writeln!(text, "    {} {}  {}", sign(node.state), node.outline.name, words::end(node));
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
            format!("{} {name:wide$}  {time:>7}  {:<8} {}", sign(node.state), node.outline.kind, words::end(node));
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
    let (mut held, mut all) = (0, 0);
    for node in story.nodes.iter().filter(|node| node.outline.is_gate()) {
        for result in &node.assertions {
            all += 1;
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
    let _ = writeln!(text, "{BOLD}{held} of {all} hold{OFF}");
    text
}

/// A state in a word.
pub fn state_word(state: State) -> &'static str {
    words::state(state)
}

/// `todo-chatbot passed in 41s · run 2026…`.
fn verdict(story: &RunState) -> String {
    let proved = story
        .nodes
        .iter()
        .flat_map(|node| &node.assertions)
        .filter(|result| matches!(&result.verdict, Ok(verdict) if verdict.holds()))
        .count();
    let of = story.nodes.iter().map(|node| node.outline.assertions).sum::<u32>();
    let how = match &story.end {
        Some(end) => format!("{} in {}", words::state(end.state), TimeSpan(end.elapsed)),
        None => "has no end in its record".to_owned(),
    };
    let proved = if of > 0 { format!(" · {proved} of {of} assertions hold") } else { String::new() };
    format!("{BOLD}{} {how}{OFF}{proved} {DIM}· run {}{OFF}", story.pipeline, story.run)
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
