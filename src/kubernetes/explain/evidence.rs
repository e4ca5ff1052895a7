//! What was seen, written down whole: objects as YAML, events also as a table, logs as they are. Masks nothing itself.

use std::fmt::Write;

use serde_json::Value;

use super::gather::Log;
use super::json::{last_seen, text};
use super::timeline::timelines;
use super::{Snapshot, Target};

/// Hands everything to `keep`, in a folder named after the target.
pub(super) fn keep_all(seen: &Snapshot, logs: &[Log], target: &Target, keep: &(dyn Fn(&str, &str) + Sync)) {
    let folder = folder(target);
    let lists = [
        ("pods", &seen.pods),
        ("workloads", &seen.workloads),
        ("services", &seen.services),
        ("endpointslices", &seen.endpoint_slices),
        ("claims", &seen.claims),
        ("quotas", &seen.quotas),
        ("nodes", &seen.nodes),
        ("events", &seen.events),
    ];
    for (name, objects) in lists {
        if !objects.is_empty() {
            keep(&format!("{folder}/{name}.yaml"), &yaml(objects));
        }
    }
    if let Some(object) = &seen.object {
        keep(&format!("{folder}/object.yaml"), &yaml(std::slice::from_ref(object)));
    }
    if !seen.events.is_empty() {
        keep(&format!("{folder}/events.txt"), &table(&seen.events));
    }
    if !seen.pods.is_empty() {
        keep(&format!("{folder}/timeline.txt"), &timelines(&seen.pods, &seen.events));
    }
    for log in logs {
        let previous = if log.previous { ".previous" } else { "" };
        keep(&format!("{folder}/logs/{}.{}{previous}.log", log.pod, log.container), &log.text);
    }
}

/// A folder's name: `deployment-backend`, `pods-app=todo`.
fn folder(target: &Target) -> String {
    let name = match target {
        Target::Selector(selector) => format!("pods-{selector}"),
        Target::Workload { kind, name } | Target::Object { kind, name } => format!("{}-{name}", kind.to_lowercase()),
        Target::Service { name } => format!("service-{name}"),
    };
    let fits = |c: char| if c.is_ascii_alphanumeric() || "-_.=".contains(c) { c } else { '-' };
    name.chars().map(fits).collect()
}

/// Objects as YAML documents; as JSON where they cannot be written so.
fn yaml(objects: &[Value]) -> String {
    let document = |object: &Value| {
        serde_saphyr::to_string(object).unwrap_or_else(|_| serde_json::to_string_pretty(object).unwrap_or_default())
    };
    objects.iter().map(document).collect::<Vec<_>>().join("---\n")
}

/// Events as people read them, the oldest first.
fn table(events: &[Value]) -> String {
    let mut events: Vec<&Value> = events.iter().collect();
    events.sort_by(|a, b| last_seen(a).cmp(last_seen(b)));
    let mut table = String::new();
    for event in events {
        let about = &event["involvedObject"];
        let times = event["series"]["count"].as_i64().or(event["count"].as_i64()).filter(|times| *times > 1);
        let times = times.map(|times| format!(" (×{times})")).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "{} {} {}/{} {}: {}{times}",
            last_seen(event),
            text(&event["type"]),
            text(&about["kind"]).to_lowercase(),
            text(&about["name"]),
            text(&event["reason"]),
            text(&event["message"]).trim(),
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::Mutex;

    #[test]
    fn keeps_objects_events_and_logs_whole() {
        let pod = json!({"kind": "Pod", "metadata": {"name": "a"}});
        let event = json!({
            "kind": "Event", "type": "Warning", "reason": "BackOff", "message": "back-off\n", "count": 3,
            "lastTimestamp": "2026-01-01T12:00:00Z", "involvedObject": {"kind": "Pod", "name": "a"}
        });
        let seen = Snapshot { pods: vec![pod.clone(), pod], events: vec![event], ..Snapshot::default() };
        let log = Log { pod: "a".to_owned(), container: "app".to_owned(), previous: true, text: "boom\n".to_owned() };
        let kept = Mutex::new(Vec::new());
        keep_all(&seen, &[log], &Target::Selector("app in (x)".to_owned()), &|name, text| {
            kept.lock().expect("no panic").push((name.to_owned(), text.to_owned()));
        });
        let kept = kept.into_inner().expect("no panic");
        let names: Vec<&str> = kept.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "pods-app-in--x-/pods.yaml",
                "pods-app-in--x-/events.yaml",
                "pods-app-in--x-/events.txt",
                "pods-app-in--x-/timeline.txt",
                "pods-app-in--x-/logs/a.app.previous.log"
            ]
        );
        assert_eq!(kept[0].1, "kind: Pod\nmetadata:\n  name: a\n---\nkind: Pod\nmetadata:\n  name: a\n");
        assert_eq!(kept[2].1, "2026-01-01T12:00:00Z Warning pod/a BackOff: back-off (×3)\n");
        assert_eq!(kept[4].1, "boom\n");
    }
}
