//! What the cluster did in a span of time: its events, all of them, or as lines. Knows nothing of why they are asked for.

use std::time::Duration;

use jiff::Timestamp;
use kube::api::{DynamicObject, ListParams};
use serde_json::Value;

use super::{Cluster, ClusterError};
use crate::kubernetes::explain::json::last_seen;

/// How long asking may take.
const LIMIT: Duration = Duration::from_secs(3);

/// An event that the cluster recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenEvent {
    /// The kind of the object that it is about.
    pub kind: String,
    /// That object's name.
    pub name: String,
    /// `Normal` or `Warning`.
    pub type_: String,
    /// Why, in a word: `FailedScheduling`.
    pub reason: String,
    /// In the words of who recorded it.
    pub message: String,
    /// When it was seen first.
    pub first: Timestamp,
    /// When it was seen last.
    pub last: Timestamp,
    /// How often it was seen.
    pub times: i64,
}

impl SeenEvent {
    /// `None` where it has no time.
    fn of(event: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().unwrap_or_default().trim().to_owned();
        let last = seen_at(event)?;
        let firsts = [&event["firstTimestamp"], &event["eventTime"]];
        let first = firsts.into_iter().find_map(Value::as_str).and_then(|time| time.parse().ok());
        let times = [&event["series"]["count"], &event["count"]];
        Some(SeenEvent {
            kind: text(&event["involvedObject"]["kind"]),
            name: text(&event["involvedObject"]["name"]),
            type_: text(&event["type"]),
            reason: text(&event["reason"]),
            message: text(&event["message"]),
            first: first.unwrap_or(last),
            last,
            times: times.into_iter().find_map(Value::as_i64).unwrap_or(1).max(1),
        })
    }

    /// Whether it was seen from `from` to `to`. Most events know only the second.
    pub fn is_within(&self, from: Timestamp, to: Option<Timestamp>) -> bool {
        self.last + Duration::from_secs(1) > from && to.is_none_or(|to| self.first <= to)
    }
}

impl Cluster {
    /// Every event of a namespace that the API server still has, the oldest first.
    ///
    /// # Errors
    /// [`ClusterError`] when they cannot be listed to the end.
    pub async fn events(&self, namespace: &str) -> Result<Vec<SeenEvent>, ClusterError> {
        let kind = self.kind_of("v1", "Event").await?;
        let api = kind.api(self.client().await?, namespace);
        let listed = self.list(&format!("list events in {namespace}"), &api, ListParams::default()).await?;
        let mut events: Vec<SeenEvent> = listed.iter().filter_map(|event| SeenEvent::of(&whole(event))).collect();
        events.sort_by_key(|event| event.last);
        Ok(events)
    }

    /// Events of a namespace from `from` to `to`, the oldest first, as
    /// `12:00:03 pod/web-1 Killing: Stopping container web`. Nothing where the cluster does not answer.
    pub async fn happened(&self, namespace: &str, from: Timestamp, to: Timestamp) -> Vec<String> {
        let asking = async {
            let kind = self.kind_of("v1", "Event").await.ok()?;
            let api = kind.api(self.client().await.ok()?, namespace);
            api.list(&ListParams::default()).await.ok()
        };
        let Ok(Some(list)) = tokio::time::timeout(LIMIT, asking).await else { return Vec::new() };
        let events: Vec<Value> = list.items.iter().map(whole).collect();
        lines(events.iter(), from, to)
    }
}

fn lines<'a>(events: impl Iterator<Item = &'a Value>, from: Timestamp, to: Timestamp) -> Vec<String> {
    let mut found: Vec<(Timestamp, String)> = events
        .filter_map(|event| {
            let at = seen_at(event)?;
            // Most events know only their second.
            (at + Duration::from_secs(1) > from && at <= to).then(|| (at, line(event, at)))
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, line)| line).collect()
}

/// An event with its metadata: one that knows no time of its own was made at some time.
fn whole(event: &DynamicObject) -> Value {
    serde_json::to_value(event).unwrap_or_default()
}

/// When it was seen last.
fn seen_at(event: &Value) -> Option<Timestamp> {
    last_seen(event).parse().ok()
}

fn line(event: &Value, at: Timestamp) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().trim().to_owned();
    let about = &event["involvedObject"];
    format!(
        "{} {}/{} {}: {}",
        at.strftime("%H:%M:%S"),
        text(&about["kind"]).to_lowercase(),
        text(&about["name"]),
        text(&event["reason"]),
        text(&event["message"])
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(time: &str, name: &str) -> Value {
        json!({
            "lastTimestamp": time, "reason": "Killing", "message": "Stopping container web",
            "involvedObject": { "kind": "Pod", "name": name },
        })
    }

    #[test]
    fn an_event_that_repeats_is_within_each_span_that_it_was_seen_in() {
        let event = json!({
            "type": "Warning", "reason": "BackOff", "message": " no ", "count": 4,
            "firstTimestamp": "1970-01-01T00:01:00Z", "lastTimestamp": "1970-01-01T00:02:00Z",
            "involvedObject": { "kind": "Pod", "name": "web-1" },
        });
        let event = SeenEvent::of(&event).expect("it has a time");
        assert_eq!((event.kind.as_str(), event.message.as_str(), event.times), ("Pod", "no", 4));
        let within = |from: i64, to: Option<i64>| {
            let at = |second| Timestamp::from_second(second).expect("a time");
            event.is_within(at(from), to.map(at))
        };
        assert_eq!([within(90, None), within(0, Some(60)), within(120, None)], [true, true, true]);
        assert_eq!([within(121, None), within(0, Some(59))], [false, false]);
    }

    #[test]
    fn an_event_without_times_was_seen_when_it_was_made() {
        let event = json!({ "apiVersion": "v1", "kind": "Event", "reason": "Killing", "firstTimestamp": null,
            "lastTimestamp": null, "eventTime": null, "involvedObject": { "kind": "Pod", "name": "web-1" },
            "metadata": { "name": "a", "creationTimestamp": "1970-01-01T00:02:00Z" } });
        let event: DynamicObject = serde_json::from_value(event).expect("an event");
        assert_eq!(SeenEvent::of(&whole(&event)).map(|it| it.last.as_second()), Some(120));
    }

    #[test]
    fn shows_what_was_seen_in_the_span_the_oldest_first() {
        let events = [
            event("1970-01-01T00:02:05Z", "late"),
            event("1970-01-01T00:02:03Z", "b"),
            event("1970-01-01T00:02:01Z", "a"),
            event("1970-01-01T00:01:58Z", "early"),
        ];
        let millis = |count| Timestamp::from_millisecond(count).expect("a time");
        assert_eq!(
            lines(events.iter(), millis(121_500), millis(123_000)),
            ["00:02:01 pod/a Killing: Stopping container web", "00:02:03 pod/b Killing: Stopping container web"]
        );
    }
}
