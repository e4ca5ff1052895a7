//! What every verb works on: the attempt, the cluster, the namespace; and waiting with an explanation.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use jiff::Timestamp;
use kube::api::DynamicObject;

use crate::core::kind::{Context, until_fatal};
use crate::core::model::event::EndedEarly;
use crate::core::model::outcome::{Failure, Fault, Finding};
use crate::kubernetes::client::{Cluster, ClusterError, Followed, Kind, selector_text};
use crate::kubernetes::explain::Target;
use crate::kubernetes::rollout::{
    DEADLINE, Rollout, rolls_out, state_of, terminating_message, terminating_pods, unsettled_of,
};

/// How long an explanation may take once the attempt must stop.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Between two checks of a rollout whose Pods are not up, or have only just been started.
pub const AGAIN: Duration = Duration::from_secs(1);

/// Workloads that are checked in a row for causes that waiting cannot fix.
const SIDE_BY_SIDE: usize = 16;

/// One attempt's cluster and namespace.
pub struct VerbContext<'a> {
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

    /// As what explanations are about.
    pub fn target(&self) -> Target {
        let (kind, name) = (self.kind.resource.kind.clone(), self.name.clone());
        if rolls_out(&kind) || kind == "Job" { Target::Workload { kind, name } } else { Target::Object { kind, name } }
    }
}

/// How a wait was over.
enum Waited<T> {
    Decided(T),
    Stopped,
    Hopeless(Finding),
}

/// The workloads that have not rolled out yet.
fn unfinished(workloads: &[Workload], pending: &Mutex<BTreeMap<String, String>>) -> Vec<Workload> {
    let pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
    workloads.iter().filter(|one| pending.contains_key(&one.shown())).cloned().collect()
}

impl VerbContext<'_> {
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
        let begun = Instant::now();
        let result = tokio::select! {
            biased;
            result = all => Waited::Decided(result),
            () = self.cx.cancelled() => Waited::Stopped,
            cause = self.fatal(workloads, &pending) => Waited::Hopeless(cause),
        };
        drop(waits);
        match result {
            Waited::Decided(Ok(Ok(()))) => Ok(Ok(())),
            Waited::Decided(Ok(Err((workload, cause, message)))) => {
                let summary = format!("{} did not roll out: {message}", workload.shown());
                // What its own strategy keeps has no other cause.
                let by_strategy = by_strategy(&cause);
                let mut findings = if by_strategy.is_some() { Vec::new() } else { self.explain(workload).await };
                if !findings.iter().any(|finding| finding.cause == cause) {
                    findings.push(Finding::new(workload.shown(), cause, message));
                }
                Ok(Err(Failure { help: by_strategy.map(str::to_owned), ..Failure::new(summary).because(findings) }))
            }
            Waited::Decided(Err(fault)) => Err(fault),
            Waited::Stopped => {
                let pending = pending.into_inner().unwrap_or_else(PoisonError::into_inner);
                Ok(Err(self.stopped_waiting(workloads, &pending).await))
            }
            Waited::Hopeless(cause) => {
                let pending = pending.into_inner().unwrap_or_else(PoisonError::into_inner);
                let failure = self.stopped_waiting(workloads, &pending).await;
                Ok(Err(self.ended_early(failure, begun, cause)))
            }
        }
    }

    /// Comes back with a cause that waiting cannot fix, seen on one of the workloads that are not finished.
    async fn fatal(&self, workloads: &[Workload], pending: &Mutex<BTreeMap<String, String>>) -> Finding {
        until_fatal(&self.cx.waits.tolerate, || self.fatal_now(unfinished(workloads, pending)).boxed()).await
    }

    async fn fatal_now(&self, workloads: Vec<Workload>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for workload in workloads.iter().take(SIDE_BY_SIDE) {
            findings.extend(self.cluster.fatal(&workload.namespace, &workload.target()).await);
        }
        findings
    }

    /// The same for one target.
    pub async fn fatal_of(&self, namespace: &str, target: &Target) -> Finding {
        until_fatal(&self.cx.waits.tolerate, || self.cluster.fatal(namespace, target).boxed()).await
    }

    /// The failure of a wait that a cause ended before its time.
    pub fn ended_early(&self, failure: Failure, begun: Instant, cause: Finding) -> Failure {
        let ended = EndedEarly { after: begun.elapsed(), of: self.cx.waits.timeout, cause: cause.cause.clone() };
        let summary = format!("{}; {ended}", failure.summary.replacen("stopped before it had", "has not", 1));
        let shown = failure.findings.iter().any(|finding| finding.fatal == cause.fatal);
        let hidden = (!shown).then_some(cause);
        let findings = hidden.into_iter().chain(failure.findings).collect();
        Failure { summary, findings, ..failure }
    }

    async fn rollout<'w>(
        &self,
        workload: &'w Workload,
        pending: &Mutex<BTreeMap<String, String>>,
    ) -> (&'w Workload, Result<Result<(), (String, String)>, ClusterError>) {
        let shown = workload.shown();
        let note = |text: &str| {
            let mut pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
            if pending.get(&shown).map(String::as_str) != Some(text) {
                self.say(format!("{shown}: {text}"));
                pending.insert(shown.clone(), text.to_owned());
            }
        };
        let decide = |object: Option<&DynamicObject>| {
            let Some(object) = object else {
                return Some(Err(("Gone".to_owned(), "it is gone".to_owned())));
            };
            match state_of(&workload.kind.resource.kind, object) {
                Rollout::Done => Some(Ok(object.clone())),
                Rollout::Failed { cause, message } => Some(Err((cause, message))),
                Rollout::Held(held) if held.as_asked => {
                    note(&held.message);
                    Some(Ok(object.clone()))
                }
                Rollout::Held(held) => Some(Err((held.cause.to_owned(), held.message))),
                Rollout::Waiting(text) => {
                    note(&text);
                    None
                }
            }
        };
        let result = loop {
            match self.cluster.until(&workload.kind, &workload.namespace, &workload.name, &decide).await {
                Ok(Ok(object)) => match self.pods_settled(workload, &object, &note).await {
                    Ok(true) => break Ok(Ok(())),
                    // It may fail again: the rollout is judged once more.
                    Ok(false) => tokio::time::sleep(AGAIN).await,
                    Err(trouble) => break Err(trouble),
                },
                Ok(Err((cause, message))) if self.failed_before(workload, &cause, &message).await => {
                    note("its progress deadline was missed by an earlier ReplicaSet");
                    tokio::time::sleep(AGAIN).await;
                }
                Ok(Err(failed)) => break Ok(Err(failed)),
                Err(trouble) => break Err(trouble),
            }
        };
        if result.is_ok() {
            pending.lock().unwrap_or_else(PoisonError::into_inner).remove(&shown);
        }
        (workload, result)
    }

    /// Whether a failed rollout is an earlier one: the Deployment has another template since, as after an undo.
    pub async fn failed_before(&self, workload: &Workload, cause: &str, message: &str) -> bool {
        let Workload { kind, namespace, name } = workload;
        let asked = || self.cluster.is_about_older(kind, namespace, name, message);
        cause == DEADLINE && asked().await.unwrap_or(false)
    }

    /// Waits until no pod of the workload is being deleted any more: it may still answer. Then whether the others are up, by
    /// a list that is newer than `object`: its status lags behind its containers. Whatever is called rolled out was asked
    /// this.
    pub async fn pods_settled(
        &self,
        workload: &Workload,
        object: &DynamicObject,
        note: &(dyn Fn(&str) + Sync),
    ) -> Result<bool, ClusterError> {
        let Some(selector) = selector_text(&object.data["spec"]["selector"]) else { return Ok(true) };
        let pods = self.cluster.kind_of("v1", "Pod").await?;
        let decide = |pods: &Followed| {
            let kind = &workload.kind.resource.kind;
            let names = terminating_pods(kind, object, pods.values());
            if !names.is_empty() {
                note(&terminating_message(&names));
                return None;
            }
            Some(match unsettled_of(kind, object, pods.values(), Timestamp::now()) {
                Some(why) => {
                    note(&why);
                    false
                }
                None => true,
            })
        };
        match self.cluster.until_all(&pods, &workload.namespace, &selector, decide).await {
            Err(ClusterError::Refused(refusal)) if refusal.code == 403 => {
                self.say(format!("{}: not looked for old pods: {}", workload.shown(), refusal.message));
                Ok(true)
            }
            other => other,
        }
    }

    async fn stopped_waiting(&self, workloads: &[Workload], pending: &BTreeMap<String, String>) -> Failure {
        let states: Vec<String> = pending.iter().map(|(shown, text)| format!("{shown} ({text})")).collect();
        let unfinished = workloads.iter().filter(|one| pending.contains_key(&one.shown()));
        let mut findings = Vec::new();
        for workload in unfinished {
            findings.extend(self.explain(workload).await);
        }
        findings.dedup();
        Failure::new(format!("stopped before it had rolled out: {}", states.join(", "))).because(findings)
    }

    /// What explains that a workload is not as it should be; takes 3 s at most.
    pub async fn explain(&self, workload: &Workload) -> Vec<Finding> {
        self.explain_target(&workload.namespace, &workload.target()).await
    }

    /// What explains that a target is not as it should be; takes 3 s at most.
    pub async fn explain_target(&self, namespace: &str, target: &Target) -> Vec<Finding> {
        let keep = |name: &str, text: &str| self.cx.evidence.keep(name, text);
        tokio::time::timeout(LAST_WORDS, self.cluster.explain(namespace, target, &keep)).await.unwrap_or_default()
    }
}

/// What to do where a workload's own strategy keeps old pods.
fn by_strategy(cause: &str) -> Option<&'static str> {
    match cause {
        "OnDelete" => Some("delete its pods, or write `wait: false` and wait for them in a later step"),
        "Partition" => Some("lower `updateStrategy.rollingUpdate.partition`, or write `wait: false`"),
        _ => None,
    }
}
