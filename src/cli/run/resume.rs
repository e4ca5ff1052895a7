//! `run --resume`: which run is gone on with, what of it is kept, and the questions that only a person can answer.

use std::io::{self, BufRead, IsTerminal, Write};

use super::super::args::Run;
use super::super::{out, record};
use super::verify;
use crate::cli::run_context::RunContext;
use crate::core::engine::{PreviousRun, ResumePlan, Resumption, Selection};
use crate::core::journal::{End, Reader, RunFolder, Store};
use crate::core::model::event::{Rerun, ResumeMode, Role};
use crate::core::model::outcome::Fault;
use crate::core::plan::Plan;
use crate::core::report::previous_runs as words;

/// The run that is meant, and what its record says. `latest` is the newest that ran the pipeline, and did not only
/// clean up behind another.
pub(super) fn past(runs: &record::Runs, wanted: &str, plan: &Plan) -> Result<(RunFolder, PreviousRun), Fault> {
    let candidates = match wanted {
        "latest" => runs.own()?,
        named => vec![runs.find(Some(named))?],
    };
    for folder in candidates {
        let mut past = of(&folder)?;
        if wanted == "latest" && (past.how() == Some(ResumeMode::Settle) || past.run.is_empty()) {
            continue;
        }
        if folder.is_running() {
            return Err(Fault::environment(format!("the run {} is still going on", folder.id()))
                .help("wait for it to end, or stop it with Ctrl-C"));
        }
        if past.run.is_empty() {
            return Err(Fault::invalid(format!(
                "the run {} died before it began: there is nothing to go on with",
                folder.id()
            ))
            .help("type: pipeline run"));
        }
        if past.pipeline != plan.pipeline() {
            return Err(Fault::invalid(format!(
                "the run {} is one of pipeline `{}`, these files are pipeline `{}`",
                folder.id(),
                past.pipeline,
                plan.pipeline()
            )));
        }
        recall(&runs.store, &mut past, &folder)?;
        return Ok((folder, past));
    }
    Err(Fault::invalid("there is no run to go on with").help("type: pipeline run"))
}

/// A run that went on with another, and was asked for some stages alone, left the others as that one knew them.
pub(in crate::cli) fn recall(store: &Store, past: &mut PreviousRun, folder: &RunFolder) -> Result<(), Fault> {
    let mut seen = vec![folder.id().to_owned()];
    let mut chain: Vec<PreviousRun> = Vec::new();
    while let Some(id) = chain.last().unwrap_or(past).continued().filter(|id| !seen.iter().any(|other| other == id)) {
        let id = id.to_owned();
        let earlier = match store.get(&id) {
            Some(folder) => of(&folder)?,
            None => {
                return Err(Fault::unknown(format!(
                    "run {} went on with run {id}, whose record is gone: what that one did of the other stages is not known",
                    folder.id()
                ))
                .help("type: pipeline run"));
            }
        };
        seen.push(id);
        chain.push(earlier);
    }
    let known = chain.into_iter().rev().reduce(|known, mut later| {
        later.recall(&known);
        later
    });
    if let Some(known) = known {
        past.recall(&known);
    }
    Ok(())
}

/// What a record says, up to its end or its first damage; nothing where the run died before it had one.
pub(in crate::cli) fn of(folder: &RunFolder) -> Result<PreviousRun, Fault> {
    if matches!(folder.journal().try_exists(), Ok(false)) {
        return Ok(PreviousRun::default());
    }
    let mut reader = Reader::open(&folder.journal()).map_err(|error| Fault::unknown(error.to_string()))?;
    let mut past = PreviousRun::default();
    reader.by_ref().for_each(|record| past.apply(record.at, &record.event));
    if reader.end().is_some_and(End::loses_records) {
        past.doubts_the_rest();
    }
    Ok(past)
}

/// Says what a resumed run would do.
pub(super) fn preview(ready: &RunContext, selection: &Selection, past: &PreviousRun, run: &Run) -> Result<(), Fault> {
    let course = decided(ready, selection, past, (&run.done, &run.again), &[])?;
    let outlines: Vec<_> = ready.plan.nodes().iter().map(|node| node.outline.clone()).collect();
    let mut text = words::continuing(&course.continues, &outlines).join("\n");
    for kept in course.continues.kept.iter().filter(|kept| outlines[kept.node.index()].role != Role::Gate) {
        text.push_str(&format!("\n  ✔ {}  done by run {}", outlines[kept.node.index()].name, kept.from));
    }
    for gate in &course.verifies {
        let name = &outlines[gate.index()].name;
        text.push_str(&format!("\n  ? {name}  held; its steps run again where it does not any more"));
    }
    out::styled(&format!("\n{text}\n"));
    Ok(())
}

/// What is kept and what runs again, after the gates that prove what is kept were measured; asks about steps that must not
/// run twice and may have run. `None` after Ctrl-C.
pub(super) async fn course(
    ready: &RunContext,
    selection: &Selection,
    past: &PreviousRun,
    run: &Run,
) -> Result<Option<ResumePlan>, Fault> {
    let verifies = decided(ready, selection, past, (&run.done, &run.again), &[])?.verifies;
    let Some(gone) = verify::gone(ready, past, &verifies).await? else { return Ok(None) };
    let (mut done, again) = (run.done.clone(), run.again.clone());
    let mut agreed: Vec<String> = again.clone();
    loop {
        let course = decided(ready, selection, past, (&done, &again), &gone)?;
        let doubt = course.in_doubt(&ready.plan).find(|(name, _)| !agreed.iter().any(|other| other == name));
        let Some((name, why)) = doubt else { return Ok(Some(course)) };
        let why = words::rerun_reason(why);
        if !can_ask() {
            return Err(Fault::unknown(format!(
                "step \"{name}\" must not run twice (`once: true`), and may have run: {why}"
            ))
            .help(format!(
                "look whether it did its work, then type: pipeline run --resume --done {name}   (or --again {name})"
            )));
        }
        match ask(name, &why)? {
            Answer::Done => done.push(name.to_owned()),
            Answer::Again => agreed.push(name.to_owned()),
        }
    }
}

fn decided(
    ready: &RunContext,
    selection: &Selection,
    past: &PreviousRun,
    (done, again): (&[String], &[String]),
    gone: &[Rerun],
) -> Result<ResumePlan, Fault> {
    let resumption = Resumption {
        plan: &ready.plan,
        selection,
        past,
        run: "next",
        namespace: ready.services.namespace(),
        env: &ready.env,
        secrets: &ready.secrets,
        key: &ready.key,
        done,
        again,
        gone,
    };
    resumption.decide()
}

enum Answer {
    Done,
    Again,
}

fn can_ask() -> bool {
    let ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    io::stdin().is_terminal() && io::stderr().is_terminal() && !ci
}

fn ask(name: &str, why: &str) -> Result<Answer, Fault> {
    out::say(&format!("step \"{name}\" must not run twice, and may have run: {why}"));
    loop {
        let mut stderr = io::stderr();
        let _ =
            stderr.write_all(b"is it done, shall it run again, or stop here? [d/a/s] ").and_then(|()| stderr.flush());
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line).unwrap_or(0);
        match (read, line.trim().to_ascii_lowercase().as_str()) {
            (_, "d" | "done") => return Ok(Answer::Done),
            (_, "a" | "again") => return Ok(Answer::Again),
            (0, _) | (_, "s" | "stop") => return Err(Fault::unknown("stopped: nothing was run")),
            _ => {}
        }
    }
}
