//! kagent: agents that live in the cluster, asked by its command line, which answers with an A2A message as JSON and
//! ends with exit code 0 whatever happens.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Question, Unanswered, argument, said};
use crate::drivers::call::{Call, last_line};

/// `kagent invoke --agent AGENT --task QUESTION`. What the agent may do is decided where it is defined: give it tools
/// that only read.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kagent {
    /// The agent's name; `k8s-agent` where nothing is written.
    pub agent: Option<String>,
    /// The namespace that kagent is installed in; `kagent` where nothing is written.
    pub namespace: Option<String>,
    /// The URL of its controller; else it forwards a port by itself.
    pub url: Option<String>,
    /// Where its program lies; else `kagent` in PATH.
    pub program: Option<String>,
}

impl Kagent {
    pub(super) async fn answer(
        &self,
        question: &Question,
        limit: Duration,
        call: &Call<'_>,
    ) -> Result<String, Unanswered> {
        let mut args = vec![
            "invoke".to_owned(),
            "--agent".to_owned(),
            self.agent.clone().unwrap_or_else(|| "k8s-agent".to_owned()),
            "--namespace".to_owned(),
            self.namespace.clone().unwrap_or_else(|| "kagent".to_owned()),
        ];
        args.extend(self.url.iter().flat_map(|url| ["--kagent-url".to_owned(), url.clone()]));
        args.extend(["--task".to_owned(), argument(&question.text)]);
        let command = call.command(self.program.as_deref().unwrap_or("kagent"), args);
        let said = said(command, question, limit, call).await?;
        let out = String::from_utf8_lossy(&said.stdout);
        if out.trim().is_empty() {
            return Err(last_line(&said.stderr).map_or(Unanswered::Empty, Unanswered::Failed));
        }
        read(&out)
    }
}

/// The text of an A2A message or task; what is no JSON is taken as it is.
fn read(out: &str) -> Result<String, Unanswered> {
    let Ok(found) = serde_json::from_str::<Value>(out.trim()) else { return Ok(out.to_owned()) };
    let inner = ["task", "message", "result"].into_iter().find_map(|key| found.get(key).filter(|it| it.is_object()));
    let found = inner.unwrap_or(&found);
    let texts = |parts: &Value| -> String {
        let parts = parts.as_array().map(Vec::as_slice).unwrap_or_default();
        parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
    };
    let state = found["status"]["state"].as_str().unwrap_or_default().to_lowercase();
    let last = texts(&found["status"]["message"]["parts"]);
    if ["failed", "rejected", "canceled"].iter().any(|bad| state.ends_with(bad)) {
        return Err(Unanswered::Failed(if last.is_empty() { format!("the task is {state}") } else { last }));
    }
    let artifacts = found["artifacts"].as_array().map(Vec::as_slice).unwrap_or_default();
    let answer = artifacts.iter().map(|artifact| texts(&artifact["parts"])).collect::<Vec<_>>().join("\n");
    let all = [answer, last, texts(&found["parts"])];
    all.into_iter().find(|text| !text.trim().is_empty()).ok_or(Unanswered::Empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_text_of_tasks_and_messages() {
        for (json, expected) in [
            (
                r#"{"kind":"task","status":{"state":"completed"},"artifacts":[{"parts":[{"kind":"text","text":"fine"}]}]}"#,
                "fine",
            ),
            (
                r#"{"task":{"status":{"state":"TASK_STATE_COMPLETED"},"artifacts":[{"parts":[{"text":"a"},{"text":"b"}]}]}}"#,
                "a\nb",
            ),
            (r#"{"kind":"message","parts":[{"kind":"text","text":"hello"}]}"#, "hello"),
            ("plain words", "plain words"),
        ] {
            assert_eq!(read(json).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_task_that_failed_is_no_answer() {
        let json = r#"{"status":{"state":"failed","message":{"parts":[{"text":"no model"}]}}}"#;
        assert_eq!(read(json), Err(Unanswered::Failed("no model".to_owned())));
        assert_eq!(read("{}"), Err(Unanswered::Empty));
    }
}
