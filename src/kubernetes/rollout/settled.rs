//! Whether the Pods behind a status are up: it lags behind its containers, and a container without a probe counts as ready
//! the moment it starts. Pure.

use std::time::Duration;

use jiff::Timestamp;
use kube::api::DynamicObject;
use serde_json::Value;

use super::terminating::controls;
use crate::kubernetes::ownership::labels::LabelSelector;

/// How long a container without a probe must run before it counts as up; of whole seconds, as the cluster counts them.
const STARTED: Duration = Duration::from_secs(3);
/// The same for one that has ended before.
pub const SETTLED: Duration = Duration::from_secs(10);
/// A start further ahead than this says that clocks differ, and nothing else.
const SKEW: i64 = 30;

/// Why a Pod that counts as ready is not up yet: `container app of pod/web-1 has no probe and runs for 1s`. What its
/// containers say of themselves comes first: what is counted of them lags behind.
pub fn unsettled(pod: &DynamicObject, now: Timestamp) -> Option<String> {
    if pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let all = pod.data["status"]["containerStatuses"].as_array().into_iter().flatten();
    // Other init containers have ended before these start.
    let sidecars = pod.data["status"]["initContainerStatuses"].as_array().into_iter().flatten();
    all.chain(sidecars.filter(|status| is_sidecar(pod, name(status)))).find_map(|status| {
        let why = down(status).or_else(|| just_started(pod, status, now))?;
        let pod = pod.metadata.name.as_deref().unwrap_or_default();
        Some(format!("container {} of pod/{pod} {why}", name(status)))
    })
}

/// Why a container does not run, or is not ready.
fn down(status: &Value) -> Option<String> {
    let state = &status["state"];
    if state["terminated"].is_object() {
        let code = state["terminated"]["exitCode"].as_i64().unwrap_or_default();
        return Some(format!("ended with exit code {code}"));
    }
    if state["waiting"].is_object() {
        return Some(match state["waiting"]["reason"].as_str() {
            Some(reason) => format!("is waiting: {reason}"),
            None => "is waiting".to_owned(),
        });
    }
    (status["ready"] == false).then(|| "is not ready".to_owned())
}

/// Why a container that runs does not count as up: it has no probe, and was started a moment ago.
fn just_started(pod: &DynamicObject, status: &Value, now: Timestamp) -> Option<String> {
    if is_probed(pod, name(status)) {
        return None;
    }
    let started: Timestamp = status["state"]["running"]["startedAt"].as_str()?.parse().ok()?;
    let since = now.as_second() - started.as_second();
    let ended = status["lastState"]["terminated"]["exitCode"].as_i64();
    let enough = if ended.is_some() { SETTLED } else { STARTED };
    // Both are cut to whole seconds: one more, and it has run as long for certain.
    let recent = (-SKEW..=i64::try_from(enough.as_secs()).unwrap_or(i64::MAX)).contains(&since);
    let since = since.max(0);
    recent.then(|| match ended {
        None => format!("has no probe and runs for {since}s"),
        Some(code) => format!("runs for {since}s since it ended with exit code {code}"),
    })
}

/// Why the pods that `workload` controls are not up: one of them is not, or fewer are seen than its status counts as
/// available. A pod that has ended, as an evicted one, is replaced and does not count.
pub fn unsettled_of<'p>(
    kind: &str,
    workload: &DynamicObject,
    pods: impl IntoIterator<Item = &'p DynamicObject>,
    now: Timestamp,
) -> Option<String> {
    let over = |pod: &DynamicObject| matches!(pod.data["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    let mut seen = 0;
    for pod in pods {
        if pod.metadata.deletion_timestamp.is_some() || over(pod) {
            continue;
        }
        if controls(kind, workload, pod) {
            let not_ready = || {
                let name = pod.metadata.name.as_deref().unwrap_or_default();
                (!is_ready(pod)).then(|| format!("pod/{name} is not ready"))
            };
            if let Some(why) = unsettled(pod, now).or_else(not_ready) {
                return Some(why);
            }
        }
        seen += i64::from(belongs(kind, workload, pod));
    }
    let available = available(kind, &workload.data["status"]);
    (seen < available).then(|| format!("{seen} of {available} available pods are seen"))
}

/// How many pods the status of a workload counts as available.
fn available(kind: &str, status: &Value) -> i64 {
    let of = |key: &str| status[key].as_i64();
    match kind {
        "DaemonSet" => of("numberAvailable"),
        _ => of("availableReplicas").or_else(|| of("readyReplicas")),
    }
    .unwrap_or(0)
}

/// Whether a pod counts for the workload. A ReplicaSet that a Deployment has taken over may have any name.
fn belongs(kind: &str, workload: &DynamicObject, pod: &DynamicObject) -> bool {
    if kind != "Deployment" {
        return controls(kind, workload, pod);
    }
    let mut owners = pod.metadata.owner_references.iter().flatten();
    let made = owners.any(|owner| owner.controller == Some(true) && owner.kind == "ReplicaSet");
    made && LabelSelector::of_json(&workload.data["spec"]["selector"]).matches(pod.metadata.labels.as_ref())
}

fn is_ready(pod: &DynamicObject) -> bool {
    let mut conditions = pod.data["status"]["conditions"].as_array().into_iter().flatten();
    conditions.any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

fn is_sidecar(pod: &DynamicObject, of: &str) -> bool {
    let mut containers = pod.data["spec"]["initContainers"].as_array().into_iter().flatten();
    containers.any(|container| name(container) == of && container["restartPolicy"] == "Always")
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

    fn at(second: u32) -> String {
        format!("2026-01-01T12:00:{second:02}Z")
    }

    #[test]
    fn a_container_that_does_not_run_is_not_up_whatever_its_pod_counts_as() {
        let bare = || json!({ "name": "app" });
        let probed = || json!({ "name": "app", "readinessProbe": { "httpGet": { "port": 80 } } });
        for (state, why) in [
            (json!({ "terminated": { "exitCode": 1 } }), "ended with exit code 1"),
            (json!({ "terminated": { "exitCode": 0 } }), "ended with exit code 0"),
            (json!({ "waiting": { "reason": "CrashLoopBackOff" } }), "is waiting: CrashLoopBackOff"),
        ] {
            let status = json!({ "name": "app", "state": state });
            let why = format!("container app of pod/web-1 {why}");
            assert_eq!(said(status.clone(), bare(), &at(40)).as_deref(), Some(why.as_str()));
            assert_eq!(said(status, probed(), &at(40)).as_deref(), Some(why.as_str()));
        }
        let unready = json!({ "name": "app", "ready": false, "state": { "running": { "startedAt": at(0) } } });
        let why = "container app of pod/web-1 is not ready";
        assert_eq!(said(unready, probed(), &at(40)).as_deref(), Some(why));
    }

    #[test]
    fn an_init_container_that_has_ended_is_nothing_to_wait_for_and_a_sidecar_is() {
        let pod = |restart: Value| {
            let pod = json!({
                "metadata": { "name": "web-1" },
                "spec": { "initContainers": [{ "name": "init", "restartPolicy": restart }] },
                "status": { "initContainerStatuses":
                    [{ "name": "init", "ready": true, "state": { "terminated": { "exitCode": 0 } } }] },
            });
            let pod: DynamicObject = serde_json::from_value(pod).expect("a pod");
            unsettled(&pod, at(40).parse().expect("a time"))
        };
        assert_eq!(pod(Value::Null), None);
        assert_eq!(pod(json!("Always")).as_deref(), Some("container init of pod/web-1 ended with exit code 0"));
    }

    #[test]
    fn a_workload_is_up_once_every_pod_that_its_status_counts_is_seen_up() {
        let object = |value: Value| serde_json::from_value::<DynamicObject>(value).expect("an object");
        let set = object(json!({ "metadata": { "name": "db", "uid": "s" }, "spec": {},
            "status": { "readyReplicas": 2, "availableReplicas": 2 } }));
        let pod = |name: &str, phase: &str, ready: &str| {
            object(json!({
                "metadata": { "name": name, "ownerReferences":
                    [{ "apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "s", "controller": true }] },
                "status": { "phase": phase, "conditions": [{ "type": "Ready", "status": ready }] },
            }))
        };
        let why = |pods: &[DynamicObject]| unsettled_of("StatefulSet", &set, pods, at(40).parse().expect("a time"));
        let (one, two) = (|| pod("db-0", "Running", "True"), || pod("db-1", "Running", "True"));
        assert_eq!(why(&[one(), two()]), None);
        assert_eq!(why(&[one()]).as_deref(), Some("1 of 2 available pods are seen"));
        assert_eq!(why(&[one(), pod("db-1", "Pending", "False")]).as_deref(), Some("pod/db-1 is not ready"));
        assert_eq!(why(&[one(), two(), pod("db-1", "Failed", "False")]), None);
        let deployment = object(json!({ "metadata": { "name": "web", "uid": "d" },
            "spec": { "selector": { "matchLabels": { "app": "web" } } }, "status": { "availableReplicas": 1 } }));
        let adopted = object(json!({ "metadata": { "name": "old-1", "labels": { "app": "web" }, "ownerReferences":
            [{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "old", "uid": "r", "controller": true }] } }));
        let of =
            |pods: &[DynamicObject]| unsettled_of("Deployment", &deployment, pods, at(40).parse().expect("a time"));
        assert_eq!(of(&[adopted]), None);
        assert_eq!(of(&[]).as_deref(), Some("0 of 1 available pods are seen"));
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
        let why = "container app of pod/web-1 runs for 4s since it ended with exit code 3";
        assert_eq!(said(status(3), bare(), &at(4)).as_deref(), Some(why));
        assert!(said(status(3), bare(), &at(10)).is_some());
        assert_eq!(said(status(3), bare(), &at(11)), None);
        assert!(said(status(0), bare(), &at(4)).is_some_and(|why| why.ends_with("since it ended with exit code 0")));
        assert_eq!(said(status(3), bare(), "2026-01-01T11:00:00Z"), None);
        let probed = json!({ "name": "app", "readinessProbe": { "httpGet": { "port": 80 } } });
        assert_eq!(said(status(3), probed, &at(4)), None);
        let first = json!({ "name": "app", "state": { "running": { "startedAt": "2026-01-01T12:00:00Z" } } });
        let why = "container app of pod/web-1 has no probe and runs for 2s";
        assert_eq!(said(first.clone(), bare(), &at(2)).as_deref(), Some(why));
        assert!(said(first.clone(), bare(), &at(3)).is_some());
        assert_eq!(said(first, bare(), &at(4)), None);
    }
}
