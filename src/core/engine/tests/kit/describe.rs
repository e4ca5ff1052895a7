//! A run as lines: `2s build.a failed: exit code 1`.

use std::fmt::Write as _;
use std::time::Duration;

use crate::core::model::event::{AssertionResult, Event, NodeId, Reason, State};
use crate::core::model::outcome::Verdict;
use crate::core::model::units::TimeSpan;
use crate::core::plan::Plan;

pub fn reported(plan: &Plan, events: &[(Duration, Event)]) -> String {
    let mut text = String::new();
    for (at, event) in events {
        if let Some(words) = words(plan, event) {
            let _ = writeln!(text, "{} {words}", TimeSpan(*at));
        }
    }
    text
}

fn words(plan: &Plan, event: &Event) -> Option<String> {
    let name = |node: &NodeId| plan.node(*node).outline.name.clone();
    Some(match event {
        Event::RunStarted { .. } => return None,
        Event::NodeStarted { node, attempt: 1 } => format!("{} starts", name(node)),
        Event::NodeStarted { node, attempt } => format!("{} starts again, attempt {attempt}", name(node)),
        Event::NodeUp { node } => format!("{} is up", name(node)),
        Event::AttemptFailed { node, failure, retry_in, .. } => {
            format!("{} failed: {}; again in {}", name(node), failure.summary, TimeSpan(*retry_in))
        }
        Event::AssertionSettled { node, result } => format!("{} #{} {}", name(node), result.index, settled(result)),
        Event::NodeFinished { node, state, because, failure, fault, tolerated, outputs, .. } => {
            let mut words = format!("{} {}", name(node), shown(*state));
            if *tolerated {
                words += " (tolerated)";
            }
            if let Some(because) = because {
                words += &format!(", {}", reason(because));
            }
            if let Some(failure) = failure {
                words += &format!(": {}", failure.summary);
            }
            if let Some(fault) = fault {
                words += &format!(": {}", fault.message);
            }
            if !outputs.is_empty() {
                words += &format!(" {}", serde_json::to_string(outputs).expect("plain values"));
            }
            words
        }
        Event::StageFinished { stage, state, .. } => {
            format!("[{}] {}", plan.stages()[*stage as usize].name, shown(*state))
        }
        Event::Interrupted { signal } => format!("signal {signal}"),
        Event::Paused { node, .. } => format!("paused at {}", plan.node(*node).outline.name),
        Event::Warned { message } => format!("warning: {message}"),
        Event::TakenOver { by } => format!("taken over by {by:?}"),
        Event::RunFinished { state, exit_code, .. } => format!("run {}, exit {exit_code}", shown(*state)),
    })
}

fn shown(state: State) -> String {
    format!("{state:?}").to_lowercase()
}

fn reason(because: &Reason) -> String {
    match because {
        Reason::Failed { node } => format!("{node} failed"),
        Reason::When { expression } => format!("when {expression}"),
        Reason::NotHere { reason } => reason.clone(),
        Reason::NotSelected => "not selected".to_owned(),
        Reason::NotNeeded => "not needed".to_owned(),
        Reason::Pending => "pending".to_owned(),
        Reason::Interrupted => "interrupted".to_owned(),
        Reason::Stopped { reason } => format!("the run was stopped: {reason}"),
        Reason::Kept { run } => format!("kept from {run}"),
        Reason::Unchanged { since } => format!("unchanged since {since}"),
        Reason::TimedOut { after } => format!("limit {}", TimeSpan(*after)),
    }
}

fn settled(result: &AssertionResult) -> String {
    let verdict = match &result.verdict {
        Ok(Verdict::Holds { .. }) => "holds".to_owned(),
        Ok(Verdict::Unmet { measures }) => {
            format!("unmet: {} is {}, expected {}", measures[0].name, measures[0].actual, measures[0].expected)
        }
        Ok(Verdict::Skipped { reason }) => format!("skipped: {reason}"),
        Err(fault) => format!("unknown: {}", fault.message),
    };
    let causes: Vec<&str> = result.findings.iter().map(|finding| finding.cause.as_str()).collect();
    let causes = if causes.is_empty() { String::new() } else { format!(" ({})", causes.join(", ")) };
    let warning = if result.warning { "warning, " } else { "" };
    let ended = result.ended.as_ref().map(|ended| format!(", {ended},")).unwrap_or_default();
    format!("{warning}{verdict}{causes}{ended} after {} looks", result.looks)
}
