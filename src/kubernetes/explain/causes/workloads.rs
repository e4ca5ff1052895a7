//! What keeps a workload from having its pods: refused creation, an unbound claim, a deadline, a pause. Pure.

mod quota;

use serde_json::Value;

use super::placement::{no_nodes, no_room_to_roll};
use super::{Cause, Rank};
use crate::kubernetes::explain::Snapshot;
use crate::kubernetes::explain::admission::{class, refusal};
use crate::kubernetes::explain::json::{
    condition, events_of, is_observed, is_owned_by, items, last_seen, name, seconds_between, text,
};
use crate::kubernetes::explain::revisions::{is_old, newest_replica_set};
use crate::kubernetes::rollout::{DEADLINE, is_about_older};

/// The causes seen on workloads.
pub(crate) fn causes(snapshot: &Snapshot) -> Vec<Cause> {
    let mut causes = Vec::new();
    for workload in snapshot.workloads.iter().filter(|workload| !is_old(workload, snapshot)) {
        causes.extend(not_created(workload, snapshot));
        causes.extend(stopped(workload));
        causes.extend(job_failed(workload));
        causes.extend(deadline(workload, snapshot));
        causes.extend(no_nodes(workload, snapshot));
        causes.extend(no_room_to_roll(workload, snapshot));
        causes.extend(not_available_yet(workload));
        causes.extend(no_governing_service(workload, snapshot));
    }
    causes
}

/// A controller that may not make its pods. Reported for the Deployment if a ReplicaSet has one.
fn not_created(workload: &Value, snapshot: &Snapshot) -> Option<Cause> {
    let reported_of = snapshot.workloads.iter().find(|owner| is_owned_by(workload, owner)).unwrap_or(workload);
    let failure = condition(workload, "ReplicaFailure").filter(|condition| condition["status"] == "True");
    let event = events_of(&snapshot.events, workload)
        .into_iter()
        .find(|event| text(&event["reason"]).starts_with("FailedCreate") && lacks_pods(workload));
    let message = event.or(failure).map(|it| text(&it["message"]))?;
    let (cause, words) = refusal(message);
    // An event stays when its reason is gone; only a condition, or a fresh event, says how it is now.
    let is_now = failure.is_some() || event.is_some_and(|event| is_fresh(event, snapshot));
    let frees = cause == "QuotaExceeded" && quota::may_be_taken(words, snapshot);
    let class = class(cause, message).filter(|_| is_now && !frees && is_observed(reported_of));
    let mut cause = Cause::new(Rank::Admission, reported_of, cause, words).class(class);
    // The last one refused names another pod than the one before; the reason is the same.
    cause.likeness = format!("{} {}", cause.finding.object, cause.finding.cause);
    Some(cause)
}

/// Whether an event was seen in the last half minute.
fn is_fresh(event: &Value, snapshot: &Snapshot) -> bool {
    let seen = Value::from(last_seen(event));
    seconds_between(&seen, snapshot.now.as_deref()).is_some_and(|seconds| seconds < 30)
}

/// Whether fewer pods are there than wanted: an old event about it is no news otherwise.
fn lacks_pods(workload: &Value) -> bool {
    let (spec, status) = (&workload["spec"], &workload["status"]);
    let number = |value: &Value, default: i64| value.as_i64().unwrap_or(default);
    match text(&workload["kind"]) {
        "DaemonSet" => number(&status["currentNumberScheduled"], 0) < number(&status["desiredNumberScheduled"], 0),
        "Job" => number(&status["active"], 0) + number(&status["succeeded"], 0) < 1,
        _ => number(&status["replicas"], 0) < number(&spec["replicas"], 1),
    }
}

/// Paused, or asked for no pods at all.
fn stopped(workload: &Value) -> Option<Cause> {
    let (spec, status) = (&workload["spec"], &workload["status"]);
    if spec["paused"] == true {
        let number = |value: &Value, default: i64| value.as_i64().unwrap_or(default);
        let complete = number(&status["updatedReplicas"], 0) >= number(&spec["replicas"], 1);
        let class = (!complete && is_observed(workload)).then_some("Paused");
        let resume = match workload["metadata"]["namespace"].as_str() {
            Some(namespace) => format!("kubectl rollout resume deployment/{} -n {namespace}", name(workload)),
            None => format!("kubectl rollout resume deployment/{}", name(workload)),
        };
        let message = format!("its rollout is paused; {resume}");
        return Some(Cause::new(Rank::Waiting, workload, "Paused", message).class(class));
    }
    if spec["suspend"] == true && text(&workload["kind"]) == "Job" {
        return Some(Cause::new(Rank::Waiting, workload, "Suspended", "it is suspended: `spec.suspend` is true"));
    }
    let none = workload["spec"]["replicas"] == 0 && text(&workload["kind"]) != "ReplicaSet";
    none.then(|| Cause::new(Rank::Waiting, workload, "ScaledToZero", "it asks for 0 replicas"))
}

fn job_failed(workload: &Value) -> Option<Cause> {
    if text(&workload["kind"]) != "Job" {
        return None;
    }
    let is_true = |kind: &str| condition(workload, kind).filter(|failed| failed["status"] == "True");
    let failed = is_true("Failed").or_else(|| is_true("FailureTarget"))?;
    let class = match text(&failed["reason"]) {
        "DeadlineExceeded" => "DeadlineExceeded",
        "PodFailurePolicy" | "FailedIndexes" | "MaxFailedIndexesExceeded" => "PodFailurePolicy",
        _ => "BackoffLimitExceeded",
    };
    let cause = Cause::new(Rank::Consequence, workload, text(&failed["reason"]), text(&failed["message"]));
    Some(cause.class(Some(class)))
}

/// A rollout that did not progress in time. After an undo the condition still speaks of the ReplicaSet that it went away
/// from, until the newest one has progressed: that says nothing of the rollout as it is now.
fn deadline(workload: &Value, snapshot: &Snapshot) -> Option<Cause> {
    let late = condition(workload, "Progressing").filter(|it| it["reason"] == DEADLINE)?;
    let message = text(&late["message"]);
    if newest_replica_set(workload, snapshot).is_some_and(|newest| is_about_older(message, newest)) {
        return None;
    }
    let class = is_observed(workload).then_some(DEADLINE);
    Some(Cause::new(Rank::Consequence, workload, DEADLINE, message).class(class))
}

/// Ready Pods that are not available until they have been ready for `minReadySeconds`.
fn not_available_yet(workload: &Value) -> Option<Cause> {
    let seconds = workload["spec"]["minReadySeconds"].as_i64().filter(|seconds| *seconds > 0)?;
    let (ready, available) = match text(&workload["kind"]) {
        "DaemonSet" => (&workload["status"]["numberReady"], &workload["status"]["numberAvailable"]),
        "Deployment" | "StatefulSet" => {
            (&workload["status"]["readyReplicas"], &workload["status"]["availableReplicas"])
        }
        _ => return None,
    };
    let (ready, available) = (ready.as_i64().unwrap_or(0), available.as_i64().unwrap_or(0));
    (ready > available).then(|| {
        let message = format!("{available} of {ready} ready Pods have been ready for minReadySeconds: {seconds}");
        Cause::new(Rank::Waiting, workload, "MinReadySeconds", message)
    })
}

/// A StatefulSet whose Service does not exist: its Pods have no names of their own in DNS.
fn no_governing_service(workload: &Value, snapshot: &Snapshot) -> Option<Cause> {
    let service = text(&workload["spec"]["serviceName"]);
    let is_missing =
        text(&workload["kind"]) == "StatefulSet" && snapshot.missing_services.iter().any(|it| it == service);
    is_missing.then(|| {
        let message = format!("its serviceName is {service}, which does not exist: its Pods have no DNS names");
        Cause::new(Rank::Waiting, workload, "NoGoverningService", message)
    })
}

/// Claims that are bound to no volume, and those that pods name but that are not there.
pub(crate) fn claim_causes(snapshot: &Snapshot) -> Vec<Cause> {
    let unbound = |claim: &Value| {
        if text(&claim["status"]["phase"]) == "Bound" {
            return None;
        }
        let events = events_of(&snapshot.events, claim);
        let said = events.iter().find(|event| event["reason"] != "WaitForFirstConsumer");
        let waits = said.is_none() && !events.is_empty();
        let class = match text(&claim["spec"]["storageClassName"]) {
            "" => "no storage class, and there is no default one".to_owned(),
            class => format!("storage class {class}"),
        };
        let message = said.map_or(class, |event| text(&event["message"]).to_owned());
        (!waits).then(|| Cause::new(Rank::Scheduling, claim, "PVCUnbound", message))
    };
    snapshot.claims.iter().filter_map(unbound).collect()
}

/// The names of the claims that a pod mounts.
pub(crate) fn claims_of(pod: &Value) -> impl Iterator<Item = String> {
    let own = name(pod);
    items(&pod["spec"]["volumes"]).iter().filter_map(move |volume| {
        if !volume["ephemeral"].is_null() {
            return Some(format!("{own}-{}", text(&volume["name"])));
        }
        volume["persistentVolumeClaim"]["claimName"].as_str().map(str::to_owned)
    })
}
