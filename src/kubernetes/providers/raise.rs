//! Creates a cluster, or starts a stopped one, and records what it did once it is done and proven.

pub(super) mod addons;

use std::path::Path;
use std::time::Duration;

use super::calls::Invocation;
use super::calls::size::{Capacity, Size};
use super::find::{Condition, Found, find};
use super::host::Host;
use super::reason::reason;
use super::record::{Act, Intent, Record};
use super::{Identity, Provider, Ran};
use crate::core::model::outcome::{Failure, Fault};
use crate::process::command_context::CommandError;

/// How long a cluster that was created or started may take until its API answers.
const ANSWERS: Duration = Duration::from_secs(180);
/// Time between two questions to it.
const STEP: Duration = Duration::from_secs(1);

/// How a cluster came to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartMode {
    /// It ran already.
    Used,
    /// It was there, and was started.
    Started,
    /// It was created.
    Created,
}

/// A cluster that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedCluster {
    /// Its context.
    pub context: String,
    /// How it came to run.
    pub how: StartMode,
    /// A creation of it that was begun here and not recorded as done.
    pub intent: Option<Intent>,
}

/// Sees to it that a provider's cluster runs and that kubeconfig has its context.
///
/// # Errors
/// [`CommandError::Failed`] with the provider's reason; [`Fault`] when something could not be measured.
pub async fn raise(
    host: &dyn Host,
    project: &Path,
    provider: Provider,
    name: &str,
    size: &Size,
) -> Result<StartedCluster, CommandError> {
    for ignored in provider.ignores(size) {
        host.say(&format!("{} has no option for {ignored}: it is not used", provider.program()));
    }
    let how = match find(host, provider, name).await? {
        Some(found) => existing(host, project, provider, name, found).await?,
        None => create(host, project, provider, name, size).await?,
    };
    let record = Record::load(project, provider.program(), name)?;
    let did = match how {
        StartMode::Used => "runs already",
        StartMode::Started => "was stopped and is started",
        StartMode::Created => "is created",
    };
    host.say(&format!("{} cluster {name} {did}: {}", provider.program(), Record::outlook(record.as_ref())));
    if provider == Provider::Minikube {
        addons::enable(host, name, &size.addons).await?;
    }
    let intent = Intent::load(project, provider.program(), name)?;
    Ok(StartedCluster { context: provider.context(name), how, intent })
}

/// Starts a cluster that its provider has, where it does not run. It stays what it was: created here, or not ours.
async fn existing(
    host: &dyn Host,
    project: &Path,
    provider: Provider,
    name: &str,
    found: Found,
) -> Result<StartMode, CommandError> {
    let program = provider.program();
    let intent = Intent::load(project, program, name)?;
    if let Some(intent) = &intent {
        host.say(&format!("a creation of {name} that began on {} was not recorded as done", intent.begun));
    }
    match &found.condition {
        Condition::Running => {
            match run(host, &provider.export(name)).await {
                // kind has nothing to export before kubeadm is done
                Err(CommandError::Failed(failure)) => {
                    return Err(incomplete(provider, name, &failure.summary, intent.as_ref()).into());
                }
                done => done?,
            }
            let old = Record::load(project, program, name)?;
            if let Some((old, identity)) = old.as_ref().and_then(|old| Some((old, old.identity.as_ref()?))) {
                let uid = host.cluster_uid(&provider.context(name)).await.ok();
                if let Some(mismatch) = identity.mismatch(found.own.as_deref(), uid.as_deref()) {
                    host.say(&format!("the recorded cluster {name} is gone, another one has its name: {mismatch}"));
                    old.forget(project)?;
                }
            }
            return Ok(StartMode::Used);
        }
        Condition::Incomplete(why) => return Err(incomplete(provider, name, why, intent.as_ref()).into()),
        Condition::Stopped => host.say(&format!("{program} has a cluster {name} that is stopped: starting it")),
        Condition::Unclear(status) => {
            host.say(&format!("{program} has a cluster {name} (status: {status}): starting it"));
        }
    }
    let calls = provider.start(name, &found.engine, &found.nodes).into_iter().chain([provider.export(name)]);
    for call in calls {
        match (run(host, &call).await, &intent) {
            (Err(CommandError::Failed(failure)), Some(_)) => {
                return Err(incomplete(provider, name, &failure.summary, intent.as_ref()).into());
            }
            (done, _) => done?,
        }
    }
    let identity = match identify(host, provider, name).await {
        Err(fault) if intent.is_some() => {
            let why = format!("it was started, but {}", fault.message);
            return Err(incomplete(provider, name, &why, intent.as_ref()).into());
        }
        identity => identity?,
    };
    let old = Record::load(project, program, name)?;
    let same = old.as_ref().and_then(|old| old.identity.as_ref()).is_some_and(|old| *old == identity);
    if !same && found.condition == Condition::Stopped {
        save(project, provider, name, Act::Started, identity)?;
    } else if let Some(old) = old.filter(|_| !same) {
        // of another cluster that had this name
        old.forget(project)?;
    }
    Ok(StartMode::Started)
}

async fn create(
    host: &dyn Host,
    project: &Path,
    provider: Provider,
    name: &str,
    size: &Size,
) -> Result<StartMode, CommandError> {
    let program = provider.program();
    let needs_capacity = size.cpus.is_some() || size.memory.is_some();
    let has = if needs_capacity { Capacity::measure(host).await } else { Capacity::default() };
    let (size, words) = size.fitted(provider, &has).map_err(CommandError::Failed)?;
    for line in &words {
        host.say(line);
    }
    if let Some(old) = Record::load(project, program, name)? {
        // the provider has no such cluster any more
        old.forget(project)?;
    }
    Intent::begin(project, program, name)?;
    let call = provider.create(name, &size);
    let ran = host.run(&call, None).await?;
    if ran.code != Some(0) {
        let mut failure = failed(&call, &ran);
        match find(host, provider, name).await {
            Ok(None) => Intent::end(project, program, name),
            _ => failure.help = Some(left_over(provider, name)),
        }
        return Err(CommandError::Failed(failure));
    }
    let identity = identify(host, provider, name).await.map_err(|fault| {
        let message = format!("{program} created cluster {name}, but {}", fault.message);
        Fault { message, help: Some(left_over(provider, name)), ..fault }
    })?;
    save(project, provider, name, Act::Created, identity)?;
    Intent::end(project, program, name);
    Ok(StartMode::Created)
}

fn save(project: &Path, provider: Provider, name: &str, act: Act, identity: Identity) -> Result<(), Fault> {
    let record = Record {
        provider: provider.program().to_owned(),
        name: name.to_owned(),
        context: provider.context(name),
        down: None,
        act: Some(act),
        identity: Some(identity),
    };
    record.save(project)
}

/// The identity of a running cluster, once its API answers.
async fn identify(host: &dyn Host, provider: Provider, name: &str) -> Result<Identity, Fault> {
    let context = provider.context(name);
    let answers = async {
        loop {
            match host.cluster_uid(&context).await {
                Ok(uid) => return uid,
                Err(_) => host.pause(STEP).await,
            }
        }
    };
    let uid = match tokio::time::timeout(ANSWERS, answers).await {
        Ok(uid) => uid,
        // the last reason is worth more than the time
        Err(_) => host.cluster_uid(&context).await.map_err(|fault| Fault {
            message: format!("its API did not answer within {} s: {}", ANSWERS.as_secs(), fault.message),
            ..fault
        })?,
    };
    let own = find(host, provider, name).await?.and_then(|found| found.own);
    let own = own.ok_or_else(|| Fault::environment("its identity was not measured: its first node was not found"))?;
    Ok(Identity { uid, own })
}

/// Runs an action that must end well.
pub(super) async fn run(host: &dyn Host, call: &Invocation) -> Result<(), CommandError> {
    let ran = host.run(call, None).await?;
    if ran.code == Some(0) { Ok(()) } else { Err(CommandError::Failed(failed(call, &ran))) }
}

/// The failure of an action, with the provider's reason.
pub(super) fn failed(call: &Invocation, ran: &Ran) -> Failure {
    let end = ran.code.map_or_else(|| "a signal ended it".to_owned(), |code| format!("exit code {code}, expected 0"));
    let why = reason(&ran.lines).map(|reason| format!(": {reason}")).unwrap_or_default();
    let failure = Failure::new(format!("`{call}`: {end}{why}"));
    Failure { exit_code: ran.code, ..failure }.help("the step's log has the command's whole output")
}

/// The fault of a cluster whose creation did not finish.
pub fn incomplete(provider: Provider, name: &str, why: &str, intent: Option<&Intent>) -> Fault {
    let begun = intent.map_or_else(
        || "its creation did not finish".to_owned(),
        |intent| format!("a creation that this project began on {} did not finish", intent.begun),
    );
    Fault::environment(format!("{} cluster {name} is incomplete: {why}; {begun}", provider.program()))
        .help(left_over(provider, name))
}

fn left_over(provider: Provider, name: &str) -> String {
    format!(
        "nothing proves that {name} is this project's, so it is never deleted by itself; if you do not need it: `{}`, then run again",
        provider.delete(name)
    )
}
