//! Why no node takes a Pod: a DaemonSet's selector, affinity and taints; a rollout that has no room. Pure.

use serde_json::Value;

use super::{Cause, Rank};
use crate::kubernetes::explain::Snapshot;
use crate::kubernetes::explain::json::{condition, is_observed, items, label, text};
use crate::kubernetes::explain::revisions::is_old;

/// A DaemonSet that wants no Pod, because it matches no node.
pub(crate) fn no_nodes(workload: &Value, snapshot: &Snapshot) -> Option<Cause> {
    let wanted = workload["status"]["desiredNumberScheduled"].as_i64().unwrap_or(0);
    if text(&workload["kind"]) != "DaemonSet" || wanted > 0 || !is_observed(workload) {
        return None;
    }
    let pod = &workload["spec"]["template"]["spec"];
    let selector: Vec<(&String, &Value)> = pod["nodeSelector"].as_object().into_iter().flatten().collect();
    let labelled =
        |node: &&Value| selector.iter().all(|(key, value)| node["metadata"]["labels"][key.as_str()] == **value);
    let nodes: Vec<&Value> = snapshot.nodes.iter().filter(labelled).collect();
    let written = selector.iter().map(|(key, value)| format!("{key}={}", text(value))).collect::<Vec<_>>().join(",");
    let affinity = &pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let why = if snapshot.unreadable.contains_key("nodes") {
        match written.as_str() {
            "" => "no node matches".to_owned(),
            written => format!("no node matches {written}"),
        }
    } else if snapshot.nodes.is_empty() {
        "the cluster has no node".to_owned()
    } else if nodes.is_empty() {
        format!("no node has {written}")
    } else if affinity.is_object() {
        "no node matches its node affinity".to_owned()
    } else {
        let mut taints: Vec<String> = nodes.iter().flat_map(|node| items(&node["spec"]["taints"])).map(taint).collect();
        taints.dedup();
        match taints.as_slice() {
            [] => "no node matches".to_owned(),
            taints => format!("it does not tolerate the taints of the nodes: {}", taints.join(", ")),
        }
    };
    Some(Cause::new(Rank::Scheduling, workload, "NoNodes", format!("desired 0: {why}")).class(Some("NoNodes")))
}

/// A rollout that blocks itself: the new Pod has no room as long as the old ones run, and they stay until it is ready.
pub(crate) fn no_room_to_roll(workload: &Value, snapshot: &Snapshot) -> Option<Cause> {
    let spec = &workload["spec"];
    if text(&workload["kind"]) != "Deployment" || spec["strategy"]["type"] == "Recreate" || may_go(spec) > 0 {
        return None;
    }
    let (old, new): (Vec<&Value>, Vec<&Value>) = snapshot.pods.iter().partition(|pod| is_old(pod, snapshot));
    let has_no_node = |pod: &&&Value| condition(pod, "PodScheduled").is_some_and(|it| it["reason"] == "Unschedulable");
    let waits = new.iter().find(has_no_node)?;
    let kept = old.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()).count();
    (kept > 0).then(|| {
        let message = format!(
            "no node takes {}, and none of the {kept} old Pods goes before it is ready, because `maxUnavailable` comes to 0: \
             set it to 1, or make room for one Pod more",
            label(waits)
        );
        Cause::new(Rank::Scheduling, workload, "NoRoomToRollOut", message)
    })
}

/// How many Pods of a Deployment a rollout may take away before others are there.
fn may_go(spec: &Value) -> i64 {
    let replicas = spec["replicas"].as_i64().unwrap_or(1);
    let rolling = &spec["strategy"]["rollingUpdate"];
    let part = |value: &Value, up: i64| {
        value.as_i64().unwrap_or_else(|| {
            let percent = text(value).strip_suffix('%').and_then(|it| it.parse().ok()).unwrap_or(25);
            (replicas * percent + up) / 100
        })
    };
    let (unavailable, surge) = (part(&rolling["maxUnavailable"], 0), part(&rolling["maxSurge"], 99));
    // both 0 would never roll out: the controller takes one away then
    if unavailable == 0 && surge == 0 { 1 } else { unavailable }
}

fn taint(taint: &Value) -> String {
    let value = match text(&taint["value"]) {
        "" => String::new(),
        value => format!("={value}"),
    };
    format!("{}{value}:{}", text(&taint["key"]), text(&taint["effect"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_rollout_takes_no_pod_away_where_its_share_comes_to_none() {
        let spec = |replicas: i64, rolling: Value| {
            may_go(&json!({ "replicas": replicas, "strategy": { "rollingUpdate": rolling } }))
        };
        assert_eq!(spec(3, json!({})), 0);
        assert_eq!(spec(4, json!({})), 1);
        assert_eq!(spec(10, json!({ "maxUnavailable": "10%" })), 1);
        assert_eq!(spec(2, json!({ "maxUnavailable": 0, "maxSurge": 1 })), 0);
        assert_eq!(spec(2, json!({ "maxUnavailable": "10%", "maxSurge": 0 })), 1);
        assert_eq!(spec(2, json!({ "maxUnavailable": 2 })), 2);
    }
}
