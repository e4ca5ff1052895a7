//! What is written under `ask:`, and what is wrong with it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::ask::{Tool, ToolSpec};
use crate::core::kind::{CheckContext, Script};
use crate::core::model::diagnostic::Code;
use crate::core::model::units::TimeSpan;
use crate::http::problem;
use crate::kubernetes::client::Reference;
use crate::kubernetes::explain::Target;

/// The time a tool gets where nothing is written.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// A question, whom to ask, and what to do where there is no answer. The tool sees the run's own cluster and no other,
/// and nothing that it prints or is given holds a secret. API keys reach it by the step's environment:
/// `env: { OPENAI_API_KEY: "${{ secrets.model_key }}" }`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The question, in plain words.
    pub question: String,
    /// The object it is about: `deployment/todo-backend`. Its state is gathered for tools that have no access
    /// themselves, and for the fallback.
    pub about: Option<Reference>,
    /// The namespace it is about; else the pipeline's.
    pub namespace: Option<String>,
    /// Whom to ask: `kubectl-ai`, `kagent`, `docker-ai` or `openai`, each also with options, or `command: [program]`.
    pub tool: ToolSpec,
    /// How long the tool may take; 60s where nothing is written.
    pub timeout: Option<TimeSpan>,
    /// What answers where the tool does not: the manual commands. Behind what they print, or alone where none is
    /// written or all fail: what the cluster says of `about` (state, pods, Services, events, what is wrong, what could
    /// be better).
    pub fallback: Option<Fallback>,
}

/// The manual way to an answer: what these commands print. Exactly one of `commands` and `run`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-one-of" = ["commands", "run"]))]
pub struct Fallback {
    /// Commands without a shell, one after the other; those that fail are reported and passed over.
    #[serde(default)]
    pub commands: Vec<Vec<String>>,
    /// A script for `sh -eu`.
    pub run: Option<Script>,
}

impl Ask {
    /// What it is about, for descriptions.
    pub fn target(&self) -> Option<Target> {
        let about = self.about.as_ref()?;
        let name = about.name.clone();
        let known = |kind: &str| Target::Workload { kind: kind.to_owned(), name: name.clone() };
        let other = |kind: &str| Target::Object { kind: kind.to_owned(), name: name.clone() };
        let plain = about.kind.split('.').next().unwrap_or_default().to_lowercase();
        Some(match plain.as_str() {
            "deployment" | "deployments" | "deploy" => known("Deployment"),
            "statefulset" | "statefulsets" | "sts" => known("StatefulSet"),
            "daemonset" | "daemonsets" | "ds" => known("DaemonSet"),
            "replicaset" | "replicasets" | "rs" => known("ReplicaSet"),
            "job" | "jobs" => known("Job"),
            "pod" | "pods" | "po" => other("Pod"),
            "service" | "services" | "svc" => other("Service"),
            _ => other(&about.kind),
        })
    }

    /// Variables of the environment that may hold an API key.
    pub fn key_names(&self) -> Vec<&str> {
        let own = match &self.tool.0 {
            Tool::KubectlAi(tool) => tool.key_env.as_deref(),
            Tool::OpenAi(tool) => tool.key_env.as_deref(),
            _ => None,
        };
        ["OPENAI_API_KEY", "GEMINI_API_KEY", "ANTHROPIC_API_KEY", "AZURE_OPENAI_API_KEY", "GROK_API_KEY"]
            .into_iter()
            .chain(own)
            .collect()
    }
}

/// What is wrong with it before anything runs.
pub fn check(ask: &Ask, cx: &mut CheckContext<'_>) {
    if ask.question.trim().is_empty() {
        let help = Some("write what the tool is asked: `question: which pods are not ready?`".to_owned());
        cx.error(&["question".into()], Code::InvalidValue, "the question is empty", help);
    }
    if let Tool::Command(argv) = &ask.tool.0
        && argv.first().is_none_or(String::is_empty)
    {
        let help = Some("write `tool: { command: [program, argument] }`".to_owned());
        cx.error(&["tool".into()], Code::InvalidValue, "`command` names no program", help);
    }
    if let Tool::OpenAi(tool) = &ask.tool.0
        && let Some(problem) = tool.endpoint.as_deref().filter(|url| !url.is_empty()).and_then(problem)
    {
        let path = ["tool".into(), "openai".into(), "endpoint".into()];
        cx.error(&path, Code::InvalidValue, problem, Some("write `endpoint: http://127.0.0.1:11434/v1`".to_owned()));
    }
    let Some(fallback) = &ask.fallback else { return };
    if fallback.run.is_some() != fallback.commands.is_empty() {
        let help = Some("write `commands: [[kubectl, get, pods]]`, or a script under `run:`".to_owned());
        let message = "`fallback` has not exactly one of `commands` and `run`";
        cx.error(&["fallback".into()], Code::InvalidValue, message, help);
    }
    for (at, _) in fallback.commands.iter().enumerate().filter(|(_, argv)| argv.is_empty()) {
        let place = ["fallback".into(), "commands".into(), at.into()];
        let help = Some("write `[program, argument]`, or leave it out".to_owned());
        cx.error(&place, Code::InvalidValue, "this command of the fallback is empty", help);
    }
}
