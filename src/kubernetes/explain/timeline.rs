//! What happened to a Pod, in order: its conditions, its containers' starts and ends, its events. Pure.

use std::fmt::Write;

use serde_json::Value;

use super::json::{events_of, items, label, last_seen, text};

/// The timelines of these Pods, one after the other.
pub(super) fn timelines(pods: &[Value], events: &[Value]) -> String {
    let each = pods.iter().map(|pod| timeline(pod, events));
    each.collect::<Vec<_>>().join("\n")
}

/// A line for each thing that happened: the time, the seconds since the Pod was created, and what it was.
fn timeline(pod: &Value, events: &[Value]) -> String {
    let created = text(&pod["metadata"]["creationTimestamp"]);
    let mut all = vec![(created.to_owned(), "created".to_owned())];
    let mut add = |time: &Value, what: String| {
        if let Some(time) = time.as_str() {
            all.push((time.to_owned(), what));
        }
    };
    for condition in items(&pod["status"]["conditions"]) {
        let reason = match text(&condition["reason"]) {
            "" => String::new(),
            reason => format!(" ({reason})"),
        };
        let what = format!("condition {} is {}{reason}", text(&condition["type"]), text(&condition["status"]));
        add(&condition["lastTransitionTime"], what);
    }
    for (list, kind) in [("initContainerStatuses", "init container"), ("containerStatuses", "container")] {
        for status in items(&pod["status"][list]) {
            let name = text(&status["name"]);
            let restarts = status["restartCount"].as_i64().unwrap_or_default();
            let again = if restarts > 0 { format!(" (restart {restarts})") } else { String::new() };
            add(&status["state"]["running"]["startedAt"], format!("{kind} {name} started{again}"));
            for ended in [&status["lastState"]["terminated"], &status["state"]["terminated"]] {
                let reason = text(&ended["reason"]);
                let code = ended["exitCode"].as_i64().unwrap_or_default();
                add(&ended["startedAt"], format!("{kind} {name} started"));
                add(&ended["finishedAt"], format!("{kind} {name} ended with exit code {code} ({reason})"));
            }
        }
    }
    for event in events_of(events, pod) {
        let times = event["series"]["count"].as_i64().or(event["count"].as_i64()).filter(|times| *times > 1);
        let what = format!("event {}: {}", text(&event["reason"]), text(&event["message"]).trim());
        match (times, event["firstTimestamp"].as_str()) {
            (Some(times), Some(first)) => {
                add(&Value::from(first), what.clone());
                add(&Value::from(last_seen(event)), format!("{what} (seen {times} times)"));
            }
            _ => add(&Value::from(last_seen(event)), what),
        }
    }
    add(&pod["metadata"]["deletionTimestamp"], "the grace of its deletion ends".to_owned());
    // By time; what has the same time stays in the order above.
    all.sort_by_key(|(time, _)| time.parse::<jiff::Timestamp>().ok());
    let begin: Option<jiff::Timestamp> = created.parse().ok();
    let mut lines = format!("{}\n", label(pod));
    for (time, what) in all {
        let at: Option<jiff::Timestamp> = time.parse().ok();
        let since = at.zip(begin).map(|(at, begin)| format!("{:+}s", at.as_second() - begin.as_second()));
        // writing to a String cannot fail
        let _ = writeln!(lines, "  {time} {:>6}  {what}", since.unwrap_or_default());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_tells_what_happened_to_it_in_order() {
        let pod = json!({
            "kind": "Pod",
            "metadata": { "name": "a", "creationTimestamp": "2026-01-01T12:00:00Z" },
            "status": {
                "conditions": [{ "type": "Ready", "status": "False", "reason": "ContainersNotReady", "lastTransitionTime": "2026-01-01T12:00:03Z" }],
                "containerStatuses": [{
                    "name": "app", "restartCount": 1,
                    "state": { "running": { "startedAt": "2026-01-01T12:00:12Z" } },
                    "lastState": { "terminated": {
                        "exitCode": 3, "reason": "Error", "startedAt": "2026-01-01T12:00:01Z", "finishedAt": "2026-01-01T12:00:02Z",
                    } },
                }],
            },
        });
        let event = json!({
            "reason": "BackOff", "message": "back-off\n", "count": 3, "firstTimestamp": "2026-01-01T12:00:03Z",
            "lastTimestamp": "2026-01-01T12:00:11Z", "involvedObject": { "kind": "Pod", "name": "a" },
        });
        let other = json!({ "reason": "Pulled", "involvedObject": { "kind": "Pod", "name": "b" } });
        let expected = "pod/a\n  \
            2026-01-01T12:00:00Z    +0s  created\n  \
            2026-01-01T12:00:01Z    +1s  container app started\n  \
            2026-01-01T12:00:02Z    +2s  container app ended with exit code 3 (Error)\n  \
            2026-01-01T12:00:03Z    +3s  condition Ready is False (ContainersNotReady)\n  \
            2026-01-01T12:00:03Z    +3s  event BackOff: back-off\n  \
            2026-01-01T12:00:11Z   +11s  event BackOff: back-off (seen 3 times)\n  \
            2026-01-01T12:00:12Z   +12s  container app started (restart 1)\n";
        assert_eq!(timelines(&[pod], &[event, other]), expected);
    }
}
