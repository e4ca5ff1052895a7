//! The causes in a snapshot, the most telling first, replicas with the same cause named together. Pure.

use serde_json::json;

use super::json::{events_of, name, text};
use super::{Snapshot, Target, pods, services, workloads};
use crate::outcome::Finding;

/// How many findings are shown; the rest is in the evidence.
const SHOWN: usize = 5;

/// How telling a cause is: what keeps others from happening comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// The node is gone, or threw the pod out.
    Node,
    /// The API server refused to make the pod.
    Admission,
    /// No node takes the pod, no volume is there for it.
    Scheduling,
    /// A container cannot be made.
    Start,
    /// A container ends.
    Crash,
    /// A probe fails.
    Probe,
    /// It is only slow, paused, or on its way out.
    Waiting,
    /// What follows from other causes.
    Consequence,
}

/// A finding before it is sorted and told together with its like.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cause {
    pub rank: Rank,
    pub finding: Finding,
    /// Equal for replicas with the same trouble.
    pub likeness: String,
}

impl Cause {
    /// A cause on `object`; its message with what is only this replica's own (name, address, uid) left out makes
    /// the likeness.
    pub fn new(rank: Rank, object: &serde_json::Value, cause: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let mut likeness = format!("{cause} {message}");
        for own in [name(object), text(&object["status"]["podIP"]), text(&object["metadata"]["uid"])] {
            if !own.is_empty() {
                likeness = likeness.replace(own, "*");
            }
        }
        Cause { rank, finding: Finding::new(super::json::label(object), cause, message), likeness }
    }

    /// Adds log lines.
    pub fn lines(mut self, lines: Option<&Vec<String>>) -> Self {
        self.finding.lines = lines.cloned().unwrap_or_default();
        self
    }
}

/// What explains that the objects of a snapshot are not as they should be: most telling first, at most five.
/// The snapshot holds what has to do with `target`, and no more.
pub fn causes(snapshot: &Snapshot, target: &Target) -> Vec<Finding> {
    let mut causes = workloads::causes(snapshot);
    for pod in &snapshot.pods {
        causes.extend(pods::causes(pod, snapshot));
    }
    causes.extend(pods::node_causes(snapshot));
    causes.extend(services::causes(snapshot, target));
    causes.extend(workloads::claim_causes(snapshot));
    if causes.is_empty() {
        causes.extend(last_warning(snapshot, target));
    }
    causes.sort_by_key(|cause| cause.rank);
    let mut told = together(causes);
    told.truncate(SHOWN);
    told
}

/// The last warning about an object of any kind, where nothing better is known.
fn last_warning(snapshot: &Snapshot, target: &Target) -> Option<Cause> {
    let (Target::Object { kind, name } | Target::Workload { kind, name }) = target else { return None };
    let object = json!({"kind": kind, "metadata": {"name": name}});
    let event = events_of(&snapshot.events, &object).into_iter().find(|event| event["type"] == "Warning")?;
    Some(Cause::new(Rank::Waiting, &object, text(&event["reason"]), text(&event["message"])))
}

/// Replicas with the same trouble as one finding: `pod/backend-7c9-abc and 2 more`.
fn together(causes: Vec<Cause>) -> Vec<Finding> {
    let mut told: Vec<(Cause, usize)> = Vec::new();
    for cause in causes {
        match told.iter_mut().find(|(first, _)| first.likeness == cause.likeness) {
            Some((first, _)) if first.finding.object == cause.finding.object => {}
            Some((first, more)) => {
                *more += 1;
                if first.finding.lines.is_empty() {
                    first.finding.lines = cause.finding.lines;
                }
            }
            None => told.push((cause, 0)),
        }
    }
    told.into_iter()
        .map(|(cause, more)| match more {
            0 => cause.finding,
            more => Finding { object: format!("{} and {more} more", cause.finding.object), ..cause.finding },
        })
        .collect()
}

#[cfg(test)]
mod tests;
