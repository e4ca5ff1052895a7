//! How a node ended, and the failures of attempts. Knows no kind and no dispatcher.

use std::time::Duration;

use crate::core::model::event::{AssertionResult, LogSize, Reason, State};
use crate::core::model::outcome::{Failure, Fault, FaultKind, Outcome, Outputs};
use crate::core::model::units::TimeSpan;

/// How a node ended.
#[derive(Debug, PartialEq)]
pub(crate) struct Ending {
    pub state: State,
    /// Set for a timeout and for a kind that had nothing to do; the dispatcher knows the rest.
    pub because: Option<Reason>,
    pub failure: Option<Failure>,
    pub fault: Option<Fault>,
    pub outputs: Outputs,
    pub log: Option<LogSize>,
    pub fingerprint: Option<String>,
    /// The files that it made, as a keyed digest.
    pub made: Option<String>,
}

impl Ending {
    pub fn of(state: State) -> Self {
        Ending {
            state,
            because: None,
            failure: None,
            fault: None,
            outputs: Outputs::new(),
            log: None,
            fingerprint: None,
            made: None,
        }
    }

    pub fn failed(failure: Failure) -> Self {
        Ending { failure: Some(failure), ..Ending::of(State::Failed) }
    }

    pub fn errored(fault: Fault) -> Self {
        Ending { fault: Some(fault), ..Ending::of(State::Errored) }
    }

    /// How a gate ended, from the results of its assertions.
    pub fn of_gate(results: &[AssertionResult], timed_out: Option<Duration>) -> Self {
        let mut bad: Vec<&AssertionResult> = results.iter().filter(|result| result.is_bad()).collect();
        bad.sort_by_key(|result| result.index);
        let Some(first) = bad.first() else { return Ending::of(State::Passed) };
        let because = timed_out.map(|after| Reason::TimedOut { after });
        let unmet = bad.iter().filter(|result| result.verdict.is_ok()).count();
        if unmet == 0 {
            let fault = first.verdict.clone().err().unwrap_or_else(|| Fault::unknown("no answer"));
            let fault = Fault { message: format!("{}: {}", first.name, fault.message), ..fault };
            return Ending { because, ..Ending::errored(fault) };
        }
        let names: Vec<&str> = bad.iter().map(|result| result.name.as_str()).collect();
        let summary = match results.len() {
            1 => format!("the assertion does not hold: {}", names[0]),
            all => format!("{} of {all} assertions do not hold: {}", bad.len(), names.join("; ")),
        };
        Ending { because, ..Ending::failed(Failure::new(summary)) }
    }

    /// Whether the node has done something in this run: not where its values turned out invalid, or were there already.
    pub fn did_something(&self) -> bool {
        match self.state {
            State::Skipped => false,
            State::Passed => !matches!(self.because, Some(Reason::Kept { .. } | Reason::Unchanged { .. })),
            State::Errored => self.fault.as_ref().is_none_or(|fault| fault.kind != FaultKind::Invalid),
            _ => true,
        }
    }
}

/// The failure of an attempt that took too long.
pub(super) fn timed_out(after: Duration, result: Option<Result<Outcome, Fault>>) -> Ending {
    let (findings, help) = match result {
        Some(Ok(Outcome::Failed(failure))) => (failure.findings, failure.help),
        Some(Err(fault)) => (Vec::new(), fault.help),
        _ => (Vec::new(), None),
    };
    let failure = Failure { findings, help, ..Failure::new(format!("timed out after {}", TimeSpan(after))) };
    Ending { because: Some(Reason::TimedOut { after }), ..Ending::failed(failure) }
}

/// A bad ending as the failure of an attempt.
pub(super) fn as_failure(ending: Ending) -> Failure {
    match (ending.failure, ending.fault) {
        (Some(failure), _) => failure,
        (None, Some(fault)) => Failure { help: fault.help, ..Failure::new(fault.message) },
        (None, None) => Failure::new("it did not pass"),
    }
}

/// The failure of an attempt that is the last one because the run has failed.
pub(super) fn not_again(failure: Failure) -> Failure {
    Failure { summary: format!("{} (not tried again: the run has failed)", failure.summary), ..failure }
}
