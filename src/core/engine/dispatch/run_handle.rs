//! The one lock of a run: the thread that produces an event takes it, and carries out the turn that follows, on its
//! own thread. No thread is woken to decide.

use std::sync::{Arc, Mutex, PoisonError, TryLockError, Weak};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

use super::asking::Asking;
use super::{DROPPED, Dispatch};
use crate::core::engine::finish::RunResult;
use crate::core::engine::node_event::{EventSink, NodeEvent};
use crate::core::engine::outputs::OutputFolder;
use crate::core::engine::{Interrupt, Options, Parts};
use crate::core::model::outcome::Fault;

/// Where a run is decided.
pub(super) struct RunHandle {
    /// `None` once the run is over: who still has something to say is late.
    dispatch: Mutex<Option<Dispatch>>,
    /// Rung when nothing more is to come.
    over: Notify,
}

/// The run of this process, for [`end_now`].
static CURRENT: Mutex<Weak<RunHandle>> = Mutex::new(Weak::new());
/// How long [`end_now`] waits for a turn to end.
const TURN_LIMIT: Duration = Duration::from_millis(100);
/// Between two checks whether a turn has ended.
const TURN_CHECK: Duration = Duration::from_millis(5);

/// Writes the end of the run's record at once, on this thread: the run's own thread does not answer. Nothing where no run
/// is going on.
pub(in crate::core::engine) fn end_now() {
    let Some(desk) = CURRENT.lock().unwrap_or_else(PoisonError::into_inner).upgrade() else { return };
    let until = Instant::now() + TURN_LIMIT;
    loop {
        match desk.dispatch.try_lock() {
            Ok(mut held) => return held.take().into_iter().for_each(Dispatch::end_now),
            Err(TryLockError::Poisoned(_)) => return,
            Err(TryLockError::WouldBlock) if Instant::now() >= until => return,
            Err(TryLockError::WouldBlock) => std::thread::sleep(TURN_CHECK),
        }
    }
}

/// Runs a plan to its end.
pub(in crate::core::engine) async fn run(
    options: Options,
    parts: Parts,
    outputs: OutputFolder,
    mut interrupts: UnboundedReceiver<Interrupt>,
) -> RunResult {
    let desk = Arc::new_cyclic(|desk: &Weak<RunHandle>| RunHandle {
        dispatch: Mutex::new(Some(Dispatch::new(options, parts, outputs, desk.clone()))),
        over: Notify::new(),
    });
    *CURRENT.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&desk);
    desk.turn(Dispatch::begin);
    loop {
        tokio::select! {
            biased;
            Some(interrupt) = interrupts.recv() => desk.turn(|dispatch| match interrupt {
                Interrupt::Signal(signal) => dispatch.interrupted(signal),
                Interrupt::Lost(fault) => dispatch.lost(fault),
                Interrupt::Continue => dispatch.proceed(),
            }),
            () = desk.over.notified() => {}
        }
        if desk.is_over() {
            break;
        }
    }
    // the record ends when what was dropped is gone; until then the run stays where `end_now` finds it
    for task in desk.dropped() {
        let _ = tokio::time::timeout(DROPPED, task).await;
    }
    desk.end().map_or_else(Dispatch::ended_already, |mut dispatch| dispatch.close())
}

impl RunHandle {
    /// Lets something happen and does all that follows from it.
    fn turn(&self, happens: impl FnOnce(&mut Dispatch)) {
        // a turn that broke has rung: the run breaks with it
        let Ok(mut held) = self.dispatch.lock() else { return };
        let Some(dispatch) = held.as_mut() else { return };
        let mut bell = CompletionGuard { over: &self.over, rings: true };
        happens(dispatch);
        dispatch.follow();
        bell.rings = dispatch.is_over();
    }

    /// What a node or a stage asked of the environment is known.
    pub(super) fn found(&self, asking: Asking, found: Result<Map<String, Value>, Fault>) {
        self.turn(|dispatch| dispatch.found(asking, found));
    }

    /// Whether the run is over.
    fn is_over(&self) -> bool {
        let held = self.dispatch.lock().expect("a turn broke, and has said why");
        held.as_ref().is_none_or(Dispatch::is_over)
    }

    /// Tasks that were aborted.
    fn dropped(&self) -> Vec<JoinHandle<()>> {
        let mut held = self.dispatch.lock().expect("a turn broke, and has said why");
        held.as_mut().map(|dispatch| std::mem::take(&mut dispatch.dropped)).unwrap_or_default()
    }

    /// Takes the run from the desk; `None` where another thread has ended it.
    fn end(&self) -> Option<Dispatch> {
        self.dispatch.lock().expect("a turn broke, and has said why").take()
    }
}

impl EventSink for RunHandle {
    fn take(&self, event: NodeEvent) {
        self.turn(|dispatch| dispatch.take(event));
    }
}

/// Rings at the end of a turn that ended the run, or that broke.
struct CompletionGuard<'a> {
    over: &'a Notify,
    rings: bool,
}

impl Drop for CompletionGuard<'_> {
    fn drop(&mut self) {
        if self.rings {
            self.over.notify_one();
        }
    }
}
