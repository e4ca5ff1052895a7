//! The simple tests of the CEL specification that need no protocol buffers (`cel-spec.jsonl`, from google/cel-spec,
//! Apache-2.0). All of them run; what differs is listed in `exceptions.txt` with the reason, and nothing else may.

mod kubernetes;

use std::collections::BTreeMap;

use pipeline::core::expr::{Expr, Scope};
use serde_json::Value;

/// At most 2% of the cases.
const MOST: usize = 34;

#[derive(serde::Deserialize)]
struct Case {
    name: String,
    expr: String,
    #[serde(default, deserialize_with = "given")]
    value: Option<Value>,
}

/// A `null` is a value.
fn given<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    serde::Deserialize::deserialize(from).map(Some)
}

fn evaluated(text: &str) -> Result<Value, String> {
    Expr::parse(text).and_then(|expr| expr.eval(&Scope::default())).map_err(|error| error.message)
}

/// What differs from the case.
fn difference(case: &Case) -> Option<String> {
    let Some(expected) = &case.value else {
        return evaluated(&case.expr).ok().map(|value| format!("an error is due, got {value}"));
    };
    // Durations and timestamps have no JSON of their own.
    if let Some([Value::String(kind), what]) = expected.as_array().map(Vec::as_slice)
        && matches!(kind.as_str(), "dur" | "ts")
    {
        let literal = match what {
            Value::Number(nanoseconds) => format!("duration('{nanoseconds}ns')"),
            what => format!("timestamp('{}')", what.as_str().unwrap_or_default()),
        };
        let compared = evaluated(&format!("({}) == {literal}", case.expr));
        return (compared != Ok(Value::Bool(true))).then(|| format!("expected {literal}, got {compared:?}"));
    }
    match evaluated(&case.expr) {
        Ok(value) if same(&value, expected) => None,
        got => Some(format!("expected {expected}, got {got:?}")),
    }
}

/// JSON has one kind of number: `1.0` is `1`.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || (a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

/// What may differ, with the reason.
fn listed(text: &str) -> BTreeMap<&str, &str> {
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.rsplit_once(" | ").expect("a name and a reason"))
        .collect()
}

#[test]
fn every_case_of_the_specification_holds_but_for_the_listed_ones() {
    let exceptions = listed(include_str!("exceptions.txt"));
    let cases: Vec<Case> = include_str!("cel-spec.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect();
    let mut differ: BTreeMap<&str, String> = BTreeMap::new();
    for case in &cases {
        if let Some(difference) = difference(case) {
            differ.insert(&case.name, format!("{}: {difference}", case.expr));
        }
    }
    let unlisted: Vec<_> = differ.iter().filter(|(name, _)| !exceptions.contains_key(*name)).collect();
    assert!(unlisted.is_empty(), "{} differ and are not listed: {unlisted:#?}", unlisted.len());
    let stale: Vec<_> = exceptions.keys().filter(|name| !differ.contains_key(*name)).collect();
    assert!(stale.is_empty(), "listed, but they hold: {stale:#?}");
    assert!(exceptions.len() <= MOST, "{} exceptions of {}", exceptions.len(), cases.len());
}
