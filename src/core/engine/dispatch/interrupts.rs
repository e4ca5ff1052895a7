//! What reaches a run from outside: signals, the loss of its place on the cluster, the end of a pause.

use super::Dispatch;
use crate::core::engine::ending::Ending;
use crate::core::engine::scheduler::Why;
use crate::core::model::event::{Event, State};
use crate::core::model::outcome::Fault;

impl Dispatch {
    pub(super) fn interrupted(&mut self, signal: i32) {
        self.interrupts += 1;
        self.events.push(Event::Interrupted { signal });
        self.halt();
    }

    /// Goes on after a pause.
    pub(super) fn proceed(&mut self) {
        self.scheduler.proceed();
        self.obey();
    }

    /// Stops all that runs, and starts nothing more.
    pub(super) fn lost(&mut self, fault: Fault) {
        self.events.push(Event::Warned { message: format!("{}; the run is stopped", fault.message) });
        self.stopped.get_or_insert_with(|| fault.message.clone());
        self.first_fault.get_or_insert((State::Errored, Some(fault)));
        self.scheduler.interrupt(Why::Stopped);
        self.scheduler.interrupt(Why::Stopped);
        self.obey();
    }

    fn halt(&mut self) {
        self.scheduler.interrupt(Why::Interrupted);
        self.obey();
        if self.interrupts >= 2 {
            self.drop_all();
        }
    }

    /// Drops what still runs; a dropped process is killed with its whole group.
    pub(super) fn drop_all(&mut self) {
        for node in self.running.keys().copied().collect::<Vec<_>>() {
            if let Some(task) = self.running.get_mut(&node).and_then(|running| running.task.take()) {
                task.abort();
                self.dropped.push(task);
            }
            self.ended(node, Ending::of(State::Cancelled));
        }
        self.starting.clear();
        self.obey();
    }
}
