//! What keeps a workload from having its pods: refused creation, an unbound claim, a deadline, a pause. Pure.

use serde_json::Value;

use super::Snapshot;
use super::admission::refusal;
use super::causes::{Cause, Rank};
use super::json::{condition, events_of, is_owned_by, items, name, text};

/// The causes seen on workloads.
pub(super) fn causes(snapshot: &Snapshot) -> Vec<Cause> {
    let mut causes = Vec::new();
    for workload in &snapshot.workloads {
        causes.extend(not_created(workload, snapshot));
        causes.extend(stopped(workload));
        causes.extend(job_failed(workload));
        causes.extend(deadline(workload));
    }
    causes
}

/// A controller that may not make its pods. Told of the Deployment where a ReplicaSet has one.
fn not_created(workload: &Value, snapshot: &Snapshot) -> Option<Cause> {
    let told_of = snapshot.workloads.iter().find(|owner| is_owned_by(workload, owner)).unwrap_or(workload);
    let failure = condition(workload, "ReplicaFailure").filter(|condition| condition["status"] == "True");
    let event = events_of(&snapshot.events, workload)
        .into_iter()
        .find(|event| text(&event["reason"]).starts_with("FailedCreate") && lacks_pods(workload));
    let message = event.or(failure).map(|it| text(&it["message"]))?;
    let (cause, words) = refusal(message);
    let mut cause = Cause::new(Rank::Admission, told_of, cause, words);
    // The last one refused names another pod than the one before; the reason is the same.
    cause.likeness = format!("{} {}", cause.finding.object, cause.finding.cause);
    Some(cause)
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
    if workload["spec"]["paused"] == true {
        return Some(Cause::new(Rank::Waiting, workload, "Paused", "its rollout is paused"));
    }
    let none = workload["spec"]["replicas"] == 0 && text(&workload["kind"]) != "ReplicaSet";
    none.then(|| Cause::new(Rank::Waiting, workload, "ScaledToZero", "it asks for 0 replicas"))
}

fn job_failed(workload: &Value) -> Option<Cause> {
    let failed = condition(workload, "Failed").filter(|failed| failed["status"] == "True")?;
    Some(Cause::new(Rank::Consequence, workload, text(&failed["reason"]), text(&failed["message"])))
}

fn deadline(workload: &Value) -> Option<Cause> {
    let late = condition(workload, "Progressing").filter(|it| it["reason"] == "ProgressDeadlineExceeded")?;
    Some(Cause::new(Rank::Consequence, workload, "ProgressDeadlineExceeded", text(&late["message"])))
}

/// Claims that are bound to no volume, and those that pods name but that are not there.
pub(super) fn claim_causes(snapshot: &Snapshot) -> Vec<Cause> {
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
pub(super) fn claims_of(pod: &Value) -> impl Iterator<Item = String> {
    let own = name(pod);
    items(&pod["spec"]["volumes"]).iter().filter_map(move |volume| {
        if !volume["ephemeral"].is_null() {
            return Some(format!("{own}-{}", text(&volume["name"])));
        }
        volume["persistentVolumeClaim"]["claimName"].as_str().map(str::to_owned)
    })
}
