//! The namespaces that runs create for themselves: removed at the end of a run, kept where that is asked for, and those
//! of earlier runs that nothing uses any more.

use std::time::Duration;

use super::out;
use super::removal::{CleanupResult, Removal};
use super::run::lease::{is_dead, lease_name};
use crate::cli::lock::host;
use crate::core::kind::settings::FreshSettings;
use crate::core::model::exit_code::Exit;
use crate::core::model::outcome::Fault;
use crate::kubernetes::client::fresh::FreshNamespace;
use crate::kubernetes::ownership::lease::{Attempt, Claim, RENEWAL};
use crate::services::Clients;

/// Which namespaces of earlier runs are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sweep {
    /// Those of this folder's runs, and those of other runs whose time is over.
    All,
    /// Those that were not left on purpose, of this folder's runs; and those whose time is over.
    Abandoned,
}

/// Whether a run leaves its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// It is removed.
    Removed,
    /// It stays, for who wants to see what failed.
    Kept,
}

/// What a run's own end means for its namespace. `keep`: the command line asks to keep what failed.
pub(super) fn ends(fresh: &FreshSettings, exit: Exit, keep: bool) -> Ends {
    if exit != Exit::Passed && (fresh.keep_failed || keep) { Ends::Kept } else { Ends::Removed }
}

/// Does what is due at the end of a run that had `namespace` for itself. What cannot be done is reported: the namespace
/// has a time after which later runs remove it. Whether all went that was to go.
pub(super) async fn close(removal: &Removal<'_>, ends: Ends) -> bool {
    let cluster = removal.services.cluster();
    let Some(fresh) = &cluster.settings().fresh else { return true };
    let namespace = cluster.namespace();
    if !matches!(cluster.context(), Ok(Some(_))) {
        // A step took the whole cluster down.
        return true;
    }
    let called = format!("namespace {namespace}");
    let mut gone = true;
    match ends {
        Ends::Kept => match cluster.keep_fresh(fresh).await {
            Ok(until) => out::say(&format!(
                "{called} is kept until {}; `pipeline clean` removes it",
                until.strftime("%Y-%m-%d %H:%M:%SZ")
            )),
            Err(fault) => warn(&format!("{called} could not be marked as kept"), &fault),
        },
        Ends::Removed => match removal.of_home(namespace).await {
            Ok(result) => gone = result.gone,
            Err(fault) => {
                gone = false;
                warn(&format!("{called} could not be removed"), &fault);
            }
        },
    }
    if let Err(fault) = sweep(removal, fresh, Sweep::Abandoned).await {
        warn("namespaces of earlier runs were not looked for", &fault);
    }
    gone
}

fn warn(what: &str, fault: &Fault) {
    out::say(&format!("warning: {what}: {}; `pipeline clean` tries again", fault.message));
}

/// Removes namespaces of earlier runs, with all that those runs have made.
///
/// # Errors
/// [`Fault`] when the cluster gives no answer.
pub(super) async fn sweep(removal: &Removal<'_>, fresh: &FreshSettings, which: Sweep) -> Result<CleanupResult, Fault> {
    let cluster = removal.services.cluster();
    let mut swept = CleanupResult { gone: true, found: false };
    for namespace in cluster.fresh_namespaces(fresh).await? {
        if fresh.origin.is_some() && namespace.name == cluster.namespace() {
            continue;
        }
        if !is_due(removal, fresh, &namespace, which) {
            if which == Sweep::All {
                let until = namespace.expires.map(|time| format!(" until {}", time.strftime("%Y-%m-%d %H:%M:%SZ")));
                let run = &namespace.run;
                out::say(&format!(
                    "namespace {} is of run {run}, which is not in this folder: it stays{}",
                    namespace.name,
                    until.unwrap_or_default()
                ));
            }
            continue;
        }
        if !is_free(removal, &namespace).await? {
            continue;
        }
        swept = swept.and(removal.of_home(&namespace.name).await?);
    }
    Ok(swept)
}

/// Whether it may be removed, unless something uses it.
fn is_due(removal: &Removal<'_>, fresh: &FreshSettings, namespace: &FreshNamespace, which: Sweep) -> bool {
    let own = || removal.store.get(&namespace.run).is_some();
    let abandoned = !namespace.kept && !fresh.keep_failed;
    namespace.is_expired() || ((which == Sweep::All || abandoned) && own())
}

/// Whether no run uses it, by the Lease in it. Clocks of two machines may differ: the holder of a Lease whose time is over
/// must be silent for as long as it would take to renew it.
async fn is_free(removal: &Removal<'_>, namespace: &FreshNamespace) -> Result<bool, Fault> {
    let cluster = removal.services.cluster();
    let name = &namespace.name;
    if removal.dry_run {
        return Ok(true);
    }
    let holder = format!("clean@{}", host());
    let claim = Claim { namespace: name.clone(), name: lease_name(removal.plan.pipeline()), holder };
    match cluster.claim(&claim).await? {
        Attempt::Ours => Ok(true),
        Attempt::NoNamespace => Ok(false),
        Attempt::Forbidden(why) => {
            out::say(&format!("namespace {name} stays: whether a run uses it cannot be seen ({why})"));
            Ok(false)
        }
        Attempt::Held(held) if is_dead(&held.holder, removal.store) => cluster.take_over(&claim, &held).await,
        Attempt::Held(held) if held.is_stale => {
            tokio::time::sleep(RENEWAL + Duration::from_secs(1)).await;
            cluster.take_over(&claim, &held).await
        }
        Attempt::Held(held) => {
            out::say(&format!("namespace {name} stays: run {} uses it", held.holder));
            Ok(false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_run_that_did_not_pass_leaves_its_namespace_and_only_where_that_is_asked_for() {
        let fresh = |keep_failed| FreshSettings {
            prefix: "todo".into(),
            pipeline: "todo".into(),
            keep_failed,
            expires: FreshSettings::EXPIRES,
            origin: None,
        };
        for (keep_failed, exit, keep, expected) in [
            (false, Exit::Failed, false, Ends::Removed),
            (true, Exit::Passed, true, Ends::Removed),
            (true, Exit::Failed, false, Ends::Kept),
            (false, Exit::Interrupted, true, Ends::Kept),
            (true, Exit::Environment, false, Ends::Kept),
        ] {
            assert_eq!(ends(&fresh(keep_failed), exit, keep), expected, "{keep_failed} {exit:?} {keep}");
        }
    }
}
