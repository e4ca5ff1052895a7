//! Why a DaemonSet has no Pod: its node selector, its affinity, the taints of nodes. Pure.

use serde_json::Value;

use super::Snapshot;
use super::causes::{Cause, Rank};
use super::json::{is_observed, items, text};

/// A DaemonSet that wants no Pod, because it matches no node.
pub(super) fn no_nodes(workload: &Value, snapshot: &Snapshot) -> Option<Cause> {
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

fn taint(taint: &Value) -> String {
    let value = match text(&taint["value"]) {
        "" => String::new(),
        value => format!("={value}"),
    };
    format!("{}{value}:{}", text(&taint["key"]), text(&taint["effect"]))
}
