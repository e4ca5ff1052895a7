//! What answers where the tool does not: the user's commands, and behind them what the cluster itself says.

use std::path::Path;
use std::time::Duration;

use super::spec::{Ask, Fallback};
use crate::core::kind::Context;
use crate::core::model::outcome::{Fault, FaultKind};
use crate::core::model::units::TimeSpan;
use crate::process::command_context::{CommandContext, last_line};
use crate::process::script::{self, Task};
use crate::process::{Command, Output, Stop, capture};
use crate::services::Clients;

/// How long one command of a fallback may take.
const LIMIT: Duration = Duration::from_secs(30);
/// Bytes kept of what a command prints.
const KEPT: usize = 256 << 10;

impl Ask {
    /// The fallback's answer; else why each way gave none.
    ///
    /// # Errors
    /// [`Fault`] when the attempt was stopped.
    pub(super) async fn fall_back(
        &self,
        namespace: &str,
        kubeconfig: Option<&Path>,
        call: &CommandContext<'_>,
        cx: &Context,
    ) -> Result<Result<String, Vec<String>>, Fault> {
        let mut reasons = Vec::new();
        let mut manual = None;
        if let Some(fallback) = &self.fallback {
            match fallback.answer(kubeconfig, call, cx).await? {
                Ok(answer) => manual = Some(answer),
                Err(why) => {
                    cx.say("its fallback's commands gave no answer either");
                    reasons.extend(why);
                }
            }
        }
        if self.about.is_none() && self.namespace.is_none() {
            if let Some(manual) = manual {
                return Ok(Ok(manual));
            }
            if self.fallback.is_none() {
                reasons.push("it has no `fallback:`, and no `about:` that the cluster could be asked for".to_owned());
            }
            return Ok(Err(reasons));
        }
        let keep = |name: &str, text: &str| cx.evidence.keep(name, text);
        let described = cx.unless_cancelled(cx.cluster().describe(namespace, self.target().as_ref(), &keep)).await?;
        match (described, manual) {
            // what the user's own commands print says how things stand, but recommends nothing
            (Ok(Ok(described)), Some(manual)) => Ok(Ok(format!("{manual}\n\nIn short: {described}"))),
            (_, Some(manual)) => Ok(Ok(manual)),
            (Ok(Ok(described)), None) => Ok(Ok(described)),
            (Ok(Err(missing)), None) => {
                reasons.push(missing.message);
                Ok(Err(reasons))
            }
            (Err(fault), None) if fault.kind == FaultKind::Environment => {
                reasons.push(fault.message);
                Ok(Err(reasons))
            }
            (Err(fault), None) => Err(fault),
        }
    }
}

impl Fallback {
    /// What the commands print, each under the words it was called by; else why each printed nothing.
    async fn answer(
        &self,
        kubeconfig: Option<&Path>,
        call: &CommandContext<'_>,
        cx: &Context,
    ) -> Result<Result<String, Vec<String>>, Fault> {
        let script = self.run.iter().map(|script| ("the script".to_owned(), Task::Script(&script.0, "sh")));
        let commands = self.commands.iter().map(|argv| (argv.join(" "), Task::Argv(argv)));
        let (mut answer, mut reasons) = (String::new(), Vec::new());
        for (name, task) in script.chain(commands) {
            let mut command = script::command(task, &cx.env, cx.project.to_path_buf(), &cx.scratch)?;
            let kubeconfig = kubeconfig.unwrap_or(Path::new("/dev/null"));
            command.env.insert("KUBECONFIG".into(), kubeconfig.into());
            match one(&command, call).await? {
                Ok(text) if text.trim().is_empty() => reasons.push(format!("`{name}` printed nothing")),
                Ok(text) => {
                    if self.run.is_none() {
                        answer.push_str(&format!("$ {name}\n"));
                    }
                    answer.push_str(text.trim_end());
                    answer.push_str("\n\n");
                }
                Err(why) => {
                    cx.say(format!("`{name}`: {why}"));
                    reasons.push(format!("`{name}`: {why}"));
                }
            }
        }
        Ok(if answer.is_empty() { Err(reasons) } else { Ok(answer.trim_end().to_owned()) })
    }
}

async fn one(command: &Command, call: &CommandContext<'_>) -> Result<Result<String, String>, Fault> {
    let stop = Stop { cancel: call.stop.cancel.child_token(), grace: call.stop.grace };
    let mut run = std::pin::pin!(capture(command, KEPT, &stop));
    let said = tokio::select! {
        biased;
        said = &mut run => said,
        () = tokio::time::sleep(LIMIT) => {
            stop.cancel.cancel();
            let _ = run.await;
            return Ok(Err(format!("still running after {}", TimeSpan(LIMIT))));
        }
    };
    match said {
        Ok(Output { code: Some(0), stdout, .. }) => Ok(match stdout.whole("its output") {
            Ok(whole) => Ok(String::from_utf8_lossy(whole).into_owned()),
            Err(fault) => Err(fault.message),
        }),
        Ok(Output { code, stderr, .. }) => {
            let words = last_line(&stderr).map(|words| format!(": {words}")).unwrap_or_default();
            let code = code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
            Ok(Err(format!("{code}{words}")))
        }
        Err(_) if call.stop.cancel.is_cancelled() => Err(Fault::unknown("stopped")),
        Err(fault) => Ok(Err(fault.message)),
    }
}
