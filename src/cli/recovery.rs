//! What runs that were killed have left: processes, private files, `finally` steps. The next run, or `clean`, sees to it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::run::resume;
use super::run::storage::reports;
use super::run_context::{RunContext, RunOptions};
use super::{compose_records, out, record};
use crate::cli::lock::{self, Lock};
use crate::cli::orphans::{self, Orphan};
use crate::core::engine::{NodeStatus, PreviousRun, ResumePlan, Selection};
use crate::core::journal::{LOG_LIMIT, RunFolder, Store, Writer, mend_log};
use crate::core::kind::settings::FreshOrigin;
use crate::core::model::event::{Event, Reason, ResumeMode, Role};
use crate::core::model::exit_code::Exit;
use crate::core::model::outcome::Fault;
use crate::core::report::run_state::{NodeStory, RunState};

/// Between SIGTERM and SIGKILL for processes that a dead run left.
const GRACE: Duration = Duration::from_secs(10);

/// Runs whose records cannot be read, which was reported.
static WARNED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// A run that was killed and that no other run has taken over yet.
pub(super) struct Dead {
    pub folder: RunFolder,
    pub past: PreviousRun,
}

/// The runs that were killed, the oldest first. Looks only at those without reports: every run that ends has some.
pub(super) fn dead(store: &Store) -> Result<Vec<Dead>, Fault> {
    let runs = store.list().map_err(|error| record::unfound(&error))?;
    let unfinished = runs.into_iter().filter(|run| !run.summary().exists() && !run.is_running());
    let mut dead: Vec<Dead> = unfinished.filter_map(read).filter(|dead| !may_live(dead)).collect();
    let continued: BTreeSet<String> = dead.iter().filter_map(|dead| dead.past.continued().map(str::to_owned)).collect();
    dead.retain(|dead| dead.past.is_open() && !continued.contains(&dead.past.run));
    dead.reverse();
    Ok(dead)
}

/// What the record of a run says. Says so where it cannot be read: what the run has left is not known then.
fn read(folder: RunFolder) -> Option<Dead> {
    match resume::of(&folder) {
        Ok(past) => Some(Dead { folder, past }),
        Err(fault) => {
            let id = folder.id();
            // each question that is asked of all runs reads them again
            if WARNED.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned()) {
                let why = fault.message;
                out::say(&format!("warning: what run {id} has left is not known, its record cannot be read: {why}"));
            }
            None
        }
    }
}

/// Whether a run may go on although nothing says so: where the file system has no locks its process decides.
fn may_live(dead: &Dead) -> bool {
    let is_there = |pid: u32| std::path::Path::new("/proc").join(pid.to_string()).exists();
    dead.folder.is_locked().is_none()
        && dead.past.runner.as_ref().is_none_or(|runner| runner.host != lock::host() || is_there(runner.pid))
}

/// Ends what dead runs left running, and does the `finally` they owe. The run that is about to be resumed only loses
/// its processes: what it owes is done by who goes on with it. How that ended.
pub(super) async fn settle(
    store: &Store,
    ready: &RunContext,
    wish: &RunOptions,
    resumed: Option<&str>,
    lock: &mut Lock,
) -> Result<Exit, Fault> {
    let dead = dead(store)?;
    for dead in &dead {
        clear(dead).await;
    }
    // We hold the project's lock: no other run can still need them. What is not pending cleanup stays until `clean`.
    compose_records::take_down(&ready.services, &ready.plan.settings().project, |raised| raised.during, false).await?;
    let owing = dead.iter().filter(|dead| resumed != Some(dead.folder.id()));
    finish_all(store, owing, "died and owes its `finally`", ready, wish, lock).await
}

/// Whether nothing more may be run after that: it was interrupted, or its record cannot be written.
pub(super) fn ends_all(exit: Exit) -> bool {
    matches!(exit, Exit::Interrupted | Exit::Report)
}

/// Does what each of these runs left, as far as that may go on; the first exit code that is not that of success.
async fn finish_all<'d>(
    store: &Store,
    owing: impl Iterator<Item = &'d Dead>,
    what: &str,
    ready: &RunContext,
    wish: &RunOptions,
    lock: &mut Lock,
) -> Result<Exit, Fault> {
    let mut all = Exit::Passed;
    for dead in owing {
        let exit = finish(store, dead, what, ready, wish, lock).await?;
        if ends_all(exit) {
            return Ok(exit);
        }
        if all == Exit::Passed {
            all = exit;
        }
    }
    Ok(all)
}

/// Does the `finally` that one run left.
async fn finish(
    store: &Store,
    dead: &Dead,
    what: &str,
    ready: &RunContext,
    wish: &RunOptions,
    lock: &mut Lock,
) -> Result<Exit, Fault> {
    let mut past = dead.past.clone();
    if let Err(fault) = resume::recall(store, &mut past, &dead.folder) {
        out::say(&format!("warning: {}", fault.message));
    }
    let run = &past.run;
    if past.pipeline != ready.plan.pipeline() {
        out::say(&format!("run {run} was one of pipeline `{}`: what it owes is left alone", past.pipeline));
        return Ok(Exit::Passed);
    }
    let (course, lost) = ResumePlan::settle(&ready.plan, &past);
    for name in lost {
        out::say(&format!("run {run} owes {name}, which the files do not have any more: it is passed over"));
    }
    if course.continues.owes.is_empty() {
        close(&dead.folder, None);
        return Ok(Exit::Passed);
    }
    out::say(&format!("run {run} {what}: that comes first"));
    let nothing = Selection::none(&ready.plan);
    // where it is gone already, its `finally` steps find an empty one
    let ready = ready.in_namespace_of(&past, FreshOrigin::Created);
    ready.perform(wish, nothing, Some(course), lock, std::slice::from_ref(&dead.folder)).await
}

/// The runs that left their `finally` undone for their user to see what failed, the oldest first.
pub(super) fn kept(store: &Store) -> Result<Vec<Dead>, Fault> {
    let runs = store.list().map_err(|error| record::unfound(&error))?;
    let marked = runs.into_iter().filter(|run| run.pending().exists() && !run.is_running());
    let mut kept: Vec<Dead> = marked.filter_map(read).collect();
    kept.retain(|kept| !kept.past.pending().is_empty());
    kept.reverse();
    Ok(kept)
}

/// Does the `finally` that runs left undone on purpose, or tried in vain. How that ended.
pub(super) async fn settle_kept(
    store: &Store,
    ready: &RunContext,
    wish: &RunOptions,
    lock: &mut Lock,
) -> Result<Exit, Fault> {
    finish_all(store, kept(store)?.iter(), "left its `finally` undone", ready, wish, lock).await
}

/// Names runs whose `finally` is still to be done, but for the one that is about to be resumed.
pub(super) fn name_kept(store: &Store, resumed: Option<&str>, called: &str) -> Result<(), Fault> {
    for kept in kept(store)?.iter().filter(|kept| resumed != Some(kept.folder.id())) {
        let names = kept.past.pending().join(", ");
        out::say(&format!("run {} left {names} undone: `{called} clean` runs what is left", kept.past.run));
    }
    Ok(())
}

/// Notes in a run's folder which `finally` steps it left undone, and says so; what cannot be written.
pub(super) fn leave(folder: &RunFolder, story: &RunState, called: &str) -> Option<String> {
    let settled = story.continues.as_ref().filter(|continues| continues.how == ResumeMode::Settle);
    let owed = |at: usize| settled.is_some_and(|settled| settled.owes.iter().any(|owed| owed.index() == at));
    let undone = |at: usize, node: &NodeStory| {
        let in_vain = owed(at) && node.state.is_unfinished();
        (node.outline.role == Role::Finally) && (in_vain || node.because == Some(Reason::Pending))
    };
    let pending = story.nodes.iter().enumerate().filter(|(at, node)| undone(*at, node));
    let names: Vec<&str> = pending.map(|(_, node)| node.outline.name.as_str()).collect();
    if names.is_empty() {
        return None;
    }
    let names_in_a_row = names.join(", ");
    match settled {
        Some(_) => out::say(&format!("still to be done: {names_in_a_row}; `{called} clean` tries again")),
        None => {
            out::say(&format!("left for you to see: {names_in_a_row} did not run; `{called} clean` runs what is left"));
        }
    }
    let written = std::fs::write(folder.pending(), names.join("\n") + "\n");
    written.err().map(|error| format!("the pending cleanup of this run: {error}"))
}

/// Ends the processes of a dead run and removes its private files.
async fn clear(dead: &Dead) {
    let Some(runner) = &dead.past.runner else { return };
    if runner.host != lock::host() {
        out::say(&format!(
            "run {} was carried out on {}: what it left there is not seen from here",
            dead.past.run, runner.host
        ));
        return;
    }
    // What a step that had ended left running was left on purpose, as it would have been without the death.
    let kept = |orphan: &Orphan| {
        let node = orphan.node.and_then(|node| dead.past.node_at(node));
        node.is_some_and(|node| matches!(node.stand, NodeStatus::Over(_) | NodeStatus::TimedOut))
    };
    let (left, orphans): (Vec<Orphan>, Vec<Orphan>) = orphans::find(&runner.cookie).into_iter().partition(kept);
    if !orphans.is_empty() {
        orphans::end(&orphans, GRACE).await;
        let (run, pid) = (&dead.past.run, runner.pid);
        out::say(&format!("run {run} died (process {pid}); what it left running was ended: {}", named(&orphans)));
    }
    if !left.is_empty() {
        out::say(&format!("left running by steps of run {} that had ended: {}", dead.past.run, named(&left)));
    }
    let named = runner.scratch.file_name().is_some_and(|name| name.to_string_lossy().contains(dead.folder.id()));
    if named {
        // Gone already is as good.
        let _ = std::fs::remove_dir_all(&runner.scratch);
    }
}

fn named(orphans: &[Orphan]) -> String {
    let mut all: Vec<String> = orphans.iter().map(|orphan| format!("{} ({})", orphan.program, orphan.pid)).collect();
    let rest = all.len().saturating_sub(8);
    all.truncate(8);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{}{more}", all.join(", "))
}

/// Writes behind a dead run's record who has taken it over, and the reports that it could not write itself.
pub(super) fn close(folder: &RunFolder, by: Option<&str>) {
    let story = record::story(folder);
    let at = story.as_ref().map(|story| story.last).unwrap_or_default();
    for node in story.iter().flat_map(|story| &story.nodes) {
        if let Err(error) = mend_log(&folder.log(&node.outline.name), LOG_LIMIT) {
            out::say(&format!("the log of {} could not be closed: {error}", node.outline.name));
        }
    }
    // The one that was left on purpose is done, too.
    let _ = std::fs::remove_file(folder.pending());
    // Of two runs of the same second the folder's time tells which is the later one: it stays that of the death.
    let modified = std::fs::metadata(folder.path()).and_then(|found| found.modified());
    let closed = Writer::open_for_append(&folder.journal(), move || at)
        .map_err(|error| error.to_string())
        .and_then(|mut reopened| {
            let event = Event::TakenOver { by: by.map(str::to_owned) };
            reopened.writer.append(vec![event]).map_err(|error| error.to_string())
        })
        .and_then(|_| record::story(folder).and_then(|story| reports(folder, &story)).map_err(|fault| fault.message));
    if let (Ok(modified), Ok(open)) = (modified, std::fs::File::open(folder.path())) {
        let _ = open.set_modified(modified);
    }
    if let Err(words) = closed {
        out::say(&format!("run {} could not be closed: {words}", folder.id()));
    }
}
