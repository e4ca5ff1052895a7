//! `cluster: up`: finds a cluster, or creates or starts one; switches to it, waits for its nodes.

use std::time::Duration;

use serde_json::Value;

use super::choice::{Choice, Found};
use super::{ProviderName, Up, addons, desk, outcome, ready};
use crate::core::kind::Context;
use crate::core::model::outcome::{Failure, Fault, FaultKind, Finding, Outcome};
use crate::kubernetes::client::is_absent;
use crate::kubernetes::providers::{
    Act, Host, Identity, Provider, Record, Size, enable_addons, incomplete, own_command, raise, reason,
};
use crate::process::command_context::CommandError;
use crate::services::Clients;

/// How long the nodes of a cluster whose creation was killed may take.
const HALF: Duration = Duration::from_secs(120);
/// How long a context is given to answer.
const ANSWER: Duration = Duration::from_secs(6);

impl Up {
    pub(super) async fn run(&self, cx: &Context) -> Result<Outcome, Fault> {
        let allowed = &cx.cluster().settings().contexts;
        let mut found = Found::default();
        if self.asks_contexts() {
            (found.answers, found.silent) = answering(cx, candidates(cx)).await?;
        }
        if found.answers.is_none() {
            let desk = desk(cx);
            found.installed = Provider::ALL.into_iter().filter(|it| desk.has_program(it.program())).collect();
        }
        match self.choose(allowed, &found)? {
            Choice::Use(context) => self.use_it(cx, &context).await,
            Choice::Make { candidates, command } => self.make(cx, &candidates, command).await,
        }
    }

    async fn use_it(&self, cx: &Context, context: &str) -> Result<Outcome, Fault> {
        let record = Record::all(&cx.project)?.into_iter().find(|record| record.context == context);
        let proven = match record.as_ref().and_then(|record| record.identity.as_ref()) {
            Some(identity) => {
                let uid = desk(cx).cluster_uid(context).await?;
                identity.mismatch(None, Some(&uid)).is_none()
            }
            None => false,
        };
        cx.say(format!("context {context} answers: {}", Record::outlook(record.as_ref().filter(|_| proven))));
        let enabled = match addons::here(&self.addons, context, cx).await {
            Ok(Ok(enabled)) => enabled,
            Ok(Err(why)) => {
                cx.say(format!("no addons: {why}"));
                Vec::new()
            }
            Err(undone) => return outcome(undone),
        };
        let ready = ready::outputs(cx, ProviderName::Existing.name(), context).await?;
        Ok(with_addons(ready, enabled))
    }

    /// Takes the first candidate that starts. Why the others do not is in the log, and in the failure where none does.
    async fn make(&self, cx: &Context, candidates: &[(Provider, String)], command: bool) -> Result<Outcome, Fault> {
        let desk = desk(cx);
        // a cluster whose addons fail has started: another provider is no remedy
        let size = Size { addons: Vec::new(), ..self.size() };
        let last = candidates.len() + usize::from(command);
        let mut reasons: Vec<Finding> = Vec::new();
        for (at, (provider, name)) in candidates.iter().enumerate() {
            let undone = match raise(&desk, &cx.project, *provider, name, &size).await {
                Ok(raised) => {
                    cx.cluster().use_context(&raised.context)?;
                    let ready = ready::outputs(cx, provider.program(), &raised.context);
                    let ready = match &raised.intent {
                        None => ready.await?,
                        // its creation was killed: its nodes may never be ready
                        Some(intent) => tokio::time::timeout(HALF, ready).await.unwrap_or_else(|_| {
                            let why = format!("its nodes are not ready within {} s", HALF.as_secs());
                            Err(incomplete(*provider, name, &why, Some(intent)))
                        })?,
                    };
                    let enabled = if *provider == Provider::Minikube { self.addons.clone() } else { Vec::new() };
                    if let Err(undone) = enable_addons(&desk, name, &enabled).await {
                        return outcome(undone);
                    }
                    if enabled.len() < self.addons.len() {
                        cx.say(format!("{} has no addons: {} not enabled", provider.program(), self.addons.join(", ")));
                    }
                    return Ok(with_addons(ready, enabled));
                }
                Err(undone) => undone,
            };
            if cx.signals.cancel.is_cancelled() || last == 1 {
                return outcome(undone);
            }
            let (message, help) = match undone {
                CommandError::Failed(failure) => (failure.summary, failure.help),
                CommandError::Fault(fault) if fault.kind == FaultKind::Environment => (fault.message, fault.help),
                CommandError::Fault(fault) => return Err(fault),
            };
            let next = if at + 1 < last { ", trying the next way" } else { "" };
            cx.say(format!("{} gives no cluster{next}: {message}", provider.program()));
            if let Some(help) = help {
                cx.say(format!("help: {help}"));
            }
            reasons.push(Finding::new(provider.program(), "", message));
        }
        if command {
            return self.command(cx).await;
        }
        let messages: Vec<&str> = reasons.iter().map(|reason| reason.message.as_str()).collect();
        let failure = Failure::new(format!("no provider gives a cluster: {}", messages.join("; "))).because(reasons);
        Ok(Outcome::Failed(failure.help("the step's log has each command's whole output")))
    }

    /// Runs the user's script. Records it once the cluster answers, with its identity, unless the same cluster answered
    /// before the script ran.
    async fn command(&self, cx: &Context) -> Result<Outcome, Fault> {
        let Some(command) = &self.command else {
            return Err(Fault::invalid("provider command has no `command`"));
        };
        let contexts = command.context.clone().map_or_else(|| candidates(cx), |context| vec![context]);
        let before = match &command.down {
            Some(_) => cx.unless_cancelled(Before::of(cx, &contexts)).await?,
            None => Before::default(),
        };
        let desk = desk(cx);
        let ran = desk.run(&own_command(&command.up.0), None).await?;
        if ran.code != Some(0) {
            let end = ran.code.map_or_else(
                || "was ended by a signal".to_owned(),
                |code| format!("exited with code {code}, expected 0"),
            );
            let why = reason(&ran.lines).map(|reason| format!(": {reason}")).unwrap_or_default();
            let failure = Failure::new(format!("the command that makes the cluster {end}{why}"));
            return Ok(Outcome::Failed(Failure { exit_code: ran.code, ..failure.help("correct `command.up`") }));
        }
        let (context, silent) = answering(cx, contexts).await?;
        let Some(context) = context else {
            let failure = Failure::new(format!(
                "the command that makes the cluster ended well, but no allowed context answers: {}",
                silent.join("; ")
            ));
            return Ok(Outcome::Failed(failure.help("let it write one of cluster.contexts into kubeconfig")));
        };
        if let Some(down) = &command.down {
            let identity = Identity { uid: desk.cluster_uid(&context).await?, own: String::new() };
            record_command(cx, &context, &down.0, identity, &before)?;
        }
        let ready = ready::outputs(cx, ProviderName::Command.name(), &context).await?;
        Ok(with_addons(ready, Vec::new()))
    }
}

/// What there was before the user's script ran.
#[derive(Debug, Default)]
struct Before {
    /// The UIDs of the clusters that answered.
    answered: Vec<String>,
    /// The contexts of which that is not known.
    unknown: Vec<String>,
}

impl Before {
    async fn of(cx: &Context, contexts: &[String]) -> Self {
        let desk = desk(cx);
        let uids = contexts.iter().map(|context| desk.cluster_uid(context));
        let answers = futures::future::join_all(uids).await;
        Before::from_answers(contexts.iter().cloned().zip(answers))
    }

    fn from_answers(answers: impl IntoIterator<Item = (String, Result<String, Fault>)>) -> Self {
        let mut before = Before::default();
        for (context, answer) in answers {
            match answer {
                Ok(uid) => before.answered.push(uid),
                Err(fault) if is_absent(&fault) => {}
                Err(_) => before.unknown.push(context),
            }
        }
        before
    }

    /// Why the script may not have made the cluster that this context has now; `None` where it made it.
    fn was_there(&self, context: &str, uid: &str) -> Option<&'static str> {
        if self.answered.iter().any(|answered| answered == uid) {
            return Some("answered before `command.up` ran");
        }
        let unknown = self.unknown.iter().any(|unknown| unknown == context);
        unknown.then_some("did not say before `command.up` ran which cluster it is")
    }
}

/// Records that the user's script made this cluster. A cluster that answered before the script ran, or may have been
/// there, is not recorded: the script did not make it. If an earlier run of the script made it, that record is kept.
fn record_command(cx: &Context, context: &str, down: &str, identity: Identity, before: &Before) -> Result<(), Fault> {
    let program = ProviderName::Command.name();
    let old = Record::load(&cx.project, program, context)?;
    let ours = old.as_ref().and_then(|old| old.identity.as_ref()) == Some(&identity);
    let was_there = before.was_there(context, &identity.uid);
    let record = (ours || was_there.is_none()).then(|| Record {
        provider: program.to_owned(),
        name: context.to_owned(),
        context: context.to_owned(),
        down: Some(down.to_owned()),
        act: Some(Act::Created),
        identity: Some(identity),
    });
    match (&record, old) {
        (Some(record), _) => record.save(&cx.project)?,
        // of another cluster that had this context
        (None, Some(old)) => old.forget(&cx.project)?,
        (None, None) => {}
    }
    let since = was_there.unwrap_or("was brought up by `command.up`");
    cx.say(format!("context {context} {since}: {}", Record::outlook(record.as_ref())));
    Ok(())
}

fn with_addons(outcome: Outcome, enabled: Vec<String>) -> Outcome {
    match outcome {
        Outcome::Passed(mut outputs) => {
            outputs.insert("addons".to_owned(), enabled.into_iter().map(Value::from).collect());
            Outcome::Passed(outputs)
        }
        other => other,
    }
}

/// The allowed contexts, the one in use first.
fn candidates(cx: &Context) -> Vec<String> {
    let cluster = &cx.cluster();
    let current = cluster.context().ok().flatten();
    let others = cluster.settings().contexts.iter().filter(|context| Some(*context) != current.as_ref());
    current.iter().chain(others).cloned().collect()
}

/// The first context that answers; it is in use then. Why the others do not.
async fn answering(cx: &Context, contexts: Vec<String>) -> Result<(Option<String>, Vec<String>), Fault> {
    let cluster = &cx.cluster();
    let mut silent = Vec::new();
    for context in contexts {
        cluster.use_context(&context)?;
        match cx.unless_cancelled(tokio::time::timeout(ANSWER, cluster.client())).await? {
            Ok(Ok(_)) => return Ok((Some(context), silent)),
            Ok(Err(fault)) => silent.push(fault.message),
            Err(_) => silent.push(format!("context \"{context}\" does not answer within {} s", ANSWER.as_secs())),
        }
    }
    Ok((None, silent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_that_did_not_say_whose_it_was_is_not_counted_as_made_by_the_script() {
        let unsaid = Fault::environment("context \"b\" did not answer within 5 s").transient();
        let refused = Fault::environment("the cluster behind context \"c\" does not answer: connection refused");
        let missing = Fault::environment("kubeconfig has no context \"d\"");
        let answers = [("a", Ok("u1".to_owned())), ("b", Err(unsaid)), ("c", Err(refused)), ("d", Err(missing))];
        let before = Before::from_answers(answers.map(|(context, answer)| (context.to_owned(), answer)));
        assert_eq!(before.was_there("c", "u1"), Some("answered before `command.up` ran"));
        let unknown = Some("did not say before `command.up` ran which cluster it is");
        assert_eq!(before.was_there("b", "u2"), unknown);
        assert_eq!((before.was_there("c", "u2"), before.was_there("d", "u2")), (None, None));
    }
}
