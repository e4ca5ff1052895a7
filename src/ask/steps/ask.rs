//! The `ask` step: puts a question about live objects to an AI tool, and to its fallback where the tool is not there,
//! fails or takes too long. Knows no argument of any tool: those are the driver's.

mod fallback;
mod recommend;
mod spec;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::ask::{Question, Tool, Unanswered, cut};
use crate::core::kind::{CheckContext, Context, OutputRow, Step, StepKind, finding_lines};
use crate::core::mask::{Masker, SecretText};
use crate::core::model::outcome::{Failure, Fault, Finding, Outcome, Outputs};
use crate::core::model::units::TimeSpan;
use crate::process::command_context::CommandContext;
use crate::services::Clients;
use spec::Ask;

/// The row of this kind.
pub const KIND: StepKind = StepKind::step::<Ask>(
    "ask",
    "Puts a question to an AI tool (kubectl-ai, kagent, Docker AI, an endpoint, a command), or to its fallback.",
    "question: Is the backend healthy, and what could be better?\nabout: deployment/todo-backend\n\
     tool: { kubectl-ai: { model: gpt-4o-mini, endpoint: \"http://127.0.0.1:8080/v1\" } }\ntimeout: 60s\n\
     fallback:\n  commands:\n    - [kubectl, describe, deployment, todo-backend]\n",
)
.outputs(&[
    OutputRow { name: "answer", summary: "the answer, its first 64 KiB; whole in the run's evidence" },
    OutputRow { name: "answer_cut", summary: "whether the answer is longer than its first 64 KiB" },
    OutputRow { name: "answered_by", summary: "the tool's name, or `fallback`" },
    OutputRow { name: "recommendations", summary: "the recommendations found in the answer, a list" },
    OutputRow { name: "time_ms", summary: "from the question to the answer, in milliseconds" },
    OutputRow { name: "tool", summary: "the name of the tool that was asked first" },
    OutputRow { name: "why_fallback", summary: "why the tool did not answer; empty where it did" },
])
.cluster();

/// Bytes of the answer that are published.
const PUBLISHED: usize = 64 << 10;
/// Lines of the answer in the step's log.
const SHOWN: usize = 16;

#[async_trait]
impl Step for Ask {
    fn check(&self, cx: &mut CheckContext<'_>) {
        spec::check(self, cx);
    }

    fn title(&self) -> String {
        let about = self.about.as_ref().map(|about| format!(" about {about}")).unwrap_or_default();
        format!("ask {}{about}", self.tool.0.name())
    }

    fn touches_cluster(&self) -> bool {
        self.about.is_some() || self.namespace.is_some() || self.tool.0.touches_cluster()
    }

    async fn run(&self, cx: &Context) -> Result<Outcome, Fault> {
        let masker = self.masker(cx);
        let begun = Instant::now();
        let namespace = cx.namespace_or(self.namespace.as_deref())?.to_owned();
        let call = CommandContext::of(cx);
        let question = self.question(cx, &namespace, &masker).await?;
        cx.evidence.keep("question.txt", &masker.mask(&question.text));
        let tool = self.tool.0.name();
        cx.say(format!("asking {tool}, at most {}", TimeSpan(self.limit())));
        let asked = self.tool.0.answer(&question, (cx.http(), cx.cluster()), self.limit(), &call).await;
        let why = match asked {
            Ok(answer) => return Ok(self.answered(&answer, tool, "", begun, &masker, cx)),
            Err(Unanswered::Stopped) => return Err(Fault::unknown("stopped")),
            Err(why) => masker.mask(&why.to_string()).into_owned(),
        };
        cx.say(format!("{tool} did not answer: {why}"));
        match self.fall_back(&namespace, question.kubeconfig.as_deref(), &call, cx).await? {
            Ok(answer) => Ok(self.answered(&answer, "fallback", &format!("{tool}: {why}"), begun, &masker, cx)),
            Err(reasons) => {
                let summary = format!("no tool answered: {tool}: {why}");
                let findings =
                    reasons.into_iter().map(|reason| Finding::new("fallback", "", masker.mask(&reason))).collect();
                let help = "install the tool, or give it a `fallback:` that works here";
                Ok(Outcome::Failed(Failure::new(summary).because(findings).help(help)))
            }
        }
    }
}

impl Ask {
    fn limit(&self) -> Duration {
        self.timeout.map_or(spec::TIMEOUT, |limit| limit.0)
    }

    /// Hides the run's secrets and the tool's API key, which need not be one of them.
    fn masker(&self, cx: &Context) -> Masker {
        let keys: Vec<SecretText> = self
            .key_names()
            .into_iter()
            .filter_map(|name| cx.env.get(name))
            .filter(|key| key.len() >= 8)
            .map(SecretText::new)
            .collect();
        Masker::new(cx.secrets.values().chain(&keys))
    }

    /// What is asked: never with a secret in it, for it may leave the machine.
    async fn question(&self, cx: &Context, namespace: &str, masker: &Masker) -> Result<Question, Fault> {
        let kubeconfig = if self.touches_cluster() { cx.cluster().kubeconfig_file(&cx.scratch)? } else { None };
        let mut text = self.question.trim().to_owned();
        if let Some(about) = &self.about {
            text.push_str(&format!("\n\nIt is about {about} in namespace {namespace}: name it in the answer."));
        } else if self.namespace.is_some() {
            text.push_str(&format!("\n\nIt is about namespace {namespace}: name it in the answer."));
        }
        text.push_str(
            "\nOnly look, change nothing. End with the line \"Recommendations:\" and a list of them, each on a line of its \
             own that starts with \"- \"; \"- none\" where there are none.",
        );
        let gathers = matches!(self.tool.0, Tool::OpenAi(_) | Tool::Command(_) | Tool::DockerAi(_));
        let state = if gathers && (self.about.is_some() || self.namespace.is_some()) {
            let target = self.target();
            let described = cx.cluster().describe(namespace, target.as_ref(), &|_, _| {});
            match cx.unless_cancelled(described).await? {
                Ok(Ok(state)) => Some(masker.mask(&state).into_owned()),
                // the tool is asked all the same; it is also given what could not be read
                Ok(Err(finding)) => Some(finding.message),
                Err(fault) => Some(format!("the cluster could not be asked: {}", fault.message)),
            }
        } else {
            None
        };
        Ok(Question { text: masker.mask(&text).into_owned(), state, kubeconfig })
    }

    fn answered(&self, answer: &str, by: &str, why: &str, begun: Instant, masker: &Masker, cx: &Context) -> Outcome {
        let time = begun.elapsed();
        let answer = masker.mask(answer);
        let recommendations = recommend::recommendations(&answer);
        cx.evidence.keep("answer.txt", &answer);
        let listed = recommendations.iter().map(|line| format!("- {line}")).collect::<Vec<_>>().join("\n");
        cx.evidence.keep("recommendations.txt", if listed.is_empty() { "none found in the answer" } else { &listed });
        cx.say(format!("{by} answered in {}, with {} recommendations:", TimeSpan(time), recommendations.len()));
        for line in finding_lines(answer.lines().take(SHOWN), cx) {
            cx.say(line);
        }
        if answer.lines().count() > SHOWN {
            cx.say("… (whole in the evidence: answer.txt)");
        }
        let published = cut(&answer, PUBLISHED);
        Outcome::Passed(Outputs::from([
            ("answer".to_owned(), published.into()),
            ("answer_cut".to_owned(), (published.len() < answer.len()).into()),
            ("answered_by".to_owned(), by.into()),
            ("recommendations".to_owned(), recommendations.into_iter().map(Value::from).collect()),
            ("time_ms".to_owned(), json!(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))),
            ("tool".to_owned(), self.tool.0.name().into()),
            ("why_fallback".to_owned(), why.into()),
        ]))
    }
}

#[cfg(test)]
mod tests;
