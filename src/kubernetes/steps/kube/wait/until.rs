//! What a `wait` waits for, and whether objects are so. Pure.

use std::collections::BTreeSet;

use kube::api::DynamicObject;
use serde_json::Value;

use crate::core::expr::{Expr, ExprError, Limits, Scope};
use crate::core::kind::causes;
use crate::core::model::outcome::Fault;
use crate::kubernetes::client::{Followed, Kind};
use crate::kubernetes::rollout::{Rollout, is_observed, rolls_out, state_of};

/// What is waited for.
#[derive(Debug, Clone)]
pub(super) enum Until {
    Condition { name: String, status: String },
    Deleted,
    Exists,
    Rollout,
    Expression(Expr),
}

/// The cause where an evaluation had to end.
pub(super) const NOT_MEASURED: &str = "not measured";

impl Until {
    pub(super) fn parse(text: &str) -> Result<Self, ExprError> {
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
    pub(super) fn expects_health(&self) -> bool {
        match self {
            Until::Rollout => true,
            Until::Condition { name, status } => {
                status.eq_ignore_ascii_case("true") && !causes::asks_about_failure(name)
            }
            Until::Expression(expression) => reads_status(expression) && !causes::asks_about_failure(expression.text()),
            Until::Deleted | Until::Exists => false,
        }
    }

    /// Whether the object is so; else how it is.
    pub(super) fn holds(&self, kind: &Kind, object: Option<&DynamicObject>, limits: &Limits) -> Result<bool, Failed> {
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
            // Nor does a status of an earlier generation.
            Until::Expression(expression) if reads_status(expression) && !is_seen(kind, object) => Ok(false),
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
    pub(super) fn suits(&self, kind: &Kind, shown: &str) -> Result<(), Fault> {
        match self {
            Until::Rollout if !rolls_out(&kind.resource.kind) => {
                Err(Fault::invalid(format!("{shown} does not roll out"))
                    .help("name a Deployment, StatefulSet or DaemonSet, or write `for: condition=…`"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn asks_for_deletion(&self) -> bool {
        match self {
            Until::Deleted => true,
            Until::Expression(expression) => {
                expression.references().iter().any(|it| it.path.iter().any(|part| part == "deletionTimestamp"))
            }
            Until::Condition { .. } | Until::Exists | Until::Rollout => false,
        }
    }
}

pub(super) fn reads_status(expression: &Expr) -> bool {
    expression.text().contains("status")
}

/// Whether the status is of the object as it is wanted now. A workload without one was not seen yet.
pub(super) fn is_seen(kind: &Kind, object: &DynamicObject) -> bool {
    let unseen = kind.resource.group == "apps" && object.data["status"]["observedGeneration"].is_null();
    is_observed(object) && !(unseen && rolls_out(&kind.resource.kind))
}

pub(super) fn is_named(condition: &Value, name: &str) -> bool {
    condition["type"].as_str().is_some_and(|found| found.eq_ignore_ascii_case(name))
}

/// The uid of the object that was there first: unknown before the first measurement, none where there was no object.
#[allow(clippy::option_option, reason = "both cases differ from an object that has no uid yet")]
pub(super) type FirstUid = Option<Option<String>>;

/// The object; for `deleted` only while it is the one that was there first: a later one of its name is another.
pub(super) fn same<'o>(
    until: &Until,
    object: Option<&'o DynamicObject>,
    first: &mut FirstUid,
) -> Option<&'o DynamicObject> {
    if !matches!(until, Until::Deleted) {
        return object;
    }
    let first = first.get_or_insert_with(|| object.and_then(|object| object.metadata.uid.clone()));
    object.filter(|object| object.metadata.uid == *first)
}

/// Whether none of the objects that were there first is there any more.
pub(super) fn none_left(objects: &Followed, first: &mut Option<BTreeSet<String>>) -> bool {
    let now: BTreeSet<String> = objects.values().filter_map(|object| object.metadata.uid.clone()).collect();
    let first = first.get_or_insert_with(|| now.clone());
    first.is_disjoint(&now)
}

/// The name of a condition where that is all that was written; an expression of one name would never be true.
pub(super) fn bare_name(text: &str) -> Option<&str> {
    let text = text.trim();
    let known = matches!(text, "delete" | "deleted" | "exists" | "create" | "created" | "rollout" | "true" | "false");
    (!known && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(text)
}

/// Why an object will not be so, by its cause and in the cluster's words.
pub(super) type Failed = (String, String);

/// The objects of a set that is not empty, once all are so; else the first one that will not be, by its name. What is being
/// deleted belongs to it no more.
pub(super) fn all(
    until: &Until,
    kind: &Kind,
    objects: &Followed,
    limits: &Limits,
) -> Option<Result<Vec<DynamicObject>, (String, Failed)>> {
    let stays = |object: &&DynamicObject| object.metadata.deletion_timestamp.is_none() || until.asks_for_deletion();
    let objects: Vec<&DynamicObject> = objects.values().filter(stays).collect();
    if objects.is_empty() {
        return None;
    }
    for object in &objects {
        match until.holds(kind, Some(object), limits) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(failed) => return Some(Err((object.metadata.name.clone().unwrap_or_default(), failed))),
        }
    }
    Some(Ok(objects.into_iter().cloned().collect()))
}

#[cfg(test)]
pub(super) mod tests {
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

    pub(in super::super) fn object(value: Value) -> DynamicObject {
        serde_json::from_value(value).expect("an object")
    }

    pub(in super::super) fn widgets() -> Kind {
        let crd = serde_json::json!({ "spec": { "group": "example.com", "scope": "Namespaced",
            "names": { "kind": "Widget", "plural": "widgets" }, "versions": [{ "name": "v1", "served": true }] } });
        Kind::of_crd(&crd).remove(0)
    }

    fn holds(until: &str, value: Value) -> bool {
        Until::parse(until)
            .expect("well formed")
            .holds(&widgets(), Some(&object(value)), &Limits::default())
            .expect("no failure")
    }

    #[test]
    fn a_bare_name_is_taken_for_a_condition() {
        assert_eq!(bare_name(" Available "), Some("Available"));
        for text in ["condition=Available", "rollout", "deleted", "self.status.ready", "true"] {
            assert_eq!(bare_name(text), None, "{text}");
        }
    }

    #[test]
    fn no_rollout_is_awaited_of_what_has_none() {
        let fault = Until::Rollout.suits(&widgets(), "widget/w").expect_err("refused");
        assert_eq!(fault.message, "widget/w does not roll out");
        assert!(Until::Exists.suits(&widgets(), "widget/w").is_ok());
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
    fn an_expression_about_a_status_of_an_earlier_generation_does_not_hold() {
        use serde_json::json;
        let with = |seen: Value| {
            json!({ "metadata": { "name": "w", "generation": 3 }, "spec": { "size": 1 },
                "status": { "observedGeneration": seen, "ready": 1 } })
        };
        assert!(holds("self.status.ready == 1", with(json!(3))));
        assert!(holds("self.status.ready == 1", with(Value::Null)));
        assert!(!holds("self.status.ready == 1", with(json!(2))));
        assert!(holds("self.spec.size == 1", with(json!(2))));
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
