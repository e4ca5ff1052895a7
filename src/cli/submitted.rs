//! Runs that were submitted: where each of them is, and its record as far as it was read. `runs`, `logs` and `report` read
//! it again first; the record of one that is over joins those of this machine.

use std::fs;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::out;
use crate::core::files::open;
use crate::core::files::replace::{Lasting, replace};
use crate::core::journal::Store;
use crate::core::model::outcome::Fault;
use crate::kubernetes::runner::{Place, Seen};

/// Where they are kept, below `.pipeline`.
const FOLDER: &str = "submitted";
/// The file that says where a run is.
const STATE: &str = "state.json";
/// Bytes of that file.
const LARGEST: u64 = 64 * 1024;
/// How long the record of one may take to be read by a command that only shows it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A run that was submitted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct State {
    /// The pipeline.
    pub pipeline: String,
    /// Where it is.
    pub place: Place,
}

/// The folder of a submitted run.
pub(super) fn folder(project: &Path, job: &str) -> PathBuf {
    project.join(".pipeline").join(FOLDER).join(job)
}

/// Keeps where a run is.
pub(super) fn keep(project: &Path, state: &State) -> Result<(), Fault> {
    let folder = folder(project, &state.place.job);
    let lost = |error: &dyn std::fmt::Display| {
        let Place { namespace, job, .. } = &state.place;
        Fault::unknown(format!("{job} runs, but where it is cannot be kept: {error}"))
            .help(format!("follow it by hand: kubectl -n {namespace} logs -f job/{job}"))
    };
    let text = serde_json::to_string_pretty(state).map_err(|error| lost(&error))?;
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    let written = || replace(&folder.join(STATE), Lasting::Synced, |out| out.write_all(text.as_bytes()));
    made.and_then(|()| written()).map_err(|error| lost(&error))
}

/// All of a project, the newest last.
fn all(project: &Path) -> Vec<State> {
    let Ok(entries) = fs::read_dir(project.join(".pipeline").join(FOLDER)) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .flatten()
        .filter_map(|entry| {
            let file = entry.path().join(STATE);
            let read = open::read(&file, LARGEST).and_then(|text| Ok(serde_json::from_slice::<State>(&text)?));
            let state = match read {
                Ok(state) => state,
                Err(error) => {
                    out::say(&format!("warning: {} cannot be read: {error}; its Job may still run", file.display()));
                    return None;
                }
            };
            // its folder is found by its name
            let is_its_own = entry.file_name().to_str() == Some(state.place.job.as_str());
            is_its_own.then(|| (file.metadata().and_then(|meta| meta.modified()).ok(), state))
        })
        .collect();
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, state)| state).collect()
}

/// The one of this name, or the newest for `latest`.
pub(super) fn find(project: &Path, wanted: &str) -> Result<State, Fault> {
    let all = all(project);
    let mut fitting = all.iter().filter(|state| wanted == "latest" || state.place.job.starts_with(wanted));
    fitting.next_back().cloned().ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|state| state.place.job.as_str()).collect();
        let fault = Fault::invalid(format!("no run that was submitted from here is called `{wanted}`, or it is over"));
        if names.is_empty() {
            fault.help("`pipeline submit` starts one; `pipeline runs` lists those that are over")
        } else {
            fault.help(format!("these go on: {}", names.join(", ")))
        }
    })
}

/// What is known of a run now: the record of one that is over joins those of this machine.
pub(super) fn settle(project: &Path, job: &str, seen: &Seen) -> Result<(), Fault> {
    if *seen == Seen::GoesOn {
        return Ok(());
    }
    let (from, to) = (folder(project, job), Store::new(project));
    let lost = |error: std::io::Error| Fault::unknown(format!("the record of {job} cannot be kept: {error}"));
    // what cannot be listed is not taken for nothing: the folder goes away below
    let taken = Store::new(&from).list();
    for run in taken.map_err(|error| Fault::unknown(format!("the record of {job} cannot be read: {error}")))? {
        let target = to.root().join(run.id());
        fs::create_dir_all(to.root()).map_err(lost)?;
        if !target.exists() {
            fs::rename(run.path(), target).map_err(lost)?;
        }
    }
    fs::remove_dir_all(from).map_err(lost)
}

/// Reads the records of all of them again. The stores of those that go on; what cannot be read is said.
pub(super) fn refreshed(project: &Path) -> Vec<Store> {
    let mut stores = Vec::new();
    for state in all(project) {
        let (job, folder) = (&state.place.job, folder(project, &state.place.job));
        let update = async { tokio::time::timeout(PATIENCE, state.place.update(&folder)).await };
        let seen = match super::runtime().map(|runtime| runtime.block_on(update)) {
            Ok(Ok(seen)) => seen,
            Ok(Err(_)) => Err(Fault::environment("the cluster gives no answer")),
            Err(fault) => Err(fault),
        };
        match seen.and_then(|seen| settle(project, job, &seen).map(|()| seen)) {
            Ok(Seen::GoesOn) => {
                out::say(&format!("{job} goes on in namespace {}", state.place.namespace));
                stores.push(Store::new(&folder));
            }
            Ok(Seen::Over(_)) => {}
            Ok(Seen::Gone(why)) => out::say(&format!("the end of {job} is not known: {why}")),
            Err(fault) => {
                out::say(&format!("the record of {job} could not be read again: {}", fault.message));
                stores.push(Store::new(&folder));
            }
        }
    }
    stores
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(job: &str) -> State {
        let place = Place { context: None, namespace: "ci".to_owned(), job: job.to_owned(), uid: "u".to_owned() };
        State { pipeline: "shop".to_owned(), place }
    }

    #[test]
    fn the_record_of_a_run_that_is_over_joins_those_of_this_machine() {
        let project = tempfile::tempdir().expect("a folder");
        let project = project.path();
        keep(project, &state("submitted-1")).expect("kept");
        let run = folder(project, "submitted-1").join(".pipeline/runs/20300101-120000-abcd");
        fs::create_dir_all(&run).expect("made");
        assert_eq!(find(project, "latest").expect("there").place.job, "submitted-1");
        settle(project, "submitted-1", &Seen::GoesOn).expect("nothing to do");
        assert!(run.exists());
        settle(project, "submitted-1", &Seen::Over(0)).expect("moved");
        assert!(Store::new(project).root().join("20300101-120000-abcd").is_dir());
        let fault = find(project, "submitted-1").expect_err("it is over");
        assert!(fault.message.contains("or it is over"), "{fault}");
    }
}
