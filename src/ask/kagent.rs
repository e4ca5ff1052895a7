//! kagent: agents that live in the cluster, asked by its command line, which answers with an A2A message as JSON and
//! ends with exit code 0 whatever happens. Versions up to 0.9 speak HTTP on the controller's port 8083. By itself the
//! command line asks whatever listens on localhost:8083: here it is led to the controller of the run's own cluster.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::watch;

use super::{Late, Question, Unanswered, argument, said};
use crate::kubernetes::client::{Cluster, Forward, PodTarget, Reference};
use crate::process::command_context::{CommandContext, last_line, plain};

/// `kagent invoke --agent AGENT --task QUESTION`. What the agent may do is decided where it is defined: give it tools
/// that only read.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(clippy::unsafe_derive_deserialize, reason = "the unsafe code is in the expansion of a macro of tokio")]
pub struct Kagent {
    /// The agent's name; `k8s-agent` where nothing is written.
    pub agent: Option<String>,
    /// The namespace that kagent is installed in; `kagent` where nothing is written.
    pub namespace: Option<String>,
    /// The URL of its controller; else a port is forwarded to the controller in the run's own cluster (its HTTP port
    /// 8083; the gRPC port 8084 of newer versions is not used by `kagent invoke --task`).
    pub url: Option<String>,
    /// The path of its program; else `kagent` in PATH.
    pub program: Option<String>,
}

/// How long the forwarded port may take to open.
const OPENS: Duration = Duration::from_secs(10);
/// A port where nothing listens: only root could, and nothing does.
const NOWHERE: &str = "http://127.0.0.1:1";

impl Kagent {
    pub(super) async fn answer(
        &self,
        question: &Question,
        cluster: &Cluster,
        limit: Duration,
        call: &CommandContext<'_>,
    ) -> Result<String, Unanswered> {
        if let Some(url) = &self.url {
            return self.ask_at(url, question, limit, call).await;
        }
        let namespace = self.namespace.as_deref().unwrap_or("kagent");
        let service = Reference { kind: "service".to_owned(), name: "kagent-controller".to_owned() };
        let target = PodTarget::Object(service);
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let forward = Forward { namespace, target: &target, local, remote: "8083" };
        let (up, mut address) = watch::channel(None);
        let open = cluster.forward(
            &forward,
            |local| {
                up.send_replace(Some(local));
            },
            |_| {},
        );
        let asked = async {
            let opened = tokio::time::timeout(OPENS, address.wait_for(Option::is_some)).await;
            let address = opened.ok().and_then(Result::ok).and_then(|address| *address);
            match address {
                Some(address) => self.ask_at(&format!("http://{address}"), question, limit, call).await,
                None => Err(Unanswered::Missing(format!("no ready pod of kagent-controller in namespace {namespace}"))),
            }
        };
        tokio::select! {
            answer = asked => answer,
            // without a way to the controller it is asked all the same, at a port where nothing listens: it fails with
            // its own words, and reaches nothing else
            closed = open => match (self.ask_at(NOWHERE, question, limit, call).await, closed) {
                (Err(Unanswered::Failed(words)), Err(trouble)) => {
                    Err(Unanswered::Failed(format!("{words} (kagent-controller in the run's cluster: {trouble})")))
                }
                (answer, _) => answer,
            },
        }
    }

    async fn ask_at(
        &self,
        url: &str,
        question: &Question,
        limit: Duration,
        call: &CommandContext<'_>,
    ) -> Result<String, Unanswered> {
        let mut args = vec![
            "invoke".to_owned(),
            "--agent".to_owned(),
            self.agent.clone().unwrap_or_else(|| "k8s-agent".to_owned()),
            "--namespace".to_owned(),
            self.namespace.clone().unwrap_or_else(|| "kagent".to_owned()),
        ];
        args.extend(["--kagent-url".to_owned(), url.to_owned()]);
        args.extend(["--task".to_owned(), argument(&question.text)]);
        let command = call.command(self.program.as_deref().unwrap_or("kagent"), args);
        let said = said(command, question, limit, Late::Fails, call).await?;
        let out = String::from_utf8_lossy(&said.stdout);
        if out.trim().is_empty() {
            return Err(last_line(&said.stderr).map_or(Unanswered::Empty, Unanswered::Failed));
        }
        read(&out)
    }
}

/// The text of an A2A message or of a completed task, also as the last of several lines of a stream.
fn read(out: &str) -> Result<String, Unanswered> {
    let out = plain(out);
    let found = match serde_json::from_str::<Value>(out.trim()) {
        Ok(found) => found,
        Err(error) if out.trim_start().starts_with(['{', '[']) => {
            let lines = out.lines().filter(|line| !line.trim().is_empty());
            let events: Result<Vec<Value>, _> = lines.map(serde_json::from_str).collect();
            match events.ok().and_then(|mut events| events.pop()) {
                Some(last) => last,
                None => return Err(Unanswered::NoAnswer(format!("its JSON is incomplete: {error}"))),
            }
        }
        // an error that it prints without JSON is judged as any text
        Err(_) => return Ok(out),
    };
    let inner = ["task", "message", "result"].into_iter().find_map(|key| found.get(key).filter(|it| it.is_object()));
    let found = inner.unwrap_or(&found);
    if let Some(error) = found.get("error").filter(|error| !error.is_null()) {
        let message = error["message"].as_str().or(error.as_str()).unwrap_or("an error without a message");
        return Err(Unanswered::Failed(message.to_owned()));
    }
    let texts = |parts: &Value| -> String {
        let parts = parts.as_array().map(Vec::as_slice).unwrap_or_default();
        parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
    };
    let state = found["status"]["state"].as_str().unwrap_or_default().to_lowercase().replace('_', "-");
    let state = state.trim_start_matches("task-state-");
    let last = texts(&found["status"]["message"]["parts"]);
    let is_task = found["status"].is_object() || found["kind"] == "task" || found["kind"] == "status-update";
    if is_task && state != "completed" {
        let words = if last.is_empty() { String::new() } else { format!(": {last}") };
        return Err(match state {
            "failed" | "rejected" | "canceled" | "cancelled" if !last.is_empty() => Unanswered::Failed(last),
            "" => Unanswered::NoAnswer(format!("its task has no state{words}")),
            state => Unanswered::NoAnswer(format!("its task is {state}{words}")),
        });
    }
    let artifacts = found["artifacts"].as_array().map(Vec::as_slice).unwrap_or_default();
    let answer = artifacts.iter().map(|artifact| texts(&artifact["parts"])).collect::<Vec<_>>().join("\n");
    // what the user said is not an answer
    let own = if found["role"] == "user" { String::new() } else { texts(&found["parts"]) };
    let all = [answer, last, own];
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

    #[test]
    fn only_a_completed_task_is_an_answer() {
        for state in
            ["input-required", "auth-required", "working", "submitted", "unknown", "canceled", "rejected", "failed"]
        {
            for state in [state.to_owned(), format!("TASK_STATE_{}", state.to_uppercase().replace('-', "_"))] {
                let json = format!(
                    r#"{{"kind":"task","status":{{"state":"{state}","message":{{"parts":[{{"text":"Approve?"}}]}}}},
                        "artifacts":[{{"parts":[{{"kind":"text","text":"half of it"}}]}}]}}"#
                );
                assert!(read(&json).is_err(), "{state}");
            }
        }
        let waits =
            r#"{"kind":"task","status":{"state":"input-required","message":{"parts":[{"text":"Which one?"}]}}}"#;
        assert_eq!(read(waits), Err(Unanswered::NoAnswer("its task is input-required: Which one?".to_owned())));
    }

    #[test]
    fn json_that_is_cut_and_errors_are_no_answers() {
        let cut = r#"{"kind":"task","status":{"state":"completed"},"artifacts":[{"parts":[{"text":"fi"#;
        assert!(matches!(read(cut), Err(Unanswered::NoAnswer(why)) if why.starts_with("its JSON is incomplete")));
        let error = r#"{"jsonrpc":"2.0","error":{"code":-32603,"message":"quota exceeded"}}"#;
        assert_eq!(read(error), Err(Unanswered::Failed("quota exceeded".to_owned())));
        let stream = "{\"kind\":\"status-update\",\"status\":{\"state\":\"working\"}}\n\
            {\"kind\":\"task\",\"status\":{\"state\":\"completed\"},\"artifacts\":[{\"parts\":[{\"text\":\"fine\"}]}]}\n";
        assert_eq!(read(stream).as_deref(), Ok("fine"));
    }
}
