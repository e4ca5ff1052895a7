//! Tests of the `events` assertion: windows, expiry, and what an event is about.

use serde_json::{Value, json};

use super::*;
use crate::core::kind::test_context::{body, complaints};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn event(reason: &str, name: &str) -> SeenEvent {
    SeenEvent {
        kind: "Pod".to_owned(),
        name: name.to_owned(),
        type_: "Warning".to_owned(),
        reason: reason.to_owned(),
        message: "no".to_owned(),
        first: at(100),
        last: at(100),
        times: 1,
    }
}

fn shown(count: &str, events: &[SeenEvent], from: i64) -> String {
    let events_of: Events = body(&json!({ "since": "10m", "count": count }));
    match events_of.verdict(events, at(from), at(10_000)) {
        Ok(verdict) => format!("{} {}", verdict.holds(), verdict.measures()[0].actual),
        Err(fault) => fault.message,
    }
}

#[test]
fn counts_events_and_names_the_first_ones() {
    assert_eq!(shown("0", &[], 9_000), "true 0");
    let two = [event("BackOff", "web-1"), event("Failed", "web-2")];
    assert_eq!(shown("0", &two, 9_000), "false 2: BackOff on pod/web-1, Failed on pod/web-2");
}

#[test]
fn events_that_may_have_expired_are_not_counted_as_absent() {
    let unknown = "not measured: the time begins at 1970-01-01 00:01:40Z, and the API server keeps events for 1h: some may \
                   have expired";
    assert_eq!(shown("0", &[], 100), unknown);
    assert_eq!(shown(">= 1", &[], 100), unknown);
    assert_eq!(shown("0", &[event("BackOff", "web-1")], 100), "false 1: BackOff on pod/web-1");
    assert_eq!(shown(">= 1", &[event("BackOff", "web-1")], 100), "true 1: BackOff on pod/web-1");
    assert_eq!(shown("1..5", &[event("BackOff", "web-1")], 100), unknown);
}

#[test]
fn an_event_is_meant_by_type_reason_and_message() {
    let means = |written: Value, pattern: Option<&str>| {
        let events: Events = body(&written);
        let pattern = pattern.map(|pattern| Regex::new(pattern).expect("valid"));
        events.means(&event("BackOff", "web-1"), None, pattern.as_ref())
    };
    assert!(means(json!({ "since": "10m", "type": "Warning", "reason": "BackOff", "count": 0 }), Some("^no$")));
    assert!(!means(json!({ "since": "10m", "type": "Normal", "count": 0 }), None));
    assert!(!means(json!({ "since": "10m", "reason": "!= BackOff", "count": 0 }), None));
    assert!(!means(json!({ "since": "10m", "count": 0 }), Some("yes")));
}

#[test]
fn says_what_is_missing_or_cannot_stand_together() {
    let of = |written: Value| {
        let reported = complaints(&written, false, |cx| body::<Events>(&written).check(cx));
        reported.into_iter().map(|(_, message)| message).collect::<Vec<_>>()
    };
    assert_eq!(of(json!({ "count": 0 })), ["nothing says which time is meant"]);
    assert_eq!(of(json!({ "during": [], "count": 0 })), ["`during` names no step"]);
    assert_eq!(
        of(json!({ "during": ["a"], "since": "10m", "count": 0, "message": "(" })),
        ["`during` and `since` cannot stand together", "the regular expression cannot be used: unclosed group"]
    );
}

#[test]
fn labels_that_select_nothing_do_not_make_a_count_of_none_true() {
    let of = |count: &str| {
        let events: Events = body(&json!({ "since": "10m", "selector": "app=wbe", "count": count }));
        let verdict = events.verdict(&[], at(9_000), at(10_000)).expect("measured");
        events.selected(Some(&Involved::default()), verdict).map(|verdict| verdict.holds()).map_err(|it| it.message)
    };
    let unknown = "not measured: no object carries the labels app=wbe, nor do Pods of one";
    assert_eq!(of("0"), Err(unknown.to_owned()));
    assert_eq!(of(">= 1"), Ok(false));
}
