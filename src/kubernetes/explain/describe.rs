//! What a person would learn of live objects with `kubectl describe` and `kubectl get events`, as one text that ends
//! with recommendations. The text is pure; the asking is not.

mod advice;

use std::fmt::Write;

use serde_json::Value;
use tokio::time::Instant;

use super::describe::advice::advice;
use super::json::{condition, events_of, items, last_seen, name, text};
use super::{LIMIT, Snapshot, Target, causes, evidence, gather, related};
use crate::core::model::outcome::{Fault, Finding};
use crate::kubernetes::client::Cluster;

/// Events shown, the last ones.
const EVENTS: usize = 15;
/// Pods shown.
const PODS: usize = 30;

impl Cluster {
    /// Describes `target`, or the whole namespace: its state, its pods, Services and events, what is wrong with it,
    /// what could be better. `keep(name, text)` stores what the text was made of. Takes about 5 s at most.
    ///
    /// # Errors
    /// [`Fault`] of kind environment when the cluster does not answer; the inner finding when there is no such object.
    pub async fn describe(
        &self,
        namespace: &str,
        target: Option<&Target>,
        keep: &(dyn Fn(&str, &str) + Sync),
    ) -> Result<Result<String, Finding>, Fault> {
        let client = self.client().await?;
        let deadline = Instant::now() + LIMIT;
        let (all, budgets) = tokio::join!(
            Box::pin(gather::snapshot(&client, namespace, deadline)),
            gather::budgets(&client, namespace, deadline)
        );
        let whole = Target::Object { kind: "Namespace".to_owned(), name: namespace.to_owned() };
        let about = match target {
            Some(target) => related::related(&all, target),
            None => all.clone(),
        };
        let target = target.unwrap_or(&whole);
        if let Some(missing) = related::missing(&all, &about, namespace, target) {
            return Ok(Err(missing));
        }
        evidence::keep_all(&about, &[], target, keep);
        Ok(Ok(description(&about, namespace, target, budgets.as_deref())))
    }
}

/// The whole text. `budgets` are the namespace's `PodDisruptionBudgets`; `None` where they could not be read.
pub(super) fn description(about: &Snapshot, namespace: &str, target: &Target, budgets: Option<&[Value]>) -> String {
    let mut out = match target {
        Target::Workload { kind, name } | Target::Object { kind, name } => format!("{}/{name}", kind.to_lowercase()),
        Target::Service { name } => format!("service/{name}"),
        Target::Selector(selector) => format!("pods with {selector}"),
    };
    if out != format!("namespace/{namespace}") {
        out.push_str(&format!(" in namespace {namespace}"));
    }
    out.push('\n');
    for object in about.workloads.iter().filter(|object| text(&object["kind"]) != "ReplicaSet") {
        workload(object, &mut out);
    }
    section(&mut out, "Pods", about.pods.iter().take(PODS).map(pod));
    section(&mut out, "Services", about.services.iter().map(|it| service(it, &about.endpoint_slices)));
    let mut events: Vec<&Value> = about.events.iter().collect();
    events.sort_by(|a, b| last_seen(a).cmp(last_seen(b)));
    section(&mut out, "Events", events[events.len().saturating_sub(EVENTS)..].iter().map(|it| event(it)));
    let found = causes(about, target);
    if found.is_empty() {
        out.push_str("What is wrong: nothing that the cluster knows of.\n");
    } else {
        section(
            &mut out,
            "What is wrong",
            found.iter().map(|it| format!("{}: {}: {}", it.object, it.cause, it.message)),
        );
    }
    let advice = advice(about, budgets, &found);
    if advice.is_empty() {
        out.push_str("Recommendations: none, by the rules that this description knows.\n");
    } else {
        out.push_str("Recommendations:\n");
        for line in advice {
            let _ = writeln!(out, "- {line}");
        }
    }
    out
}

fn section(out: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        // writing to a String cannot fail
        let _ = writeln!(out, "{title}:");
    }
    for line in lines {
        let _ = writeln!(out, "  {line}");
    }
}

fn workload(object: &Value, out: &mut String) {
    let (spec, status) = (&object["spec"], &object["status"]);
    let number = |value: &Value| value.as_i64().unwrap_or(0);
    let _ = writeln!(out, "{} {}", text(&object["kind"]), name(object));
    match text(&object["kind"]) {
        "DaemonSet" => {
            let (wanted, ready) = (number(&status["desiredNumberScheduled"]), number(&status["numberReady"]));
            let _ = writeln!(out, "  pods: {wanted} wanted, {ready} ready");
        }
        "Job" => {
            let (done, failed) = (number(&status["succeeded"]), number(&status["failed"]));
            let _ = writeln!(out, "  pods: {done} succeeded, {failed} failed");
        }
        _ => {
            let _ = writeln!(
                out,
                "  replicas: {} wanted, {} updated, {} ready, {} available",
                spec["replicas"].as_i64().unwrap_or(1),
                number(&status["updatedReplicas"]),
                number(&status["readyReplicas"]),
                number(&status["availableReplicas"]),
            );
        }
    }
    let strategy = ["strategy", "updateStrategy"].map(|key| text(&spec[key]["type"])).concat();
    if !strategy.is_empty() {
        let _ = writeln!(out, "  strategy: {strategy}");
    }
    let revision = text(&object["metadata"]["annotations"]["deployment.kubernetes.io/revision"]);
    if !revision.is_empty() {
        let _ = writeln!(out, "  revision: {revision}");
    }
    for container in items(&spec["template"]["spec"]["containers"]) {
        let probes: Vec<&str> = ["livenessProbe", "readinessProbe", "startupProbe"]
            .into_iter()
            .filter(|key| container[*key].is_object())
            .collect();
        let _ = writeln!(
            out,
            "  container {}: image {}, {}, {}, probes: {}",
            text(&container["name"]),
            text(&container["image"]),
            amounts("requests", &container["resources"]["requests"]),
            amounts("limits", &container["resources"]["limits"]),
            if probes.is_empty() { "none".to_owned() } else { probes.join(", ") },
        );
    }
    for kind in ["Available", "Progressing", "ReplicaFailure", "Complete", "Failed"] {
        if let Some(found) = condition(object, kind) {
            let (status, reason) = (text(&found["status"]), text(&found["reason"]));
            let _ = writeln!(out, "  condition {kind}: {status} ({reason}) {}", text(&found["message"]));
        }
    }
}

fn amounts(name: &str, amounts: &Value) -> String {
    let all: Vec<String> =
        amounts.as_object().into_iter().flatten().map(|(key, value)| format!("{key} {}", text(value))).collect();
    if all.is_empty() { format!("no {name}") } else { format!("{name} {}", all.join(" ")) }
}

fn pod(pod: &Value) -> String {
    let statuses = items(&pod["status"]["containerStatuses"]);
    let ready = statuses.iter().filter(|status| status["ready"] == true).count();
    let restarts: i64 = statuses.iter().filter_map(|status| status["restartCount"].as_i64()).sum();
    let waiting = statuses.iter().find_map(|status| status["state"]["waiting"]["reason"].as_str());
    let phase = waiting.unwrap_or_else(|| text(&pod["status"]["phase"]));
    let (node, started) = (text(&pod["spec"]["nodeName"]), text(&pod["status"]["startTime"]));
    format!(
        "{}: {phase}, {ready}/{} ready, {restarts} restarts, node {node}, started {started}",
        name(pod),
        statuses.len()
    )
}

fn service(service: &Value, slices: &[Value]) -> String {
    let own = |slice: &&Value| slice["metadata"]["labels"]["kubernetes.io/service-name"] == service["metadata"]["name"];
    let ready = slices
        .iter()
        .filter(own)
        .flat_map(|slice| items(&slice["endpoints"]))
        .filter(|endpoint| endpoint["conditions"]["ready"] != false)
        .count();
    let ports: Vec<String> = items(&service["spec"]["ports"])
        .iter()
        .map(|port| match port["nodePort"].as_i64() {
            Some(node) => format!("{} (node port {node})", port["port"]),
            None => port["port"].to_string(),
        })
        .collect();
    let kind = text(&service["spec"]["type"]);
    format!("{}: {kind}, ports {}, {ready} ready endpoints", name(service), ports.join(", "))
}

fn event(event: &Value) -> String {
    let about = &event["involvedObject"];
    format!(
        "{} {} {}/{} {}: {}",
        last_seen(event),
        text(&event["type"]),
        text(&about["kind"]).to_lowercase(),
        text(&about["name"]),
        text(&event["reason"]),
        text(&event["message"]).trim(),
    )
}

/// How often the containers of a pod were started again, with the last reason.
pub(super) fn restarts(pod: &Value, events: &[Value]) -> Option<(i64, String)> {
    let statuses = items(&pod["status"]["containerStatuses"]);
    let times: i64 = statuses.iter().filter_map(|status| status["restartCount"].as_i64()).sum();
    let ended = statuses.iter().find_map(|status| status["lastState"]["terminated"]["reason"].as_str());
    let warned = events_of(events, pod).into_iter().find(|event| event["type"] == "Warning");
    let reason = ended.or_else(|| warned.and_then(|event| event["reason"].as_str())).unwrap_or("unknown reason");
    (times > 0).then(|| (times, reason.to_owned()))
}

#[cfg(test)]
mod tests;
