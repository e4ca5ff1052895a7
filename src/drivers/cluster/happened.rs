//! What the cluster did in a span of time: its events, as lines. Knows nothing of why anybody asks.

use std::time::Duration;

use jiff::Timestamp;
use kube::api::ListParams;
use serde_json::Value;

use super::Cluster;

/// How long asking may take.
const LIMIT: Duration = Duration::from_secs(3);

impl Cluster {
    /// Events of a namespace from `from` to `to`, the oldest first, as
    /// `12:00:03 pod/web-1 Killing: Stopping container web`. Nothing where the cluster does not answer.
    pub async fn happened(&self, namespace: &str, from: Timestamp, to: Timestamp) -> Vec<String> {
        let asking = async {
            let kind = self.kind_of("v1", "Event").await.ok()?;
            let api = kind.api(self.client().await.ok()?, namespace);
            api.list(&ListParams::default()).await.ok()
        };
        let Ok(Some(list)) = tokio::time::timeout(LIMIT, asking).await else { return Vec::new() };
        lines(list.items.iter().map(|event| &event.data), from, to)
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

/// When it was seen last.
fn seen_at(event: &Value) -> Option<Timestamp> {
    let times =
        [&event["series"]["lastObservedTime"], &event["lastTimestamp"], &event["eventTime"], &event["firstTimestamp"]];
    times.into_iter().find_map(Value::as_str)?.parse().ok()
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
