//! Containers that were started again a moment ago after a failure: without a probe they count as ready at once, although
//! the next failure may be as near. Pure.

use std::time::Duration;

use jiff::Timestamp;
use kube::api::DynamicObject;
use serde_json::Value;

use super::terminating::controls;

/// How long a container without a probe must run after a failure before it counts as up.
pub const SETTLED: Duration = Duration::from_secs(10);
/// A start further ahead than this says that clocks differ, and nothing else.
const SKEW: i64 = 30;

/// Why a Pod that counts as ready is not up yet: `container app of pod/web-1 runs for 2s since exit code 1`.
pub fn restarted(pod: &DynamicObject, now: Timestamp) -> Option<String> {
    if pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let statuses = pod.data["status"]["containerStatuses"].as_array()?;
    statuses.iter().find_map(|status| {
        let code = status["lastState"]["terminated"]["exitCode"].as_i64().filter(|code| *code != 0)?;
        let started: Timestamp = status["state"]["running"]["startedAt"].as_str()?.parse().ok()?;
        let since = now.as_second() - started.as_second();
        let recent = (-SKEW..i64::try_from(SETTLED.as_secs()).unwrap_or(i64::MAX)).contains(&since);
        let name = status["name"].as_str().unwrap_or_default();
        (recent && !is_probed(pod, name)).then(|| {
            let pod = pod.metadata.name.as_deref().unwrap_or_default();
            format!("container {name} of pod/{pod} runs for {}s since it failed with exit code {code}", since.max(0))
        })
    })
}

/// The first of the pods that `workload` controls and that are not up yet.
pub fn restarting<'p>(
    kind: &str,
    workload: &DynamicObject,
    pods: impl IntoIterator<Item = &'p DynamicObject>,
    now: Timestamp,
) -> Option<String> {
    pods.into_iter().filter(|pod| controls(kind, workload, pod)).find_map(|pod| restarted(pod, now))
}

/// Whether a probe says that the container is ready.
fn is_probed(pod: &DynamicObject, name: &str) -> bool {
    let containers = pod.data["spec"]["containers"].as_array().into_iter().flatten();
    let probes = |container: &Value| !(container["readinessProbe"].is_null() && container["startupProbe"].is_null());
    containers.filter(|container| container["name"] == name).any(probes)
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
        restarted(&pod, now.parse().expect("a time"))
    }

    #[test]
    fn a_container_without_a_probe_is_not_up_right_after_a_failure() {
        let status = |code: i64| {
            json!({
                "name": "app",
                "state": { "running": { "startedAt": "2026-01-01T12:00:00Z" } },
                "lastState": { "terminated": { "exitCode": code } },
            })
        };
        let bare = || json!({ "name": "app" });
        let at = |second: u32| format!("2026-01-01T12:00:{second:02}Z");
        let why = "container app of pod/web-1 runs for 4s since it failed with exit code 3";
        assert_eq!(said(status(3), bare(), &at(4)).as_deref(), Some(why));
        assert_eq!(said(status(3), bare(), &at(10)), None);
        assert_eq!(said(status(0), bare(), &at(4)), None);
        assert_eq!(said(status(3), bare(), "2026-01-01T11:00:00Z"), None);
        let probed = json!({ "name": "app", "readinessProbe": { "httpGet": { "port": 80 } } });
        assert_eq!(said(status(3), probed, &at(4)), None);
        let first = json!({ "name": "app", "state": { "running": { "startedAt": "2026-01-01T12:00:00Z" } } });
        assert_eq!(said(first, bare(), &at(4)), None);
    }
}
