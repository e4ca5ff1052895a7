//! `cluster: up`: finds or makes a cluster, switches to it, waits for its nodes.

use std::time::Duration;

use super::choice::{Choice, Found};
use super::{ProviderName, Up, addons, desk, ready};
use crate::drivers::process::{Exit, waits_for_terminal};
use crate::drivers::providers::{Provider, Record};
use crate::kind::Context;
use crate::outcome::{Failure, Fault, Outcome};

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
            found.installed = Provider::ALL.into_iter().filter(|provider| desk.find(*provider).is_some()).collect();
        }
        match self.choose(allowed, &found)? {
            Choice::Use(context) => {
                cx.say(format!("context {context} answers"));
                self.missing_addons(cx, &context).await?;
                ready::outputs(cx, ProviderName::Existing.name(), &context).await
            }
            Choice::Make(provider, name) => self.make(cx, provider, &name).await,
            Choice::Command => self.command(cx).await,
        }
    }

    /// Makes the cluster, or starts one that its provider has already; that one is not ours to delete.
    async fn make(&self, cx: &Context, provider: Provider, name: &str) -> Result<Outcome, Fault> {
        let (desk, size, context) = (desk(cx), self.size(), provider.context(name));
        for ignored in provider.ignores(&size) {
            cx.say(format!("{} has no option for {ignored}: it is passed over", provider.program()));
        }
        let calls = if desk.has(provider, name).await? {
            cx.say(format!("{} has a cluster {name} already: it is started, and kept by `down`", provider.program()));
            provider.start(name, &size)
        } else {
            let record = Record {
                provider: provider.program().to_owned(),
                name: name.to_owned(),
                context: context.clone(),
                down: None,
            };
            // Written first: what is half made can be taken down too.
            record.save(&cx.project)?;
            vec![provider.create(name, &size)]
        };
        for call in calls {
            let exit = desk.run(provider, &call).await?;
            if exit != Exit::Code(0) {
                let what = format!("{} {}", provider.program(), call.args.join(" "));
                return Ok(failed(&what, exit, "its own words are in the step's log"));
            }
        }
        cx.world.cluster.use_context(&context)?;
        ready::outputs(cx, provider.program(), &context).await
    }

    async fn command(&self, cx: &Context) -> Result<Outcome, Fault> {
        let command = self.command.as_ref().expect("chosen only where there is one");
        if let Some(down) = &command.down {
            let record = Record {
                provider: ProviderName::Command.name().to_owned(),
                name: String::new(),
                context: command.context.clone().unwrap_or_default(),
                down: Some(down.0.clone()),
            };
            record.save(&cx.project)?;
        }
        let exit = desk(cx).script(&command.up.0).await?;
        if exit != Exit::Code(0) {
            return Ok(failed("the command that makes the cluster", exit, "correct `command.up`"));
        }
        let candidates = command.context.clone().map_or_else(|| candidates(cx), |context| vec![context]);
        match answering(cx, candidates).await? {
            (Some(context), _) => ready::outputs(cx, ProviderName::Command.name(), &context).await,
            (None, silent) => {
                let failure = Failure::new(format!(
                    "the command that makes the cluster ended well, but no allowed context answers: {}",
                    silent.join("; ")
                ));
                Ok(Outcome::Failed(failure.help("let it write one of cluster.contexts into kubeconfig")))
            }
        }
    }

    /// Addons of a minikube that was there already.
    async fn missing_addons(&self, cx: &Context, context: &str) -> Result<(), Fault> {
        if self.addons.is_empty() {
            return Ok(());
        }
        match Provider::of_context(context).filter(|(provider, _)| desk(cx).find(*provider).is_some()) {
            Some((provider, name)) if provider == Provider::Minikube => {
                for addon in &self.addons {
                    if let Some(failure) = addons::one(cx, provider, name, addon).await? {
                        return Err(Fault::environment(failure.summary));
                    }
                }
            }
            _ => cx.say(format!("context {context} is not minikube's: no addons ({})", self.addons.join(", "))),
        }
        Ok(())
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

pub(super) fn failed(what: &str, exit: Exit, help: &str) -> Outcome {
    let (how, code) = match exit {
        Exit::Code(code) => (format!("exited with code {code}, expected 0"), Some(code)),
        Exit::Signal(signal) => (format!("was ended by signal {signal}"), None),
        Exit::Stopped => ("was stopped".to_owned(), None),
        Exit::Terminal => {
            let (message, help) = waits_for_terminal(what);
            return Outcome::Failed(Failure::new(message).help(help));
        }
    };
    Outcome::Failed(Failure { exit_code: code, ..Failure::new(format!("{what} {how}")).help(help) })
}
