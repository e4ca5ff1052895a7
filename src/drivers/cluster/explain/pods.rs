//! What is wrong with one pod: thrown out, scheduled nowhere, its volumes missing, its containers in trouble. Pure.

use serde_json::Value;

use super::causes::{Cause, Rank};
use super::json::{condition, events_of, items, name, text};
use super::{Snapshot, containers};

/// Events that say why a pod's containers are not even begun.
const SETUP: &[&str] = &["FailedMount", "FailedAttachVolume", "FailedMapVolume", "FailedCreatePodSandBox"];

/// The causes seen on `pod`.
pub(super) fn causes(pod: &Value, snapshot: &Snapshot) -> Vec<Cause> {
    if !pod["metadata"]["deletionTimestamp"].is_null() {
        return terminating(pod).into_iter().collect();
    }
    let events = events_of(&snapshot.events, pod);
    if is_well(pod) {
        return containers::past_crashes(pod, &events, snapshot);
    }
    let mut causes: Vec<Cause> = evicted(pod).into_iter().chain(unschedulable(pod, &events)).collect();
    causes.extend(containers::causes(pod, &events, snapshot));
    if causes.is_empty() {
        causes.extend(setup(pod, &events));
    }
    if causes.is_empty() {
        causes.extend(gates(pod));
    }
    if causes.is_empty() {
        causes.extend(any_warning(pod, &events));
    }
    causes
}

/// Ready, or ended well.
fn is_well(pod: &Value) -> bool {
    text(&pod["status"]["phase"]) == "Succeeded" || condition(pod, "Ready").is_some_and(|it| it["status"] == "True")
}

/// A pod on its way out says why it stays only by its finalizers.
fn terminating(pod: &Value) -> Option<Cause> {
    let finalizers: Vec<&str> = items(&pod["metadata"]["finalizers"]).iter().map(text).collect();
    let message = format!("is being deleted, and held by its finalizers: {}", finalizers.join(", "));
    (!finalizers.is_empty()).then(|| Cause::new(Rank::Waiting, pod, "Terminating", message))
}

fn evicted(pod: &Value) -> Option<Cause> {
    let (phase, reason) = (text(&pod["status"]["phase"]), text(&pod["status"]["reason"]));
    (phase == "Failed" && !reason.is_empty())
        .then(|| Cause::new(Rank::Node, pod, reason, text(&pod["status"]["message"])))
}

/// The scheduler's words, from the condition, or from its event where the condition says less.
fn unschedulable(pod: &Value, events: &[&Value]) -> Option<Cause> {
    let scheduled = condition(pod, "PodScheduled").filter(|condition| condition["status"] == "False")?;
    let reason = match text(&scheduled["reason"]) {
        "" => "Unschedulable",
        reason => reason,
    };
    let said = events.iter().find(|event| event["reason"] == "FailedScheduling").map(|event| text(&event["message"]));
    let message = match text(&scheduled["message"]) {
        "" => said.unwrap_or("no node takes it yet"),
        message => message,
    };
    Some(Cause::new(Rank::Scheduling, pod, reason, message))
}

/// Volumes or the sandbox cannot be made.
fn setup(pod: &Value, events: &[&Value]) -> Option<Cause> {
    let event = events.iter().find(|event| SETUP.contains(&text(&event["reason"])))?;
    Some(Cause::new(Rank::Start, pod, text(&event["reason"]), text(&event["message"])))
}

/// Readiness gates that somebody else has to open.
fn gates(pod: &Value) -> Option<Cause> {
    let ready = condition(pod, "Ready").filter(|ready| ready["reason"] == "ReadinessGatesNotReady")?;
    Some(Cause::new(Rank::Waiting, pod, "ReadinessGatesNotReady", text(&ready["message"])))
}

/// The last warning, where nothing better is known.
fn any_warning(pod: &Value, events: &[&Value]) -> Option<Cause> {
    let event = events.iter().find(|event| event["type"] == "Warning")?;
    Some(Cause::new(Rank::Waiting, pod, text(&event["reason"]), text(&event["message"])))
}

/// Nodes that are not ready and carry one of the pods.
pub(super) fn node_causes(snapshot: &Snapshot) -> Vec<Cause> {
    let carries = |node: &&Value| snapshot.pods.iter().any(|pod| text(&pod["spec"]["nodeName"]) == name(node));
    let not_ready = |node: &Value| {
        let ready = condition(node, "Ready")?;
        (ready["status"] != "True").then(|| Cause::new(Rank::Node, node, "NodeNotReady", text(&ready["message"])))
    };
    snapshot.nodes.iter().filter(carries).filter_map(not_ready).collect()
}
