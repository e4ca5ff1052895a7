//! Short words for looking into objects as JSON. Knows no cause.

use serde_json::Value;

/// A text; empty where there is none.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The items of a list; none where there is no list.
pub fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// An object's name.
pub fn name(object: &Value) -> &str {
    text(&object["metadata"]["name"])
}

/// An object as people write it: `pod/backend-7c9`.
pub fn label(object: &Value) -> String {
    format!("{}/{}", text(&object["kind"]).to_lowercase(), name(object))
}

/// The condition of this type in an object's status.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    items(&object["status"]["conditions"]).iter().find(|condition| condition["type"] == kind)
}

/// Whole seconds from one time to another, as the cluster writes times.
pub fn seconds_between(from: &Value, to: Option<&str>) -> Option<i64> {
    let from: jiff::Timestamp = from.as_str()?.parse().ok()?;
    let to: jiff::Timestamp = to?.parse().ok()?;
    Some(to.as_second().saturating_sub(from.as_second()).max(0))
}

/// Whether the controller has seen the object as it is now. A Job does not say.
pub fn is_observed(workload: &Value) -> bool {
    if text(&workload["kind"]) == "Job" {
        return true;
    }
    workload["metadata"]["generation"]
        .as_i64()
        .is_none_or(|generation| workload["status"]["observedGeneration"].as_i64().unwrap_or_default() >= generation)
}

/// Whether `owner` is among the owners of `object`.
pub fn is_owned_by(object: &Value, owner: &Value) -> bool {
    items(&object["metadata"]["ownerReferences"]).iter().any(|reference| {
        reference["kind"] == owner["kind"]
            && reference["name"] == owner["metadata"]["name"]
            && same_if_known(&reference["uid"], &owner["metadata"]["uid"])
    })
}

/// Whether an event is about `object`.
pub fn is_about(event: &Value, object: &Value) -> bool {
    let about = &event["involvedObject"];
    about["kind"] == object["kind"]
        && about["name"] == object["metadata"]["name"]
        && same_if_known(&about["uid"], &object["metadata"]["uid"])
}

fn same_if_known(one: &Value, other: &Value) -> bool {
    one.is_null() || other.is_null() || one == other
}

/// When an event was seen last, as the cluster writes times: they sort as text.
pub fn last_seen(event: &Value) -> &str {
    let times = [
        &event["series"]["lastObservedTime"],
        &event["lastTimestamp"],
        &event["eventTime"],
        &event["firstTimestamp"],
        &event["metadata"]["creationTimestamp"],
    ];
    times.into_iter().find_map(Value::as_str).unwrap_or_default()
}

/// The events about `object`, the last one seen first.
pub fn events_of<'a>(events: &'a [Value], object: &Value) -> Vec<&'a Value> {
    let mut events: Vec<&Value> = events.iter().filter(|event| is_about(event, object)).collect();
    events.sort_by(|a, b| last_seen(b).cmp(last_seen(a)));
    events
}
