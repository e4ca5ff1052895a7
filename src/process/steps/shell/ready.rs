//! `ready:` of a script that runs `during` others: when it counts as up.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::core::clock;
use crate::core::kind::executor::{Probe, Service};
use crate::core::kind::{CheckContext, Context, Tail};
use crate::core::model::diagnostic::Code;
use crate::core::model::outcome::{Failure, Fault};
use crate::core::model::units::TimeSpan;
use crate::http::{self, Request, Trust};
use crate::process::tcp;
use crate::services::Clients;

use super::probe::probe_of;

/// How long it may take to be up where `within` says nothing.
const WITHIN: Duration = Duration::from_secs(60);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// When a script is up: exactly one of `log`, `tcp`, `http`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-one-of" = ["log", "tcp", "http"]))]
pub struct Ready {
    /// A line of its output contains this text, as it is shown: without colours. A line without its end counts.
    #[serde(default)]
    pub log: Option<String>,
    /// This address takes connections: `127.0.0.1:8080`.
    #[serde(default)]
    pub tcp: Option<String>,
    /// This URL answers with a status from 200 to 399.
    #[serde(default)]
    pub http: Option<String>,
    /// How long it may take; 60s where nothing is written.
    #[serde(default)]
    pub within: Option<TimeSpan>,
}

impl Ready {
    /// What is wrong with it.
    pub fn check(&self, cx: &mut CheckContext<'_>) {
        let at = ["ready".into()];
        let given = [self.log.is_some(), self.tcp.is_some(), self.http.is_some()];
        if given.into_iter().filter(|given| *given).count() != 1 {
            let help = Some("write `log: \"text\"`, `tcp: \"127.0.0.1:8080\"` or `http: URL`".to_owned());
            cx.error(&at, Code::InvalidValue, "`ready` names not exactly one of `log`, `tcp`, `http`", help);
        }
        if self.log.as_deref() == Some("") {
            cx.error(&["ready".into(), "log".into()], Code::InvalidValue, "every line holds the empty text", None);
        }
        if let Some(problem) = self.tcp.as_deref().and_then(tcp::problem) {
            let help = Some("write `tcp: \"127.0.0.1:8080\"`".to_owned());
            cx.error(&["ready".into(), "tcp".into()], Code::InvalidValue, problem, help);
        }
        if let Some(problem) = self.http.as_deref().and_then(http::problem) {
            let help = Some("write `http: \"http://127.0.0.1:8080/\"`".to_owned());
            cx.error(&["ready".into(), "http".into()], Code::InvalidValue, problem, help);
        }
        if let Some(message) = self.probe_problem().filter(|_| cx.on_runner) {
            let help = Some("write `tcp: \"127.0.0.1:8080\"` or `http: \"http://127.0.0.1:8080/\"`".to_owned());
            cx.error(&at, Code::InvalidValue, message, help);
        }
        if !cx.during {
            let help = Some("add `during: [step]`: the script is then stopped when that step is over".to_owned());
            cx.error(&at, Code::InvalidValue, "`ready` has no meaning for a step that covers no other", help);
        }
    }

    /// Comes back when it is up, or with what kept it from it. At once where nothing is asked for.
    pub async fn reached(ready: Option<&Ready>, cx: &Context, tail: &Tail<'_>) -> Result<(), Failure> {
        let Some(ready) = ready else { return Ok(()) };
        let within = ready.within.map_or(WITHIN, |within| within.0);
        let mut last = String::new();
        let up = async {
            if ready.log.is_some() {
                return tail.seen().await;
            }
            while let Err(problem) = ready.look(cx).await {
                last = problem;
                clock::sleep(PAUSE).await;
            }
        };
        if clock::timeout(within, up).await.is_ok() {
            return Ok(());
        }
        let missing = match &ready.log {
            Some(text) => format!("no line of its output holds \"{text}\""),
            None => last,
        };
        Err(Failure::new(format!("it was not up within {}: {missing}", TimeSpan(within))))
    }

    /// What tells a cluster that it is up; none with `log`.
    ///
    /// # Errors
    /// [`Fault`] where it does not name a port of the service itself.
    pub fn probe(&self) -> Result<Option<Probe>, Fault> {
        probe_of(self.tcp.as_deref(), self.http.as_deref()).map_err(Fault::invalid)
    }

    fn probe_problem(&self) -> Option<String> {
        probe_of(self.tcp.as_deref(), self.http.as_deref()).err()
    }

    /// As [`Ready::reached`], for a service on a runner, which runs.
    pub async fn reached_by(&self, service: &Service, tail: &Tail<'_>) -> Result<(), Failure> {
        let within = self.within.map_or(WITHIN, |within| within.0);
        let up = async {
            match &self.log {
                Some(_) => tail.seen().await,
                None => service.up().await,
            }
        };
        if clock::timeout(within, up).await.is_ok() {
            return Ok(());
        }
        let missing = match (&self.log, &self.tcp, &self.http) {
            (Some(text), ..) => format!("no line of its output holds \"{text}\""),
            (_, Some(address), _) => format!("the cluster cannot connect to {address}"),
            (.., url) => format!("the cluster gets no good answer from {}", url.as_deref().unwrap_or_default()),
        };
        let failure = Failure::new(format!("it was not up within {}: {missing}", TimeSpan(within)));
        let by_port = self.log.is_none();
        Err(if by_port {
            failure.help("other machines ask it: it must listen on all addresses (0.0.0.0), not only on 127.0.0.1")
        } else {
            failure
        })
    }

    async fn look(&self, cx: &Context) -> Result<(), String> {
        if let Some(address) = &self.tcp {
            return tcp::connect(address, Duration::from_secs(2)).await.map(drop).map_err(|error| error.to_string());
        }
        let Some(url) = &self.http else { return Ok(()) };
        let request = Request { timeout: Duration::from_secs(2), ..Request::get(url) };
        match cx.http().send(&request, &Trust::default()).await {
            Ok(answer) if (200..400).contains(&answer.status) => Ok(()),
            Ok(answer) => Err(format!("{url} answered {}", answer.status)),
            Err(error) => Err(error.to_string()),
        }
    }
}
