//! `pipeline run`: loads, asks the guard, takes the lock, gathers the secrets, looks after runs that died, runs, reports.

mod echo;
pub(super) mod lease;
mod listen;
mod pause;
pub(super) mod perform;
pub(super) mod resume;
mod signals;
pub(super) mod storage;
mod tools;
mod verify;

use crate::cli::run_context::environment;
use crate::cli::run_context::ready;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use super::args::{Args, Run};
use super::{clean, find, out, record, recovery, removal};
use crate::cli::lock::{self, Lock};
use crate::cli::run_context::{RunContext, RunOptions};
use crate::core::engine::{self, Mode, PreviousRun, Selection, Wanted};
use crate::core::journal::RunFolder;
use crate::core::kind::services::Services;
use crate::core::kind::settings::FreshOrigin;
use crate::core::mask::MIN_LENGTH;
use crate::core::model::exit_code::Exit;
use crate::core::model::outcome::{Fault, FaultKind};
use crate::core::plan::{Loaded, Plan};
use crate::core::spec::{SecretSource, StageNames};
use crate::services::{Clients, services_of};
pub(super) use signals::interrupts;

/// Runs the pipeline.
pub(super) fn run(args: &Args, run: &Run) -> Result<Exit, Fault> {
    let loaded = match find::loaded(args, &run.overrides)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    let Loaded { plan, secrets, sources, diagnostics } = loaded;
    // They have served, and would live as long as the run.
    drop((sources, diagnostics));
    let Some(plan) = plan else { return Ok(Exit::Invalid) };
    let plan = Arc::new(plan);
    let selection = selection(&plan, run)?;
    if run.pause_on_failure {
        pause::available(run.output)?;
    }
    let services = Arc::new(services_of(plan.settings().clone()));
    if engine::touches_cluster(&plan, &selection) {
        services.cluster().guard()?;
        if let (Some(program), false) = (services.cluster().credential_program()?, run.dry_run) {
            out::say(&format!("the cluster's user signs in with the program `{program}`, which kubeconfig names"));
        }
    }
    if selection.leaves_out_finally(&plan) {
        out::say("this run leaves out stages: the pipeline's own `finally` steps do not run (`--finally` runs them)");
    }
    if !run.dry_run {
        tools::present(&plan, &selection, &environment())?;
    }
    let runtime = super::runtime()?;
    let result = runtime.block_on(async {
        if run.dry_run {
            out::data(&crate::core::report::plan::tree(&plan));
            if let Some((_, past)) = resumed(args, run, &plan)? {
                match ready(plan, services, &secrets).await? {
                    Ok(ready) => {
                        let ready = ready.in_namespace_of(&past, FreshOrigin::Left);
                        resume::preview(&ready, &selection, &past, run)?;
                    }
                    Err(exit) => return Ok(exit),
                }
            }
            out::say("dry run: the files are right; nothing was run");
            return Ok(Exit::Passed);
        }
        go(args, run, plan, services, selection, &secrets).await
    });
    // A kind's blocking work (an image scan) must not hold up the end of an interrupted run.
    runtime.shutdown_timeout(Duration::from_millis(200));
    result
}

async fn go(
    args: &Args,
    run: &Run,
    plan: Arc<Plan>,
    services: Arc<Services>,
    selection: Selection,
    secrets: &IndexMap<String, SecretSource>,
) -> Result<Exit, Fault> {
    let project = plan.settings().project.clone();
    let patience = run.wait.unwrap_or(Duration::ZERO);
    let waits = |holder: Option<&lock::Holder>| {
        let who = holder.map(|holder| format!(": {}", lock::shown(holder))).unwrap_or_default();
        out::say(&format!("waiting: another run of this project is going on{who}"));
    };
    let mut lock = match Lock::take(&project, patience, waits).await {
        Ok(lock) => lock,
        Err(fault) if fault.kind == FaultKind::Environment => return Err(fault),
        // Where no lock can be written no record can.
        Err(fault) => {
            out::error(&fault.message, fault.help.as_deref());
            return Ok(Exit::Report);
        }
    };
    // read now that no other run can go on with the same one
    let past = resumed(args, run, &plan)?;
    let ready = match ready(plan, services, secrets).await? {
        Ok(ready) => ready,
        Err(exit) => return Ok(exit),
    };
    warn_of_short(&ready);
    let jobs = run.jobs.unwrap_or_else(default_jobs).max(1);
    let wish = RunOptions {
        cached: !run.fresh,
        jobs,
        mode: mode(run),
        output: run.output,
        patience,
        keep: run.keep.is_some(),
        pause: run.pause_on_failure,
        called: args.called(),
    };
    let store = record::runs(args)?.store;
    let goes_on_with = past.as_ref().map(|(folder, _)| folder.id());
    let settled = recovery::settle(&store, &ready, &wish, goes_on_with, &mut lock).await?;
    if recovery::ends_all(settled) {
        return Ok(settled);
    }
    recovery::name_kept(&store, goes_on_with, &wish.called)?;
    if run.fresh && !clean::sweep(&ready.services, &ready.plan, &store, false, removal::LIMIT).await?.gone {
        return Ok(Exit::Failed);
    }
    let Some((folder, past)) = past else {
        return ready.perform(&wish, selection, None, &mut lock, &[]).await;
    };
    let ready = ready.in_namespace_of(&past, FreshOrigin::Left);
    let Some(course) = resume::course(&ready, &selection, &past, run).await? else { return Ok(Exit::Interrupted) };
    let open = (past.is_open() || !past.pending().is_empty()).then(|| folder.clone());
    ready.perform(&wish, selection, Some(course), &mut lock, open.as_slice()).await
}

/// The run that `--resume` goes on with, and what its record says.
fn resumed(args: &Args, run: &Run, plan: &Plan) -> Result<Option<(RunFolder, PreviousRun)>, Fault> {
    run.resume.as_ref().map(|wanted| resume::past(&record::runs(args)?, wanted, plan)).transpose()
}

/// Names the secrets that are too short to be masked.
fn warn_of_short(ready: &RunContext) {
    let names = ready.masker.too_short().iter().filter_map(|at| ready.secrets.keys().nth(*at));
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if !names.is_empty() {
        let (secrets, them) = if names.len() == 1 { ("secret", "its value") } else { ("secrets", "their values") };
        out::say(&format!(
            "warning: the {secrets} {}: shorter than {MIN_LENGTH} characters, so {them} will not be masked in logs and \
             reports; give longer ones",
            names.join(", ")
        ));
    }
}

fn mode(run: &Run) -> Mode {
    match (run.keep_going, run.fail_fast) {
        (true, _) => Mode::KeepGoing,
        (_, true) => Mode::FailFast,
        _ => Mode::Normal,
    }
}

/// The stages that `--stage` and `--until` choose: by name, or by their number in pipeline.yaml.
fn selection(plan: &Plan, run: &Run) -> Result<Selection, Fault> {
    let named = |text: &String| -> String {
        let at = text.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let mut written = plan.stages().iter().filter(|stage| !StageNames::is_reserved(&stage.name));
        at.and_then(|at| written.nth(at)).map_or_else(|| text.clone(), |stage| stage.name.clone())
    };
    let stages: Vec<String> = run.stages.iter().map(named).collect();
    let until = run.until.as_ref().map(named);
    let (until, steps, finally) = (until.as_deref(), run.steps.as_slice(), run.finally);
    Selection::of(plan, &Wanted { stages: &stages, until, steps, finally }).map_err(|unknown| {
        let fault = Fault::invalid(unknown.to_string());
        match unknown.help {
            Some(help) => fault.help(help),
            None => fault,
        }
    })
}

fn default_jobs() -> u32 {
    std::thread::available_parallelism().map_or(2, |cores| u32::try_from(cores.get()).unwrap_or(2))
}
