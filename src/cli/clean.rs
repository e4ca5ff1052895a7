//! `pipeline clean`, and what `run --fresh` does first: removes what the pipeline's runs have made, and nothing else.

use crate::cli::stderr_sink::StderrSink;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;

use super::args::{Args, Clean};
use super::namespaces::{self, Sweep};
use super::record::Runs;
use super::removal::{CleanupResult, LIMIT, Removal};
use super::run_context::{RunContext, RunOptions};
use super::{compose_records, find, out, record, recovery};
use crate::cli::lock::{Holder, Lock, host};
use crate::containers::compose::ComposeRecord;
use crate::core::engine::Mode;
use crate::core::journal::Store;
use crate::core::kind::services::Services;
use crate::core::model::exit_code::Exit;
use crate::core::model::outcome::Fault;
use crate::core::plan::{Loaded, Plan};
use crate::kubernetes::providers::{Act, Intent, Lowered, ProviderContext, Record, lower};
use crate::process::Stop;
use crate::process::command_context::CommandError;
use crate::services::{Clients, services_of};

/// Cleans up.
pub(super) fn run(args: &Args, wanted: &Clean) -> Result<Exit, Fault> {
    let loaded = match find::loaded(args, &wanted.overrides)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    let Loaded { plan: Some(plan), secrets, .. } = loaded else { return Ok(Exit::Invalid) };
    let plan = Arc::new(plan);
    let services = Arc::new(services_of(plan.settings().clone()));
    let runs = record::runs(args)?;
    let store = runs.store.clone();
    let runtime = super::runtime()?;
    runtime.block_on(async {
        let mut lock = Lock::take(&plan.settings().project, Duration::ZERO, |_| {}).await?;
        let since = jiff::Timestamp::now().to_string();
        lock.sign(&Holder { run: "pipeline clean".to_owned(), pid: std::process::id(), host: host(), since });
        let mut dead = recovery::dead(&store)?;
        dead.extend(recovery::kept(&store)?);
        dead.retain(|dead| dead.past.pipeline == plan.pipeline());
        let mut settled = Exit::Passed;
        if wanted.dry_run {
            for dead in &dead {
                let how = if dead.past.is_open() { "died; it owes" } else { "left undone" };
                out::data(&format!("run {} {how}: {}", dead.past.run, dead.past.owes().join(", ")));
            }
        } else if !dead.is_empty() {
            let ready = match super::run_context::ready(Arc::clone(&plan), Arc::clone(&services), &secrets).await? {
                Ok(ready) => ready,
                Err(exit) => return Ok(exit),
            };
            settled = settle(args, &store, &ready, &mut lock).await?;
            if recovery::ends_all(settled) {
                return Ok(settled);
            }
        }
        let mut swept = sweep(&services, &plan, &store, wanted.dry_run, wanted.timeout.unwrap_or(LIMIT)).await?;
        if let Some(age) = wanted.runs {
            swept.found |= forget(&runs, age, wanted.dry_run)?;
        }
        if !swept.found && dead.is_empty() {
            out::say("nothing to remove: no run has left anything");
        }
        Ok(match settled {
            Exit::Passed if !swept.gone => Exit::Failed,
            settled => settled,
        })
    })
}

async fn settle(args: &Args, store: &Store, ready: &RunContext, lock: &mut Lock) -> Result<Exit, Fault> {
    let output = super::args::Output::Plain;
    let wish = RunOptions {
        cached: false,
        jobs: 4,
        mode: Mode::KeepGoing,
        output,
        patience: Duration::ZERO,
        keep: false,
        pause: false,
        called: args.called(),
    };
    let died = recovery::settle(store, ready, &wish, None, lock).await?;
    if recovery::ends_all(died) {
        return Ok(died);
    }
    let left = recovery::settle_kept(store, ready, &wish, lock).await?;
    Ok(if died == Exit::Passed || recovery::ends_all(left) { left } else { died })
}

/// Removes what runs of this pipeline have made: Compose projects, and what is in the cluster; a cluster that one of them
/// made goes as a whole.
pub(super) async fn sweep(
    services: &Services,
    plan: &Plan,
    store: &Store,
    dry_run: bool,
    limit: Duration,
) -> Result<CleanupResult, Fault> {
    let project = &plan.settings().project;
    // What a run of another pipeline in this folder brought up is not ours.
    let own = Runs::of(store.clone(), plan.pipeline());
    let ours = |raised: &ComposeRecord| store.find(&raised.run).map_or(true, |run| own.is_own(&run));
    let mut found = ComposeRecord::all(project)?.iter().any(ours);
    let down = compose_records::take_down(services, project, ours, dry_run).await?;
    let env = super::run_context::environment();
    let stop = Stop { cancel: CancellationToken::new(), grace: Duration::from_secs(10) };
    let records = Record::all(project)?;
    let desk = ProviderContext {
        env: &env,
        dir: project,
        sink: &StderrSink,
        stop: stop.clone(),
        settings: &plan.settings().cluster,
    };
    for intent in Intent::all(project)? {
        out::say(&match intent {
            Ok(Intent { provider, name, begun }) => {
                format!(
                    "a creation of {provider} cluster {name} that began on {begun} was not recorded as done: it stays"
                )
            }
            Err(fault) => format!("warning: {}: what it began stays", fault.message),
        });
    }
    let (created, started): (Vec<&Record>, Vec<&Record>) =
        records.iter().partition(|record| record.act != Some(Act::Started));
    let mut whole = false;
    for record in created {
        take_down(record, plan, &desk, dry_run).await?;
        found = true;
        whole |= services.cluster().context().ok().flatten().is_none_or(|context| context == record.context);
    }
    let swept = if whole {
        CleanupResult { gone: true, found }
    } else {
        in_cluster(services, plan, store, dry_run, limit).await?
    };
    found |= swept.found || !started.is_empty();
    for record in started {
        take_down(record, plan, &desk, dry_run).await?;
    }
    Ok(CleanupResult { gone: down && swept.gone, found })
}

/// Removes what runs of this pipeline have made in the cluster in use.
async fn in_cluster(
    services: &Services,
    plan: &Plan,
    store: &Store,
    dry_run: bool,
    limit: Duration,
) -> Result<CleanupResult, Fault> {
    let cluster = services.cluster();
    let settings = cluster.settings();
    if settings.contexts.is_empty() || cluster.context()?.is_none() {
        return Ok(CleanupResult { gone: true, found: false });
    }
    let env = super::run_context::environment();
    let removal = Removal { services, plan, store, env: &env, dry_run, limit };
    match &settings.fresh {
        Some(fresh) => namespaces::sweep(&removal, fresh, Sweep::All).await,
        None => removal.of_home(cluster.namespace()).await,
    }
}

/// Takes back what a run did to a cluster.
async fn take_down(record: &Record, plan: &Plan, desk: &ProviderContext<'_>, dry_run: bool) -> Result<(), Fault> {
    record.allowed_by(&plan.settings().cluster.contexts)?;
    let shown = format!("the {} cluster {}", record.provider, record.context);
    if dry_run {
        out::data(&format!("{shown}: {}", Record::outlook(Some(record))));
        return Ok(());
    }
    let words = match lower(desk, &plan.settings().project, record).await.map_err(CommandError::into_fault)? {
        Lowered::Deleted | Lowered::ByCommand => "removed",
        Lowered::Stopped => "stopped",
        Lowered::Gone => "gone already:",
    };
    out::say(&format!("{words} {shown}"));
    Ok(())
}

/// Removes the records of this pipeline's runs that are older than this; whether there were any.
fn forget(runs: &Runs, age: Duration, dry_run: bool) -> Result<bool, Fault> {
    let old = |run: &crate::core::journal::RunFolder| {
        let written = std::fs::metadata(run.path()).and_then(|folder| folder.modified()).ok();
        written.and_then(|written| SystemTime::now().duration_since(written).ok()).is_some_and(|since| since >= age)
    };
    let mut found = false;
    for run in runs.own()?.iter().filter(|run| old(run) && !run.is_running()) {
        found = true;
        if record::pipeline_of(run).is_none() {
            out::say(&format!("the record of run {} stays: it cannot be read, so whose it is is not known", run.id()));
            continue;
        }
        if dry_run {
            out::data(&format!("the record of run {}", run.id()));
        } else {
            runs.store.remove(run).map_err(|error| record::unfound(&error))?;
            out::say(&format!("removed the record of run {}", run.id()));
        }
    }
    Ok(found)
}
