//! `cluster: up`: finds a cluster, or creates or starts one; switches to it, waits for its nodes.

use std::time::Duration;

use serde_json::Value;

use super::choice::{Choice, Found};
use super::{ProviderName, Up, addons, desk, outcome, ready};
use crate::drivers::call::Undone;
use crate::drivers::providers::{Act, Host, Identity, Provider, Record, own_command, raise, reason};
use crate::kind::Context;
use crate::outcome::{Failure, Fault, FaultKind, Finding, Outcome};

/// How long a context is given to answer.
const ANSWER: Duration = Duration::from_secs(6);

impl Up {
    pub(super) async fn run(&self, cx: &Context) -> Result<Outcome, Fault> {
        let allowed = &cx.world.cluster.settings().contexts;
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
        cx.say(format!("context {context} answers: {}", Record::outlook(record.as_ref())));
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
        let (desk, size) = (desk(cx), self.size());
        let last = candidates.len() + usize::from(command);
        let mut reasons: Vec<Finding> = Vec::new();
        for (at, (provider, name)) in candidates.iter().enumerate() {
            let undone = match raise(&desk, &cx.project, *provider, name, &size).await {
                Ok(raised) => {
                    cx.world.cluster.use_context(&raised.context)?;
                    let ready = ready::outputs(cx, provider.program(), &raised.context).await?;
                    let enabled = if *provider == Provider::Minikube { self.addons.clone() } else { Vec::new() };
                    return Ok(with_addons(ready, enabled));
                }
                Err(undone) => undone,
            };
            if cx.signals.cancel.is_cancelled() || last == 1 {
                return outcome(undone);
            }
            let (message, help) = match undone {
                Undone::Failed(failure) => (failure.summary, failure.help),
                Undone::Fault(fault) if fault.kind == FaultKind::Environment => (fault.message, fault.help),
                Undone::Fault(fault) => return Err(fault),
            };
            let next = if at + 1 < last { ", trying the next way" } else { "" };
            cx.say(format!("{} gives no cluster{next}: {message}", provider.program()));
            help.into_iter().for_each(|help| cx.say(format!("help: {help}")));
            reasons.push(Finding::new(provider.program(), "", message));
        }
        if command {
            return self.command(cx).await;
        }
        let messages: Vec<&str> = reasons.iter().map(|reason| reason.message.as_str()).collect();
        let failure = Failure::new(format!("no provider gives a cluster: {}", messages.join("; "))).because(reasons);
        Ok(Outcome::Failed(failure.help("the step's log has each command's whole output")))
    }

    /// Runs the user's script; records it once the cluster answers, with its identity.
    async fn command(&self, cx: &Context) -> Result<Outcome, Fault> {
        let Some(command) = &self.command else {
            return Err(Fault::invalid("provider command has no `command`"));
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
        let candidates = command.context.clone().map_or_else(|| candidates(cx), |context| vec![context]);
        let (context, silent) = answering(cx, candidates).await?;
        let Some(context) = context else {
            let failure = Failure::new(format!(
                "the command that makes the cluster ended well, but no allowed context answers: {}",
                silent.join("; ")
            ));
            return Ok(Outcome::Failed(failure.help("let it write one of cluster.contexts into kubeconfig")));
        };
        if let Some(down) = &command.down {
            let record = Record {
                provider: ProviderName::Command.name().to_owned(),
                name: context.clone(),
                context: context.clone(),
                down: Some(down.0.clone()),
                act: Some(Act::Created),
                identity: Some(Identity { uid: desk.cluster_uid(&context).await?, own: String::new() }),
            };
            record.save(&cx.project)?;
        }
        let ready = ready::outputs(cx, ProviderName::Command.name(), &context).await?;
        Ok(with_addons(ready, Vec::new()))
    }
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
    let cluster = &cx.world.cluster;
    let current = cluster.context().ok().flatten();
    let others = cluster.settings().contexts.iter().filter(|context| Some(*context) != current.as_ref());
    current.iter().chain(others).cloned().collect()
}

/// The first context that answers; it is in use then. Why the others do not.
async fn answering(cx: &Context, contexts: Vec<String>) -> Result<(Option<String>, Vec<String>), Fault> {
    let cluster = &cx.world.cluster;
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
