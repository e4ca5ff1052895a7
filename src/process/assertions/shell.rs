//! `shell`: what a script or a command prints, and its exit code.

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::core::kind::executor::Capture;
use crate::core::kind::{
    Assertion, AssertionKind, CheckContext, Context, ExistingPath, Sample, Script, TextExpect, excerpt,
};
use crate::core::model::diagnostic::{Code, did_you_mean};
use crate::core::model::expect::Expect;
use crate::core::model::outcome::{Fault, FaultKind, Measure, Verdict};
use crate::core::model::units::{Count, TimeSpan};
use crate::kubernetes::client::scripts_kubeconfig;
use crate::process::Output;
use crate::process::script;

/// The row of `shell`.
pub const KIND: AssertionKind = AssertionKind::assertion::<Shell>(
    "shell",
    "a script or a command ends and prints as expected",
    "command: [git, status, --porcelain]\nstdout: { equals: \"\" }\n",
)
.elsewhere();

const TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of each stream that are kept.
const LIMIT: usize = 1 << 20;

/// What a script (`run`) or a program (`command`) prints, and its exit code. It should change nothing: it may run
/// many times while `within` lasts. A kubectl in it finds the run's cluster and no other, as in a `shell` step.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_field_names, reason = "`shell` is the word for it in the file")]
#[schemars(extend("x-one-of" = ["run", "command"], "x-short" = "run", "x-short-list" = "command"))]
pub struct Shell {
    /// The script's text, for `sh -eu`.
    #[serde(default)]
    pub run: Option<Script>,
    /// A program and its arguments, started without a shell.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub command: Option<Vec<String>>,
    /// What reads `run`: `sh`, `bash`, `python3`, …
    #[serde(default)]
    pub shell: Option<String>,
    /// The folder it runs in, below the project's.
    #[serde(default)]
    pub dir: Option<ExistingPath>,
    /// The exit code; 0 where nothing is written.
    #[serde(default)]
    pub exit_code: Option<Expect<Count>>,
    /// What is expected of its standard output.
    #[serde(default)]
    pub stdout: Option<TextExpect>,
    /// What is expected of its standard error.
    #[serde(default)]
    pub stderr: Option<TextExpect>,
    /// How long one run may take; 30s where nothing is written. On a runner it is counted from the container's start.
    #[serde(default)]
    pub timeout: Option<TimeSpan>,
}

#[async_trait]
impl Assertion for Shell {
    fn check(&self, cx: &mut CheckContext<'_>) {
        if self.run.is_some() == self.command.is_some() {
            let help = Some("write `run:` for a script, or `command: [program, argument]`".to_owned());
            cx.error(&[], Code::InvalidValue, "not exactly one of `run` and `command` is written", help);
        }
        if let Some(problem) = self.command.as_deref().and_then(script::no_program) {
            cx.error(&["command".into()], Code::InvalidValue, problem.0, Some(problem.1));
        }
        if let Some(shell) = self.shell.as_deref().filter(|shell| !script::knows(shell)) {
            let help = did_you_mean(shell, script::interpreters());
            cx.error(&["shell".into()], Code::InvalidValue, format!("`{shell}` is not a known shell"), help);
        }
        for (name, expect) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if let Some(expect) = expect {
                expect.check(cx, &[name.into()]);
            }
        }
    }

    fn title(&self) -> String {
        let text = match (&self.run, &self.command) {
            (Some(script), _) => script.0.trim().lines().next().unwrap_or_default().to_owned(),
            (None, Some(command)) => command.join(" "),
            (None, None) => String::new(),
        };
        if text.chars().count() <= 60 { text } else { text.chars().take(59).chain(['…']).collect() }
    }

    async fn measure(&self, cx: &Context) -> Result<Verdict, Fault> {
        let run = self.run.as_ref().map(|run| run.0.as_str());
        let task = script::task(run, self.shell.as_deref(), self.command.as_deref())?;
        let dir = script::folder(&cx.project, self.dir.as_ref().map(|dir| dir.0.as_path()))?;
        let mut command = script::command(task, &cx.env, dir, &cx.scratch)?;
        command.env.extend(scripts_kubeconfig(cx));
        let timeout = self.timeout.map_or(TIMEOUT, |timeout| timeout.0);
        let work = Capture { command: &command, limit: LIMIT, timeout, stop: &cx.stop() };
        if let Some(said) = cx.executor.capture(work).await? {
            return Ok(Verdict::of(self.measures(&said, cx)?));
        }
        let words = format!("not measured (timed out after {})", TimeSpan(timeout));
        Ok(Verdict::of(vec![Measure::new("exit_code", words, self.expected(), false)]))
    }
}

impl Shell {
    fn expected(&self) -> Expect<Count> {
        self.exit_code.clone().unwrap_or_else(|| Expect::parse("0").expect("it is well formed"))
    }

    fn measures(&self, said: &Output, cx: &Context) -> Result<Vec<Measure>, Fault> {
        let mut all = vec![if let Some(code) = said.code {
            self.expected().measure("exit_code", &Count(code.into()))
        } else {
            let by = said.signal.map_or_else(|| "a signal".to_owned(), script::signal_name);
            Measure::new("exit_code", format!("none (killed by {by})"), self.expected(), false)
        }];
        let stderr = Sample::new(&said.stderr, said.stderr.is_cut());
        // an exit code that does not hold is an answer, whatever the output is
        let decided = !all[0].holds;
        let mut add = |measured: Result<Vec<Measure>, Fault>| -> Result<(), Fault> {
            if let Err(fault) = &measured
                && (!decided || fault.kind == FaultKind::Invalid)
            {
                return Err(fault.clone());
            }
            all.extend(measured.unwrap_or_default());
            Ok(())
        };
        if let Some(expect) = &self.stdout {
            add(expect.measures("stdout", &Sample::new(&said.stdout, said.stdout.is_cut()), cx))?;
        }
        if let Some(expect) = &self.stderr {
            add(expect.measures("stderr", &stderr, cx))?;
        }
        if all.iter().any(|measure| !measure.holds) {
            all.extend(self.said(said, cx));
        }
        Ok(all)
    }

    /// What a command that is not as expected printed, beside what is measured: its standard error, else its output.
    fn said(&self, said: &Output, cx: &Context) -> Option<Measure> {
        let all = [("stderr", &said.stderr, self.stderr.is_some()), ("stdout", &said.stdout, self.stdout.is_some())];
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        let shown = all.into_iter().find(|(_, bytes, _)| !text(bytes).is_empty());
        shown
            .filter(|(_, _, measured)| !measured)
            .map(|(name, bytes, _)| Measure::new(name, excerpt(&text(bytes), cx), "", true))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::kind::test_context::{TestContext, body, complaints};

    async fn measured(json: serde_json::Value) -> Verdict {
        body::<Shell>(&json).measure(&TestContext::new().cx).await.expect("it can be measured")
    }

    #[tokio::test]
    async fn holds_where_code_and_streams_are_as_expected() {
        let verdict = measured(json!({
            "run": "echo 42; echo warn >&2; exit 3", "exit_code": 3,
            "stdout": { "count": "> 40" }, "stderr": { "contains": "warn" },
        }));
        assert!(verdict.await.holds());
    }

    #[tokio::test]
    async fn an_unmet_exit_code_shows_what_was_said_on_stderr() {
        let measures =
            vec![Measure::new("exit_code", "2", "0", false), Measure::new("stderr", "no such file", "", true)];
        let verdict = measured(json!({ "run": "echo no such file >&2; exit 2" })).await;
        assert_eq!(verdict, Verdict::Unmet { measures });
    }

    #[tokio::test]
    async fn a_command_that_takes_too_long_is_stopped_and_unmet() {
        let measures = vec![Measure::new("exit_code", "not measured (timed out after 50ms)", "0", false)];
        let verdict = measured(json!({ "command": ["sleep", "1000"], "timeout": "50ms" })).await;
        assert_eq!(verdict, Verdict::Unmet { measures });
    }

    #[tokio::test]
    async fn a_missing_program_is_a_fault() {
        let shell = body::<Shell>(&json!({ "command": ["no-such-tool"] }));
        let fault = shell.measure(&TestContext::new().cx).await.expect_err("it cannot be found out");
        assert!(fault.message.starts_with("program `no-such-tool` is not in PATH"), "{fault}");
    }

    #[test]
    fn refuses_patterns_that_cannot_be_used() {
        let json = json!({ "run": "x", "stdout": { "matches": "(" } });
        let found = complaints(&json, false, |cx| body::<Shell>(&json).check(cx));
        assert_eq!(found, [(Code::InvalidValue, "the regular expression cannot be used: unclosed group".to_owned())]);
    }
}
