//! What every verb works on: the attempt, the cluster, the namespace; and waiting with an explanation.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::drivers::cluster::explain::Target;
use crate::drivers::cluster::rollout::{Rollout, state_of};
use crate::drivers::cluster::{Cluster, Kind, Trouble};
use crate::kind::Context;
use crate::outcome::{Failure, Fault, Finding};

/// How long an explanation may take once the attempt must stop.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// One attempt's cluster and namespace.
pub struct On<'a> {
    pub cx: &'a Context,
    pub cluster: &'a Cluster,
    pub namespace: &'a str,
}

/// A workload whose rollout is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    pub kind: Kind,
    pub namespace: String,
    pub name: String,
}

impl Workload {
    /// As kubectl writes it: `deployment.apps/backend`.
    pub fn shown(&self) -> String {
        self.kind.named(&self.name)
    }
}

impl On<'_> {
    /// Writes a line to the step's log.
    pub fn say(&self, line: impl AsRef<str>) {
        self.cx.say(line);
    }

    /// Waits until all have rolled out. A failure where one will not, or where the attempt must stop before they have.
    ///
    /// # Errors
    /// [`Fault`] when the cluster gives no answer.
    pub async fn rolled_out(&self, workloads: &[Workload]) -> Result<Result<(), Failure>, Fault> {
        let pending = Mutex::new(BTreeMap::new());
        let mut waits: FuturesUnordered<_> = workloads.iter().map(|one| self.rollout(one, &pending)).collect();
        let all = async {
            while let Some((workload, result)) = waits.next().await {
                match result {
                    Ok(Ok(())) => self.say(format!("{} rolled out", workload.shown())),
                    Ok(Err((cause, message))) => return Ok(Err((workload, cause, message))),
                    Err(trouble) => return Err(trouble.fault()),
                }
            }
            Ok(Ok(()))
        };
        let result = tokio::select! {
            biased;
            result = all => Some(result),
            () = self.cx.cancelled() => None,
        };
        drop(waits);
        match result {
            Some(Ok(Ok(()))) => Ok(Ok(())),
            Some(Ok(Err((workload, cause, message)))) => {
                let summary = format!("{} did not roll out: {message}", workload.shown());
                let mut findings = self.explain(workload).await;
                findings.push(Finding::new(workload.shown(), cause, message));
                Ok(Err(Failure::new(summary).because(findings)))
            }
            Some(Err(fault)) => Err(fault),
            None => {
                let pending = pending.into_inner().unwrap_or_else(PoisonError::into_inner);
                Ok(Err(self.stopped_waiting(workloads, &pending).await))
            }
        }
    }

    async fn rollout<'w>(
        &self,
        workload: &'w Workload,
        pending: &Mutex<BTreeMap<String, String>>,
    ) -> (&'w Workload, Result<Result<(), (String, String)>, Trouble>) {
        let shown = workload.shown();
        let note = |text: &str| {
            let mut pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
            if pending.get(&shown).map(String::as_str) != Some(text) {
                self.say(format!("{shown}: {text}"));
                pending.insert(shown.clone(), text.to_owned());
            }
        };
        let decide = |object: Option<&kube::api::DynamicObject>| {
            let Some(object) = object else {
                return Some(Err(("Gone".to_owned(), "it is gone".to_owned())));
            };
            match state_of(&workload.kind.resource.kind, object) {
                Rollout::Done => Some(Ok(())),
                Rollout::Failed { cause, message } => Some(Err((cause, message))),
                Rollout::Waiting(text) => {
                    note(&text);
                    None
                }
            }
        };
        let result = self.cluster.until(&workload.kind, &workload.namespace, &workload.name, decide).await;
        if result.is_ok() {
            pending.lock().unwrap_or_else(PoisonError::into_inner).remove(&shown);
        }
        (workload, result)
    }

    async fn stopped_waiting(&self, workloads: &[Workload], pending: &BTreeMap<String, String>) -> Failure {
        let states: Vec<String> = pending.iter().map(|(shown, text)| format!("{shown} ({text})")).collect();
        let unfinished = workloads.iter().filter(|one| pending.contains_key(&one.shown()));
        let mut findings = Vec::new();
        for workload in unfinished {
            findings.extend(self.explain(workload).await);
        }
        Failure::new(format!("stopped before it had rolled out: {}", states.join(", "))).because(findings)
    }

    /// What explains that a workload is not as it should be; takes 3 s at most.
    pub async fn explain(&self, workload: &Workload) -> Vec<Finding> {
        let target = Target::Workload { kind: workload.kind.resource.kind.clone(), name: workload.name.clone() };
        self.explain_target(&workload.namespace, &target).await
    }

    /// What explains that a target is not as it should be; takes 3 s at most.
    pub async fn explain_target(&self, namespace: &str, target: &Target) -> Vec<Finding> {
        let keep = |name: &str, text: &str| self.cx.evidence.keep(name, text);
        tokio::time::timeout(LAST_WORDS, self.cluster.explain(namespace, target, &keep)).await.unwrap_or_default()
    }
}
