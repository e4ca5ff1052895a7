//! `answers`: an `ask` step of the stage was answered: by whom, in time, and with what was asked for.

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::core::kind::{
    Assertion, AssertionKind, CheckContext, Context, Sample, StepId, TextExpect, Watch, finding_lines,
};
use crate::core::model::diagnostic::Code;
use crate::core::model::expect::Expect;
use crate::core::model::outcome::{Fault, Finding, Measure, Outputs, Verdict};
use crate::core::model::units::{Count, TimeSpan};

/// The row of `answers`.
pub const KIND: AssertionKind = AssertionKind::assertion::<Answers>(
    "answers",
    "An `ask` step was answered, by the tool or its fallback, in time and to the point.",
    "of: ask-kubectl-ai\nmentions: [todo-backend]\ntime: \"< 60s\"\n",
)
.of("ask");

/// What is expected of an answer. It is never empty: a step without an answer has failed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-short" = "of"))]
pub struct Answers {
    /// The `ask` step.
    pub of: StepId,
    /// Who has to have answered; `any` where nothing is written.
    #[serde(default)]
    pub by: By,
    /// Words that the answer holds, in capitals or not: the name of the deployment it is about.
    #[serde(default)]
    pub mentions: Vec<String>,
    /// The answer holds this text.
    pub contains: Option<String>,
    /// This regular expression matches somewhere in the answer.
    pub matches: Option<String>,
    /// The answer does not hold this text.
    pub lacks: Option<String>,
    /// From the question to the answer, a fallback's time included.
    pub time: Option<Expect<TimeSpan>>,
    /// The number of recommendations found in the answer.
    pub recommendations: Option<Expect<Count>>,
}

/// Who has to have answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The tool or its fallback.
    #[default]
    Any,
    /// The tool itself.
    Tool,
    /// The fallback: the tool is not expected here.
    Fallback,
}

/// Nothing changes: the step is over.
struct Never;

#[async_trait]
impl Watch for Never {
    async fn changed(&mut self) {
        std::future::pending::<()>().await;
    }
}

#[async_trait]
impl Assertion for Answers {
    fn check(&self, cx: &mut CheckContext<'_>) {
        if self.text() != TextExpect::default() {
            self.text().check(cx, &[]);
        }
        for (at, _) in self.mentions.iter().enumerate().filter(|(_, word)| word.trim().is_empty()) {
            let place = ["mentions".into(), at.into()];
            cx.error(&place, Code::InvalidValue, "every answer mentions the empty text", None);
        }
    }

    fn title(&self) -> String {
        format!("{} was answered", self.of.0)
    }

    async fn watch(&self, _: &Context) -> Result<Box<dyn Watch>, Fault> {
        Ok(Box::new(Never))
    }

    async fn measure(&self, cx: &Context) -> Result<Verdict, Fault> {
        let of = &self.of.0;
        let Some(outputs) = cx.steps.get(of) else {
            return Err(Fault::unknown(format!("step `{of}` gave no answer: it did not pass")));
        };
        if outputs.get("answered_by").is_none() {
            let fault = Fault::invalid(format!("step `{of}` is no `ask` step: it has no `answered_by`"));
            return Err(fault.help("name an `ask` step of this stage under `of:`"));
        }
        Ok(Verdict::of(self.measures(outputs, cx)?))
    }

    async fn explain(&self, cx: &Context) -> Vec<Finding> {
        let Some(outputs) = cx.steps.get(&self.of.0) else { return Vec::new() };
        let mut lines = finding_lines(text(outputs, "answer").lines(), cx);
        lines.truncate(12);
        let message = format!("{} answered", text(outputs, "answered_by"));
        vec![Finding { lines, ..Finding::new(format!("step/{}", self.of.0), "", message) }]
    }
}

impl Answers {
    fn text(&self) -> TextExpect {
        TextExpect {
            contains: self.contains.clone(),
            matches: self.matches.clone(),
            lacks: self.lacks.clone(),
            ..TextExpect::default()
        }
    }

    fn measures(&self, outputs: &Outputs, cx: &Context) -> Result<Vec<Measure>, Fault> {
        let (answer, by) = (text(outputs, "answer"), text(outputs, "answered_by"));
        let why = text(outputs, "why_fallback");
        let who = if why.is_empty() { by.to_owned() } else { format!("{by} ({why})") };
        let (expected, holds) = match self.by {
            By::Any => ("", true),
            By::Tool => ("the tool", why.is_empty()),
            By::Fallback => ("the fallback", !why.is_empty()),
        };
        let mut all = vec![Measure::new("answered by", who, expected, holds)];
        let lines = answer.lines().filter(|line| !line.trim().is_empty()).count();
        all.push(Measure::new(
            "answer",
            crate::core::model::units::counted(lines, "line"),
            if lines == 0 { "not empty" } else { "" },
            lines > 0,
        ));
        let cut = outputs.get("answer_cut").and_then(Value::as_bool) == Some(true);
        let sample = Sample::new(answer.as_bytes(), cut);
        let lower = answer.to_lowercase();
        let lower = Sample::new(lower.as_bytes(), cut);
        for word in &self.mentions {
            let there = lower.contains(&word.to_lowercase()).ok_or_else(|| sample.fault("the answer"))?;
            let actual = if there { word.clone() } else { format!("no {word}") };
            all.push(Measure::new("mentions", actual, word, there));
        }
        all.extend(self.text().measures("answer", &sample, cx)?);
        if let Some(expect) = &self.time {
            let time = Duration::from_millis(outputs.get("time_ms").and_then(Value::as_u64).unwrap_or(u64::MAX));
            all.push(expect.measure("time", &TimeSpan(time)));
        }
        let found = outputs.get("recommendations").and_then(Value::as_array).map_or(0, Vec::len);
        let found = Count(i64::try_from(found).unwrap_or(i64::MAX));
        all.push(match &self.recommendations {
            Some(expect) => expect.measure("recommendations", &found),
            None => Measure::new("recommendations", found, "", true),
        });
        Ok(all)
    }
}

fn text<'a>(outputs: &'a Outputs, name: &str) -> &'a str {
    outputs.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::core::kind::test_context::{TestContext, body};

    fn trial(by: &str, why: &str) -> TestContext {
        let outputs: Outputs = serde_json::from_value(json!({
            "answer": "Deployment Todo-Backend is well\n\nRecommendations:\n- add limits", "answered_by": by,
            "why_fallback": why, "time_ms": 1500, "recommendations": ["add limits"],
        }))
        .expect("outputs");
        let mut trial = TestContext::new();
        trial.cx.steps = Arc::new(BTreeMap::from([("ask".to_owned(), outputs)]));
        trial
    }

    async fn shown(trial: &TestContext, json: serde_json::Value) -> Vec<String> {
        let verdict = body::<Answers>(&json).measure(&trial.cx).await.expect("it can be measured");
        let mark = |holds| if holds { "holds" } else { "unmet" };
        let line = |it: &Measure| format!("{} {}: {} / {}", mark(it.holds), it.name, it.actual, it.expected);
        verdict.measures().iter().map(line).collect()
    }

    #[tokio::test]
    async fn says_who_answered_how_long_it_took_and_what_was_found() {
        let json = json!({ "of": "ask", "mentions": ["todo-backend"], "time": "< 60s", "recommendations": ">= 1" });
        assert_eq!(
            shown(&trial("kubectl-ai", ""), json).await,
            [
                "holds answered by: kubectl-ai / ",
                "holds answer: 3 lines / ",
                "holds mentions: todo-backend / todo-backend",
                "holds time: 1.5s / < 60s",
                "holds recommendations: 1 / >= 1",
            ]
        );
    }

    #[tokio::test]
    async fn a_fallback_is_reported_with_its_reason_and_is_not_the_tool() {
        let fallback = trial("fallback", "kagent: it is not installed");
        let found = shown(&fallback, json!({ "of": "ask", "by": "tool", "mentions": ["frontend"] })).await;
        assert_eq!(found[0], "unmet answered by: fallback (kagent: it is not installed) / the tool");
        assert_eq!(found[2], "unmet mentions: no frontend / frontend");
        let any = body::<Answers>(&json!({ "of": "ask" })).measure(&fallback.cx).await;
        assert!(any.expect("it can be measured").holds());
    }

    #[tokio::test]
    async fn what_the_rest_of_a_cut_answer_could_change_is_not_measured() {
        let mut trial = trial("kubectl-ai", "");
        let mut steps = (*trial.cx.steps).clone();
        steps.get_mut("ask").expect("it is there").insert("answer_cut".to_owned(), json!(true));
        trial.cx.steps = Arc::new(steps);
        let found =
            shown(&trial, json!({ "of": "ask", "mentions": ["Limit", "todo-backend"], "contains": "well" })).await;
        assert_eq!(found.iter().filter(|line| line.starts_with("unmet")).count(), 0, "{found:?}");
        for hidden in [
            json!({ "of": "ask", "lacks": "error" }),
            json!({ "of": "ask", "mentions": ["frontend"] }),
            json!({ "of": "ask", "contains": "frontend" }),
            json!({ "of": "ask", "matches": "limits$" }),
        ] {
            let fault = body::<Answers>(&hidden).measure(&trial.cx).await.expect_err("the rest may hold it");
            assert!(fault.message.starts_with("not measured: "), "{fault}");
        }
    }

    #[tokio::test]
    async fn a_step_that_is_no_question_cannot_be_measured() {
        let mut trial = trial("x", "");
        trial.cx.steps = Arc::new(BTreeMap::from([("build".to_owned(), Outputs::new())]));
        let measured = async |of: &str| body::<Answers>(&json!({ "of": of })).measure(&trial.cx).await;
        let fault = measured("build").await.expect_err("no answer");
        assert_eq!(fault.message, "step `build` is no `ask` step: it has no `answered_by`");
        let fault = measured("ask").await.expect_err("no answer");
        assert_eq!(fault.message, "step `ask` gave no answer: it did not pass");
    }
}
