//! What is wrong with one pod: thrown out, scheduled nowhere, its volumes missing, its containers in trouble. Pure.

use serde_json::Value;

use super::containers;
use super::{Cause, Rank};
use crate::kubernetes::explain::Snapshot;
use crate::kubernetes::explain::json::{condition, events_of, is_owned_by, items, name, seconds_between, text};

/// Events that say why a pod's containers are not even begun.
const SETUP: &[&str] = &["FailedMount", "FailedAttachVolume", "FailedMapVolume", "FailedCreatePodSandBox"];

/// Why a node rejects a Pod for what its specification says: the next one is rejected too.
const REJECTED: &[&str] = &["SysctlForbidden", "AppArmor", "PodOSNotSupported", "PodOSSelectorNodeLabelDoesNotMatch"];

/// The causes seen on `pod`.
pub(crate) fn causes(pod: &Value, snapshot: &Snapshot) -> Vec<Cause> {
    if !pod["metadata"]["deletionTimestamp"].is_null() {
        return terminating(pod, snapshot).into_iter().collect();
    }
    let events = events_of(&snapshot.events, pod);
    if is_well(pod) {
        return containers::past_crashes(pod, &events, snapshot);
    }
    let stopped = evicted(pod).map(|cause| over_and_over(cause, pod, snapshot)).or_else(|| past_deadline(pod, &events));
    let mut causes: Vec<Cause> = stopped.into_iter().chain(unschedulable(pod, &events)).collect();
    causes.extend(containers::causes(pod, &events, snapshot));
    if causes.is_empty() && !has_started(pod) {
        causes.extend(setup(pod, &events));
    }
    if causes.is_empty() {
        causes.extend(gates(pod));
    }
    if causes.is_empty() {
        causes.extend(any_warning(pod, &events));
    }
    if causes.is_empty() {
        causes.extend(unhandled(pod, snapshot));
    }
    let failed = text(&pod["status"]["phase"]) == "Failed";
    if failed && items(&pod["metadata"]["ownerReferences"]).is_empty() {
        if causes.is_empty() {
            causes.push(Cause::new(Rank::Crash, pod, "PodFailed", "its phase is Failed, and nothing replaces it"));
        }
        let failed = |cause: Cause| if cause.finding.fatal.is_some() { cause } else { cause.class(Some("PodFailed")) };
        causes = causes.into_iter().map(failed).collect();
    }
    causes
}

/// The same for a Pod of an older revision. A StatefulSet that makes its Pods in order waits for it, also while it goes back
/// to a revision that works.
pub(crate) fn old_causes(pod: &Value, snapshot: &Snapshot) -> Vec<Cause> {
    let is_set = |owner: &&Value| text(&owner["kind"]) == "StatefulSet" && is_owned_by(pod, owner);
    let set = snapshot.workloads.iter().find(is_set);
    let waits = set.is_some_and(|set| text(&set["spec"]["podManagementPolicy"]) != "Parallel");
    let mut causes = causes(pod, snapshot);
    for cause in causes.iter_mut().filter(|cause| waits && cause.explains()) {
        let namespace = text(&pod["metadata"]["namespace"]);
        let within = if namespace.is_empty() { String::new() } else { format!(" -n {namespace}") };
        let how = format!("kubectl delete pod {}{within}", name(pod));
        cause.finding.message =
            format!("{}; it is of an older revision, and its StatefulSet waits for it: {how}", cause.finding.message);
    }
    causes
}

/// Ready, or ended well.
fn is_well(pod: &Value) -> bool {
    text(&pod["status"]["phase"]) == "Succeeded" || condition(pod, "Ready").is_some_and(|it| it["status"] == "True")
}

/// Why a Pod that is being deleted is still there: a finalizer, or a process that has not ended yet. The Pods of a
/// Deployment that end in their own time are nothing that explains its new ones.
fn terminating(pod: &Value, snapshot: &Snapshot) -> Option<Cause> {
    let finalizers: Vec<&str> = items(&pod["metadata"]["finalizers"]).iter().map(text).collect();
    if !finalizers.is_empty() {
        let message = format!("is being deleted, and held by its finalizers: {}", finalizers.join(", "));
        return Some(Cause::new(Rank::Waiting, pod, "Terminating", message));
    }
    let replaced = items(&pod["metadata"]["ownerReferences"]).iter().any(|owner| owner["kind"] == "StatefulSet");
    (snapshot.deleting || replaced).then(|| {
        let mut cause = Cause::new(Rank::Waiting, pod, "Terminating", ending(pod, snapshot.now.as_deref()));
        cause.likeness = format!("Terminating {}", name(pod));
        cause
    })
}

/// `terminating for 12s of 600s (preStop of container app)`.
fn ending(pod: &Value, now: Option<&str>) -> String {
    let grace = pod["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or_default();
    // The timestamp is when the grace is over.
    let left = now.and_then(|now| seconds_between(&Value::from(now), pod["metadata"]["deletionTimestamp"].as_str()));
    let since = left.map(|left| (grace - left).max(0));
    let hooked = items(&pod["spec"]["containers"]).iter().find(|it| it["lifecycle"]["preStop"].is_object());
    let hook = hooked.map(|it| format!(" (preStop of container {})", text(&it["name"]))).unwrap_or_default();
    match since {
        Some(since) if since < grace => format!("terminating for {since}s of {grace}s{hook}"),
        _ => format!("terminating, and its grace period of {grace}s is over{hook}"),
    }
}

fn evicted(pod: &Value) -> Option<Cause> {
    let (phase, reason) = (text(&pod["status"]["phase"]), text(&pod["status"]["reason"]));
    let message = text(&pod["status"]["message"]).trim_start_matches("Pod was rejected: ");
    let class = REJECTED.contains(&reason).then_some("PodRejected");
    (phase == "Failed" && !reason.is_empty()).then(|| Cause::new(Rank::Node, pod, reason, message).class(class))
}

/// Pods of one controller that were evicted for what their own specification allows them.
const EVICTIONS: usize = 3;

/// Evictions by limits of the Pod itself, as the kubelet words them: an `emptyDir`, a container's storage, that of all.
const BY_OWN_LIMIT: &[&str] =
    &["Usage of EmptyDir volume", "local ephemeral storage limit", "ephemeral local storage usage exceeds"];

/// Marks the eviction of a Pod by its own limits as final if other Pods of its controller ended the same way.
fn over_and_over(cause: Cause, pod: &Value, snapshot: &Snapshot) -> Cause {
    let by_own_limit = |pod: &&Value| {
        let message = text(&pod["status"]["message"]);
        text(&pod["status"]["reason"]) == "Evicted" && BY_OWN_LIMIT.iter().any(|words| message.contains(words))
    };
    let owner = &pod["metadata"]["ownerReferences"][0]["uid"];
    let alike = snapshot.pods.iter().filter(|other| other["metadata"]["ownerReferences"][0]["uid"] == *owner);
    let again = !owner.is_null() && by_own_limit(&pod) && alike.filter(by_own_limit).count() >= EVICTIONS;
    if again { cause.class(Some("EvictedByLimit")) } else { cause }
}

/// A Pod that is past `activeDeadlineSeconds`: its status says so only when all its containers have ended.
fn past_deadline(pod: &Value, events: &[&Value]) -> Option<Cause> {
    let limit = pod["spec"]["activeDeadlineSeconds"].as_i64()?;
    let event = events.iter().find(|event| event["reason"] == "DeadlineExceeded")?;
    let message = format!("{} (activeDeadlineSeconds: {limit})", text(&event["message"]));
    Some(Cause::new(Rank::Node, pod, "DeadlineExceeded", message).class(Some("DeadlineExceeded")))
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

/// Whether a container of it has started: what kept it from that before is over.
fn has_started(pod: &Value) -> bool {
    let all = ["initContainerStatuses", "containerStatuses"].map(|list| items(&pod["status"][list]));
    let mut states = all.into_iter().flatten().map(|status| &status["state"]);
    states.any(|state| state["running"].is_object() || state["terminated"].is_object())
}

/// Volumes or the sandbox cannot be made.
fn setup(pod: &Value, events: &[&Value]) -> Option<Cause> {
    let event = events.iter().find(|event| SETUP.contains(&text(&event["reason"])))?;
    Some(Cause::new(Rank::Start, pod, text(&event["reason"]), text(&event["message"])))
}

/// Readiness gates that another controller has to open.
fn gates(pod: &Value) -> Option<Cause> {
    let ready = condition(pod, "Ready").filter(|ready| ready["reason"] == "ReadinessGatesNotReady")?;
    Some(Cause::new(Rank::Waiting, pod, "ReadinessGatesNotReady", text(&ready["message"])))
}

/// Nothing has taken the Pod up at all: no scheduler, or a node that does not exist.
fn unhandled(pod: &Value, snapshot: &Snapshot) -> Option<Cause> {
    let node = text(&pod["spec"]["nodeName"]);
    let untouched = items(&pod["status"]["containerStatuses"]).is_empty();
    if !untouched || text(&pod["status"]["phase"]) != "Pending" {
        return None;
    }
    if node.is_empty() && condition(pod, "PodScheduled").is_none() {
        let scheduler = match text(&pod["spec"]["schedulerName"]) {
            "" => "default-scheduler",
            scheduler => scheduler,
        };
        let message = format!("no scheduler has taken it up; its schedulerName is {scheduler}");
        return Some(Cause::new(Rank::Scheduling, pod, "NotScheduled", message));
    }
    let missing = !node.is_empty() && !snapshot.nodes.is_empty() && !snapshot.nodes.iter().any(|it| name(it) == node);
    missing.then(|| {
        Cause::new(Rank::Scheduling, pod, "NodeNotFound", format!("its nodeName is {node}, which does not exist"))
    })
}

/// The last warning, where nothing better is known.
fn any_warning(pod: &Value, events: &[&Value]) -> Option<Cause> {
    let event = events.iter().find(|event| event["type"] == "Warning")?;
    Some(Cause::new(Rank::Waiting, pod, text(&event["reason"]), text(&event["message"])))
}

/// Nodes that are not ready and carry one of the pods.
pub(crate) fn node_causes(snapshot: &Snapshot) -> Vec<Cause> {
    let carries = |node: &&Value| snapshot.pods.iter().any(|pod| text(&pod["spec"]["nodeName"]) == name(node));
    let not_ready = |node: &Value| {
        let ready = condition(node, "Ready")?;
        (ready["status"] != "True").then(|| Cause::new(Rank::Node, node, "NodeNotReady", text(&ready["message"])))
    };
    snapshot.nodes.iter().filter(carries).filter_map(not_ready).collect()
}
