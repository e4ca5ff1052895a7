//! Snapshots of namespaces that are about a second old at most, shared by all who wait, and the exit codes seen so far.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::gather::{self, Log};
use super::json::{items, text};
use super::snapshot::{Snapshot, Target};

/// How old a snapshot may be. One that took long to take may be as old as that, several times.
const FRESH: Duration = Duration::from_millis(600);
const TIMES: u32 = 2;
/// Containers whose exit codes are remembered.
const REMEMBERED: usize = 10_000;

/// How long a Service must have been seen without Pods before that is final: what makes them, as an operator, may not have
/// begun. Once it was not asked about for the second time, the count begins again.
const ABSENT: Duration = Duration::from_secs(8);
const UNSEEN: Duration = Duration::from_secs(10);

/// Exit codes by Pod uid and container, with the number of restarts before each.
type Exits = BTreeMap<(String, String), BTreeMap<i64, i64>>;

/// Pods of a Job that have failed, with their logs.
#[derive(Debug, Clone, Default)]
pub(super) struct Ended {
    pub pods: Vec<Value>,
    pub logs: Vec<Log>,
}

/// A namespace's newest snapshot.
#[derive(Debug, Default)]
struct Newest(tokio::sync::Mutex<Option<(Instant, Duration, Arc<Snapshot>)>>);

/// What was seen lately, by namespace.
#[derive(Debug, Default)]
pub struct Recent {
    namespaces: Mutex<HashMap<String, Arc<Newest>>>,
    ended: Mutex<HashMap<String, Ended>>,
    exits: Mutex<Exits>,
    absences: Mutex<HashMap<String, Absence>>,
}

/// Since when something is seen to be missing, and when that was seen last.
#[derive(Debug, Clone, Copy)]
struct Absence {
    first: Instant,
    last: Instant,
}

impl Absence {
    /// Whether it has lasted long enough, seen again now.
    fn lasts(&mut self, now: Instant) -> bool {
        if now.duration_since(self.last) > UNSEEN {
            self.first = now;
        }
        self.last = now;
        now.duration_since(self.first) >= ABSENT
    }
}

impl Recent {
    /// Forgets every snapshot, for another context.
    pub fn forget(&self) {
        self.namespaces.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// A snapshot of the namespace that is fresh enough to decide by.
    pub(super) async fn snapshot(&self, client: &kube::Client, namespace: &str, deadline: Instant) -> Arc<Snapshot> {
        let newest = {
            let mut namespaces = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(namespaces.entry(namespace.to_owned()).or_default())
        };
        // All who ask at once wait for the same answer.
        let mut newest = newest.0.lock().await;
        if let Some((at, took, snapshot)) = &*newest
            && at.elapsed() < FRESH.max(*took * TIMES)
        {
            return Arc::clone(snapshot);
        }
        let begun = Instant::now();
        let mut snapshot = gather::snapshot(client, namespace, deadline).await;
        self.note_exits(&mut snapshot);
        let snapshot = Arc::new(snapshot);
        *newest = Some((Instant::now(), begun.elapsed(), Arc::clone(&snapshot)));
        snapshot
    }

    /// Whether what `object` lacks has been missing for long, as far as this run has seen.
    pub(super) fn is_lasting(&self, namespace: &str, object: &str) -> bool {
        let mut absences = self.absences.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        absences.entry(format!("{namespace}/{object}")).or_insert(Absence { first: now, last: now }).lasts(now)
    }

    /// Whether these failed Pods are not the ones that are remembered of a Job.
    pub(super) fn is_new(&self, namespace: &str, target: &Target, pods: &[Value]) -> bool {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        !pods.is_empty() && ended.get(&key(namespace, target)).is_none_or(|ended| ended.pods != pods)
    }

    /// Remembers the failed Pods of a Job: they may be removed before anything asks about them.
    pub(super) fn remember(&self, namespace: &str, target: &Target, pods: Vec<Value>, logs: Vec<Log>) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.insert(key(namespace, target), Ended { pods, logs });
    }

    /// The failed Pods of a Job that were seen last.
    pub(super) fn ended(&self, namespace: &str, target: &Target) -> Option<Ended> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).get(&key(namespace, target)).cloned()
    }

    /// Remembers the exit codes in a snapshot, and adds those of before.
    pub(super) fn note_exits(&self, snapshot: &mut Snapshot) {
        let mut exits = self.exits.lock().unwrap_or_else(PoisonError::into_inner);
        if exits.len() > REMEMBERED {
            exits.clear();
        }
        for pod in &snapshot.pods {
            let all = ["initContainerStatuses", "containerStatuses"].map(|list| items(&pod["status"][list]));
            for status in all.into_iter().flatten() {
                note(&mut exits, text(&pod["metadata"]["uid"]), status);
            }
        }
        snapshot.exits.clone_from(&exits);
    }
}

fn key(namespace: &str, target: &Target) -> String {
    match target {
        Target::Workload { kind, name } | Target::Object { kind, name } => format!("{namespace}/{kind}/{name}"),
        Target::Service { name } => format!("{namespace}/Service/{name}"),
        Target::Selector(selector) => format!("{namespace}/{selector}"),
    }
}

fn note(exits: &mut Exits, uid: &str, status: &Value) {
    let restarts = status["restartCount"].as_i64().unwrap_or_default();
    let ended = |state: &str| status[state]["terminated"]["exitCode"].as_i64();
    let seen = [(restarts, ended("state")), (restarts - 1, ended("lastState"))];
    // While it waits for its next start, the last state is the end of the instance with this count.
    let waits = status["state"]["waiting"].is_object();
    for (at, code) in seen {
        if let Some(code) = code {
            let at = if waits { restarts } else { at };
            exits.entry((uid.to_owned(), text(&status["name"]).to_owned())).or_default().insert(at, code);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_final_only_after_a_while_in_which_it_was_seen_again_and_again() {
        let start = Instant::now();
        let mut absence = Absence { first: start, last: start };
        let mut at = |second: u64| absence.lasts(start + Duration::from_secs(second));
        assert_eq!([at(1), at(4), at(7), at(8)], [false, false, false, true]);
        assert_eq!([at(19), at(26), at(27)], [false, false, true]);
    }
}
