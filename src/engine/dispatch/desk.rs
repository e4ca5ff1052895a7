//! The one lock of a run: whoever has something to say takes it, and carries the turn out that follows from it, on its
//! own thread. Nobody is woken to decide.

use std::sync::{Arc, Mutex, Weak};

use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;

use super::Dispatch;
use crate::engine::attempt::{Hear, Word};
use crate::engine::finish::RunResult;
use crate::engine::outputs::OutputFolder;
use crate::engine::{Interrupt, Options, Parts};

/// Where a run is decided.
pub(super) struct Desk {
    /// `None` once the run is over: who still has something to say is late.
    dispatch: Mutex<Option<Dispatch>>,
    /// Rung when nothing more is to come.
    over: Notify,
}

/// Runs a plan to its end.
pub(in crate::engine) async fn run(
    options: Options,
    parts: Parts,
    outputs: OutputFolder,
    mut interrupts: UnboundedReceiver<Interrupt>,
) -> RunResult {
    let desk = Arc::new_cyclic(|desk: &Weak<Desk>| Desk {
        dispatch: Mutex::new(Some(Dispatch::new(options, parts, outputs, desk.clone()))),
        over: Notify::new(),
    });
    desk.turn(Dispatch::begin);
    let dispatch = loop {
        tokio::select! {
            biased;
            Some(interrupt) = interrupts.recv() => desk.turn(|dispatch| match interrupt {
                Interrupt::Signal(signal) => dispatch.interrupted(signal),
                Interrupt::Lost(fault) => dispatch.lost(fault),
            }),
            () = desk.over.notified() => {}
        }
        if let Some(dispatch) = desk.end() {
            break dispatch;
        }
    };
    dispatch.close().await
}

impl Desk {
    /// Lets something happen and does all that follows from it.
    fn turn(&self, happens: impl FnOnce(&mut Dispatch)) {
        // a turn that broke has rung: the run breaks with it
        let Ok(mut held) = self.dispatch.lock() else { return };
        let Some(dispatch) = held.as_mut() else { return };
        let mut bell = Bell { over: &self.over, rings: true };
        happens(dispatch);
        dispatch.follow();
        bell.rings = dispatch.is_over();
    }

    /// Takes the run from the desk if it is over.
    fn end(&self) -> Option<Dispatch> {
        let mut held = self.dispatch.lock().expect("a turn broke, and has said why");
        held.take_if(|dispatch| dispatch.is_over())
    }
}

impl Hear for Desk {
    fn hear(&self, word: Word) {
        self.turn(|dispatch| dispatch.hear(word));
    }
}

/// Rings at the end of a turn that ended the run, or that broke.
struct Bell<'a> {
    over: &'a Notify,
    rings: bool,
}

impl Drop for Bell<'_> {
    fn drop(&mut self) {
        if self.rings {
            self.over.notify_one();
        }
    }
}
