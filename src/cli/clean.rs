//! `pipeline clean`, and what `run --fresh` does first: removes what the pipeline's runs have made, and nothing else.

use crate::cli::stderr_sink::StderrSink;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;

use super::args::{Args, Clean};
use super::record::Runs;
use super::run_context::{RunContext, RunOptions};
use super::scratch::scratch;
use super::{compose_records, find, out, record, recovery};
use crate::cli::lock::{Holder, Lock, host};
use crate::containers::compose::ComposeRecord;
use crate::core::engine::Mode;
use crate::core::journal::Store;
use crate::core::kind::services::Services;
use crate::core::model::exit_code::Exit;
use crate::core::model::outcome::Fault;
use crate::core::plan::{Loaded, Plan};
use crate::core::report::tame;
use crate::kubernetes::client::Cluster;
use crate::kubernetes::helm::{Installed, Remove};
use crate::kubernetes::ownership::labels::label_value;
use crate::kubernetes::ownership::owned::Owner;
use crate::kubernetes::providers::{Act, Intent, Lowered, ProviderContext, Record, lower};
use crate::process::Stop;
use crate::process::command_context::{CommandContext, CommandError};
use crate::services::{Clients, services_of};

/// How long removed objects are waited for, unless an option says otherwise.
pub(super) const LIMIT: Duration = Duration::from_secs(120);

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
        dead.retain(|dead| dead.past.pipeline == plan.pipeline());
        if wanted.dry_run {
            for dead in &dead {
                out::data(&format!("run {} died; it owes: {}", dead.past.run, dead.past.owes().join(", ")));
            }
        } else if !dead.is_empty() {
            let ready = match super::run_context::ready(Arc::clone(&plan), Arc::clone(&services), &secrets).await? {
                Ok(ready) => ready,
                Err(exit) => return Ok(exit),
            };
            if let Some(exit) = settle(args, &store, &ready, &mut lock).await? {
                return Ok(exit);
            }
        }
        let mut swept = sweep(&services, &plan, &store, wanted.dry_run, wanted.timeout.unwrap_or(LIMIT)).await?;
        if let Some(age) = wanted.runs {
            swept.found |= forget(&runs, age, wanted.dry_run)?;
        }
        if !swept.found && dead.is_empty() {
            out::say("nothing to remove: no run has left anything");
        }
        Ok(if swept.gone { Exit::Passed } else { Exit::Failed })
    })
}

async fn settle(args: &Args, store: &Store, ready: &RunContext, lock: &mut Lock) -> Result<Option<Exit>, Fault> {
    let output = super::args::Output::Plain;
    let wish = RunOptions {
        cached: false,
        jobs: 4,
        mode: Mode::KeepGoing,
        output,
        patience: Duration::ZERO,
        called: args.called(),
    };
    recovery::settle(store, ready, &wish, None, lock).await
}

/// What came of a sweep.
#[derive(Debug, Clone, Copy)]
pub(super) struct CleanupResult {
    /// Whether all went in time that was to go.
    pub gone: bool,
    /// Whether there was anything.
    pub found: bool,
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
    let mut found = ComposeRecord::all(project).iter().any(ours);
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
    for intent in Intent::all(project) {
        out::say(&format!(
            "a creation of {} cluster {} that began on {} was not recorded as done: it stays",
            intent.provider, intent.name, intent.begun
        ));
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
        objects(services, plan, store, dry_run, limit, &desk).await?
    };
    found |= swept.found || !started.is_empty();
    for record in started {
        take_down(record, plan, &desk, dry_run).await?;
    }
    Ok(CleanupResult { gone: down && swept.gone, found })
}

/// Removes what runs of this pipeline have made in the cluster in use.
async fn objects(
    services: &Services,
    plan: &Plan,
    store: &Store,
    dry_run: bool,
    limit: Duration,
    desk: &ProviderContext<'_>,
) -> Result<CleanupResult, Fault> {
    let project = &plan.settings().project;
    let mut found = false;
    let scratch = scratch("clean")?;
    let cluster = &services.cluster();
    if cluster.settings().contexts.is_empty() || cluster.context()?.is_none() {
        return Ok(CleanupResult { gone: true, found });
    }
    let owner =
        Owner { pipeline: label_value(plan.pipeline()), home: cluster.namespace().to_owned(), run: String::new() };
    let known = |run: &str| store.find(run).is_ok_and(|folder| folder.id() == run);
    let (releases, foreign) = services.helm().installed_by(&owner.pipeline, &owner.home, &known).await?;
    found |= !releases.is_empty();
    for Installed { release, namespace } in foreign {
        out::say(&format!("release {release} in {namespace} was there before this pipeline upgraded it: it stays"));
    }
    let (env, stop) = (desk.env, desk.stop.clone());
    let call = CommandContext { env, dir: project.clone(), scratch: scratch.path().to_owned(), log: &StderrSink, stop };
    for Installed { release, namespace } in releases {
        if dry_run {
            out::data(&format!("helm release {release} in {namespace}"));
            continue;
        }
        let remove = Remove { wait: true, ignore_missing: true, timeout: Some(limit), ..Remove::default() };
        services.helm().uninstall(&release, &namespace, &remove, &call).await.map_err(CommandError::into_fault)?;
        out::say(&format!("removed helm release {release} in {namespace}"));
    }
    let mut swept = owned(cluster, &owner, dry_run, limit).await?;
    // runners may be in clusters of their own
    for runner in services.pod_runners().0.values().filter(|runner| !Arc::ptr_eq(runner.cluster(), cluster)) {
        let beside = owned(runner.cluster(), &owner, dry_run, limit).await?;
        swept = CleanupResult { gone: swept.gone && beside.gone, found: swept.found || beside.found };
    }
    Ok(CleanupResult { found: found || swept.found, ..swept })
}

/// Removes the objects of an owner in one cluster.
async fn owned(cluster: &Cluster, owner: &Owner, dry_run: bool, limit: Duration) -> Result<CleanupResult, Fault> {
    let (objects, unseen) = cluster.owned(owner).await?;
    if !unseen.is_empty() {
        out::say(&format!("not looked for, since this user may not list them: {}", unseen.join(", ")));
    }
    let found = !objects.is_empty();
    if dry_run {
        for object in &objects {
            out::data(&object.shown());
        }
        return Ok(CleanupResult { gone: true, found });
    }
    let held = cluster.remove(&objects, limit, &|object| out::say(&format!("removed {}", object.shown()))).await?;
    for finding in &held {
        out::error(&format!("{} is still there: {}", tame(&finding.object), tame(&finding.message)), None);
    }
    Ok(CleanupResult { gone: held.is_empty(), found })
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
        if dry_run {
            out::data(&format!("the record of run {}", run.id()));
        } else {
            runs.store.remove(run).map_err(|error| record::unfound(&error))?;
            out::say(&format!("removed the record of run {}", run.id()));
        }
    }
    Ok(found)
}
