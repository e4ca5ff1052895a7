//! The record of a run, found and replayed: what `report`, `runs` and `logs` have in common.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::args::Args;
use super::{find, out, submitted};
use crate::core::files::open;
use crate::core::journal::{End, JournalError, Reader, RunFolder, Store, StoreError};
use crate::core::model::diagnostic::Diagnostics;
use crate::core::model::event::Event;
use crate::core::model::outcome::Fault;
use crate::core::model::source::SourceMap;
use crate::core::report::html;
use crate::core::report::run_state::RunState;
use crate::core::yaml::{Node, bytes_of, parse, text_of};

/// The runs of the project at hand. Several pipeline files in one folder share it: the newest run is the newest of the
/// pipeline that the command line names.
pub(super) struct Runs {
    pub store: Store,
    /// Runs that were submitted and go on.
    submitted: Vec<Store>,
    /// The pipeline's name; `None` where its file cannot be read, and then every run counts.
    pipeline: Option<String>,
}

/// The runs of the project at hand, and the name of the pipeline at hand.
pub(super) fn runs(args: &Args) -> Result<Runs, Fault> {
    Ok(beside(&find::pipeline_file(args)?))
}

/// The same with the runs that were submitted and go on: for what only shows them.
pub(super) fn runs_everywhere(args: &Args) -> Result<Runs, Fault> {
    let file = find::pipeline_file(args)?;
    let submitted = submitted::refreshed(file.parent().unwrap_or(&file));
    Ok(Runs { submitted, ..beside(&file) })
}

/// The runs beside a pipeline file.
fn beside(file: &Path) -> Runs {
    Runs { store: Store::new(file.parent().unwrap_or(file)), submitted: Vec::new(), pipeline: pipeline_name(file) }
}

/// The name that a pipeline file gives, whatever else is wrong with it.
fn pipeline_name(file: &Path) -> Option<String> {
    let text = text_of(bytes_of(file).ok()?.ok()?).ok()?;
    let (mut sources, mut problems) = (SourceMap::default(), Diagnostics::default());
    let id = sources.add("pipeline", file, text);
    let tree = parse(&sources, id, &mut problems)?;
    tree.get("pipeline").and_then(Node::scalar_text).map(Cow::into_owned)
}

/// The pipeline that a run is of; `None` where its record does not say.
pub(super) fn pipeline_of(run: &RunFolder) -> Option<String> {
    match Reader::open(&run.journal()).ok()?.next()?.event {
        Event::RunStarted { pipeline, .. } => Some(pipeline),
        _ => None,
    }
}

impl Runs {
    /// The runs of one pipeline.
    pub fn of(store: Store, pipeline: &str) -> Self {
        Runs { store, submitted: Vec::new(), pipeline: Some(pipeline.to_owned()) }
    }

    /// Whether a run is one of this pipeline. One whose record does not say counts.
    pub fn is_own(&self, run: &RunFolder) -> bool {
        let Some(own) = &self.pipeline else { return true };
        pipeline_of(run).is_none_or(|pipeline| pipeline == *own)
    }

    /// Every run of the project, newest first.
    pub fn all(&self) -> Result<Vec<RunFolder>, Fault> {
        let mut all = self.store.list().map_err(|error| unfound(&error))?;
        all.extend(self.submitted.iter().flat_map(|store| store.list().unwrap_or_default()));
        if !self.submitted.is_empty() {
            all.sort_by(|one, other| other.id().cmp(one.id()));
        }
        Ok(all)
    }

    /// The runs of this pipeline, newest first.
    pub fn own(&self) -> Result<Vec<RunFolder>, Fault> {
        Ok(self.all()?.into_iter().filter(|run| self.is_own(run)).collect())
    }

    /// The run of this id, of any pipeline; `latest`, or nothing, is the newest of this one.
    pub fn find(&self, wanted: Option<&str>) -> Result<RunFolder, Fault> {
        if let Some(wanted) = wanted.filter(|wanted| *wanted != "latest") {
            let elsewhere = || self.submitted.iter().find_map(|store| store.find(wanted).ok());
            return self.store.find(wanted).or_else(|error| match error {
                StoreError::Unknown { .. } | StoreError::Empty { .. } => elsewhere().ok_or_else(|| unfound(&error)),
                _ => Err(unfound(&error)),
            });
        }
        let all = self.all()?;
        if all.is_empty() {
            return Err(unfound(&StoreError::Empty { root: self.store.root().to_owned() }));
        }
        all.into_iter().find(|run| self.is_own(run)).ok_or_else(|| self.nothing())
    }

    /// There are runs, but none of this pipeline.
    fn nothing(&self) -> Fault {
        let name = self.pipeline.as_deref().unwrap_or_default();
        let root = self.store.root().display();
        Fault::invalid(format!("no run of pipeline `{name}` has been recorded in {root}"))
            .help("start one with `pipeline run`; `pipeline runs list --all` shows the runs of other pipelines")
    }
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

/// Replays a run's journal. A damaged end is reported; what comes before it is true.
pub(super) fn story(run: &RunFolder) -> Result<RunState, Fault> {
    let mut reader = Reader::open(&run.journal()).map_err(|error| unreadable(&error))?;
    let mut story = RunState::default();
    for record in reader.by_ref() {
        story.apply(&record);
    }
    if let Some(End::Damaged { bytes, .. }) = reader.end() {
        out::say(&format!("the record of {} is damaged: its last {bytes} bytes are left out", run.id()));
    }
    Ok(story)
}

/// The logs and the evidence of a run, for links: paths relative to its folder.
pub(super) struct RunArtifacts<'a>(pub &'a RunFolder);

/// Bytes of a file that a report shows; a larger one is only linked to.
const SHOWN: u64 = 1 << 20;
/// Evidence of one node that is linked to.
const LINKS: usize = 60;

impl RunArtifacts<'_> {
    fn below(&self, path: &Path) -> Option<String> {
        Some(path.strip_prefix(self.0.path()).ok()?.to_string_lossy().into_owned())
    }
}

impl html::RunArtifacts for RunArtifacts<'_> {
    fn log(&self, node: &str) -> Option<String> {
        self.below(&self.0.log(node))
    }

    fn evidence_text(&self, node: &str, name: &str) -> Option<(String, String)> {
        let file = self.0.evidence_file(node, name);
        let bytes = open::read(&file, SHOWN).ok()?;
        Some((self.below(&file)?, String::from_utf8_lossy(&bytes).into_owned()))
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
