//! Which fields of events are text: words of kinds, of processes, of the cluster, of files. All other fields are structure:
//! keys, ids, names, states, numbers, times. Masking changes text and never structure.
//!
//! Every pattern below names all fields of its type, so a new field does not compile before it is listed here.

use serde_json::Value;

use super::{AssertionResult, Continues, Event, Live, NodeOutline, Reason, Rerun, RerunReason, ReusedNode};
use crate::core::model::outcome::{BaselineValue, Failure, Fault, Finding, Measure, Outputs, Verdict};

/// One text field of an event, to be changed in place.
#[derive(Debug)]
pub enum Text<'e> {
    /// A text of its own.
    Whole(&'e mut String),
    /// Lines of one text.
    Lines(&'e mut Vec<String>),
    /// Texts within a JSON value.
    Json(&'e mut Value),
}

/// Receives text fields.
type Each<'e> = &'e mut dyn FnMut(Text<'_>);

impl Event {
    /// Passes every text field to `each`.
    pub fn each_text(&mut self, each: Each<'_>) {
        match self {
            Event::RunStarted {
                format: _,
                run: _,
                pipeline: _,
                time: _,
                profile: _,
                stages: _,
                nodes,
                runner: _,
                namespace: _,
                continues,
            } => {
                for NodeOutline { name: _, stage: _, role: _, kind: _, title, assertions: _, once: _, definition: _ } in
                    nodes
                {
                    each(Text::Whole(title));
                }
                if let Some(continues) = continues {
                    of_continues(continues, each);
                }
            }
            Event::AttemptFailed { node: _, attempt: _, failure, retry_in: _ } => of_failure(failure, each),
            Event::AssertionSettled { node: _, result } => of_result(result, each),
            Event::NodeFinished {
                node: _,
                state: _,
                because,
                failure,
                fault,
                tolerated: _,
                outputs,
                elapsed: _,
                log: _,
                fingerprint: _,
                made: _,
            } => {
                if let Some(because) = because {
                    of_because(because, each);
                }
                if let Some(failure) = failure {
                    of_failure(failure, each);
                }
                if let Some(fault) = fault {
                    of_fault(fault, each);
                }
                of_outputs(outputs, each);
            }
            Event::Warned { message } => each(Text::Whole(message)),
            Event::Paused { node: _, inspect } => each(Text::Lines(inspect)),
            Event::NodeStarted { node: _, attempt: _ }
            | Event::NodeUp { node: _ }
            | Event::StageFinished { stage: _, state: _, elapsed: _ }
            | Event::Interrupted { signal: _ }
            | Event::TakenOver { by: _ }
            | Event::RunFinished { state: _, exit_code: _, elapsed: _ } => {}
        }
    }
}

impl Live {
    /// Passes every text field that is not masked yet to `each`. Log lines and status texts are masked where they are read.
    pub fn each_text(&mut self, each: Each<'_>) {
        match self {
            Live::Measured { node: _, index: _, verdict } => of_verdict(verdict, each),
            Live::Lines { node: _, text: _ } | Live::Passing { node: _, text: _ } => {}
        }
    }
}

fn of_continues(continues: &mut Continues, each: Each<'_>) {
    let Continues { run: _, how: _, kept, again, owes: _ } = continues;
    for ReusedNode { node: _, from: _, outputs, fingerprint: _, made: _, ran: _ } in kept {
        of_outputs(outputs, each);
    }
    for Rerun { node: _, why } in again {
        match why {
            RerunReason::NotCompared { reason: text } | RerunReason::FilesGone(text) => each(Text::Whole(text)),
            RerunReason::GateGone { assertion, measures } => {
                each(Text::Whole(assertion));
                of_measures(measures, each);
            }
            // a node's name
            RerunReason::Follows(_)
            | RerunReason::InDoubt
            | RerunReason::NotStarted
            | RerunReason::TimedOut
            | RerunReason::Ended(_)
            | RerunReason::Changed
            | RerunReason::New
            | RerunReason::OutputsHidden
            | RerunReason::FilesChanged
            | RerunReason::FinallyRan
            | RerunReason::Asked => {}
        }
    }
}

fn of_because(because: &mut Reason, each: Each<'_>) {
    match because {
        Reason::When { expression: text } | Reason::NotHere { reason: text } | Reason::Stopped { reason: text } => {
            each(Text::Whole(text));
        }
        Reason::Failed { node: _ }
        | Reason::NotSelected
        | Reason::NotNeeded
        | Reason::Pending
        | Reason::Interrupted
        | Reason::Kept { run: _ }
        | Reason::Unchanged { since: _ }
        | Reason::TimedOut { after: _ } => {}
    }
}

/// The names of outputs are keys; what is below a name comes from outside.
fn of_outputs(outputs: &mut Outputs, each: Each<'_>) {
    for value in outputs.values_mut() {
        each(Text::Json(value));
    }
}

fn of_failure(failure: &mut Failure, each: Each<'_>) {
    let Failure { summary, exit_code: _, findings, help } = failure;
    each(Text::Whole(summary));
    for finding in findings {
        of_finding(finding, each);
    }
    if let Some(help) = help {
        each(Text::Whole(help));
    }
}

fn of_finding(finding: &mut Finding, each: Each<'_>) {
    let Finding { object, cause, message, lines, fatal: _ } = finding;
    each(Text::Whole(object));
    if !is_name(cause) {
        each(Text::Whole(cause));
    }
    each(Text::Whole(message));
    each(Text::Lines(lines));
}

fn of_fault(fault: &mut Fault, each: Each<'_>) {
    let Fault { kind: _, message, help, transient: _ } = fault;
    each(Text::Whole(message));
    if let Some(help) = help {
        each(Text::Whole(help));
    }
}

fn of_result(result: &mut AssertionResult, each: Each<'_>) {
    let AssertionResult {
        index: _,
        name,
        kind: _,
        warning: _,
        verdict,
        findings,
        elapsed: _,
        looks: _,
        ended: _,
        baselines,
        evidence,
    } = result;
    each(Text::Lines(evidence));
    for BaselineValue { assertion, key: _, value: _ } in baselines {
        each(Text::Whole(assertion));
    }
    each(Text::Whole(name));
    of_verdict(verdict, each);
    for finding in findings {
        of_finding(finding, each);
    }
}

fn of_verdict(verdict: &mut Result<Verdict, Fault>, each: Each<'_>) {
    match verdict {
        Ok(Verdict::Holds { measures } | Verdict::Unmet { measures }) => of_measures(measures, each),
        Ok(Verdict::Skipped { reason }) => each(Text::Whole(reason)),
        Err(fault) => of_fault(fault, each),
    }
}

fn of_measures(measures: &mut [Measure], each: Each<'_>) {
    for Measure { name, actual, expected, holds: _, timing: _, relative: _, series: _ } in measures {
        if !is_name(name) {
            each(Text::Whole(name));
        }
        each(Text::Whole(actual));
        each(Text::Whole(expected));
    }
}

/// Whether it is a key of ours or a cause by its name in the field (`exit_code`, `CrashLoopBackOff`). Anything longer has
/// parts from outside: `header x-token`.
fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
