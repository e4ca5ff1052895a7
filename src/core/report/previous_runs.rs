//! What a run has to do with an earlier one, in words: what is kept, what runs again and why; the state of a killed run.

use std::fmt::Write;

use super::run_state::{NodeStory, RunState};
use super::words::style::{BOLD, DIM, OFF, YELLOW};
use super::words::{self, tame};
use crate::core::model::event::{Continues, NodeOutline, RerunReason, ResumeMode, Role, State};
use crate::core::model::units::TimeSpan;

/// More nodes than this of one reason are counted, not listed.
const LISTED: usize = 12;
/// What is said of a node that has started and has no end in the record.
pub(super) const IN_DOUBT: &str = "in doubt: it had started, and its end is not known";

/// How a run goes on with another, a line each.
pub fn continuing(continues: &Continues, nodes: &[NodeOutline]) -> Vec<String> {
    let name = |at: usize| nodes.get(at).map_or("?", |node| node.name.as_str());
    if continues.how == ResumeMode::Settle {
        let owed: Vec<&str> = continues.owes.iter().map(|node| name(node.index())).collect();
        return vec![format!("does what run {} left undone: {}", continues.run, owed.join(", "))];
    }
    let steps = nodes.iter().filter(|node| node.role == Role::Step).count();
    let kept = continues.kept.iter().filter(|kept| nodes.get(kept.node.index()).is_some_and(|n| n.role == Role::Step));
    let mut lines = vec![format!("goes on with run {}: {} of {steps} steps are done", continues.run, kept.count())];
    // What simply had no turn is no news.
    let reported: Vec<_> = continues.again.iter().filter(|again| again.why != RerunReason::NotStarted).collect();
    for again in reported.iter().take(LISTED) {
        lines.push(format!("  {YELLOW}↻{OFF} {}  {DIM}{}{OFF}", name(again.node.index()), rerun_reason(&again.why)));
    }
    if reported.len() > LISTED {
        lines.push(format!("  {DIM}and {} more{OFF}", reported.len() - LISTED));
    }
    lines
}

/// Why a node runs again: `it was in doubt: …`.
pub fn rerun_reason(why: &RerunReason) -> String {
    match why {
        RerunReason::InDoubt => format!("it was {IN_DOUBT}"),
        RerunReason::NotStarted => "it had not started".to_owned(),
        RerunReason::TimedOut => "its time was over before it had ended".to_owned(),
        RerunReason::Ended(state) => format!("it {}", ended(*state)),
        RerunReason::Changed => "what it depends on has changed".to_owned(),
        RerunReason::NotCompared { reason } => tame(reason),
        RerunReason::New => "it is new".to_owned(),
        RerunReason::Follows(node) => format!("{} runs again", tame(node)),
        RerunReason::OutputsHidden => "what it handed on held a secret, and was not recorded".to_owned(),
        RerunReason::GateGone { assertion, measures } => {
            let unmet: Vec<String> = measures.iter().map(words::measure).collect();
            format!("its gate no longer holds: {}: {}", tame(assertion), unmet.join("; "))
        }
        RerunReason::FilesGone(pattern) => format!("`{}`, which it made, is not there any more", tame(pattern)),
        RerunReason::FilesChanged => "files that it made were changed since".to_owned(),
        RerunReason::FinallyRan => "the `finally` of its stage has run since".to_owned(),
        RerunReason::Asked => "it was asked for".to_owned(),
    }
}

fn ended(state: State) -> &'static str {
    match state {
        State::Cancelled => "was stopped",
        other => words::state(other),
    }
}

/// The state of a run that has no end in its record and is not going on: nothing for any other.
pub fn aftermath(story: &RunState) -> String {
    if story.end.is_some() {
        return String::new();
    }
    let mut text = String::new();
    let steps = |wanted: &dyn Fn(&NodeStory) -> bool| story.nodes.iter().filter(|node| wanted(node)).count();
    let in_doubt: Vec<&NodeStory> = story.nodes.iter().filter(|node| node.is_in_doubt()).collect();
    let pid = story.runner.as_ref().map(|runner| format!(" (process {} on {})", runner.pid, runner.host));
    let _ = writeln!(
        text,
        "{BOLD}the runner died{OFF}{} {} after the start or later: {} done, {} in doubt, {} not started",
        pid.unwrap_or_default(),
        TimeSpan(story.last),
        steps(&|node| node.state.is_over()),
        in_doubt.len(),
        steps(&|node| node.state == State::Waiting),
    );
    for node in in_doubt {
        let _ = writeln!(text, "  {YELLOW}?{OFF} {}  {IN_DOUBT}", node.outline.name);
    }
    let _ = match &story.taken_over {
        Some(Some(by)) => writeln!(text, "taken over by run {by}"),
        Some(None) => writeln!(text, "it left nothing undone"),
        None => writeln!(
            text,
            "go on with it: `pipeline run --resume {}`; the next run, or `pipeline clean`, does the `finally` it owes",
            story.run
        ),
    };
    text
}
