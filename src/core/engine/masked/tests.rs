//! Every text is masked, nothing else is, and what is written can be read again whatever the secret is.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::core::mask::SecretText;
use crate::core::model::event::Record;

const NEEDLE: &str = "needle in text";

/// An event of every kind, with the needle in every field that holds a string.
fn samples() -> Vec<Event> {
    let n = NEEDLE;
    let time = json!({ "secs": 1, "nanos": 0 });
    let finding = json!({ "object": n, "cause": n, "message": n, "lines": [n, n] });
    let failure = json!({ "summary": n, "exit_code": 3, "findings": [finding], "help": n });
    let fault = json!({ "kind": "unknown", "message": n, "help": n, "transient": true });
    let measure = json!({ "name": n, "actual": n, "expected": n, "holds": false });
    let result = |verdict: Value| {
        json!({ "event": "assertion-settled", "node": 0, "result": {
            "index": 0, "name": n, "kind": n, "warning": true, "verdict": verdict, "findings": [finding],
            "elapsed": time, "looks": 2,
        } })
    };
    let finished = |because: Value| {
        json!({
            "event": "node-finished", "node": 0, "state": "failed", "because": because, "failure": failure, "fault": fault,
            "tolerated": true, "outputs": { n: { n: [n, 5, true, null] } }, "elapsed": time,
            "log": { "lines": 1, "bytes": 2, "dropped": 3 }, "fingerprint": n, "made": n,
        })
    };
    let why = |why: Value| json!({ "node": 0, "why": why });
    let started = json!({
        "event": "run-started", "format": 1, "run": n, "pipeline": n, "time": n, "profile": n,
        "stages": [{ "name": n, "needs": [n], "steps_need": [n] }],
        "nodes": [{ "name": n, "stage": 0, "role": "gate", "kind": n, "title": n, "assertions": 1 }],
        "runner": { "pid": 1, "host": n, "cookie": n, "scratch": n }, "namespace": n,
        "continues": {
            "run": n, "how": "resume", "owes": [0],
            "kept": [{ "node": 0, "from": n, "outputs": { n: n }, "fingerprint": n, "made": n }],
            "again": [
                why(json!("in-doubt")), why(json!({ "ended": "failed" })), why(json!({ "follows": n })),
                why(json!({ "not-compared": { "reason": n } })), why(json!({ "files-gone": n })),
                why(json!({ "gate-gone": { "assertion": n, "measures": [measure] } })),
            ],
        },
    });
    let events = [
        started,
        json!({ "event": "node-started", "node": 0, "attempt": 1 }),
        json!({ "event": "node-up", "node": 0 }),
        json!({ "event": "paused", "node": 0, "inspect": [n] }),
        finished(json!({ "why": "pending" })),
        json!({ "event": "attempt-failed", "node": 0, "attempt": 1, "failure": failure, "retry_in": time }),
        result(json!({ "Ok": { "Holds": { "measures": [measure] } } })),
        result(json!({ "Ok": { "Unmet": { "measures": [measure] } } })),
        result(json!({ "Ok": { "Skipped": { "reason": n } } })),
        result(json!({ "Err": fault })),
        finished(json!({ "why": "failed", "node": n })),
        finished(json!({ "why": "when", "expression": n })),
        finished(json!({ "why": "not-here", "reason": n })),
        finished(json!({ "why": "stopped", "reason": n })),
        finished(json!({ "why": "kept", "run": n })),
        finished(json!({ "why": "unchanged", "since": n })),
        finished(json!({ "why": "timed-out", "after": time })),
        json!({ "event": "stage-finished", "stage": 0, "state": "failed", "elapsed": time }),
        json!({ "event": "interrupted", "signal": 2 }),
        json!({ "event": "warned", "message": n }),
        json!({ "event": "taken-over", "by": n }),
        json!({ "event": "run-finished", "state": "failed", "exit_code": 1, "elapsed": time }),
    ];
    events.map(|event| serde_json::from_value(event).expect("an event")).into()
}

fn masked(event: &Event, secret: &str) -> Event {
    let mut masked = event.clone();
    super::event(&Masker::new([&SecretText::new(secret)]), &mut masked);
    masked
}

/// Where the needle is, as paths without positions.
fn found(value: &Value, path: &str, into: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::String(text) if text.contains(NEEDLE) => _ = into.insert(path.to_owned()),
        Value::Array(items) => items.iter().for_each(|item| found(item, path, into)),
        Value::Object(fields) => {
            for (key, value) in fields {
                let key = if key.contains(NEEDLE) { "<name>" } else { key };
                found(value, &format!("{path}.{key}"), into);
            }
        }
        _ => {}
    }
}

#[test]
fn only_structure_keeps_a_secrets_value() {
    let mut kept = std::collections::BTreeSet::new();
    for event in samples() {
        let value = serde_json::to_value(masked(&event, NEEDLE)).expect("events are JSON");
        let kind = value["event"].as_str().expect("every event has its kind").to_owned();
        found(&value, &kind, &mut kept);
    }
    assert_eq!(
        kept.iter().map(String::as_str).collect::<Vec<_>>(),
        [
            "assertion-settled.result.kind",
            "node-finished.because.node",
            "node-finished.because.run",
            "node-finished.because.since",
            "node-finished.fingerprint",
            "node-finished.made",
            "run-started.continues.again.why.follows",
            "run-started.continues.kept.fingerprint",
            "run-started.continues.kept.from",
            "run-started.continues.kept.made",
            "run-started.continues.run",
            "run-started.namespace",
            "run-started.nodes.kind",
            "run-started.nodes.name",
            "run-started.pipeline",
            "run-started.profile",
            "run-started.run",
            "run-started.runner.cookie",
            "run-started.runner.host",
            "run-started.runner.scratch",
            "run-started.stages.name",
            "run-started.stages.needs",
            "run-started.stages.steps_need",
            "run-started.time",
            "taken-over.by",
        ]
    );
}

#[test]
fn a_secret_is_masked_in_every_encoding_and_numbers_stay() {
    let secret = SecretText::new("hunter2hunter2");
    let masker = Masker::new([&secret, &SecretText::new("1234")]);
    let mut finished: Event = serde_json::from_value(json!({
        "event": "node-finished", "node": 0, "state": "failed", "elapsed": { "secs": 1234, "nanos": 0 },
        "fault": { "kind": "unknown", "message": "aHVudGVyMmh1bnRlcjI= 1234" },
        "outputs": { "url": "http://hunter2hunter2@x", "port": 1234 },
    }))
    .expect("an event");
    super::event(&masker, &mut finished);
    let shown = serde_json::to_value(&finished).expect("events are JSON");
    assert_eq!(shown["fault"]["message"], "*** ***");
    assert_eq!(shown["outputs"], json!({ "url": "http://***@x", "port": 1234 }));
    assert_eq!(shown["elapsed"]["secs"], 1234);
}

/// The value without the content of its strings and without the names in it.
fn skeleton(value: &Value) -> Value {
    match value {
        Value::String(_) => Value::from("text"),
        Value::Array(items) => items.iter().map(skeleton).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), skeleton(value))).collect(),
        other => other.clone(),
    }
}

/// Every word of the structure, every part of one, numbers and punctuation: what a secret may be by accident.
fn words() -> Vec<String> {
    let mut words: std::collections::BTreeSet<String> =
        ["true", "false", "null", "\":{\"", "\"},\"", "[{\"", "},{", "1", "{", "\"", "0000", "secs\":1"]
            .map(str::to_owned)
            .into();
    for event in samples() {
        let record = Record { seq: 7, at: std::time::Duration::from_secs(1), event };
        let text = serde_json::to_string(&record).expect("events are JSON").replace(NEEDLE, "");
        words.extend(text.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_').map(str::to_owned));
    }
    words.into_iter().filter(|word| !word.is_empty()).collect()
}

#[test]
fn a_secret_that_is_a_word_of_the_journal_changes_no_event() {
    for secret in words() {
        for event in samples() {
            // texts that hold the word, as anything from outside may
            let text = serde_json::to_string(&event).expect("events are JSON");
            let quoted = serde_json::to_string(&format!("x {secret} y")).expect("text is JSON");
            let event: Event =
                serde_json::from_str(&text.replace(&format!("\"{NEEDLE}\""), &quoted)).expect("an event");
            let masked = masked(&event, &secret);
            let (before, after) = (serde_json::to_value(&event), serde_json::to_value(&masked));
            let (before, after) = (before.expect("JSON"), after.expect("JSON"));
            if !matches!(event, Event::NodeFinished { .. }) {
                assert_eq!(skeleton(&before), skeleton(&after), "{secret}");
            }
            let again: Event = serde_json::from_value(after).expect("an event");
            assert_eq!(again, masked, "{secret}");
            let mut left = Vec::new();
            let mut copy = again;
            copy.each_text(&mut |text| match text {
                Text::Whole(text) => left.push(text.clone()),
                Text::Lines(lines) => left.extend(lines.iter().cloned()),
                Text::Json(value) => left.push(value.to_string()),
            });
            if secret.len() >= crate::core::mask::MIN_LENGTH {
                assert!(left.iter().all(|text| !text.contains(&format!("x {secret} y"))), "{secret}: {left:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn any_part_of_a_record_as_a_secret_leaves_it_readable(at in 0usize..4000, length in 1usize..40, which in 0usize..20) {
        let samples = samples();
        let event = &samples[which % samples.len()];
        let text = serde_json::to_string(event).expect("events are JSON");
        let from = at % text.len();
        let secret = &text[from..text.len().min(from + length)];
        let masked = masked(event, secret);
        let written = serde_json::to_string(&masked).expect("events are JSON");
        prop_assert_eq!(serde_json::from_str::<Event>(&written).expect("an event"), masked.clone());
        let kind = |event: &Event| std::mem::discriminant(event);
        prop_assert_eq!(kind(&masked), kind(event));
    }
}
