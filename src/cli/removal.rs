//! What runs have made in a cluster is removed: helm releases and objects that have one namespace as theirs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::out;
use super::run::lease::lease_name;
use super::scratch::scratch;
use super::stderr_sink::StderrSink;
use crate::core::journal::Store;
use crate::core::kind::services::Services;
use crate::core::model::outcome::Fault;
use crate::core::plan::Plan;
use crate::core::report::tame;
use crate::kubernetes::client::Cluster;
use crate::kubernetes::helm::{Installed, Releases, Remove};
use crate::kubernetes::ownership::labels::label_value;
use crate::kubernetes::ownership::owned::{Left, Owned, Owner};
use crate::kubernetes::ownership::removal::Removal as RemovalOptions;
use crate::process::Stop;
use crate::process::command_context::{CommandContext, CommandError};
use crate::services::Clients;

/// How long removed objects are waited for, unless an option says otherwise.
pub(super) const LIMIT: Duration = Duration::from_secs(120);

/// What came of a sweep.
#[derive(Debug, Clone, Copy)]
pub(super) struct CleanupResult {
    /// Whether all went in time that was to go.
    pub gone: bool,
    /// Whether there was anything.
    pub found: bool,
}

impl CleanupResult {
    /// Of both together.
    pub fn and(self, other: Self) -> Self {
        CleanupResult { gone: self.gone && other.gone, found: self.found || other.found }
    }
}

/// What objects are removed with.
pub(super) struct Removal<'a> {
    pub services: &'a Services,
    pub plan: &'a Plan,
    pub store: &'a Store,
    /// The environment of programs.
    pub env: &'a BTreeMap<String, String>,
    pub dry_run: bool,
    pub limit: Duration,
}

impl Removal<'_> {
    /// Removes what runs of this pipeline have made that have this namespace as theirs.
    pub async fn of_home(&self, home: &str) -> Result<CleanupResult, Fault> {
        let Removal { services, plan, store, env, dry_run, limit } = *self;
        let scratch = scratch("clean")?;
        let stop = Stop { cancel: CancellationToken::new(), grace: Duration::from_secs(10) };
        let owner = Owner { pipeline: label_value(plan.pipeline()), home: home.to_owned(), run: String::new() };
        let known = |run: &str| store.get(run).is_some();
        let Releases { ours: releases, foreign, unseen } =
            services.helm().installed_by(&owner.pipeline, &owner.home, &known).await?;
        let found = !releases.is_empty();
        if let Some(unseen) = unseen {
            out::say(&format!("not looked for, since this user may not list them: {unseen}"));
        }
        for Installed { release, namespace } in foreign {
            out::say(&format!(
                "release {release} in {namespace} has no record that this pipeline installed it: it stays"
            ));
        }
        let dir = plan.settings().project.clone();
        let lease = lease_name(plan.pipeline());
        let going: Vec<String> =
            if dry_run { releases.iter().map(|one| one.release.clone()).collect() } else { Vec::new() };
        let options = RemovalOptions { owner: &owner, lease: &lease, releases: &going, limit };
        let call = CommandContext { env, dir, scratch: scratch.path().to_owned(), log: &StderrSink, stop };
        let mut hooks = Vec::new();
        for Installed { release, namespace } in releases {
            if dry_run {
                out::data(&format!("helm release {release} in {namespace}"));
                continue;
            }
            let remove = Remove { wait: true, ignore_missing: true, timeout: Some(limit), ..Remove::default() };
            let record = services.helm().release(&release, &namespace).await;
            services.helm().uninstall(&release, &namespace, &remove, &call).await.map_err(CommandError::into_fault)?;
            out::say(&format!("removed helm release {release} in {namespace}"));
            match record {
                Ok(Some(record)) => {
                    let remains = services.helm().remains(&record).await?;
                    say_left(&remains.left);
                    hooks.extend(remains.hooks);
                }
                Ok(None) => {}
                Err(fault) => out::say(&format!("what release {release} leaves is not known: {}", fault.message)),
            }
        }
        let cluster = services.cluster();
        let mut swept = owned(cluster, &options, hooks, dry_run).await?;
        // runners may be in clusters of their own
        for runner in services.pod_runners().0.values().filter(|runner| !Arc::ptr_eq(runner.cluster(), cluster)) {
            swept = swept.and(owned(runner.cluster(), &options, Vec::new(), dry_run).await?);
        }
        Ok(CleanupResult { found: found || swept.found, ..swept })
    }
}

/// Removes the objects of an owner in one cluster, and the hooks of its releases there.
async fn owned(
    cluster: &Cluster,
    options: &RemovalOptions<'_>,
    hooks: Vec<Owned>,
    dry_run: bool,
) -> Result<CleanupResult, Fault> {
    let mut scan = cluster.owned(options.owner).await?;
    scan.add(hooks);
    if !scan.unseen.is_empty() {
        out::say(&format!("not looked for, since this user may not list them: {}", scan.unseen.join(", ")));
    }
    say_left(&scan.copies);
    let found = !scan.objects.is_empty() || !scan.copies.is_empty();
    if dry_run {
        let left = cluster.would_leave(&scan.objects, options).await?;
        let stays = |shown: &str| left.iter().any(|left| left.namespace.is_empty() && left.object == shown);
        for object in scan.objects.iter().map(Owned::shown).filter(|shown| !stays(shown)) {
            out::data(&object);
        }
        say_left(&left);
        return Ok(CleanupResult { gone: true, found });
    }
    let each = |object: &Owned| out::say(&format!("removed {}", object.shown()));
    let report = cluster.remove(&scan.objects, options, &each).await?;
    say_left(&report.left);
    for finding in &report.held {
        out::error(&format!("{} is still there: {}", tame(&finding.object), tame(&finding.message)), None);
    }
    Ok(CleanupResult { gone: report.held.is_empty(), found })
}

/// Names what is not removed.
fn say_left(left: &[Left]) {
    for left in left {
        out::say(&tame(&left.to_string()));
    }
}
