//! `pipeline run`: loads, asks the guard, gathers the secrets, runs, reports.

mod keep;
mod listen;
mod signals;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use super::args::{Args, Run};
use super::{find, out};
use crate::drivers::World;
use crate::engine::{self, Mode, Selection};
use crate::exit_code::Exit;
use crate::mask::{Masker, SecretText};
use crate::outcome::Fault;
use crate::plan::{Loaded, Plan};
use crate::spec::{SecretSource, StageNames};

/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(10);

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
    let world = Arc::new(World::new(plan.settings().clone()));
    if engine::touches_cluster(&plan, &selection) {
        world.cluster.guard()?;
        if let (Some(program), false) = (world.cluster.credential_program()?, run.dry_run) {
            out::say(&format!("the cluster's user signs in with the program `{program}`, which kubeconfig names"));
        }
    }
    if run.dry_run {
        out::data(&crate::report::plan::tree(&plan));
        out::say("dry run: the files are right; nothing was run");
        return Ok(Exit::Passed);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Fault::unknown(format!("cannot start: {error}")))?;
    let result = runtime.block_on(async {
        let env = environment();
        let secrets = resolve(&secrets, &plan, &env).await?;
        go(args, run, plan, selection, world, env, secrets).await
    });
    // A kind's blocking work (an image scan) must not hold up the end of an interrupted run.
    runtime.shutdown_timeout(Duration::from_millis(200));
    result
}

async fn go(
    args: &Args,
    run: &Run,
    plan: Arc<Plan>,
    selection: Selection,
    world: Arc<World>,
    env: BTreeMap<String, String>,
    secrets: Arc<BTreeMap<String, SecretText>>,
) -> Result<Exit, Fault> {
    let masker = Masker::new(secrets.values());
    let kept = match keep::Kept::create(&plan.settings().project, &masker) {
        Ok(kept) => kept,
        Err(fault) => {
            out::error(&fault.message, fault.help.as_deref());
            return Ok(Exit::Report);
        }
    };
    let (notices, received) = engine::notices();
    let listener = listen::Listener::start(listen::reporters(args, run), received)?;
    let options = engine::Options {
        run: kept.folder.id().to_owned(),
        started: kept.started.clone(),
        jobs: run.jobs.unwrap_or_else(default_jobs).max(1),
        mode: mode(run),
        selection,
        grace: GRACE,
        env,
    };
    let parts = engine::Parts {
        masker,
        plan,
        world,
        secrets,
        recorder: kept.recorder,
        files: Arc::clone(&kept.files) as Arc<dyn engine::RunFiles>,
        notices,
        interrupts: signals::interrupts()?,
    };
    let result = engine::run(options, parts).await;
    let (story, failed) = listener.finish();
    let result = result?;
    let mut exit = exit(result.exit_code);
    let mut unwritten: Vec<String> = Vec::new();
    unwritten.extend(result.journal_error.as_ref().map(|error| format!("the record of this run: {error}")));
    unwritten.extend(kept.files.lost());
    unwritten.extend(keep::reports(&kept.folder, &story).err().map(|fault| fault.message));
    unwritten.extend(failed.iter().map(|(reporter, error)| format!("the {reporter} report: {error}")));
    for problem in &unwritten {
        out::error(&format!("not written: {problem}"), None);
    }
    if !unwritten.is_empty() && exit == Exit::Passed {
        exit = Exit::Report;
    }
    out::say(&format!("\n{}", crate::report::text::summary(&story).trim_end()));
    if exit != Exit::Passed {
        out::say(&format!("logs and evidence: {}", keep::shown(kept.folder.path())));
    }
    Ok(exit)
}

fn exit(code: u8) -> Exit {
    [Exit::Passed, Exit::Invalid, Exit::Environment, Exit::Report, Exit::Interrupted]
        .into_iter()
        .find(|exit| exit.code() == code)
        .unwrap_or(Exit::Failed)
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
    Selection::of(plan, &stages, until.as_deref()).map_err(|unknown| {
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

/// The environment that steps start from: ours, as far as it is text.
fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The values of the secrets. Every one that is missing is told.
async fn resolve(
    sources: &IndexMap<String, SecretSource>,
    plan: &Plan,
    env: &BTreeMap<String, String>,
) -> Result<Arc<BTreeMap<String, SecretText>>, Fault> {
    match engine::secrets::resolve(sources, &plan.settings().project, env).await {
        Ok(values) => Ok(Arc::new(values)),
        Err(mut faults) => {
            let last = faults.pop().unwrap_or_else(|| Fault::environment("a secret has no value"));
            for fault in faults {
                out::error(&fault.message, fault.help.as_deref());
            }
            Err(last)
        }
    }
}
