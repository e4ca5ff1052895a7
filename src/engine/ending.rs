//! How a node ended, and the failures of attempts. Knows no kind and no dispatcher.

use std::time::Duration;

use crate::event::{Because, LogSize, State};
use crate::outcome::{Failure, Fault, FaultKind, Outcome, Outputs};
use crate::units::TimeSpan;

/// How a node ended.
#[derive(Debug, PartialEq)]
pub(crate) struct Ending {
    pub state: State,
    /// Set for a timeout and for a kind that had nothing to do; the dispatcher knows the rest.
    pub because: Option<Because>,
    pub failure: Option<Failure>,
    pub fault: Option<Fault>,
    pub outputs: Outputs,
    pub log: Option<LogSize>,
    pub fingerprint: Option<String>,
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
        }
    }

    pub fn failed(failure: Failure) -> Self {
        Ending { failure: Some(failure), ..Ending::of(State::Failed) }
    }

    pub fn errored(fault: Fault) -> Self {
        Ending { fault: Some(fault), ..Ending::of(State::Errored) }
    }

    /// Whether the node has done something in this run: not where its values turned out invalid, or were there already.
    pub fn did_something(&self) -> bool {
        match self.state {
            State::Skipped => false,
            State::Passed => !matches!(self.because, Some(Because::Kept { .. } | Because::Unchanged { .. })),
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
    Ending { because: Some(Because::TimedOut { after }), ..Ending::failed(failure) }
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
