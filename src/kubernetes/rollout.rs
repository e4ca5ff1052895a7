//! How far a Deployment, StatefulSet or DaemonSet has rolled out, as `kubectl rollout status` judges it. Pure.

mod settled;
mod terminating;

use kube::api::DynamicObject;
use serde_json::Value;

pub use settled::{unsettled, unsettled_of};
pub use terminating::{terminating_message, terminating_pods};

/// How far a rollout is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rollout {
    /// All replicas are updated and available, no old one is left.
    Done,
    /// Not yet, because of this: `1 of 3 updated replicas is available`.
    Waiting(String),
    /// It ends here by its own specification, with old replicas or with none: `OnDelete`, a partition, no node that matches.
    Held(Held),
    /// It will not get there by itself.
    Failed {
        /// The cause by its name: `ProgressDeadlineExceeded`.
        cause: String,
        /// The cluster's words.
        message: String,
    },
}

/// What keeps a rollout from being complete, as the workload's specification says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// `OnDelete`, `Partition` or `NoNodes`.
    pub cause: &'static str,
    /// How many replicas are new.
    pub message: String,
    /// Whether a step that applied it passes: what the specification updates now is updated and available.
    pub as_asked: bool,
}

/// Whether objects of this kind roll out.
pub fn rolls_out(kind: &str) -> bool {
    matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet")
}

/// How far `object` is; anything that does not roll out is done.
pub fn state(object: &DynamicObject) -> Rollout {
    let kind = object.types.as_ref().map(|types| types.kind.as_str()).unwrap_or_default();
    state_of(kind, object)
}

/// Like [`state`], for objects from a list, which do not say their kind.
pub fn state_of(kind: &str, object: &DynamicObject) -> Rollout {
    if !rolls_out(kind) {
        return Rollout::Done;
    }
    if object.metadata.deletion_timestamp.is_some() {
        return Rollout::Failed { cause: "Terminating".to_owned(), message: "it is being deleted".to_owned() };
    }
    let (spec, status) = (&object.data["spec"], &object.data["status"]);
    if status["observedGeneration"].as_i64().unwrap_or(0) < object.metadata.generation.unwrap_or(1) {
        return Rollout::Waiting("the change is not observed yet".to_owned());
    }
    match kind {
        "Deployment" => deployment(spec, status),
        "StatefulSet" => stateful_set(spec, status),
        _ => daemon_set(spec, status),
    }
}

/// Whether the controller has seen the object as it is wanted now; so it is where the status does not say which generation
/// was seen.
pub fn is_observed(object: &DynamicObject) -> bool {
    let seen = object.data["status"]["observedGeneration"].as_i64();
    seen.is_none_or(|seen| seen >= object.metadata.generation.unwrap_or(0))
}

/// What a rollout fails by that did not progress in time.
pub const DEADLINE: &str = "ProgressDeadlineExceeded";

/// Whether a message about the progress of a Deployment is about another ReplicaSet than its newest one:
/// `ReplicaSet "web-6fc" has timed out progressing.` The condition keeps these words after a change, until the new ReplicaSet
/// has progressed.
pub fn is_about_older(message: &str, newest: &str) -> bool {
    let named = message.split_once("ReplicaSet \"").and_then(|(_, rest)| rest.split_once('"'));
    named.is_some_and(|(name, _)| name != newest)
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn waiting(text: String) -> Rollout {
    Rollout::Waiting(text)
}

fn deployment(spec: &Value, status: &Value) -> Rollout {
    let conditions = status["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let progressing = conditions.iter().find(|condition| condition["type"] == "Progressing");
    if let Some(stuck) = progressing.filter(|condition| condition["reason"] == DEADLINE) {
        let message = stuck["message"].as_str().unwrap_or_default().to_owned();
        return Rollout::Failed { cause: DEADLINE.to_owned(), message };
    }
    let wanted = spec["replicas"].as_i64().unwrap_or(1);
    let (all, updated, available) =
        (number(&status["replicas"]), number(&status["updatedReplicas"]), number(&status["availableReplicas"]));
    // Without replicas nothing shows which template a paused Deployment has rolled out.
    if spec["paused"] == true && (updated < wanted || wanted == 0) {
        return waiting("it is paused".to_owned());
    }
    if updated < wanted {
        waiting(format!("{updated} of {wanted} replicas updated"))
    } else if all > updated {
        waiting(format!("{} old replicas still there", all - updated))
    } else if updated > wanted {
        waiting(format!("{} replicas too many", updated - wanted))
    } else if available < updated {
        waiting(format!("{available} of {updated} updated replicas available"))
    } else {
        Rollout::Done
    }
}

fn stateful_set(spec: &Value, status: &Value) -> Rollout {
    let wanted = spec["replicas"].as_i64().unwrap_or(1);
    let (all, ready, updated) =
        (number(&status["replicas"]), number(&status["readyReplicas"]), number(&status["updatedReplicas"]));
    let available = status["availableReplicas"].as_i64().unwrap_or(ready);
    let strategy = &spec["updateStrategy"];
    let by_hand = strategy["type"] == "OnDelete";
    let partition = if by_hand { 0 } else { number(&strategy["rollingUpdate"]["partition"]) };
    let due = if by_hand { 0 } else { (wanted - partition).max(0) };
    // Old replicas that the strategy does not replace: those there are, less the updated ones.
    let kept = all - updated;
    if kept > 0 && updated >= due && (by_hand || partition > 0) {
        let message = format!("{updated} of {wanted} replicas at the newest revision");
        return Rollout::Held(if by_hand {
            Held {
                cause: "OnDelete",
                message: format!("{message}; the others stay until their pods are deleted"),
                as_asked: false,
            }
        } else {
            let as_asked = due > 0 && ready >= wanted && available >= wanted;
            Held { cause: "Partition", message: format!("{message}; partition {partition} keeps the others"), as_asked }
        });
    }
    if ready < wanted {
        return waiting(format!("{ready} of {wanted} replicas ready"));
    }
    if updated < wanted {
        return waiting(format!("{updated} of {wanted} replicas updated"));
    }
    if all > wanted {
        return waiting(format!("{} replicas too many", all - wanted));
    }
    // The current revision follows once a rolling update is over; with OnDelete it never does.
    if !by_hand && partition == 0 && status["updateRevision"] != status["currentRevision"] {
        return waiting(format!("{updated} of {wanted} replicas at the new revision"));
    }
    if available < wanted { waiting(format!("{available} of {wanted} replicas available")) } else { Rollout::Done }
}

fn daemon_set(spec: &Value, status: &Value) -> Rollout {
    let wanted = number(&status["desiredNumberScheduled"]);
    let (there, updated, available) = (
        number(&status["currentNumberScheduled"]),
        number(&status["updatedNumberScheduled"]),
        number(&status["numberAvailable"]),
    );
    let kept = there - updated;
    if wanted == 0 && number(&status["numberMisscheduled"]) > 0 {
        waiting(format!("{} pods on nodes that it does not match any more", number(&status["numberMisscheduled"])))
    } else if wanted == 0 {
        // No pod runs, so nothing shows that the new template works.
        Rollout::Held(Held { cause: "NoNodes", message: "desired 0: it matches no node".to_owned(), as_asked: true })
    } else if kept > 0 && spec["updateStrategy"]["type"] == "OnDelete" {
        let message =
            format!("{updated} of {wanted} pods at the newest revision; the others stay until they are deleted");
        Rollout::Held(Held { cause: "OnDelete", message, as_asked: false })
    } else if updated < wanted {
        waiting(format!("{updated} of {wanted} pods updated"))
    } else if available < wanted {
        waiting(format!("{available} of {wanted} pods available"))
    } else {
        Rollout::Done
    }
}

#[cfg(test)]
mod tests;
