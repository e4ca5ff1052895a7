//! Whether an object holds a part: every mismatch with its path and both sides. Pure; knows no kind of object.
//!
//! A mapping matches when each key written is there and matches. A list matches when each item written matches an item
//! of its own: the one that carries the same identifying key, else whichever fits; order and further items do not
//! matter. `[]` is an empty list or none at all, `null` a key that is not there. `">= 2"` and its like compare.

use serde_json::Value;

use crate::core::mask::cut;
use crate::core::model::expect::Expect;
use crate::core::model::units::{Count, Text};
use crate::kubernetes::secret_values::{MASK, is_hidden};

/// Keys that tell the items of a list apart in Kubernetes, the most telling first.
const IDENTITIES: &[&str] = &["name", "type", "key", "containerPort", "port", "mountPath", "ip", "host", "path"];
/// What is shown of a value that is missing.
const NOT_THERE: &str = "not there";
/// Characters of a value that are shown.
const SHOWN: usize = 120;

/// One place where an object is not as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mismatch {
    /// Where: `spec.ports[name=http].port`.
    pub path: String,
    /// What is there, as JSON.
    pub actual: String,
    /// What was written.
    pub expected: String,
}

impl Mismatch {
    /// Of a Secret: shows no value.
    pub fn hide(&mut self) {
        for text in [&mut self.actual, &mut self.expected] {
            if text != NOT_THERE && is_hidden(&self.path) {
                MASK.clone_into(text);
            }
        }
    }
}

/// Every place where `actual` is not as `expected`.
pub(super) fn mismatches(expected: &Value, actual: &Value) -> Vec<Mismatch> {
    let mut found = Vec::new();
    compare(expected, Some(actual), "", &mut found);
    found
}

/// A value as JSON, cut to a readable length.
pub(super) fn shown(value: &Value) -> String {
    cut(&value.to_string(), SHOWN)
}

fn compare(expected: &Value, actual: Option<&Value>, path: &str, found: &mut Vec<Mismatch>) {
    let present = actual.filter(|value| !value.is_null());
    let mut wrong = || {
        found.push(Mismatch {
            path: if path.is_empty() { "(object)".to_owned() } else { path.to_owned() },
            actual: present.map_or_else(|| NOT_THERE.to_owned(), shown),
            expected: if expected.is_null() { NOT_THERE.to_owned() } else { shown(expected) },
        });
    };
    match (expected, present) {
        (Value::Null, None) => {}
        (Value::Array(items), None) if items.is_empty() => {}
        (Value::Array(items), Some(Value::Array(there))) if items.is_empty() => {
            if !there.is_empty() {
                wrong();
            }
        }
        (Value::Object(fields), Some(Value::Object(there))) => {
            for (key, value) in fields {
                compare(value, there.get(key), &joined(path, key), found);
            }
        }
        (Value::Array(items), Some(Value::Array(there))) => compare_lists(items, there, path, found),
        (expected, Some(actual)) if holds(expected, actual) => {}
        _ => wrong(),
    }
}

/// `spec.ports`; a key that is not a plain word is in brackets.
fn joined(path: &str, key: &str) -> String {
    let plain = key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    match (path, plain) {
        ("", true) => key.to_owned(),
        (path, true) => format!("{path}.{key}"),
        (path, false) => format!("{path}[\"{key}\"]"),
    }
}

/// Each item written takes an item that is there; the best one where none fits, so that the nearest miss is reported.
fn compare_lists(items: &[Value], there: &[Value], path: &str, found: &mut Vec<Mismatch>) {
    let mut free: Vec<usize> = (0..there.len()).collect();
    for (at, item) in items.iter().enumerate() {
        let identity = IDENTITIES.iter().find_map(|key| item.get(key).map(|value| (*key, value)));
        let same = identity.and_then(|(key, value)| {
            free.iter().position(|place| there[*place].get(key).is_some_and(|it| it == value))
        });
        let label = match identity {
            Some((key, value)) => {
                format!("{path}[{key}={}]", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            }
            None => format!("{path}[{at}]"),
        };
        let missed = |place: &usize| {
            let mut missed = Vec::new();
            compare(item, Some(&there[*place]), &label, &mut missed);
            missed
        };
        if let Some(place) = same {
            // Several may carry the same identity: take the one that fits best.
            let (key, value) = identity.expect("there is one where an item has the same");
            let rivals = free.iter().enumerate().filter(|(_, it)| there[**it].get(key) == Some(value));
            let best = rivals.map(|(rank, it)| (missed(it), rank)).min_by_key(|(missed, _)| missed.len());
            let (misses, rank) = best.unwrap_or_else(|| (missed(&free[place]), place));
            found.extend(misses);
            free.remove(rank);
            continue;
        }
        let fits = free.iter().position(|place| missed(place).is_empty());
        match fits {
            Some(place) => {
                free.remove(place);
            }
            None => found.push(Mismatch {
                path: label,
                actual: match free.as_slice() {
                    [] => NOT_THERE.to_owned(),
                    [one] => shown(&there[*one]),
                    several => format!("none of {}", shown(&several.iter().map(|it| there[*it].clone()).collect())),
                },
                expected: shown(item),
            }),
        }
    }
}

/// Whether a scalar is as written: equal, or as the expectation in it says.
fn holds(expected: &Value, actual: &Value) -> bool {
    if expected == actual {
        return true;
    }
    match (expected, actual) {
        // Whole numbers were compared exactly; beyond 2^53 different ones are the same fraction.
        (Value::Number(expected), Value::Number(actual)) => {
            (expected.is_f64() || actual.is_f64()) && expected.as_f64() == actual.as_f64()
        }
        (Value::String(expected), Value::Number(actual)) if is_expectation(expected) => {
            actual.as_i64().is_some_and(|actual| Expect::parse(expected).is_ok_and(|it| it.holds(&Count(actual))))
        }
        (Value::String(expected), Value::String(actual)) if expected.starts_with("!=") => {
            Expect::parse(expected).is_ok_and(|it| it.holds(&Text(actual.clone())))
        }
        _ => false,
    }
}

fn is_expectation(text: &str) -> bool {
    ["<", ">", "!=", "=="].iter().any(|operator| text.starts_with(operator)) || text.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn reported(expected: &Value, actual: &Value) -> Vec<String> {
        mismatches(expected, actual).iter().map(|it| format!("{}: {} / {}", it.path, it.actual, it.expected)).collect()
    }

    #[test]
    fn a_part_matches_whatever_else_is_there() {
        let object = json!({"spec": {"replicas": 2, "paused": false, "ports": [
            {"name": "http", "port": 80}, {"name": "metrics", "port": 9090}
        ]}, "metadata": {"labels": {"app.kubernetes.io/name": "todo"}}});
        let part = json!({
            "spec": {"replicas": 2.0, "ports": [{"port": 9090}, {"name": "http"}], "strategy": null, "taints": []},
            "metadata": {"labels": {"app.kubernetes.io/name": "!= other"}}
        });
        assert_eq!(reported(&part, &object), Vec::<String>::new());
    }

    #[test]
    fn tells_every_place_that_differs() {
        let object = json!({"spec": {"replicas": 1, "finalizers": ["a"], "ports": [{"name": "http", "port": 80}]},
            "metadata": {"labels": {"app.kubernetes.io/name": "todo"}}});
        let part = json!({
            "metadata": {"labels": {"app.kubernetes.io/name": "web"}},
            "spec": {"replicas": ">= 2", "finalizers": [], "paused": true,
                "ports": [{"name": "http", "port": 8080}, {"name": "metrics"}], "replica": {"x": 1}}
        });
        assert_eq!(
            reported(&part, &object),
            [
                "metadata.labels[\"app.kubernetes.io/name\"]: \"todo\" / \"web\"",
                "spec.replicas: 1 / \">= 2\"",
                "spec.finalizers: [\"a\"] / []",
                "spec.paused: not there / true",
                "spec.ports[name=http].port: 80 / 8080",
                "spec.ports[name=metrics]: not there / {\"name\":\"metrics\"}",
                "spec.replica: not there / {\"x\":1}",
            ]
        );
    }

    #[test]
    fn items_without_identity_may_be_any_but_each_only_once() {
        assert_eq!(reported(&json!(["b", "a"]), &json!(["a", "b", "c"])), Vec::<String>::new());
        assert_eq!(reported(&json!(["a", "a"]), &json!(["a", "b"])), ["[1]: \"b\" / \"a\""]);
        assert_eq!(reported(&json!(["x"]), &json!(["a", "b"])), ["[0]: none of [\"a\",\"b\"] / \"x\""]);
        assert_eq!(
            reported(&json!([{"type": "Ready", "status": "True"}]), &json!([{"type": "Ready", "status": "False"}])),
            ["[type=Ready].status: \"False\" / \"True\""]
        );
    }

    #[test]
    fn a_text_is_no_number() {
        assert_eq!(reported(&json!({"a": "80"}), &json!({"a": 80})), ["a: 80 / \"80\""]);
        assert_eq!(reported(&json!({"a": "8000..8080"}), &json!({"a": 8001})), Vec::<String>::new());
    }
}
