//! What the traffic assertion makes of what a step handed on.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::core::kind::test_context::{TestContext, body, complaints};

fn handed_on(p95: f64, blamed: f64, failed: u64) -> TestContext {
    let json = json!({
        "requests": 2000, "failed": failed, "refused": failed, "rate": 200.0, "p95": p95,
        "blamed": { "p95": blamed }, "own_lag_p99": 0.1,
        "first_failures": [{
            "at": 1.25, "time": "2026-01-01T00:00:01.25Z", "cause": "refused", "endpoint": "10.0.0.1:80",
            "detail": "Connection refused (os error 111)",
        }],
    });
    let outputs: Outputs = json.as_object().cloned().expect("a map").into_iter().collect();
    let mut trial = TestContext::new();
    trial.cx.steps = Arc::new(BTreeMap::from([("load".to_owned(), outputs)]));
    trial
}

fn expects(json: &Value) -> Traffic {
    body(json)
}

#[tokio::test]
async fn holds_both_sides_against_each_other() {
    let trial = handed_on(12.5, 12.0, 3);
    let expect =
        expects(&json!({ "of": "load", "failed": 0, "p95": "< 500ms", "requests": ">= 1000", "rate": "190/s..210/s" }));
    let verdict = expect.measure(&trial.cx).await.expect("measured");
    let words: Vec<String> = verdict
        .measures()
        .iter()
        .map(|measure| format!("{} {} / {} {}", measure.name, measure.actual, measure.expected, measure.holds))
        .collect();
    assert_eq!(
        words,
        [
            "requests 2000 / >= 1000 true",
            "failed 3 / 0 false",
            "rate 200/s / 190/s..210/s true",
            "p95 12.5ms / < 500ms true"
        ]
    );
    let finding =
        Finding::new("10.0.0.1:80", "refused", "at 1.25s (2026-01-01T00:00:01.25Z): Connection refused (os error 111)");
    assert_eq!(expect.explain(&trial.cx).await, [finding]);
}

#[tokio::test]
async fn a_latency_that_the_generator_is_to_blame_for_is_no_answer() {
    let expect = expects(&json!({ "of": "load", "p95": "< 500ms" }));
    let fault = expect.measure(&handed_on(700.0, 20.0, 0).cx).await.expect_err("nobody can say");
    assert_eq!(
        fault.message,
        "p95 could not be measured: it is 700ms, expected < 500ms, but 20ms without what the load generator itself was late"
    );
    let verdict = expect.measure(&handed_on(700.0, 690.0, 0).cx).await.expect("the server is to blame");
    assert!(!verdict.holds());
}

#[tokio::test]
async fn names_the_steps_there_are() {
    let expect = expects(&json!({ "of": "lod", "failed": 0 }));
    let fault = expect.measure(&handed_on(1.0, 1.0, 0).cx).await.expect_err("no such step");
    assert_eq!(fault.message, "there is no step `lod` in this stage that measured anything");
    assert_eq!(fault.help.as_deref(), Some("did you mean \"load\"?"));
}

#[test]
fn refuses_to_expect_nothing() {
    let json = json!({ "of": "load" });
    let found = complaints(&json, false, |cx| expects(&json).check(cx));
    assert_eq!(found, [(Code::MissingKey, "nothing is expected of the traffic".to_owned())]);
}
