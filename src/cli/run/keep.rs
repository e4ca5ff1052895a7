//! Where a run is kept: its folder, its journal, its logs; and the reports written at its end.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::drivers::process::LineSink;
use crate::engine::{NoticeSender, Recorder, RunFiles, StepLog};
use crate::event::{Event, Live, LogSize, NodeId, Record};
use crate::kind::Evidence;
use crate::mask::SecretText;
use crate::outcome::Fault;
use crate::report::story::Story;

/// A run's place.
pub(super) struct Kept {
    pub id: String,
    pub started: String,
    pub folder: PathBuf,
    pub recorder: Box<dyn Recorder>,
    pub files: Arc<dyn RunFiles>,
}

impl Kept {
    pub fn create(project: &Path, _: &BTreeMap<String, SecretText>) -> Result<Self, Fault> {
        let folder = project.join(".pipeline/runs/smoke");
        std::fs::create_dir_all(&folder).map_err(|error| Fault::unknown(error.to_string()))?;
        Ok(Kept {
            id: "smoke".into(),
            started: jiff::Timestamp::now().to_string(),
            recorder: Box::new(Memory { seq: 0, begun: Instant::now() }),
            files: Arc::new(Nothing { scratch: folder.clone() }),
            folder,
        })
    }
}

/// Writes the reports that every run leaves.
pub(super) fn reports(folder: &Path, story: &Story) -> Result<(), Fault> {
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| Fault::unknown(format!("cannot write {}: {error}", path.display())))
    };
    write("junit.xml", crate::report::junit::junit(story))?;
    write("summary.json", format!("{:#}\n", crate::report::json::json(story)))
}

/// A path as people type it: relative to where they are.
pub(super) fn shown(folder: &Path) -> String {
    let here = std::env::current_dir().ok();
    let below = here.as_deref().and_then(|here| folder.strip_prefix(here).ok());
    below.unwrap_or(folder).display().to_string()
}

struct Memory {
    seq: u64,
    begun: Instant,
}

impl Recorder for Memory {
    fn record(&mut self, events: Vec<Event>) -> io::Result<Vec<Record>> {
        let at = self.begun.elapsed();
        Ok(events
            .into_iter()
            .map(|event| {
                self.seq += 1;
                Record { seq: self.seq - 1, at, event }
            })
            .collect())
    }
}

struct Nothing {
    scratch: PathBuf,
}

struct Log {
    node: NodeId,
    live: NoticeSender,
}

impl LineSink for Log {
    fn line(&self, line: &[u8]) {
        self.live.live(Live::Line { node: self.node, text: String::from_utf8_lossy(line).into_owned() });
    }
}

impl StepLog for Log {
    fn close(&self) -> Option<LogSize> {
        None
    }
}

impl Evidence for Nothing {
    fn keep(&self, _: &str, _: &str) {}
}

impl RunFiles for Nothing {
    fn log(&self, node: NodeId, _: &str, live: &NoticeSender) -> Arc<dyn StepLog> {
        Arc::new(Log { node, live: live.clone() })
    }
    fn evidence(&self, _: NodeId, _: &str) -> Arc<dyn Evidence> {
        Arc::new(Nothing { scratch: self.scratch.clone() })
    }
    fn scratch(&self) -> &Path {
        &self.scratch
    }
}
