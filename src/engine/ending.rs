//! How a node ended.

use crate::event::{Because, LogSize, State};
use crate::outcome::{Failure, Fault, FaultKind, Outputs};

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
