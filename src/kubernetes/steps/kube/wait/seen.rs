//! How an object is that a `wait` waits for: the conditions that are there, what the expression gives, the values that it
//! reads. Pure.

use kube::api::DynamicObject;
use serde_json::Value;

use super::until::{Until, is_named, is_seen, reads_status};
use crate::core::expr::{Expr, Limits, Scope};
use crate::kubernetes::client::Kind;
use crate::kubernetes::rollout::{Rollout, state_of};

/// Bytes of a value that are shown.
const SHOWN: usize = 200;

impl Until {
    /// How the object is where it is not as described.
    pub(super) fn seen(&self, kind: &Kind, object: &DynamicObject, limits: &Limits) -> String {
        if object.metadata.deletion_timestamp.is_some() && !self.asks_for_deletion() {
            return "it is being deleted".to_owned();
        }
        match self {
            Until::Deleted => "it is still there".to_owned(),
            Until::Exists => "it is there".to_owned(),
            Until::Rollout => match state_of(&kind.resource.kind, object) {
                Rollout::Done => "its Pods are not up".to_owned(),
                Rollout::Waiting(text) => text,
                Rollout::Held(held) => held.message,
                Rollout::Failed { cause, message } => format!("{cause}: {message}"),
            },
            Until::Condition { name, status } => conditions(object, name, status),
            Until::Expression(expression) if reads_status(expression) && !is_seen(kind, object) => {
                "its status is not of this generation yet".to_owned()
            }
            // What an expression reads of a Secret is not shown.
            Until::Expression(_) if kind.resource.kind == "Secret" => "it is not true".to_owned(),
            Until::Expression(expression) => {
                let mut scope = Scope { limits: limits.clone(), ..Scope::default() };
                scope.roots.insert("self".to_owned(), serde_json::to_value(object).unwrap_or_default());
                evaluated(expression, &scope)
            }
        }
    }
}

/// `it has no condition Avialable; it has Available=True, Progressing=True`.
fn conditions(object: &DynamicObject, name: &str, status: &str) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = object.data["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    if let Some(found) = all.iter().find(|condition| is_named(condition, name)) {
        let is = text(&found["status"]);
        if is.eq_ignore_ascii_case(status) {
            return format!("condition {name} is {is}, of an earlier generation");
        }
        let why = [text(&found["reason"]), text(&found["message"])].into_iter().filter(|part| !part.is_empty());
        let why: Vec<String> = why.map(|part| format!(": {part}")).collect();
        return format!("condition {name} is {is}{}", why.concat());
    }
    let there: Vec<String> = all.iter().map(|it| format!("{}={}", text(&it["type"]), text(&it["status"]))).collect();
    let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
    format!("it has no condition {name}; it has {there}")
}

/// What the expression gives, with the values that it reads: `false, where self.status.readyReplicas = 1`.
fn evaluated(expression: &Expr, scope: &Scope) -> String {
    let gives = match expression.eval(scope) {
        Ok(value) => short(&value),
        Err(error) => error.message,
    };
    let mut read: Vec<String> = Vec::new();
    for reference in expression.references() {
        let [root, path @ ..] = reference.path.as_slice() else { continue };
        let Some(start) = scope.roots.get(root).filter(|_| !path.is_empty()) else { continue };
        if let Some(value) = path.iter().try_fold(start, |value, key| value.get(key)) {
            let value = format!("{} = {}", reference.path.join("."), short(value));
            if !read.contains(&value) {
                read.push(value);
            }
        }
    }
    let text = expression.text();
    if read.is_empty() { format!("`{text}`: {gives}") } else { format!("`{text}`: {gives}, where {}", read.join(", ")) }
}

/// A value as JSON, cut to a readable length.
fn short(value: &Value) -> String {
    let mut text = value.to_string();
    if text.len() > SHOWN {
        let end = (0..=SHOWN).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::until::tests::{object, widgets};
    use super::*;
    use serde_json::json;

    fn seen(until: &str, value: Value) -> String {
        Until::parse(until).expect("well formed").seen(&widgets(), &object(value), &Limits::default())
    }

    fn web() -> Value {
        let conditions = json!([{ "type": "Available", "status": "False", "reason": "Few", "message": "0 of 1" },
            { "type": "Progressing", "status": "True" }]);
        json!({ "metadata": { "name": "web" }, "status": { "readyReplicas": 1, "conditions": conditions } })
    }

    #[test]
    fn an_expression_shows_what_it_gives_and_the_values_that_it_reads() {
        let read = "self.status.readyReplicas";
        assert_eq!(seen(&format!("{read} == 2"), web()), format!("`{read} == 2`: false, where {read} = 1"));
        let slip = seen("self.staus.readyReplicas == 1", web());
        assert!(slip.contains("staus") && slip.len() > "`self.staus.readyReplicas == 1`: ".len(), "{slip}");
    }

    #[test]
    fn a_condition_shows_how_it_is_or_which_ones_are_there() {
        assert_eq!(seen("condition=Available", web()), "condition Available is False: Few: 0 of 1");
        let there = "it has no condition Avialable; it has Available=False, Progressing=True";
        assert_eq!(seen("condition=Avialable", web()), there);
        assert_eq!(seen("condition=Ready", json!({ "metadata": {} })), "it has no condition Ready; it has none");
    }
}
