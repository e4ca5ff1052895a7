//! kubectl-ai: asks a model that may run kubectl. It runs once, without a terminal, and commands that would change
//! something are never approved.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::judge;
use super::{Late, Question, Unanswered, argument, said};
use crate::process::command_context::CommandContext;

/// `kubectl-ai --quiet`. What is not written comes from its own configuration file and from the environment
/// (`OPENAI_API_KEY`, `OPENAI_ENDPOINT`, `GEMINI_API_KEY`, …).
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KubectlAi {
    /// The provider of its model: `openai` (also for compatible endpoints), `gemini`, `ollama`, …; `openai` where
    /// `endpoint` is written.
    pub provider: Option<String>,
    /// The model's name.
    pub model: Option<String>,
    /// The URL of an OpenAI-compatible API: `http://127.0.0.1:8080/v1`.
    pub endpoint: Option<String>,
    /// The variable of the step's environment that holds the API key; `OPENAI_API_KEY` where nothing is written.
    pub key_env: Option<String>,
    /// How often it may go back to its model; 20 where nothing is written.
    pub max_iterations: Option<u32>,
    /// The path of its program; else `kubectl-ai` in PATH.
    pub program: Option<String>,
}

/// It refuses to change anything without approval, and says how to enable that: nothing here should.
fn reported(why: Unanswered) -> Unanswered {
    match why {
        Unanswered::Failed(words) if words.contains("skip-permissions") => Unanswered::Failed(
            "its model wanted to run a command that changes something, which is never approved here".to_owned(),
        ),
        why => why,
    }
}

impl KubectlAi {
    pub(super) async fn answer(
        &self,
        question: &Question,
        limit: Duration,
        call: &CommandContext<'_>,
    ) -> Result<String, Unanswered> {
        let mut command = call.command(self.program.as_deref().unwrap_or("kubectl-ai"), self.args(question, call));
        if let Some(endpoint) = &self.endpoint {
            command.env.insert("OPENAI_ENDPOINT".into(), endpoint.into());
        }
        if let Some(name) = &self.key_env {
            let key = call.env.get(name).filter(|key| !key.is_empty());
            let key =
                key.ok_or_else(|| Unanswered::Missing(format!("`{name}`, which should hold its API key, is not set")))?;
            command.env.insert("OPENAI_API_KEY".into(), key.into());
        }
        let said = said(command, question, limit, Late::Judge, call).await.map_err(reported)?;
        let answer = String::from_utf8_lossy(&said.stdout).into_owned();
        match (said.code, judge::answer(&answer)) {
            // it may hang behind its last message, and may as well have been working still
            (None, Err(_)) => Err(Unanswered::TimedOut(limit)),
            (_, judged) => judged,
        }
    }

    fn args(&self, question: &Question, call: &CommandContext<'_>) -> Vec<String> {
        let mut args = vec![
            "--quiet".to_owned(),
            // whatever its configuration file says: nothing is approved, nothing else is asked
            "--skip-permissions=false".to_owned(),
            "--mcp-client=false".to_owned(),
            "--ui-type=terminal".to_owned(),
            "--remove-workdir".to_owned(),
            format!("--trace-path={}", call.scratch.join("kubectl-ai-trace.txt").display()),
        ];
        let provider = self.provider.clone().or_else(|| self.endpoint.as_ref().map(|_| "openai".to_owned()));
        args.extend(provider.map(|provider| format!("--llm-provider={provider}")));
        args.extend(self.model.iter().map(|model| format!("--model={model}")));
        args.extend(self.max_iterations.iter().map(|count| format!("--max-iterations={count}")));
        args.extend(question.kubeconfig.iter().map(|file| format!("--kubeconfig={}", file.display())));
        args.push(argument(&question.text));
        args
    }
}
