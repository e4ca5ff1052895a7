//! `wait`: until objects are as described, by watch.

use std::collections::BTreeSet;

use async_trait::async_trait;
use kube::api::DynamicObject;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::verb_context::{VerbContext, Workload};
use super::{Verb, exec};
use crate::core::expr::{Expr, ExprError, Limits, Scope};
use crate::core::kind::CheckContext;
use crate::core::kind::causes;
use crate::core::model::diagnostic::Code;
use crate::core::model::outcome::{Failure, Fault, Outcome};
use crate::kubernetes::client::{Followed, Kind, Reference};
use crate::kubernetes::explain::Target;
use crate::kubernetes::rollout::{Rollout, rolls_out, state_of};

/// Waits until objects are as described.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// The object, as `pod/web`.
    target: Option<Reference>,
    /// With `selector`: the kind of the objects, as `pods`.
    kind: Option<String>,
    /// With `kind`: the labels that the objects carry; there must be one at least, and all must be as described.
    selector: Option<String>,
    /// What they must be: `condition=Ready` (or `condition=Ready=False`), `deleted`, `rollout` (of a Deployment,
    /// StatefulSet or DaemonSet), `exists`, or a CEL expression over `self`, such as `self.status.phase == "Running"`.
    #[serde(rename = "for")]
    until: String,
}

/// What is waited for.
#[derive(Debug, Clone)]
enum Until {
    Condition { name: String, status: String },
    Deleted,
    Exists,
    Rollout,
    Expression(Expr),
}

/// The cause where an evaluation had to end.
const NOT_MEASURED: &str = "not measured";

impl Until {
    fn parse(text: &str) -> Result<Self, ExprError> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix("condition=") {
            let (name, status) = rest.split_once('=').unwrap_or((rest, "True"));
            return Ok(Until::Condition { name: name.to_owned(), status: status.to_owned() });
        }
        match text {
            "delete" | "deleted" => Ok(Until::Deleted),
            "exists" | "create" | "created" => Ok(Until::Exists),
            "rollout" => Ok(Until::Rollout),
            _ => Expr::parse(text).map(Until::Expression),
        }
    }

    /// Whether it comes about only if the object gets well.
    fn expects_health(&self) -> bool {
        match self {
            Until::Rollout => true,
            Until::Condition { name, status } => {
                status.eq_ignore_ascii_case("true") && !causes::asks_about_failure(name)
            }
            Until::Expression(expression) => {
                let text = expression.text();
                text.contains("status") && !causes::asks_about_failure(text)
            }
            Until::Deleted | Until::Exists => false,
        }
    }

    /// Whether the object is so; else how it is.
    fn holds(&self, kind: &Kind, object: Option<&DynamicObject>, limits: &Limits) -> Result<bool, (String, String)> {
        let Some(object) = object else { return Ok(matches!(self, Until::Deleted)) };
        // What is being deleted is there no more for long: it is nothing to go on with.
        if object.metadata.deletion_timestamp.is_some() && !self.asks_for_deletion() {
            return Ok(false);
        }
        match self {
            Until::Deleted => Ok(false),
            Until::Exists => Ok(true),
            Until::Condition { name, status } => {
                let of = &object.data["status"];
                let found = of["conditions"].as_array().into_iter().flatten().find(|it| is_named(it, name));
                // A condition of an earlier generation says nothing of the object as it is wanted now.
                let generation = object.metadata.generation.unwrap_or(0);
                let observed = |it: &Value| it["observedGeneration"].as_i64().is_none_or(|seen| seen >= generation);
                Ok(found.is_some_and(|condition| {
                    observed(of)
                        && observed(condition)
                        && condition["status"].as_str().is_some_and(|found| found.eq_ignore_ascii_case(status))
                }))
            }
            Until::Rollout => match state_of(&kind.resource.kind, object) {
                Rollout::Done => Ok(true),
                Rollout::Waiting(_) | Rollout::Held(_) => Ok(false),
                Rollout::Failed { cause, message } => Err((cause, message)),
            },
            Until::Expression(expression) => {
                let mut scope = Scope { limits: limits.clone(), ..Scope::default() };
                scope.roots.insert("self".to_owned(), serde_json::to_value(object).unwrap_or_default());
                match expression.eval(&scope) {
                    Ok(value) => Ok(value == Value::Bool(true)),
                    Err(error) if error.stopped => {
                        Err((NOT_MEASURED.to_owned(), format!("`{}`: {error}", expression.text())))
                    }
                    // A field that is not there yet is no error: it may come.
                    Err(_) => Ok(false),
                }
            }
        }
    }
}

impl Until {
    /// Refuses to wait for the rollout of what has none: it would be done at once.
    fn suits(&self, kind: &Kind, shown: &str) -> Result<(), Fault> {
        match self {
            Until::Rollout if !rolls_out(&kind.resource.kind) => {
                Err(Fault::invalid(format!("{shown} does not roll out"))
                    .help("name a Deployment, StatefulSet or DaemonSet, or write `for: condition=…`"))
            }
            _ => Ok(()),
        }
    }

    fn asks_for_deletion(&self) -> bool {
        match self {
            Until::Deleted => true,
            Until::Expression(expression) => {
                expression.references().iter().any(|it| it.path.iter().any(|part| part == "deletionTimestamp"))
            }
            Until::Condition { .. } | Until::Exists | Until::Rollout => false,
        }
    }
}

fn is_named(condition: &Value, name: &str) -> bool {
    condition["type"].as_str().is_some_and(|found| found.eq_ignore_ascii_case(name))
}

#[async_trait]
impl Verb for Wait {
    fn check(&self, at: &str, cx: &mut CheckContext<'_>) {
        if self.kind.is_some() == self.selector.is_some() {
            exec::check_target(at, self.target.is_some(), self.selector.as_deref(), cx);
        } else {
            let help = "write both: `kind: pods` and `selector: app=todo`".to_owned();
            cx.error(&[at.into()], Code::InvalidValue, "`kind` and `selector` belong together", Some(help));
        }
        if let Err(error) = Until::parse(&self.until) {
            let others =
                "write `condition=Ready`, `deleted`, `rollout`, `exists`, or CEL: `self.status.phase == \"Running\"`";
            let help = error.help.unwrap_or_else(|| others.to_owned());
            cx.error(&[at.into(), "for".into()], Code::InvalidExpression, error.message, Some(help));
        }
    }

    fn title(&self) -> String {
        format!("wait for {}: {}", self.shown(), self.until)
    }

    async fn run(&self, on: &VerbContext<'_>) -> Result<Outcome, Fault> {
        let until =
            Until::parse(&self.until).map_err(|error| error.into_fault(format_args!("`for: {}`", self.until)))?;
        let (kind, name) = match (&self.target, &self.kind) {
            (Some(target), _) => {
                let (kind, name) = on.cluster.resolve(target).await?;
                (kind, Some(name))
            }
            (None, Some(kind)) => (on.cluster.kind_named(kind).await?, None),
            (None, None) => return Err(Fault::invalid("`wait` has neither `target` nor `kind` and `selector`")),
        };
        until.suits(&kind, &self.shown())?;
        let limits = &on.cx.scope.limits;
        let found = async {
            if let Some(name) = &name {
                let mut first = None;
                let decide =
                    |object: Option<&DynamicObject>| match until.holds(&kind, same(&until, object, &mut first), limits)
                    {
                        Ok(false) => None,
                        Ok(true) => Some(Ok(())),
                        Err(failed) => Some(Err(failed)),
                    };
                on.cluster.until(&kind, on.namespace, name, decide).await
            } else {
                let selector = self.selector.as_deref().unwrap_or_default();
                let mut first = None;
                let decide = |objects: &Followed| {
                    if matches!(until, Until::Deleted) {
                        return none_left(objects, &mut first).then_some(Ok(()));
                    }
                    all(&until, &kind, objects, limits)
                };
                on.cluster.until_all(&kind, on.namespace, selector, decide).await
            }
        };
        let begun = std::time::Instant::now();
        let target = self.target(&kind, name.as_deref()).filter(|_| until.expects_health());
        let hopeless = async {
            match &target {
                Some(target) => on.fatal_of(on.namespace, target).await,
                None => std::future::pending().await,
            }
        };
        let result = tokio::select! {
            biased;
            result = found => Some(result),
            () = on.cx.cancelled() => None,
            cause = hopeless => {
                let findings = self.explain(on, &kind, name.as_deref()).await;
                let failure = Failure::new(format!("{} is not so: {}", self.shown(), self.until)).because(findings);
                return Ok(Outcome::Failed(on.ended_early(failure, begun, cause)));
            }
        };
        let name = name.as_deref();
        match result {
            Some(Ok(Ok(()))) => {
                on.say(format!("{}: {}", self.shown(), self.until));
                Ok(Outcome::passed())
            }
            Some(Ok(Err((cause, message)))) if cause == NOT_MEASURED => {
                Err(Fault::unknown(format!("{}: {cause}: {message}", self.shown())))
            }
            Some(Ok(Err((cause, message)))) => {
                let mut findings = self.explain(on, &kind, name).await;
                findings.push(crate::core::model::outcome::Finding::new(self.shown(), cause, &message));
                let summary = format!("{} will not be so: {}: {message}", self.shown(), self.until);
                Ok(Outcome::Failed(Failure::new(summary).because(findings)))
            }
            Some(Err(trouble)) => trouble.outcome(self.shown()),
            None => {
                let findings = self.explain(on, &kind, name).await;
                let summary = format!("stopped before {} was so: {}", self.shown(), self.until);
                Ok(Outcome::Failed(Failure::new(summary).because(findings)))
            }
        }
    }
}

/// The uid of the object that was there first: unknown before the first measurement, none where there was no object.
#[allow(clippy::option_option, reason = "both cases differ from an object that has no uid yet")]
type FirstUid = Option<Option<String>>;

/// The object; for `deleted` only while it is the one that was there first: a later one of its name is another.
fn same<'o>(until: &Until, object: Option<&'o DynamicObject>, first: &mut FirstUid) -> Option<&'o DynamicObject> {
    if !matches!(until, Until::Deleted) {
        return object;
    }
    let first = first.get_or_insert_with(|| object.and_then(|object| object.metadata.uid.clone()));
    object.filter(|object| object.metadata.uid == *first)
}

/// Whether none of the objects that were there first is there any more.
fn none_left(objects: &Followed, first: &mut Option<BTreeSet<String>>) -> bool {
    let now: BTreeSet<String> = objects.values().filter_map(|object| object.metadata.uid.clone()).collect();
    let first = first.get_or_insert_with(|| now.clone());
    first.is_disjoint(&now)
}

/// All of a set that is not empty. What is being deleted belongs to it no more.
fn all(until: &Until, kind: &Kind, objects: &Followed, limits: &Limits) -> Option<Result<(), (String, String)>> {
    let stays = |object: &&DynamicObject| object.metadata.deletion_timestamp.is_none() || until.asks_for_deletion();
    let objects: Vec<&DynamicObject> = objects.values().filter(stays).collect();
    if objects.is_empty() {
        return None;
    }
    for object in objects {
        match until.holds(kind, Some(object), limits) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(failed) => return Some(Err(failed)),
        }
    }
    Some(Ok(()))
}

impl Wait {
    fn shown(&self) -> String {
        match &self.target {
            Some(target) => target.to_string(),
            None => {
                format!("{} {}", self.kind.as_deref().unwrap_or_default(), self.selector.as_deref().unwrap_or_default())
            }
        }
    }

    async fn explain(
        &self,
        on: &VerbContext<'_>,
        kind: &Kind,
        name: Option<&str>,
    ) -> Vec<crate::core::model::outcome::Finding> {
        match self.target(kind, name) {
            Some(target) if matches!(Until::parse(&self.until), Ok(Until::Deleted)) => {
                on.cluster.holds_deletion(on.namespace, Some(&target)).await
            }
            Some(target) => on.explain_target(on.namespace, &target).await,
            None => Vec::new(),
        }
    }

    /// What explains that it is not so; nothing for a set of objects other than Pods.
    fn target(&self, kind: &Kind, name: Option<&str>) -> Option<Target> {
        match name {
            Some(name) => {
                let namespace = String::new();
                Some(Workload { kind: kind.clone(), namespace, name: name.to_owned() }.target())
            }
            None => (kind.resource.kind == "Pod").then(|| Target::Selector(self.selector.clone().unwrap_or_default())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_waited_for() {
        for (text, read) in [
            ("condition=Ready", "Condition { name: \"Ready\", status: \"True\" }"),
            ("condition=Available=False", "Condition { name: \"Available\", status: \"False\" }"),
            ("deleted", "Deleted"),
            ("rollout", "Rollout"),
        ] {
            assert_eq!(format!("{:?}", Until::parse(text).expect("well formed")), read);
        }
    }

    fn object(value: Value) -> DynamicObject {
        serde_json::from_value(value).expect("an object")
    }

    fn deployments() -> Kind {
        let crd = serde_json::json!({ "spec": { "group": "example.com", "scope": "Namespaced",
            "names": { "kind": "Widget", "plural": "widgets" }, "versions": [{ "name": "v1", "served": true }] } });
        Kind::of_crd(&crd).remove(0)
    }

    fn holds(until: &str, value: Value) -> bool {
        Until::parse(until)
            .expect("well formed")
            .holds(&deployments(), Some(&object(value)), &Limits::default())
            .expect("no failure")
    }

    #[test]
    fn no_rollout_is_awaited_of_what_has_none() {
        let fault = Until::Rollout.suits(&deployments(), "widget/w").expect_err("refused");
        assert_eq!(fault.message, "widget/w does not roll out");
        assert!(Until::Exists.suits(&deployments(), "widget/w").is_ok());
    }

    #[test]
    fn a_condition_of_an_earlier_generation_is_none() {
        use serde_json::json;
        let with = |of_condition: Value, of_status: Value| {
            json!({ "metadata": { "name": "w", "generation": 3 }, "status": { "observedGeneration": of_status,
                "conditions": [{ "type": "Ready", "status": "True", "observedGeneration": of_condition }] } })
        };
        assert!(holds("condition=Ready", with(json!(3), json!(3))));
        assert!(holds("condition=Ready", with(Value::Null, Value::Null)));
        assert!(!holds("condition=Ready", with(json!(2), json!(3))));
        assert!(!holds("condition=Ready", with(Value::Null, json!(2))));
    }

    #[test]
    fn what_is_being_deleted_is_only_awaited_by_those_who_ask_for_it() {
        let dying = serde_json::json!({ "metadata": { "name": "w", "deletionTimestamp": "2030-01-01T00:00:00Z" },
            "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] } });
        for until in ["exists", "condition=Ready", "self.status.phase == \"Running\""] {
            assert!(!holds(until, dying.clone()), "{until}");
        }
        assert!(holds("has(self.metadata.deletionTimestamp)", dying));
    }

    #[test]
    fn deleted_means_the_object_that_was_there_and_no_later_one() {
        let with = |uid: &str| object(serde_json::json!({ "metadata": { "name": "w", "uid": uid } }));
        let mut first = None;
        assert!(same(&Until::Deleted, Some(&with("a")), &mut first).is_some());
        assert!(same(&Until::Deleted, Some(&with("b")), &mut first).is_none());
        let mut first = None;
        let set = |uid: &str| Followed::from([("w".to_owned(), with(uid))]);
        assert!(!none_left(&set("a"), &mut first));
        assert!(none_left(&set("b"), &mut first));
        assert!(none_left(&Followed::new(), &mut None));
    }
}
