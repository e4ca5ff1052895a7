//! The `refused` assertion: the API server refuses objects, and who in it does. Makes nothing: it is a server-side dry run.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::core::kind::{
    Assertion, AssertionKind, CheckContext, Context, ExistingPath, ManifestValue, Poll, Watch, excerpt, regex_words,
};
use crate::core::model::diagnostic::Code;
use crate::core::model::outcome::{Fault, Finding, Measure, Verdict};
use crate::core::yaml::manifests;
use crate::kubernetes::apply::flattened;
use crate::kubernetes::client::{RefusedBy, Tried};
use crate::services::Clients;

/// Kinds whose Pods are checked only when a controller makes them.
const MAKERS: [&str; 6] = ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob"];

/// `refused`: the API server refuses every object of these manifests, for the reason that is expected. It is asked by a
/// server-side dry run: nothing is made. A webhook that cannot be reached, a namespace that is missing or a user who
/// may not apply the object is a fault, not a refusal. Quota, LimitRange and Pod Security refuse Pods, not the
/// workloads that make them: write a Pod.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// Files and folders with manifests.
    #[serde(default)]
    manifests: Vec<ExistingPath>,
    /// Objects written here.
    #[serde(default)]
    objects: Vec<BTreeMap<String, ManifestValue>>,
    /// The namespace for objects that name none; else the pipeline's.
    namespace: Option<String>,
    /// Who refuses.
    by: Option<RefusedBy>,
    /// A regular expression that matches the API server's words.
    message: Option<String>,
}

/// The row of this kind.
pub const KIND: AssertionKind = AssertionKind::assertion::<Refused>(
    "refused",
    "The API server refuses manifests: by a webhook, a policy, quota, Pod Security, the schema; asked by a dry run.",
    "objects:\n  - apiVersion: v1\n    kind: Pod\n    metadata: { name: privileged }\n    spec: { hostNetwork: true, containers: [{ \
     name: app, image: todo-backend:dev }] }\nby: PodSecurity\nmessage: hostNetwork\n",
)
.cluster();

#[async_trait]
impl Assertion for Refused {
    fn check(&self, cx: &mut CheckContext<'_>) {
        if self.manifests.is_empty() && self.objects.is_empty() {
            let help = Some("write `manifests: [bad/]`, or objects under `objects:`".to_owned());
            cx.error(&[], Code::MissingKey, "nothing says what is refused", help);
        }
        if self.by.is_none() && self.message.is_none() {
            let help =
                Some("write `by: webhook` or `message: …`: any other mistake would be a refusal, too".to_owned());
            cx.error(&[], Code::MissingKey, "nothing says why it is refused", help);
        }
        for (index, path) in self.manifests.iter().enumerate() {
            let whole = path.below(cx.project);
            // a missing file is reported by its format already
            if whole.exists()
                && let Err(error) = manifests::read(&whole, cx.project)
            {
                cx.error(&["manifests".into(), index.into()], Code::InvalidValue, error.to_string(), None);
            }
        }
        for (index, object) in self.objects.iter().enumerate() {
            let is_text = |key: &str| object.get(key).is_some_and(|value| value.0.is_string());
            if !(is_text("apiVersion") && is_text("kind")) {
                let help = Some("write `apiVersion` and `kind`: without them it has no kind to be refused".to_owned());
                cx.error(&["objects".into(), index.into()], Code::MissingKey, "this is no object of Kubernetes", help);
            }
        }
        if let Some(error) = self.message.as_deref().and_then(|pattern| Regex::new(pattern).err()) {
            let help = Some("close it, or put `\\` before a bracket that is meant as itself".to_owned());
            cx.error(&["message".into()], Code::InvalidValue, regex_words(&error), help);
        }
    }

    fn title(&self) -> String {
        let mut what: Vec<String> = self.manifests.iter().map(|path| path.0.display().to_string()).collect();
        what.extend(self.objects.iter().map(|object| {
            let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("?").to_owned();
            let name = object.get("metadata").map(|metadata| &metadata.0["name"]);
            format!("{}/{}", text(object.get("kind").map(|kind| &kind.0)).to_lowercase(), text(name))
        }));
        format!("refused: {}", what.join(", "))
    }

    async fn watch(&self, _: &Context) -> Result<Box<dyn Watch>, Fault> {
        // the decision is the API server's own: nothing tells that it has changed
        Ok(Box::new(Poll(Duration::from_secs(1))))
    }

    async fn measure(&self, cx: &Context) -> Result<Verdict, Fault> {
        let decisions = self.decisions(cx).await?;
        let pattern = self.message.as_deref().map(Regex::new).transpose();
        let pattern = pattern.map_err(|error| Fault::invalid(regex_words(&error)))?;
        let measures = decisions.iter().map(|(shown, tried)| self.measure_one(shown, tried, pattern.as_ref(), cx));
        Ok(Verdict::of(measures.collect()))
    }

    async fn explain(&self, cx: &Context) -> Vec<Finding> {
        let Ok(decisions) = self.decisions(cx).await else { return Vec::new() };
        let findings = decisions.into_iter().map(|(shown, tried)| match tried {
            Tried::Refused(by, refusal) => Finding::new(shown, refusal.cause, format!("{by}: {}", refusal.message)),
            Tried::Accepted if self.hides_pods(&shown) => {
                let message = "the API server checks its Pods only when a controller makes them: write a Pod";
                Finding::new(shown, "Accepted", message)
            }
            Tried::Accepted => Finding::new(shown, "Accepted", "the API server would make it"),
        });
        findings.collect()
    }
}

impl Refused {
    /// The objects; the items of a List are objects of their own.
    fn wanted(&self, project: &Path) -> Result<Vec<Value>, Fault> {
        let mut objects = Vec::new();
        for path in &self.manifests {
            let read = manifests::read(&path.below(project), project);
            objects.extend(read.map_err(|error| Fault::invalid(error.to_string()))?.into_iter().map(|it| it.object));
        }
        objects.extend(
            self.objects
                .iter()
                .map(|object| object.iter().map(|(key, value)| (key.clone(), value.0.clone())).collect::<Value>()),
        );
        let objects: Vec<Value> = flattened(objects).into_iter().map(|(_, object)| object).collect();
        if objects.is_empty() {
            return Err(Fault::invalid("there is no object in these manifests"));
        }
        Ok(objects)
    }

    async fn decisions(&self, cx: &Context) -> Result<Vec<(String, Tried)>, Fault> {
        let objects = self.wanted(&cx.project)?;
        let cluster = &cx.cluster();
        let namespace = self.namespace.as_deref().unwrap_or_else(|| cx.namespace());
        cluster.try_out(namespace, objects).await
    }

    fn measure_one(&self, shown: &str, tried: &Tried, pattern: Option<&Regex>, cx: &Context) -> Measure {
        let by = self.by.map(|by| format!(" by {by}")).unwrap_or_default();
        let matching = self.message.as_ref().map(|pattern| format!(", in words that match /{pattern}/"));
        let expected = format!("refused{by}{}", matching.unwrap_or_default());
        match tried {
            Tried::Accepted => Measure::new(shown, "accepted", expected, false),
            Tried::Refused(who, refusal) => {
                let meant = self.by.is_none_or(|by| by == *who);
                let holds = meant && pattern.is_none_or(|pattern| pattern.is_match(&refusal.message));
                Measure::new(shown, format!("refused by {who}: {}", excerpt(&refusal.message, cx)), expected, holds)
            }
        }
    }

    /// Whether it is accepted because what would be refused is a Pod that it makes.
    fn hides_pods(&self, shown: &str) -> bool {
        let of_pods = matches!(self.by, Some(RefusedBy::PodSecurity | RefusedBy::Quota | RefusedBy::LimitRange));
        let kind = shown.split(['.', '/']).next().unwrap_or_default();
        of_pods && MAKERS.iter().any(|maker| maker.eq_ignore_ascii_case(kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::kind::test_context::{TestContext, body, complaints};
    use crate::kubernetes::client::Refusal;
    use serde_json::json;

    fn measured(written: &Value, tried: &Tried) -> (bool, String, String) {
        let refused: Refused = body(written);
        let pattern = refused.message.as_deref().map(|pattern| Regex::new(pattern).expect("valid"));
        let measure = refused.measure_one("pod/a", tried, pattern.as_ref(), &TestContext::new().cx);
        (measure.holds, measure.actual, measure.expected)
    }

    #[test]
    fn only_the_expected_refusal_in_the_expected_words_holds() {
        let refusal = Refusal { message: "exceeded quota: few".to_owned(), ..Refusal::default() };
        let tried = Tried::Refused(RefusedBy::Quota, refusal);
        let quota = json!({ "by": "quota", "message": "few$" });
        let actual = "refused by quota: exceeded quota: few".to_owned();
        let expected = "refused by quota, in words that match /few$/".to_owned();
        assert_eq!(measured(&quota, &tried), (true, actual, expected.clone()));
        assert!(!measured(&json!({ "by": "webhook" }), &tried).0);
        assert!(!measured(&json!({ "message": "many" }), &tried).0);
        assert_eq!(measured(&quota, &Tried::Accepted), (false, "accepted".to_owned(), expected));
    }

    #[test]
    fn a_list_without_items_is_not_refused() {
        let of = |items: Value| {
            let refused: Refused =
                body(&json!({ "objects": [{ "apiVersion": "v1", "kind": "List", "items": items }] }));
            refused.wanted(Path::new(".")).map(|objects| objects.len()).map_err(|fault| fault.message)
        };
        assert_eq!(of(json!([])), Err("there is no object in these manifests".to_owned()));
        assert_eq!(of(json!([{ "apiVersion": "v1", "kind": "Pod" }])), Ok(1));
    }

    #[test]
    fn says_what_is_missing() {
        let of = |written: Value| {
            let reported = complaints(&written, false, |cx| body::<Refused>(&written).check(cx));
            reported.into_iter().map(|(_, message)| message).collect::<Vec<_>>()
        };
        assert_eq!(of(json!({})), ["nothing says what is refused", "nothing says why it is refused"]);
        let nothing = json!({ "objects": [{ "metadata": { "name": "a" } }], "by": "schema" });
        assert_eq!(of(nothing), ["this is no object of Kubernetes"]);
    }
}
