//! Why a Service leads nowhere: its selector, its pods, its target port. Pure.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Cause, Rank};
use crate::kubernetes::explain::json::{events_of, items, name, text};
use crate::kubernetes::explain::{Snapshot, Target};
use crate::kubernetes::ownership::labels::LabelSelector;

/// The causes seen on Services. Where one is the target itself its trouble is no mere consequence.
pub(crate) fn causes(snapshot: &Snapshot, target: &Target) -> Vec<Cause> {
    snapshot.services.iter().flat_map(|service| causes_of(service, snapshot, target)).collect()
}

fn causes_of(service: &Value, snapshot: &Snapshot, target: &Target) -> Vec<Cause> {
    let asked =
        target.names_service(name(service)) || matches!(target, Target::Object { kind, .. } if kind == "Ingress");
    let pending = asked.then(|| pending_address(service, snapshot)).flatten();
    pending.into_iter().chain(no_way(service, snapshot, target, asked)).collect()
}

/// A Service of type `LoadBalancer` that has no address yet.
fn pending_address(service: &Value, snapshot: &Snapshot) -> Option<Cause> {
    let has_address = !items(&service["status"]["loadBalancer"]["ingress"]).is_empty();
    if service["spec"]["type"] != "LoadBalancer" || has_address {
        return None;
    }
    let events = events_of(&snapshot.events, service);
    let said = events.iter().find(|event| event["type"] == "Warning").map(|event| text(&event["message"]));
    let class = text(&service["spec"]["loadBalancerClass"]);
    let message = match (said, class) {
        (Some(said), _) => said.to_owned(),
        (None, "") => "no controller has given it an address: does this cluster have load balancers?".to_owned(),
        (None, class) => format!("no controller of class {class} has given it an address"),
    };
    Some(Cause::new(Rank::Waiting, service, "LoadBalancerPending", message))
}

fn no_way(service: &Value, snapshot: &Snapshot, target: &Target, asked: bool) -> Option<Cause> {
    let no_endpoints = |message: String| Cause::new(Rank::Consequence, service, "NoEndpoints", message);
    let leads_on = snapshot
        .endpoint_slices
        .iter()
        .filter(|slice| slice["metadata"]["labels"]["kubernetes.io/service-name"] == service["metadata"]["name"])
        .flat_map(|slice| items(&slice["endpoints"]))
        .any(|endpoint| endpoint["conditions"]["ready"] != false);
    let selector = LabelSelector::of_json(&service["spec"]["selector"]);
    if selector.is_empty() {
        let manual = asked && !leads_on && service["spec"]["type"] != "ExternalName";
        let readable = !snapshot.unreadable.contains_key("endpointslices");
        return (manual && readable)
            .then(|| no_endpoints("it has no selector, and no EndpointSlice gives it a ready address".to_owned()));
    }
    if snapshot.unreadable.contains_key("pods") {
        return None;
    }
    let pods: Vec<&Value> =
        snapshot.pods.iter().filter(|pod| selector.matches_json(&pod["metadata"]["labels"])).collect();
    let made: Vec<&Value> = snapshot
        .workloads
        .iter()
        .map(|workload| &workload["spec"]["template"])
        .filter(|template| selector.matches_json(&template["metadata"]["labels"]))
        .collect();
    if pods.is_empty() {
        let message = format!("selector {selector} matches no pod{}", labels_there(snapshot));
        let hopeless = made.is_empty() && workloads_known(snapshot) && !may_change(service, &selector, snapshot);
        return asked.then(|| no_endpoints(message).class(hopeless.then_some("NoEndpoints")));
    }
    if let Some((wanted, message)) = wrong_name(service, &pods) {
        let coming = made.iter().any(|template| ports_of(template).any(|port| port["name"] == *wanted));
        // Pods get ready whatever a Service that selects them, perhaps one of others, expects of them.
        let rank = if asked { Rank::Probe } else { Rank::Consequence };
        let cause = Cause::new(rank, service, "WrongTargetPort", message);
        let hopeless = asked && !coming && workloads_known(snapshot);
        return Some(cause.class(hopeless.then_some("WrongTargetPort")));
    }
    if !leads_on {
        let count =
            if pods.len() == 1 { "1 pod, which".to_owned() } else { format!("{} pods, none of which", pods.len()) };
        let not = if pods.len() == 1 { " is not ready" } else { " is ready" };
        return Some(no_endpoints(format!("selector {selector} matches {count}{not}")));
    }
    let reached = matches!(target, Target::Service { name: asked } if asked == name(service));
    if !reached {
        return None;
    }
    let wrong = undeclared(service, &pods).map(|message| Cause::new(Rank::Probe, service, "WrongTargetPort", message));
    wrong.or_else(|| unanswered(service, snapshot))
}

/// Whether all that makes Pods could be read.
fn workloads_known(snapshot: &Snapshot) -> bool {
    let makers = ["deployments", "statefulsets", "daemonsets", "replicasets", "jobs"];
    !makers.iter().any(|kind| snapshot.unreadable.contains_key(*kind))
}

/// Whether a selector that matches nothing may do so later: a controller keeps the Service, or labels its Pods while they
/// run. So it is where Pods carry one of its pairs but not all.
fn may_change(service: &Value, selector: &LabelSelector, snapshot: &Snapshot) -> bool {
    let pods = snapshot.pods.iter().chain(&snapshot.neighbours).map(|pod| &pod["metadata"]["labels"]);
    let templates = snapshot.workloads.iter().map(|workload| &workload["spec"]["template"]["metadata"]["labels"]);
    !items(&service["metadata"]["ownerReferences"]).is_empty()
        || pods.chain(templates).any(|labels| selector.matches_any_json(labels))
}

/// The ports that the containers of a Pod, or of a template, declare.
fn ports_of(pod: &Value) -> impl Iterator<Item = &Value> {
    let containers = ["containers", "initContainers"].map(|list| items(&pod["spec"][list]));
    containers.into_iter().flatten().flat_map(|container| items(&container["ports"]))
}

/// A numeric target port that no container declares, though they declare others. It may be served all the same: this
/// explains only a Service that gives no answer.
fn undeclared(service: &Value, pods: &[&Value]) -> Option<String> {
    let declared: BTreeSet<i64> =
        pods.iter().flat_map(|pod| ports_of(pod)).filter_map(|port| port["containerPort"].as_i64()).collect();
    let wrong = items(&service["spec"]["ports"]).iter().find_map(|port| {
        let wanted = port["targetPort"].as_i64().or_else(|| port["port"].as_i64())?;
        (!declared.is_empty() && !port["targetPort"].is_string() && !declared.contains(&wanted)).then_some(wanted)
    })?;
    let declared: Vec<String> = declared.into_iter().map(|port| port.to_string()).collect();
    Some(format!("targetPort {wrong} is not a port that its Pods declare; they declare {}", declared.join(", ")))
}

/// A Service with ready endpoints that gives no answer all the same.
fn unanswered(service: &Value, snapshot: &Snapshot) -> Option<Cause> {
    let slices = snapshot.endpoint_slices.iter();
    let own = slices.filter(|it| it["metadata"]["labels"]["kubernetes.io/service-name"] == service["metadata"]["name"]);
    let addresses: BTreeSet<String> = own
        .flat_map(|slice| {
            let ports: Vec<String> = items(&slice["ports"]).iter().map(|port| port["port"].to_string()).collect();
            let ready = items(&slice["endpoints"]).iter().filter(|it| it["conditions"]["ready"] != false);
            let hosts = ready.flat_map(|endpoint| items(&endpoint["addresses"])).map(text);
            hosts
                .flat_map(move |host| ports.clone().into_iter().map(move |port| format!("{host}:{port}")))
                .collect::<Vec<_>>()
        })
        .collect();
    if addresses.is_empty() {
        return None;
    }
    let shown: Vec<&str> = addresses.iter().take(3).map(String::as_str).collect();
    let message = format!(
        "its Pods count as ready ({}), but nothing answers there: the application listens on another port or on 127.0.0.1 \
         alone, or a NetworkPolicy lets no one in",
        shown.join(", ")
    );
    Some(Cause::new(Rank::Waiting, service, "NothingListens", message))
}

/// A named target port that no container has.
fn wrong_name<'s>(service: &'s Value, pods: &[&Value]) -> Option<(&'s str, String)> {
    items(&service["spec"]["ports"]).iter().find_map(|port| {
        let wanted = port["targetPort"].as_str()?;
        let ports: Vec<&Value> = pods.iter().flat_map(|pod| ports_of(pod)).collect();
        if ports.iter().any(|port| port["name"] == wanted) {
            return None;
        }
        let there: BTreeSet<&str> =
            ports.iter().map(|port| text(&port["name"])).filter(|name| !name.is_empty()).collect();
        let there = if there.is_empty() { "none".to_owned() } else { there.into_iter().collect::<Vec<_>>().join(", ") };
        Some((wanted, format!("targetPort {wanted} is no port of its pods; named ports there: {there}")))
    })
}

/// `; pods there have app=backend`, for the eye that looks for a slip of the pen.
fn labels_there(snapshot: &Snapshot) -> String {
    let labels: BTreeSet<String> = snapshot
        .pods
        .iter()
        .chain(&snapshot.neighbours)
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
