//! How a run ended and what the command returns for it.

use std::time::Duration;

use crate::core::model::event::State;
use crate::core::model::outcome::{Fault, FaultKind};

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunResult {
    /// Passed, failed, errored or cancelled.
    pub state: State,
    /// 0 passed · 1 failed · 2 a value turned out invalid, and nothing had run · 3 no environment · 4 the journal could not be written ·
    /// 130 interrupted.
    pub exit_code: u8,
    /// From the start.
    pub elapsed: Duration,
    /// Why the journal could not be written.
    pub journal_error: Option<String>,
}

/// What decides how a run ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    pub interrupted: bool,
    pub journal_broke: bool,
    /// A step has run, or something was measured.
    pub did_something: bool,
    /// State and fault of the node that ended badly first.
    pub first_bad: Option<(State, Option<&'a Fault>)>,
}

impl Facts<'_> {
    pub fn state(self) -> State {
        match self.first_bad {
            _ if self.interrupted => State::Cancelled,
            Some((state, _)) => state,
            None if self.journal_broke => State::Errored,
            None => State::Passed,
        }
    }

    pub fn exit_code(self) -> u8 {
        match self.first_bad {
            _ if self.interrupted => 130,
            _ if self.journal_broke => 4,
            None => 0,
            Some((_, fault)) => match fault.map(|fault| fault.kind) {
                Some(FaultKind::Environment) => 3,
                Some(FaultKind::Invalid) if !self.did_something => 2,
                Some(FaultKind::Invalid | FaultKind::Unknown) | None => 1,
            },
        }
    }
}
