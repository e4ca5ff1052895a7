//! `exec`: a command in a pod.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::Verb;
use super::verb_context::VerbContext;
use crate::core::kind::CheckContext;
use crate::core::model::diagnostic::Code;
use crate::core::model::outcome::{Failure, Fault, Finding, Outcome, Outputs};
use crate::kubernetes::client::{PodCommand, PodTarget, Reference, is_ready};
use crate::kubernetes::explain::Target;
use crate::kubernetes::ownership::labels::LabelSelector;

/// Runs a command in a pod and fails when its exit code is not 0. Where the step must stop before, the command may go on: no
/// connection is left to end it by.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exec {
    /// The pod, or a workload or Service: one of its ready pods is taken.
    target: Option<Reference>,
    /// Instead of `target`: the labels that the pod carries.
    selector: Option<String>,
    /// The container; the pod's default one where none is named.
    container: Option<String>,
    /// Program and arguments. No shell: write `[sh, -c, "…"]` for one.
    command: Vec<String>,
    /// What the command reads.
    /// Some container runtimes report no end of a command that leaves more than 64 KiB of it unread: set `timeout`.
    stdin: Option<String>,
}

#[async_trait]
impl Verb for Exec {
    fn check(&self, at: &str, cx: &mut CheckContext<'_>) {
        check_target(at, self.target.is_some(), self.selector.as_deref(), cx);
        if self.command.is_empty() {
            let help = "write the program and its arguments: `command: [ls, -l]`".to_owned();
            cx.error(&[at.into(), "command".into()], Code::InvalidValue, "there is no command to run", Some(help));
        }
    }

    fn title(&self) -> String {
        let target = target(self.target.as_ref(), self.selector.as_deref());
        format!("exec {} in {target}", self.command.first().map(String::as_str).unwrap_or_default())
    }

    async fn run(&self, on: &VerbContext<'_>) -> Result<Outcome, Fault> {
        let target = target(self.target.as_ref(), self.selector.as_deref());
        let pods = match on.cluster.pods_of(on.namespace, &target).await {
            Ok(pods) => pods,
            Err(trouble) => return trouble.outcome(target.to_string()),
        };
        let is_pod = matches!(&target, PodTarget::Object(reference) if matches!(reference.kind.as_str(), "pod" | "pods" | "po" | "Pod"));
        let Some(pod) = pods.first().filter(|pod| is_pod || is_ready(pod)) else {
            let findings = on.explain_target(on.namespace, &explained(&target)).await;
            let failure = Failure::new(format!("{target} has no ready pod to run a command in")).because(findings);
            return Ok(Outcome::Failed(failure));
        };
        let pod = pod.metadata.name.as_deref().unwrap_or_default();
        let command = PodCommand {
            namespace: on.namespace,
            pod,
            container: self.container.as_deref(),
            command: &self.command,
            stdin: self.stdin.as_deref().map(str::as_bytes),
        };
        let program = self.command.first().map(String::as_str).unwrap_or_default();
        let exit = tokio::select! {
            biased;
            () = on.cx.cancelled() => return Ok(Outcome::Failed(left_running(program, pod))),
            exit = on.cluster.exec(&command, on.cx.log.as_ref()) => exit,
        };
        let exit = match exit {
            Ok(exit) => exit,
            Err(trouble) => return trouble.outcome(format!("pod/{pod}")),
        };
        match exit.code {
            Some(0) => {
                let mut outputs =
                    Outputs::from([("exit_code".to_owned(), 0.into()), ("pod".to_owned(), Value::from(pod))]);
                // a part is not published: a condition could be decided by it
                match exit.stdout.whole("stdout") {
                    Ok(stdout) => {
                        let text = String::from_utf8_lossy(stdout).trim_end_matches('\n').to_owned();
                        outputs.insert("stdout".to_owned(), text.into());
                    }
                    Err(fault) => on.cx.say(format!("{fault}: it is not published as an output")),
                }
                Ok(Outcome::Passed(outputs))
            }
            Some(code) => Ok(Outcome::Failed(Failure {
                exit_code: Some(code),
                ..Failure::new(format!("{program} in pod/{pod} ended with exit code {code}"))
            })),
            None => Ok(Outcome::Failed(Failure::new(format!("{program} in pod/{pod} did not run: {}", exit.message)))),
        }
    }
}

/// The failure of a command that had not ended when the attempt had to stop: the cluster ends none whose connection is gone.
fn left_running(program: &str, pod: &str) -> Failure {
    let message =
        format!("{program} may still run there: Kubernetes does not end a command whose connection is closed");
    Failure::new(format!("stopped before {program} in pod/{pod} ended"))
        .because(vec![Finding::new(format!("pod/{pod}"), "StillRunning", message)])
        .help("limit it where it runs: `command: [timeout, \"60\", …]`")
}

/// Complains unless there is exactly one of `target` and `selector`.
pub(super) fn check_target(at: &str, target: bool, selector: Option<&str>, cx: &mut CheckContext<'_>) {
    check_selector(at, selector, "write the labels of the pods: `selector: app=backend`", cx);
    if target == selector.is_some() {
        let help = "write `target: deployment/backend`, or `selector: app=backend`".to_owned();
        cx.error(&[at.into()], Code::InvalidValue, format!("`{at}` takes one of `target` and `selector`"), Some(help));
    }
}

/// Complains of a selector that is none. One without a label is what an output without a value leaves: to the API server it
/// means every object. The value of a template is checked again once it is known.
pub(super) fn check_selector(at: &str, selector: Option<&str>, help: &str, cx: &mut CheckContext<'_>) {
    let Some(Err(error)) = selector.map(LabelSelector::parse) else { return };
    let message = match selector {
        Some(text) if text.trim().is_empty() => "`selector` is empty: it would mean every object".to_owned(),
        _ => error.to_string(),
    };
    cx.error(&[at.into(), "selector".into()], Code::InvalidValue, message, Some(help.to_owned()));
}

/// The pods that are meant.
pub(super) fn target(target: Option<&Reference>, selector: Option<&str>) -> PodTarget {
    match target {
        Some(reference) => PodTarget::Object(reference.clone()),
        None => PodTarget::Selector(selector.unwrap_or_default().to_owned()),
    }
}

/// The same for an explanation.
pub(super) fn explained(target: &PodTarget) -> Target {
    match target {
        PodTarget::Object(reference) => Target::Object { kind: reference.kind.clone(), name: reference.name.clone() },
        PodTarget::Selector(selector) => Target::Selector(selector.clone()),
    }
}
