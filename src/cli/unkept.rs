//! A run that is not kept: its events get their numbers and go to whoever listens, its logs and evidence nowhere.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tempfile::TempDir;

use super::scratch::scratch;
use crate::drivers::process::LineSink;
use crate::engine::{NoticeSender, Recorder, RunFiles, StepLog};
use crate::event::{Event, LogSize, NodeId, Record};
use crate::kind::Evidence;
use crate::outcome::Fault;

/// Gives events their place and time, and keeps none of them.
pub(super) struct Numbers {
    begun: Instant,
    next: u64,
}

impl Numbers {
    pub fn new() -> Self {
        Numbers { begun: Instant::now(), next: 0 }
    }
}

impl Recorder for Numbers {
    fn record(&mut self, events: Vec<Event>) -> io::Result<Vec<Record>> {
        let at = self.begun.elapsed();
        let first = self.next;
        self.next += events.len() as u64;
        Ok((first..).zip(events).map(|(seq, event)| Record { seq, at, event }).collect())
    }
}

/// A folder for temporary files, and nothing else.
pub(super) struct Files(TempDir);

impl Files {
    pub fn new() -> Result<Self, Fault> {
        scratch("gate").map(Files)
    }
}

struct Nowhere;

impl LineSink for Nowhere {
    fn line(&self, _: &[u8]) {}
}

impl StepLog for Nowhere {
    fn close(&self) -> Option<LogSize> {
        None
    }
}

impl Evidence for Nowhere {
    fn keep(&self, _: &str, _: &str) {}
}

impl RunFiles for Files {
    fn log(&self, _: NodeId, _: &str, _: &NoticeSender) -> Arc<dyn StepLog> {
        Arc::new(Nowhere)
    }

    fn evidence(&self, _: NodeId, _: &str) -> Arc<dyn Evidence> {
        Arc::new(Nowhere)
    }

    fn scratch(&self) -> &Path {
        self.0.path()
    }
}
