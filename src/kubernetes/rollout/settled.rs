//! Containers without a probe that were started a moment ago: they count as ready at once, although their end may be as near.
//! Pure.

use std::time::Duration;

use jiff::Timestamp;
use kube::api::DynamicObject;
use serde_json::Value;

use super::terminating::controls;

/// How long a container without a probe must run before it counts as up; of whole seconds, as the cluster counts them.
const STARTED: Duration = Duration::from_secs(3);
/// The same for one that has ended before.
pub const SETTLED: Duration = Duration::from_secs(10);
/// A start further ahead than this says that clocks differ, and nothing else.
const SKEW: i64 = 30;

/// Why a Pod that counts as ready is not up yet: `container app of pod/web-1 has no probe and runs for 1s`.
pub fn unsettled(pod: &DynamicObject, now: Timestamp) -> Option<String> {
    if pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let lists = ["containerStatuses", "initContainerStatuses"]; // sidecars are among the second
    let statuses = lists.iter().flat_map(|list| pod.data["status"][*list].as_array().into_iter().flatten());
    statuses.filter(|status| !is_probed(pod, name(status))).find_map(|status| {
        let started: Timestamp = status["state"]["running"]["startedAt"].as_str()?.parse().ok()?;
        let since = now.as_second() - started.as_second();
        let ended = status["lastState"]["terminated"]["exitCode"].as_i64();
        let enough = if ended.is_some() { SETTLED } else { STARTED };
        let recent = (-SKEW..i64::try_from(enough.as_secs()).unwrap_or(i64::MAX)).contains(&since);
        recent.then(|| {
            let pod = pod.metadata.name.as_deref().unwrap_or_default();
            let (container, since) = (name(status), since.max(0));
            match ended {
                None => format!("container {container} of pod/{pod} has no probe and runs for {since}s"),
                Some(code) => {
                    format!("container {container} of pod/{pod} runs for {since}s since it ended with exit code {code}")
                }
            }
        })
    })
}

/// The first of the pods that `workload` controls and that are not up yet.
pub fn unsettled_of<'p>(
    kind: &str,
    workload: &DynamicObject,
    pods: impl IntoIterator<Item = &'p DynamicObject>,
    now: Timestamp,
) -> Option<String> {
    pods.into_iter().filter(|pod| controls(kind, workload, pod)).find_map(|pod| unsettled(pod, now))
}

fn name(container: &Value) -> &str {
    container["name"].as_str().unwrap_or_default()
}

/// Whether a probe says that the container is ready.
fn is_probed(pod: &DynamicObject, of: &str) -> bool {
    let lists = ["containers", "initContainers"];
    let containers = lists.iter().flat_map(|list| pod.data["spec"][*list].as_array().into_iter().flatten());
    let probes = |container: &Value| !(container["readinessProbe"].is_null() && container["startupProbe"].is_null());
    containers.filter(|container| name(container) == of).any(probes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(status: Value, container: Value, now: &str) -> Option<String> {
        let pod = json!({
            "metadata": { "name": "web-1" },
            "spec": { "containers": [container] },
            "status": { "containerStatuses": [status] },
        });
        let pod: DynamicObject = serde_json::from_value(pod).expect("a pod");
        unsettled(&pod, now.parse().expect("a time"))
    }

    #[test]
    fn a_container_without_a_probe_is_not_up_right_after_a_start() {
        let status = |code: i64| {
            json!({
                "name": "app",
                "state": { "running": { "startedAt": "2026-01-01T12:00:00Z" } },
                "lastState": { "terminated": { "exitCode": code } },
            })
        };
        let bare = || json!({ "name": "app" });
        let at = |second: u32| format!("2026-01-01T12:00:{second:02}Z");
        let why = "container app of pod/web-1 runs for 4s since it ended with exit code 3";
        assert_eq!(said(status(3), bare(), &at(4)).as_deref(), Some(why));
        assert_eq!(said(status(3), bare(), &at(10)), None);
        assert!(said(status(0), bare(), &at(4)).is_some_and(|why| why.ends_with("since it ended with exit code 0")));
        assert_eq!(said(status(3), bare(), "2026-01-01T11:00:00Z"), None);
        let probed = json!({ "name": "app", "readinessProbe": { "httpGet": { "port": 80 } } });
        assert_eq!(said(status(3), probed, &at(4)), None);
        let first = json!({ "name": "app", "state": { "running": { "startedAt": "2026-01-01T12:00:00Z" } } });
        let why = "container app of pod/web-1 has no probe and runs for 2s";
        assert_eq!(said(first.clone(), bare(), &at(2)).as_deref(), Some(why));
        assert_eq!(said(first, bare(), &at(3)), None);
    }
}
