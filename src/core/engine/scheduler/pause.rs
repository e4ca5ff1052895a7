//! What a failure leaves for its user to see: a stage that waits before its `on_failure`, or a `finally` left undone.

use super::{Scheduler, Task};

/// What a failure leaves for its user to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct AfterFailure {
    /// The first failure stops its stage before `on_failure`, until the user goes on.
    pub pause: bool,
    /// `finally` of a stage that failed, and of the pipeline, is left undone.
    pub keep: bool,
}

/// Whether a failure holds its stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pause {
    /// It does not, or no longer.
    Off,
    /// The first one will.
    Armed,
    /// It does.
    On,
}

impl Scheduler {
    /// With something to see after a failure.
    pub fn leaving(mut self, after: AfterFailure) -> Self {
        self.keep = after.keep;
        self.pause = if after.pause { Pause::Armed } else { Pause::Off };
        self
    }

    /// Goes on after a pause.
    pub fn proceed(&mut self) {
        if self.pause == Pause::On {
            self.pause = Pause::Off;
            self.orders.extend(self.held.drain(..));
            self.tasks.extend((0..self.stages.len()).map(Task::Stage));
            self.work_off();
        }
    }

    /// Whether a stage waits for its user, since one of its steps or its gate failed.
    pub(super) fn is_held(&self, stage: usize) -> bool {
        self.pause == Pause::On && self.stages[stage].failed
    }

    /// Whether what a stage's `finally` would remove is left: it has failed, or it is the pipeline's own and one has.
    pub(super) fn keeps(&self, stage: usize) -> bool {
        let own = || self.graph.stages[stage].always && self.stages.iter().any(|stage| stage.failed);
        self.keep && (self.stages[stage].failed || own())
    }
}
