//! Expressions as they are written about Kubernetes objects, with the results of cel-go in the environment of
//! Kubernetes 1.35 (`kubernetes.jsonl`, evaluated over `kubernetes.json` as `self`).

use pipeline::core::expr::{Expr, Scope};
use serde_json::{Value, json};

use super::{given, listed, same};

/// How many of a thousand may differ: where the specification and Kubernetes contradict each other.
const MOST: usize = 10;

#[derive(serde::Deserialize)]
struct Case {
    expr: String,
    #[serde(default, deserialize_with = "given")]
    value: Option<Value>,
}

fn evaluated(text: &str) -> Result<Value, String> {
    let object = serde_json::from_str(include_str!("kubernetes.json")).expect("JSON");
    let mut scope = Scope::default();
    scope.roots.insert("self".to_owned(), object);
    Expr::parse(text).and_then(|expr| expr.eval(&scope)).map_err(|error| error.message)
}

/// An expression that is true if `expr` has the value; nothing where the values can be compared themselves.
fn comparison(expr: &str, value: &Value) -> Option<String> {
    // JSON has no such numbers.
    if let Some(number @ ("+Inf" | "-Inf" | "NaN")) = value.as_str() {
        return Some(format!("string({expr}) == '{number}'"));
    }
    let (kind, rest) = value.as_array()?.split_first()?;
    Some(match (kind.as_str()?, rest) {
        ("dur", [Value::Number(nanoseconds)]) => format!("({expr}) == duration('{nanoseconds}ns')"),
        ("ts", [Value::String(time)]) => format!("({expr}) == timestamp('{time}')"),
        ("none", []) => format!("!({expr}).hasValue()"),
        ("some", [inner]) => {
            let expr = format!("({expr}).value()");
            comparison(&expr, inner).unwrap_or_else(|| format!("{expr} == {inner}"))
        }
        ("type", [Value::String(name)]) => format!("type({expr}) == type(type(1)) && ({expr}) == {name}"),
        ("other", [Value::String(_), Value::String(text)]) => format!("string({expr}) == '{text}'"),
        _ => return None,
    })
}

fn difference(case: &Case) -> Option<String> {
    let Some(expected) = &case.value else {
        return evaluated(&case.expr).ok().map(|value| format!("an error is due, got {value}"));
    };
    let (expr, expected) = match comparison(&case.expr, expected) {
        Some(comparison) => (comparison, json!(true)),
        None => (case.expr.clone(), expected.clone()),
    };
    match evaluated(&expr) {
        Ok(value) if same(&value, &expected) => None,
        got => Some(format!("{expr}: expected {expected}, got {got:?}")),
    }
}

#[test]
fn kubernetes_gives_the_same_results_but_for_the_listed_ones() {
    let exceptions = listed(include_str!("kubernetes-exceptions.txt"));
    let cases: Vec<Case> = include_str!("kubernetes.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect();
    let differ: Vec<(&str, String)> =
        cases.iter().filter_map(|case| Some((case.expr.as_str(), difference(case)?))).collect();
    let unlisted: Vec<_> = differ.iter().filter(|(expr, _)| !exceptions.contains_key(expr)).collect();
    assert!(unlisted.is_empty(), "{} differ and are not listed: {unlisted:#?}", unlisted.len());
    let stale: Vec<_> = exceptions.keys().filter(|expr| !differ.iter().any(|(other, _)| other == *expr)).collect();
    assert!(stale.is_empty(), "listed, but they hold: {stale:#?}");
    assert!(exceptions.len() * 1000 <= cases.len() * MOST, "{} exceptions of {}", exceptions.len(), cases.len());
}
