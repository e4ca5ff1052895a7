//! Interrupts of a run: its signals, handed to the engine as they come.

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::echo;
use crate::core::engine::{self, Interrupt};
use crate::core::expr;
use crate::core::journal::RunFolder;
use crate::core::model::outcome::Fault;
use crate::process::signals::{self, Listener};

/// Interrupts go to a receiver as long as this lives; afterwards they end the program.
pub(in crate::cli) struct Listening(());

impl Drop for Listening {
    fn drop(&mut self) {
        signals::forget();
    }
}

/// What interrupts come through.
type Channel = (UnboundedSender<Interrupt>, UnboundedReceiver<Interrupt>, Listening);

/// Signals from now on, by number. `last_words` are for a program that has to end at once.
pub(in crate::cli) fn interrupts(last_words: Option<Box<dyn FnOnce() + Send>>) -> Result<Channel, Fault> {
    signals::start()?;
    let (sender, receiver) = unbounded_channel();
    let to = sender.clone();
    let hear = Box::new(move |signal| {
        let heard = to.send(Interrupt::Signal(signal)).is_ok();
        // the thread that evaluates is the one that receives
        expr::interrupt();
        heard
    });
    signals::listen(Listener { hear, last_words });
    Ok((sender, receiver, Listening(())))
}

/// Ends the record of a run whose own thread does not answer, and leaves nothing private.
pub(super) fn last_words(folder: RunFolder, scratch: std::path::PathBuf) -> Box<dyn FnOnce() + Send> {
    Box::new(move || {
        engine::end_record_now();
        echo::restore();
        let story = if folder.summary().exists() { None } else { crate::cli::record::story(&folder).ok() };
        // without an end in its record it is a run that died: the next one sees to what it left
        let story = story.filter(|story| story.end.is_some());
        if let Some(story) = story {
            // the record is whole; the reports can be built from it again
            let _ = super::storage::reports(&folder, &story);
        }
        let _ = std::fs::remove_dir_all(scratch);
        crate::cli::out::say("interrupted: ended at once");
    })
}
