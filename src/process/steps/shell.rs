//! `shell`: a script or a command on this machine, judged by its exit code; a service, where it runs `during` others.

mod probe;
mod ready;
mod service;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::core::kind::executor::Work;
use crate::core::kind::{CheckContext, Context, ExistingPath, OutputRow, Script, Step, StepKind, Tail};
use crate::core::model::diagnostic::{Code, did_you_mean};
use crate::core::model::expect::Expect;
use crate::core::model::outcome::{Failure, Fault, Outcome, Outputs};
use crate::core::model::units::Count;
use crate::kubernetes::client::scripts_kubeconfig;
use crate::process::script;
use crate::process::{Command, Exit, Finished, Leftovers, LineSink, waits_for_terminal};

use ready::Ready;
use service::{Served, serve};

/// The row of `shell`.
pub const KIND: StepKind = StepKind::step::<Shell>(
    "shell",
    "runs a script, or a command without a shell, on this machine or on a runner",
    "run: |\n  cargo build --release\n  cp target/release/app dist/\ndir: backend\n",
)
.outputs(&[
    OutputRow { name: "exit_code", summary: "the exit code, where it ended by itself" },
    OutputRow {
        name: "host",
        summary: "with `during`, for the steps that it covers: the address at which it is reached, 127.0.0.1 or that of its \
                  Pod",
    },
])
.during()
.light()
.elsewhere();

/// A script (`run`) or a program with its arguments (`command`); exactly one of them. Its environment is the
/// pipeline's `env`, the step's `env` and the `PIPELINE_*` names. It hands values on by `key=value` lines in the file
/// `$PIPELINE_OUTPUT`. Where pipeline.yaml names the clusters it may touch, a kubectl or helm in it finds the run's cluster
/// and no other, unless `env` has a `KUBECONFIG`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_field_names, reason = "`shell` is the word for it in the file")]
#[schemars(extend("x-one-of" = ["run", "command"], "x-short" = "run", "x-short-list" = "command"))]
pub struct Shell {
    /// The script's text. `sh` stops at the first command that fails and at an unset variable (`-eu`).
    #[serde(default)]
    pub run: Option<Script>,
    /// A program and its arguments, started without a shell.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub command: Option<Vec<String>>,
    /// What reads `run`: `sh` (`-eu`), `bash` (`-euo pipefail`), `zsh`, `python3`, `node`, …; with flags of its own
    /// (`bash -x`) it gets only those.
    #[serde(default)]
    pub shell: Option<String>,
    /// The folder it runs in, below the project's; the project's folder where nothing is written.
    #[serde(default)]
    pub dir: Option<ExistingPath>,
    /// What it reads on its standard input; empty where nothing is written.
    #[serde(default)]
    pub stdin: Option<String>,
    /// The exit code that passes: 0 where nothing is written, also `0..1` or `!= 2`.
    #[serde(default)]
    pub exit_code: Option<Expect<Count>>,
    /// When it counts as up, for a script that runs `during` others. Such a script is a service: it is stopped when
    /// the steps it covers are over, and fails if it ends before. Without `ready` it is up at once and may end early.
    #[serde(default)]
    pub ready: Option<Ready>,
    /// Processes that it leaves in the background stay after the step; otherwise those of its process group are ended with
    /// it. A process in a session of its own (`setsid`, a daemon) stays in any case. What such processes print after the step
    /// goes to a file of its own in the run's `logs` folder, also after the run; the step's log names it.
    #[serde(default)]
    pub leave_running: bool,
}

#[async_trait]
impl Step for Shell {
    fn check(&self, cx: &mut CheckContext<'_>) {
        let one = Some("write `run:` for a script, or `command: [program, argument]` for a program".to_owned());
        match (&self.run, &self.command) {
            (Some(_), Some(_)) => {
                cx.error(&["command".into()], Code::InvalidValue, "`run` and `command` cannot stand together", one);
            }
            (None, None) => cx.error(&[], Code::MissingKey, "neither `run` nor `command` is written", one),
            (None, Some(_)) if self.shell.is_some() => cx.error(
                &["shell".into()],
                Code::InvalidValue,
                "`shell` has no meaning beside `command`, which is started without one",
                Some("leave it out, or write the script under `run:`".to_owned()),
            ),
            _ => {}
        }
        if self.run.as_ref().is_some_and(|run| run.0.trim().is_empty()) {
            let help = Some("write what it runs: `run: make`".to_owned());
            cx.error(&["run".into()], Code::InvalidValue, "the script is empty", help);
        }
        if let Some(problem) = self.command.as_deref().and_then(script::no_program) {
            cx.error(&["command".into()], Code::InvalidValue, problem.0, Some(problem.1));
        }
        if let Some(shell) = self.shell.as_deref().filter(|shell| !script::knows(shell)) {
            let name = shell.split_whitespace().next().unwrap_or_default();
            let help = did_you_mean(name, script::interpreters());
            cx.error(&["shell".into()], Code::InvalidValue, format!("`{shell}` is not a known shell"), help);
        }
        if let Some(ready) = &self.ready {
            ready.check(cx);
        }
        if self.leave_running && cx.on_runner {
            let help = Some("leave it out, or write `runs_on: local`".to_owned());
            let message = "nothing can be left running on a runner: a Pod ends with its command";
            cx.error(&["leave_running".into()], Code::InvalidValue, message, help);
        }
    }

    fn title(&self) -> String {
        match (&self.run, &self.command) {
            (Some(script), _) => first_line(&script.0),
            (None, Some(command)) => shorten(&command.join(" ")),
            (None, None) => "nothing".to_owned(),
        }
    }

    async fn run(&self, cx: &Context) -> Result<Outcome, Fault> {
        let tail = Tail::new(&*cx.log, self.ready.as_ref().and_then(|ready| ready.log.as_deref()));
        let leftovers = if self.leave_running { Leftovers::Keep } else { Leftovers::End };
        let command = self.command(cx)?;
        let served = if self.ready.is_some() || cx.signals.during {
            // boxed: most scripts are no service, and need no room for one
            Box::pin(serve(self, &command, leftovers, &tail, cx)).await?
        } else {
            let (sink, stop) = (&tail as &dyn LineSink, &cx.stop());
            let work = Work { command: &command, leftovers, patience: cx.patience, sink, stop, service: None };
            let executed = cx.executor.execute(work).await?;
            Served { finished: executed.finished, findings: executed.findings, starting: false, unready: None }
        };
        let finished = served.finished;
        if cx.signals.cancel.is_cancelled() && finished.exit == Exit::Stopped {
            return Err(Fault::unknown("stopped"));
        }
        if finished.ended_leftovers && finished.exit != Exit::Stopped {
            cx.say("ended what the script left running in the background (`leave_running: true` keeps it)");
        }
        let outcome = match served.unready {
            Some(failure) => Outcome::Failed(failure.because(tail.findings(cx))),
            None => self.judge(finished, served.starting, &tail, cx),
        };
        Ok(match outcome {
            Outcome::Failed(failure) => {
                let findings = served.findings.into_iter().chain(failure.findings).collect();
                Outcome::Failed(Failure { findings, ..failure })
            }
            passed => passed,
        })
    }
}

impl Shell {
    fn command(&self, cx: &Context) -> Result<Command, Fault> {
        let run = self.run.as_ref().map(|run| run.0.as_str());
        let task = script::task(run, self.shell.as_deref(), self.command.as_deref())?;
        let dir = script::folder(&cx.project, self.dir.as_ref().map(|dir| dir.0.as_path()))?;
        let mut command = script::command(task, &cx.env, dir, &cx.scratch)?;
        command.env.extend(cx.own_env.iter().map(|(name, value)| ((*name).into(), value.clone())));
        command.env.extend(scripts_kubeconfig(cx));
        command.stdin = self.stdin.as_ref().map(|text| text.clone().into_bytes());
        Ok(command)
    }

    /// What its end means. `starting`: it was not up yet.
    fn judge(&self, finished: Finished, starting: bool, tail: &Tail<'_>, cx: &Context) -> Outcome {
        if let Exit::Code(code) = finished.exit
            && self.ready.is_none()
            && self.exit_code.as_ref().map_or(code == 0, |expect| expect.holds(&Count(code.into())))
        {
            return Outcome::Passed(Outputs::from([("exit_code".to_owned(), code.into())]));
        }
        let name = match (&self.run, &self.command) {
            (None, Some(argv)) => format!("`{}`", shorten(&argv.join(" "))),
            (Some(script), _) if script.0.trim().lines().count() == 1 => format!("`{}`", first_line(&script.0)),
            _ => "the script".to_owned(),
        };
        let expected = self.exit_code.as_ref().map_or_else(|| "0".to_owned(), ToString::to_string);
        let (summary, code, signal) = match finished.exit {
            // only a step that was ordered to end well gets here stopped, and it was alive until then
            Exit::Stopped => return Outcome::passed(),
            Exit::Terminal => {
                let (summary, help) = waits_for_terminal(&name);
                let findings = tail.findings(cx);
                return Outcome::Failed(Failure { summary, exit_code: None, findings, help: Some(help) });
            }
            Exit::Code(code) if self.ready.is_some() => {
                let when = if starting { "it was up" } else { "the steps it covers were over" };
                (format!("{name} ended with exit code {code} before {when}"), Some(code), None)
            }
            Exit::Code(code) => (format!("{name} ended with exit code {code}, expected {expected}"), Some(code), None),
            Exit::Signal(signal) => {
                let by = script::signal_name(signal);
                (format!("{name} was killed by {by}, expected exit code {expected}"), None, Some(signal))
            }
        };
        let help = script::advice(code, signal, &tail.last());
        Outcome::Failed(Failure { summary, exit_code: code, findings: tail.findings(cx), help })
    }
}

/// The first line of a script that says something, shortened.
fn first_line(script: &str) -> String {
    let mut lines = script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let first = lines.next().unwrap_or_default();
    if lines.next().is_some() { format!("{} …", shorten(first)) } else { shorten(first) }
}

/// At most 60 characters.
fn shorten(text: &str) -> String {
    if text.chars().count() <= 60 { text.to_owned() } else { text.chars().take(59).chain(['…']).collect() }
}

#[cfg(test)]
mod tests;
