//! The `changes` assertion: what a `kube: diff` step of the same stage found to differ.

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::live::few;
use crate::core::kind::{Assertion, AssertionKind, CheckContext, Context, Poll, StepId, Watch};
use crate::core::model::diagnostic::Code;
use crate::core::model::expect::Expect;
use crate::core::model::outcome::{Fault, Finding, Measure, Outputs, Verdict};
use crate::core::model::units::Count;

/// Differences that are shown.
const SHOWN: usize = 20;

/// The row of `changes`.
pub const KIND: AssertionKind = AssertionKind::assertion::<Changes>(
    "changes",
    "What a `kube: diff` step found to differ from the cluster: how many objects, and of which kinds.",
    "of: preview\nadded: 0\nchanged: \"<= 2\"\ndeleted: 0\nkinds: [Deployment, ConfigMap]\n",
)
.of("kube");

/// What a `kube: diff` step found.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// The step, by its id in this stage.
    of: StepId,
    /// Objects that are not on the cluster yet.
    added: Option<Expect<Count>>,
    /// Objects that would be another.
    changed: Option<Expect<Count>>,
    /// Objects that the manifests no longer have; needs the `selector` of the step.
    deleted: Option<Expect<Count>>,
    /// Objects that are as they should be.
    unchanged: Option<Expect<Count>>,
    /// The only kinds that may differ.
    kinds: Option<Vec<String>>,
}

#[async_trait]
impl Assertion for Changes {
    fn check(&self, cx: &mut CheckContext<'_>) {
        if self.kinds.is_none() && self.counts().iter().all(|(_, expect)| expect.is_none()) {
            let help = Some("write `changed: 0`, `deleted: 0` or `kinds: [Deployment]`".to_owned());
            cx.error(&[], Code::MissingKey, "nothing is expected of the changes", help);
        }
    }

    fn title(&self) -> String {
        format!("changes of {}", self.of.0)
    }

    async fn watch(&self, _: &Context) -> Result<Box<dyn Watch>, Fault> {
        // what was found does not change any more
        Ok(Box::new(Poll(Duration::from_secs(3600))))
    }

    async fn measure(&self, cx: &Context) -> Result<Verdict, Fault> {
        Ok(Verdict::of(self.measures(self.outputs(cx)?)?))
    }

    async fn explain(&self, cx: &Context) -> Vec<Finding> {
        self.outputs(cx).map(findings).unwrap_or_default()
    }
}

impl Changes {
    fn counts(&self) -> [(&'static str, &Option<Expect<Count>>); 4] {
        [("added", &self.added), ("changed", &self.changed), ("deleted", &self.deleted), ("unchanged", &self.unchanged)]
    }

    fn outputs<'a>(&self, cx: &'a Context) -> Result<&'a Outputs, Fault> {
        let of = &self.of.0;
        let outputs = cx.steps.get(of).filter(|outputs| outputs.contains_key("changes"));
        outputs.ok_or_else(|| {
            Fault::invalid(format!("the step `{of}` has compared nothing")).help("name a step with `kube: { diff: … }`")
        })
    }

    fn measures(&self, outputs: &Outputs) -> Result<Vec<Measure>, Fault> {
        let mut all = Vec::new();
        for (name, expect) in self.counts() {
            let Some(expect) = expect else { continue };
            let actual = outputs.get(name).and_then(Value::as_i64);
            let actual = actual.ok_or_else(|| Fault::unknown(format!("the step did not publish its `{name}`")))?;
            all.push(expect.measure(name, &Count(actual)));
        }
        if let Some(wanted) = &self.kinds {
            let kinds = outputs.get("kinds").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let kinds: Vec<&str> = kinds.iter().filter_map(Value::as_str).collect();
            let others = kinds.iter().filter(|kind| !wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(kind)));
            let holds = others.count() == 0;
            let actual = if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") };
            all.push(Measure::new("kinds", actual, format!("only {}", wanted.join(", ")), holds));
        }
        Ok(all)
    }
}

fn findings(outputs: &Outputs) -> Vec<Finding> {
    let changes = outputs.get("changes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let shown = changes.iter().take(SHOWN).map(|change| {
        let place = text(&change["namespace"]);
        let message = if place.is_empty() { String::new() } else { format!("in namespace {place}") };
        let mut finding = Finding::new(text(&change["object"]), text(&change["difference"]), message);
        finding.lines = change["lines"].as_array().into_iter().flatten().map(text).collect();
        finding
    });
    let mut all: Vec<Finding> = shown.collect();
    if changes.len() > SHOWN {
        let names: Vec<String> = changes[SHOWN..].iter().map(|change| text(&change["object"])).collect();
        let more = format!("{} more: {}", names.len(), few(names.iter().map(String::as_str)));
        all.push(Finding::new("changes", "more", more));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::kind::test_context::{body, complaints};
    use serde_json::json;

    fn outputs() -> Outputs {
        let change = json!({ "object": "service/web", "kind": "Service", "namespace": "todo", "difference": "changed",
            "lines": ["-a", "+b"] });
        Outputs::from([
            ("added".to_owned(), 0.into()),
            ("changed".to_owned(), 1.into()),
            ("deleted".to_owned(), 0.into()),
            ("unchanged".to_owned(), 3.into()),
            ("kinds".to_owned(), json!(["Service"])),
            ("changes".to_owned(), json!([change])),
        ])
    }

    #[test]
    fn measures_what_the_step_counted_and_shows_what_differs() {
        let changes: Changes = body(&json!({ "of": "d", "added": 0, "changed": 0, "kinds": ["configmap"] }));
        let measures = changes.measures(&outputs()).expect("measured");
        let shown: Vec<String> =
            measures.iter().map(|it| format!("{} {}: {} / {}", it.holds, it.name, it.actual, it.expected)).collect();
        assert_eq!(shown, ["true added: 0 / 0", "false changed: 1 / 0", "false kinds: Service / only configmap"]);
        let found = findings(&outputs());
        assert_eq!((found[0].object.as_str(), found[0].cause.as_str()), ("service/web", "changed"));
        assert_eq!(found[0].lines, ["-a", "+b"]);
    }

    #[test]
    fn something_must_be_expected() {
        let written = json!({ "of": "d" });
        let reported = complaints(&written, false, |cx| body::<Changes>(&written).check(cx));
        assert_eq!(reported[0].1, "nothing is expected of the changes");
    }
}
