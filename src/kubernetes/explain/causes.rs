//! The causes in a snapshot, the most telling first, replicas with the same cause named together. Pure.

mod containers;
pub(super) mod objects;
mod placement;
mod pods;
mod services;
pub(super) mod workloads;

use serde_json::json;

use super::json::{events_of, name, text};
use super::revisions::is_old;
use super::{Snapshot, Target};
use crate::core::model::outcome::Finding;

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

    /// Whether it says more than that something waits or has happened before.
    fn explains(&self) -> bool {
        self.rank < Rank::Waiting
    }

    /// Marks it as one of a class that waiting cannot fix.
    pub fn class(mut self, class: Option<&str>) -> Self {
        self.finding.fatal = class.map(str::to_owned);
        self
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
    let mut reported = all(snapshot, target);
    reported.truncate(SHOWN);
    reported
}

/// The causes that waiting cannot fix.
pub(super) fn fatal(snapshot: &Snapshot, target: &Target) -> Vec<Finding> {
    all(snapshot, target).into_iter().filter(|finding| finding.fatal.is_some()).collect()
}

fn all(snapshot: &Snapshot, target: &Target) -> Vec<Finding> {
    let mut causes = workloads::causes(snapshot);
    // The Pods of an older revision are on their way out: what fails there explains nothing about the new one.
    let (old, new): (Vec<_>, Vec<_>) = snapshot.pods.iter().partition(|pod| is_old(pod, snapshot));
    let of_new: Vec<Cause> = new.iter().flat_map(|pod| pods::causes(pod, snapshot)).collect();
    if !causes.iter().chain(&of_new).any(Cause::explains) {
        let of_old = old.iter().flat_map(|pod| pods::old_causes(pod, snapshot));
        causes.extend(of_old.map(|cause| cause.class(None)));
    }
    causes.extend(of_new);
    causes.extend(pods::node_causes(snapshot));
    causes.extend(objects::causes(snapshot));
    causes.extend(services::causes(snapshot, target));
    causes.extend(workloads::claim_causes(snapshot));
    if causes.is_empty() {
        causes.extend(last_warning(snapshot, target));
    }
    if causes.is_empty() {
        causes.extend(unreadable(snapshot));
    }
    if causes.iter().any(Cause::explains) {
        causes.retain(|cause| cause.finding.cause != "Restarted");
    }
    causes.sort_by_key(|cause| cause.rank);
    together(causes)
}

/// What may not be listed, and so explains nothing.
fn unreadable(snapshot: &Snapshot) -> Vec<Cause> {
    let needed = ["pods", "events"].into_iter().filter_map(|what| Some((what, snapshot.unreadable.get(what)?)));
    let cause = |(what, why): (&str, &String)| {
        let object = json!({"kind": "namespace", "metadata": {"name": snapshot.namespace}});
        let message =
            format!("{what} cannot be listed: {why}; kubectl auth can-i list {what} -n {}", snapshot.namespace);
        Cause::new(Rank::Waiting, &object, "Forbidden", message)
    };
    needed.map(cause).collect()
}

/// The last warning about an object of any kind, where nothing better is known.
fn last_warning(snapshot: &Snapshot, target: &Target) -> Option<Cause> {
    let (kind, name) = match target {
        Target::Object { kind, name } | Target::Workload { kind, name } => (kind.as_str(), name),
        Target::Service { name } => ("Service", name),
        Target::Selector(_) => return None,
    };
    let object = json!({"kind": kind, "metadata": {"name": name}});
    let event = events_of(&snapshot.events, &object).into_iter().find(|event| event["type"] == "Warning")?;
    Some(Cause::new(Rank::Waiting, &object, text(&event["reason"]), text(&event["message"])))
}

/// Replicas with the same trouble as one finding: `pod/backend-7c9-abc and 2 more`.
fn together(causes: Vec<Cause>) -> Vec<Finding> {
    let mut reported: Vec<(Cause, usize)> = Vec::new();
    for cause in causes {
        match reported.iter_mut().find(|(first, _)| first.likeness == cause.likeness) {
            Some((first, _)) if first.finding.object == cause.finding.object => {}
            Some((first, more)) => {
                *more += 1;
                if first.finding.fatal.is_none() {
                    first.finding.fatal = cause.finding.fatal;
                }
                if first.finding.lines.is_empty() {
                    first.finding.lines = cause.finding.lines;
                }
            }
            None => reported.push((cause, 0)),
        }
    }
    reported
        .into_iter()
        .map(|(cause, more)| match more {
            0 => cause.finding,
            more => Finding { object: format!("{} and {more} more", cause.finding.object), ..cause.finding },
        })
        .collect()
}

#[cfg(test)]
mod fatal_tests;
#[cfg(test)]
mod recovers_tests;
#[cfg(test)]
mod tests;
