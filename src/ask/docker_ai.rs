//! Docker AI (Gordon), which Docker Desktop brings: `docker ai QUESTION`. It is documented as a program for terminals: only
//! one question as an argument is supported, and an answer on its standard output. It gets no terminal to approve on.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Late, Question, Unanswered, argument, cut, said};
use crate::process::command_context::CommandContext;

/// `docker ai`. It is given the state of the thing: it need not reach the cluster.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DockerAi {
    /// The path of Docker's program; else `docker` in PATH.
    pub program: Option<String>,
}

/// Bytes of state that go along: an argument has at most 128 KiB.
const STATE: usize = 32 << 10;

impl DockerAi {
    pub(super) async fn answer(
        &self,
        question: &Question,
        limit: Duration,
        call: &CommandContext<'_>,
    ) -> Result<String, Unanswered> {
        let mut text = argument(&question.text);
        if let Some(state) = &question.state {
            let state = cut(state, STATE);
            text.push_str("\n\nThis is its state now:\n");
            text.push_str(state);
        }
        let command = call.command(self.program.as_deref().unwrap_or("docker"), ["ai".to_owned(), text]);
        match said(command, question, limit, Late::Fails, call).await {
            Ok(said) => Ok(String::from_utf8_lossy(&said.stdout).into_owned()),
            Err(Unanswered::Failed(words)) if is_unknown(&words) => {
                Err(Unanswered::Missing("this Docker has no `ai` command (Docker Desktop brings it)".to_owned()))
            }
            Err(why) => Err(why),
        }
    }
}

/// Whether Docker says that it knows no such command; older ones say it is not one, newer ones that it is unknown.
fn is_unknown(words: &str) -> bool {
    let words = words.to_lowercase();
    words.contains("unknown command") || words.contains("is not a docker command") || words.contains("docker --help")
}
