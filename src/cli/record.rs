//! The record of a run, found and replayed: what `report`, `runs` and `logs` have in common.

use std::path::{Path, PathBuf};

use super::args::Args;
use super::{find, out};
use crate::journal::{End, JournalError, Reader, RunFolder, Store, StoreError};
use crate::outcome::Fault;
use crate::report::html;
use crate::report::story::Story;

/// The runs of the project at hand.
pub(super) fn store(args: &Args) -> Result<Store, Fault> {
    let file = find::pipeline_file(args)?;
    Ok(Store::new(file.parent().unwrap_or(&file)))
}

/// The run of this id; `latest`, or nothing, is the newest.
pub(super) fn folder(store: &Store, wanted: Option<&str>) -> Result<RunFolder, Fault> {
    store.find(wanted.unwrap_or("latest")).map_err(|error| unfound(&error))
}

/// A store's error for people.
pub(super) fn unfound(error: &StoreError) -> Fault {
    let fault = match error {
        StoreError::Io { .. } => Fault::unknown(error.to_string()),
        _ => Fault::invalid(error.to_string()),
    };
    match error.help() {
        Some(help) => fault.help(help),
        None => fault,
    }
}

/// Replays a run's journal. A damaged end is told; what stands before it is true.
pub(super) fn story(run: &RunFolder) -> Result<Story, Fault> {
    let mut reader = Reader::open(&run.journal()).map_err(|error| unreadable(&error))?;
    let mut story = Story::default();
    for record in reader.by_ref() {
        story.apply(&record);
    }
    if let Some(End::Damaged { bytes, .. }) = reader.end() {
        out::say(&format!("the record of {} is damaged: its last {bytes} bytes are left out", run.id()));
    }
    Ok(story)
}

/// The logs and the evidence of a run, for links: paths relative to its folder.
pub(super) struct Beside<'a>(pub &'a RunFolder);

/// Evidence of one node that is linked to.
const LINKS: usize = 60;

impl Beside<'_> {
    fn below(&self, path: &Path) -> Option<String> {
        Some(path.strip_prefix(self.0.path()).ok()?.to_string_lossy().into_owned())
    }
}

impl html::Beside for Beside<'_> {
    fn log(&self, node: &str) -> Option<String> {
        self.below(&self.0.log(node))
    }

    fn evidence(&self, node: &str) -> Vec<String> {
        let mut found = Vec::new();
        gather(&self.0.evidence_of(node), 0, &mut found);
        found.sort();
        found.iter().take(LINKS).filter_map(|file| self.below(file)).collect()
    }
}

fn gather(folder: &Path, depth: u32, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() && depth < 4 {
            gather(&path, depth + 1, found);
        } else if path.is_file() {
            found.push(path);
        }
    }
}

fn unreadable(error: &JournalError) -> Fault {
    match error {
        JournalError::Version { .. } | JournalError::NotAJournal { .. } => Fault::invalid(error.to_string()),
        _ => Fault::unknown(error.to_string()),
    }
}
