//! `logs`: what pods say, into the step's log; with `follow`, while other steps run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::verb_context::VerbContext;
use super::{During, Verb, exec};
use crate::core::kind::CheckContext;
use crate::core::kind::several::{Several, Short};
use crate::core::model::diagnostic::Code;
use crate::core::model::outcome::{Fault, Outcome, Outputs};
use crate::core::model::units::TimeSpan;
use crate::kubernetes::client::Reference;
use crate::kubernetes::logs::{LogEvent, LogListener, LogOptions};

/// Writes the logs of pods to the step's log.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Logs {
    /// The pod, or a workload or Service whose pods are meant.
    #[serde(default)]
    target: Several<Reference>,
    /// Instead of `target`: the labels that the pods carry.
    selector: Option<String>,
    /// Only this container; all of them where none is named.
    container: Option<String>,
    /// Only the last lines of each container.
    tail: Option<u32>,
    /// Only lines of this last while, such as 10m.
    since: Option<TimeSpan>,
    /// Those of the container before its last restart.
    #[serde(default)]
    previous: bool,
    /// Goes on reading while other steps run, also from pods that come later; needs `during`.
    #[serde(default)]
    follow: bool,
}

impl Short for Logs {
    type Value = Reference;
    fn short(target: Several<Reference>) -> Self {
        Logs { target, ..Logs::default() }
    }
}

#[async_trait]
impl Verb for Logs {
    fn check(&self, at: &str, cx: &mut CheckContext<'_>) {
        if self.follow && self.previous {
            let help = "leave one of them out".to_owned();
            cx.error(&[at.into()], Code::InvalidValue, "the log before a restart cannot be followed", Some(help));
        }
        exec::check_target(at, !self.target.0.is_empty(), self.selector.as_deref(), cx);
    }

    fn during(&self) -> During {
        if self.follow { During::Always } else { During::Never }
    }

    fn title(&self) -> String {
        let names: Vec<String> = self.targets().iter().map(ToString::to_string).collect();
        format!("logs of {}", names.join(", "))
    }

    async fn run(&self, on: &VerbContext<'_>) -> Result<Outcome, Fault> {
        if self.follow {
            return follow(self, on).await;
        }
        let mut lines = 0_u64;
        for target in self.targets() {
            let mut line = |pod: &str, container: &str, text: &str| {
                lines += 1;
                on.say(format!("{pod} {container}: {text}"));
            };
            let options = self.options();
            let without =
                |pod: &str, container: &str, why: &str| on.say(format!("{pod} {container} has no log: {why}"));
            let read = on.cluster.logs(on.namespace, &target, &options, &mut line, &without);
            if let Err(trouble) = Box::pin(on.cx.unless_cancelled(read)).await? {
                return trouble.outcome(target.to_string());
            }
        }
        Ok(Outcome::Passed(Outputs::from([("lines".to_owned(), lines.into())])))
    }
}

impl Logs {
    fn targets(&self) -> Vec<crate::kubernetes::client::PodTarget> {
        match &self.selector {
            Some(selector) => vec![exec::target(None, Some(selector))],
            None => self.target.0.iter().map(|target| exec::target(Some(target), None)).collect(),
        }
    }

    fn options(&self) -> LogOptions {
        LogOptions {
            container: self.container.clone(),
            tail: self.tail.map(i64::from),
            since_seconds: self.since.map(|since| i64::try_from(since.0.as_secs().max(1)).unwrap_or(i64::MAX)),
            previous: self.previous,
            init: false,
        }
    }
}

async fn follow(logs: &Logs, on: &VerbContext<'_>) -> Result<Outcome, Fault> {
    let (log, lines) = (Arc::clone(&on.cx.log), Arc::new(AtomicU64::new(0)));
    let count = Arc::clone(&lines);
    let listener: LogListener = Arc::new(move |life, event| {
        let (pod, container) = (&life.pod, &life.container);
        let line = match event {
            LogEvent::Begins => return,
            LogEvent::Line(text) => format!("{pod} {container}: {text}"),
            LogEvent::NoLog(why) => format!("{pod} {container} has no log: {why}"),
            LogEvent::Broken(why) => format!("{pod} {container}: the log breaks off: {why}"),
        };
        count.fetch_add(1, Ordering::Relaxed);
        log.line(line.as_bytes());
    });
    let options = logs.options();
    let targets = logs.targets();
    let follows = targets
        .iter()
        .map(|target| on.cluster.follow_logs(on.namespace, target, &options, Arc::clone(&listener), || on.cx.up()));
    tokio::select! {
        biased;
        () = on.cx.cancelled() => return Err(Fault::unknown("stopped")),
        () = on.cx.stopped() => {}
        result = futures::future::try_join_all(follows) => {
            if let Err(trouble) = result {
                return trouble.outcome(logs.title());
            }
        }
    }
    let lines = lines.load(Ordering::Relaxed);
    Ok(Outcome::Passed(Outputs::from([("lines".to_owned(), lines.into())])))
}
