//! Tools that answer questions: kubectl-ai, kagent, Docker AI, an OpenAI-compatible endpoint, any command. Each file
//! knows how one is called; none knows a step.

pub mod assertions;
mod command;
mod docker_ai;
mod judge;
mod kagent;
mod kubectl_ai;
mod openai;
mod spec;
pub mod steps;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::core::model::outcome::{Fault, FaultKind};
use crate::core::model::units::TimeSpan;
use crate::http::Http;
use crate::kubernetes::client::Cluster;
use crate::process::command_context::{CommandContext, last_line, plain};
use crate::process::{Command, Output, Stop, capture_stopped};

pub use docker_ai::DockerAi;
pub use kagent::Kagent;
pub use kubectl_ai::KubectlAi;
pub use openai::OpenAi;
pub use spec::{Tool, ToolSpec};

/// Bytes kept of an answer.
const LIMIT: usize = 256 << 10;
/// Time between SIGTERM and SIGKILL for a tool whose time is over.
const GRACE: Duration = Duration::from_secs(2);

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// The whole text: question, what it is about, what the answer should have.
    pub text: String,
    /// The state of the thing it is about, for tools that have no access themselves.
    pub state: Option<String>,
    /// A kubeconfig with the run's one context; without it a tool sees no cluster.
    pub kubeconfig: Option<PathBuf>,
}

/// Why a tool gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// The tool, or something that it needs, is not there.
    Missing(String),
    /// It failed, with these words.
    Failed(String),
    /// It ended well and said nothing.
    Empty,
    /// It ended well, and what it printed is not an answer: why.
    NoAnswer(String),
    /// Its time was over.
    TimedOut(Duration),
    /// The attempt was stopped.
    Stopped,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unanswered::Missing(words) => f.write_str(words),
            Unanswered::Failed(words) => write!(f, "it failed: {words}"),
            Unanswered::Empty => f.write_str("it said nothing"),
            Unanswered::NoAnswer(why) => write!(f, "it gave no answer: {why}"),
            Unanswered::TimedOut(limit) => write!(f, "it gave no answer within {}", TimeSpan(*limit)),
            Unanswered::Stopped => f.write_str("it was stopped"),
        }
    }
}

impl Tool {
    /// Asks, and waits for the answer at most `limit`.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn answer(
        &self,
        question: &Question,
        (http, cluster): (&Http, &Cluster),
        limit: Duration,
        call: &CommandContext<'_>,
    ) -> Result<String, Unanswered> {
        let answer = match self {
            Tool::KubectlAi(tool) => tool.answer(question, limit, call).await?,
            Tool::Kagent(tool) => tool.answer(question, cluster, limit, call).await?,
            Tool::DockerAi(tool) => tool.answer(question, limit, call).await?,
            Tool::OpenAi(tool) => tool.answer(question, http, limit, call).await?,
            Tool::Command(argv) => command::answer(argv, question, limit, call).await?,
        };
        judge::answer(&answer)
    }
}

/// What becomes of a tool whose time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Late {
    /// It has not answered, whatever it printed: an answer could be cut.
    Fails,
    /// What it printed counts, and has no exit code: it prints whole messages, and may hang behind the last one.
    Judge,
}

/// Runs one of the tools' commands; one that failed is no answer.
async fn said(
    mut command: Command,
    question: &Question,
    limit: Duration,
    late: Late,
    call: &CommandContext<'_>,
) -> Result<Output, Unanswered> {
    // no other cluster than the run's, and no traces beside the run's own folder
    let kubeconfig = question.kubeconfig.clone().unwrap_or_else(|| "/dev/null".into());
    command.env.insert("KUBECONFIG".into(), kubeconfig.into());
    command.env.insert("TMPDIR".into(), call.scratch.clone().into());
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        command.env.insert(name.into(), value.into());
    }
    let stop = Stop { cancel: call.stop.cancel.child_token(), grace: call.stop.grace.min(GRACE) };
    let mut run = std::pin::pin!(capture_stopped(&command, LIMIT, &stop));
    let said = tokio::select! {
        biased;
        said = &mut run => said,
        () = tokio::time::sleep(limit) => {
            stop.cancel.cancel();
            // its end is waited for: nothing of it may run on
            let printed = run.await.map(|(said, _)| said).unwrap_or_default();
            if call.stop.cancel.is_cancelled() {
                return Err(Unanswered::Stopped);
            }
            return if late == Late::Judge { whole(printed) } else { Err(Unanswered::TimedOut(limit)) };
        }
    };
    match said {
        Ok((_, true)) => Err(Unanswered::Stopped),
        Ok((said, false)) if said.code == Some(0) => whole(said),
        Ok((said, false)) => {
            let words = last_line(&said.stderr).or_else(|| last_line(&said.stdout)).map(|words| plain(&words));
            let code = said.code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
            Err(Unanswered::Failed(words.map_or(code.clone(), |words| format!("{code}: {words}"))))
        }
        Err(_) if call.stop.cancel.is_cancelled() => Err(Unanswered::Stopped),
        Err(fault) => Err(not_started(&command, &fault)),
    }
}

/// Output of which nothing is missing: a piece is not an answer.
fn whole(said: Output) -> Result<Output, Unanswered> {
    match said.stdout.whole("its output") {
        Ok(_) => Ok(said),
        Err(fault) => Err(Unanswered::Failed(fault.message)),
    }
}

fn not_started(command: &Command, fault: &Fault) -> Unanswered {
    let name = command.program.to_string_lossy();
    match fault.kind {
        FaultKind::Environment if fault.message.contains("is not in PATH") => {
            Unanswered::Missing(format!("`{name}` is not installed (not in PATH)"))
        }
        _ => Unanswered::Missing(fault.message.clone()),
    }
}

/// The first bytes of a text, whole characters only.
pub fn cut(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A question never looks like a flag.
fn argument(text: &str) -> String {
    if text.starts_with('-') { format!("Question: {text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests;
