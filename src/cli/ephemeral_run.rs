//! A run that is not kept: its events are numbered and go to the reporters, its logs and evidence nowhere.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;

use super::scratch::scratch;
use crate::core::engine::{
    self, Interrupt, NodeFiles, Notice, NoticeSender, Options, Parts, Recorder, RunFiles, RunResult,
};
use crate::core::kind::Evidence;
use crate::core::kind::services::Services;
use crate::core::kind::watch_machine;
use crate::core::mask::{Masker, SecretText};
use crate::core::model::event::{Event, LogSize, NodeId, Record};
use crate::core::model::outcome::Fault;
use crate::core::plan::Plan;
use crate::process::LineSink;

/// What is run, and with what.
pub(super) struct EphemeralRun {
    pub plan: Arc<Plan>,
    pub services: Arc<Services>,
    pub secrets: Arc<BTreeMap<String, SecretText>>,
    pub masker: Masker,
    pub interrupts: UnboundedReceiver<Interrupt>,
}

/// Runs it; `hear` hears of every event.
pub(super) async fn run(options: Options, of: EphemeralRun, mut hear: impl FnMut(Record)) -> Result<RunResult, Fault> {
    let EphemeralRun { plan, services, secrets, masker, interrupts } = of;
    watch_machine();
    let (notices, mut received) = engine::notices();
    let (recorder, files) = (Box::new(Numbers::new()), Arc::new(Files(scratch("gate")?)));
    let parts = Parts { plan, services, secrets, masker, recorder, files, notices };
    let hearing = async {
        while let Some(notice) = received.recv().await {
            if let Notice::Record(record) = notice {
                hear(record);
            }
        }
    };
    let (result, ()) = tokio::join!(Box::pin(engine::run(options, parts, interrupts)), hearing);
    result
}

/// Gives events their place and time, and keeps none of them.
struct Numbers {
    begun: Instant,
    next: u64,
}

impl Numbers {
    fn new() -> Self {
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
struct Files(TempDir);

struct Nowhere;

impl LineSink for Nowhere {
    fn line(&self, _: &[u8]) {}
}

impl NodeFiles for Nowhere {
    fn close(&self) -> Option<LogSize> {
        None
    }
}

impl Evidence for Nowhere {
    fn keep(&self, _: &str, _: &str) {}
}

impl RunFiles for Files {
    fn of(&self, _: NodeId, _: &Arc<str>, _: &NoticeSender) -> Arc<dyn NodeFiles> {
        Arc::new(Nowhere)
    }

    fn scratch(&self) -> &Path {
        self.0.path()
    }
}
