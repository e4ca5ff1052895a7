//! What a reporter is, and how several run side by side: one that fails is switched off, the run goes on.

use std::io;

use super::run_state::RunState;
use crate::core::model::event::{Live, Record};

/// Turns events into words. Sees every record once, in order, and the story after it.
pub trait Reporter: Send {
    /// Its name, for the message when it fails.
    fn name(&self) -> &'static str;

    /// Takes a record in; `story` holds it already.
    ///
    /// # Errors
    /// When its output cannot be written.
    fn record(&mut self, record: &Record, story: &RunState) -> io::Result<()>;

    /// Takes in what passes by.
    ///
    /// # Errors
    /// When its output cannot be written.
    fn live(&mut self, live: &Live, story: &RunState) -> io::Result<()> {
        let _ = (live, story);
        Ok(())
    }

    /// Called when nothing more is at hand for the moment: what was held back must be seen now.
    ///
    /// # Errors
    /// When its output cannot be written.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Called after the last record.
    ///
    /// # Errors
    /// When its output cannot be written.
    fn finish(&mut self, story: &RunState) -> io::Result<()> {
        let _ = story;
        Ok(())
    }
}

/// Reporters side by side, over one story.
#[derive(Default)]
pub struct Reporters {
    list: Vec<Box<dyn Reporter>>,
    story: RunState,
    failed: Vec<(&'static str, io::Error)>,
}

impl Reporters {
    /// Takes one in.
    pub fn add(&mut self, reporter: Box<dyn Reporter>) {
        self.list.push(reporter);
    }

    /// The story so far.
    pub fn story(&self) -> &RunState {
        &self.story
    }

    /// Hands a record to all.
    pub fn record(&mut self, record: &Record) {
        self.story.apply(record);
        self.each(|reporter, story| reporter.record(record, story));
    }

    /// Hands on what passes by.
    pub fn live(&mut self, live: &Live) {
        self.each(|reporter, story| reporter.live(live, story));
    }

    /// Nothing more is at hand for the moment.
    pub fn flush(&mut self) {
        self.each(|reporter, _| reporter.flush());
    }

    /// After the last record: what could not be written, by reporter.
    pub fn finish(mut self) -> (RunState, Vec<(&'static str, io::Error)>) {
        self.each(|reporter, story| reporter.finish(story));
        (self.story, self.failed)
    }

    fn each(&mut self, mut call: impl FnMut(&mut dyn Reporter, &RunState) -> io::Result<()>) {
        let (story, failed) = (&self.story, &mut self.failed);
        self.list.retain_mut(|reporter| match call(reporter.as_mut(), story) {
            Ok(()) => true,
            // A reader that has gone away wants no more; that is no failure of the report.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => false,
            Err(error) => {
                failed.push((reporter.name(), error));
                false
            }
        });
    }
}
