//! Takes back what `up` did to a cluster: deletes one that it created, stops one that it started. Before that the
//! identity of the cluster must be the recorded one; after that the provider must confirm that it is done.

use std::path::Path;
use std::time::Duration;

use super::calls::Invocation;
use super::find::{Condition, Found, find};
use super::host::Host;
use super::raise::run;
use super::record::{Act, Record};
use super::{Identity, Provider};
use crate::core::model::outcome::{Failure, Fault};
use crate::process::command_context::CommandError;

/// How long a cluster's API may take to show its identity.
const IDENTITY: Duration = Duration::from_secs(20);

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lowered {
    /// It was deleted.
    Deleted,
    /// It was stopped.
    Stopped,
    /// The user's own script ran.
    ByCommand,
    /// It was gone already.
    Gone,
}

/// Takes back what a record says, and removes the record.
///
/// # Errors
/// [`CommandError::Failed`] when the provider fails or did not do it; [`Fault`] when the cluster is not proven to be the
/// recorded one.
pub async fn lower(host: &dyn Host, project: &Path, record: &Record) -> Result<Lowered, CommandError> {
    let shown = shown(record);
    let (Some(identity), Some(act)) = (&record.identity, record.act) else {
        return Err(unproven(project, record, "the record of an older version holds no identity").into());
    };
    let lowered = match (Provider::named(&record.provider), &record.down) {
        (Some(provider), _) => by_provider(host, project, record, provider, identity, act).await?,
        (None, Some(script)) => {
            let uid = measured_uid(host, &record.context).await.map_err(|fault| not_proven(&shown, &fault))?;
            if let Some(mismatch) = identity.mismatch(None, Some(&uid)) {
                return Err(unproven(project, record, &mismatch).into());
            }
            run(host, &own_command(script)).await?;
            Lowered::ByCommand
        }
        (None, None) => return Err(unproven(project, record, "the record names no way to take it down").into()),
    };
    record.forget(project)?;
    Ok(lowered)
}

/// A user's own script.
pub fn own_command(script: &str) -> Invocation {
    Invocation::of("sh", ["-eu", "-c", script])
}

async fn by_provider(
    host: &dyn Host,
    project: &Path,
    record: &Record,
    provider: Provider,
    identity: &Identity,
    act: Act,
) -> Result<Lowered, CommandError> {
    let name = &record.name;
    let Some(found) = find(host, provider, name).await? else { return Ok(Lowered::Gone) };
    prove(host, project, record, identity, &found).await?;
    let (call, lowered) = match act {
        Act::Created => (provider.delete(name), Lowered::Deleted),
        Act::Started if found.condition == Condition::Stopped => return Ok(Lowered::Stopped),
        Act::Started => (provider.stop(name, &found.engine, &found.nodes), Lowered::Stopped),
    };
    run(host, &call).await?;
    let after = find(host, provider, name).await?;
    let done = match act {
        Act::Created => after.is_none(),
        Act::Started => after.as_ref().is_none_or(|after| after.condition == Condition::Stopped),
    };
    if done {
        return Ok(lowered);
    }
    let state = if act == Act::Created { "is still there" } else { "still runs" };
    let failure = Failure::new(format!("`{call}`: exit code 0, but the cluster {state}"));
    Err(CommandError::Failed(failure.help("the step's log has the command's whole output")))
}

/// Proves that a cluster is the recorded one: its own id always, its UID where its API answers.
async fn prove(
    host: &dyn Host,
    project: &Path,
    record: &Record,
    identity: &Identity,
    found: &Found,
) -> Result<(), Fault> {
    let Some(own) = &found.own else {
        return Err(unproven(project, record, "its first node is missing, so its identity was not measured"));
    };
    let uid = match found.condition {
        Condition::Running | Condition::Unclear(_) => match measured_uid(host, &record.context).await {
            Ok(uid) => Some(uid),
            Err(fault) => {
                host.say(&format!("the UID of {} was not measured: {}", record.context, fault.message));
                None
            }
        },
        Condition::Stopped | Condition::Incomplete(_) => None,
    };
    match identity.mismatch(Some(own), uid.as_deref()) {
        Some(mismatch) => Err(unproven(project, record, &mismatch)),
        None => Ok(()),
    }
}

async fn measured_uid(host: &dyn Host, context: &str) -> Result<String, Fault> {
    tokio::time::timeout(IDENTITY, host.cluster_uid(context))
        .await
        .unwrap_or_else(|_| Err(Fault::environment(format!("timed out after {} s", IDENTITY.as_secs()))))
}

fn shown(record: &Record) -> String {
    match Provider::named(&record.provider) {
        Some(_) => format!("the {} cluster {}", record.provider, record.name),
        None => format!("the cluster of context {}", record.context),
    }
}

fn not_proven(shown: &str, fault: &Fault) -> Fault {
    let message = format!("{shown} is not taken down: its identity was not measured: {}", fault.message);
    Fault { message, help: fault.help.clone(), ..Fault::environment("") }
}

fn unproven(project: &Path, record: &Record, why: &str) -> Fault {
    let file = record.file(project);
    let by_hand = match (Provider::named(&record.provider), &record.down) {
        (Some(provider), _) => format!("`{}`", provider.delete(&record.name)),
        (None, Some(_)) => "`command.down`".to_owned(),
        (None, None) => "its own tool".to_owned(),
    };
    Fault::environment(format!("{} is not the recorded one, or not proven to be it: {why}", shown(record))).help(
        format!(
            "nothing was changed; if it is yours to take down, do it by hand ({by_hand}), then remove {}",
            file.display()
        ),
    )
}
