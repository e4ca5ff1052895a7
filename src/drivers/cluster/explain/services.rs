//! Why a Service leads nowhere: its selector, its pods, its target port. Pure.

use std::collections::BTreeSet;

use serde_json::Value;

use super::causes::{Cause, Rank};
use super::json::{items, name, text};
use super::{Snapshot, Target};
use crate::drivers::cluster::labels::LabelSelector;

/// The causes seen on Services. Where one is the target itself its trouble is no mere consequence.
pub(super) fn causes(snapshot: &Snapshot, target: &Target) -> Vec<Cause> {
    snapshot.services.iter().filter_map(|service| cause(service, snapshot, target)).collect()
}

fn cause(service: &Value, snapshot: &Snapshot, target: &Target) -> Option<Cause> {
    let selector = LabelSelector::of_json(&service["spec"]["selector"]);
    if selector.is_empty() {
        return None;
    }
    let asked = matches!(target, Target::Object { kind, name: asked } if kind == "Service" && asked == name(service));
    let no_endpoints = |message: String| Cause::new(Rank::Consequence, service, "NoEndpoints", message);
    let pods: Vec<&Value> =
        snapshot.pods.iter().filter(|pod| selector.matches_json(&pod["metadata"]["labels"])).collect();
    if pods.is_empty() {
        return asked.then(|| no_endpoints(format!("selector {selector} matches no pod{}", labels_there(snapshot))));
    }
    if let Some(message) = wrong_port(service, &pods) {
        return Some(Cause::new(Rank::Probe, service, "WrongTargetPort", message));
    }
    let leads_on = snapshot
        .endpoint_slices
        .iter()
        .filter(|slice| slice["metadata"]["labels"]["kubernetes.io/service-name"] == service["metadata"]["name"])
        .flat_map(|slice| items(&slice["endpoints"]))
        .any(|endpoint| endpoint["conditions"]["ready"] != false);
    let count = if pods.len() == 1 { "1 pod, which".to_owned() } else { format!("{} pods, none of which", pods.len()) };
    let not = if pods.len() == 1 { " is not ready" } else { " is ready" };
    (!leads_on).then(|| no_endpoints(format!("selector {selector} matches {count}{not}")))
}

/// A named target port that no container has.
fn wrong_port(service: &Value, pods: &[&Value]) -> Option<String> {
    let ports =
        || pods.iter().flat_map(|pod| items(&pod["spec"]["containers"])).flat_map(|it| items(&it["ports"])).collect();
    items(&service["spec"]["ports"]).iter().find_map(|port| {
        let wanted = port["targetPort"].as_str()?;
        let ports: Vec<&Value> = ports();
        if ports.iter().any(|port| port["name"] == wanted) {
            return None;
        }
        let there: BTreeSet<&str> =
            ports.iter().map(|port| text(&port["name"])).filter(|name| !name.is_empty()).collect();
        let there = if there.is_empty() { "none".to_owned() } else { there.into_iter().collect::<Vec<_>>().join(", ") };
        Some(format!("targetPort {wanted} is no port of its pods; named ports there: {there}"))
    })
}

/// `; pods there have app=backend`, for the eye that looks for a slip of the pen.
fn labels_there(snapshot: &Snapshot) -> String {
    let labels: BTreeSet<String> = snapshot
        .pods
        .iter()
        .filter_map(|pod| pod["metadata"]["labels"].as_object())
        .flat_map(|labels| labels.iter().filter(|(key, _)| !key.contains("hash")))
        .map(|(key, value)| format!("{key}={}", text(value)))
        .take(50)
        .collect();
    if labels.is_empty() {
        return "; there is none in its namespace".to_owned();
    }
    let shown: Vec<String> = labels.into_iter().take(6).collect();
    format!("; pods there have {}", shown.join(", "))
}
