//! `scale`: the number of replicas.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use kube::api::{DynamicObject, Patch, PatchParams};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::Verb;
use super::restart::yes;
use super::verb_context::{AGAIN, VerbContext, Workload};
use crate::core::model::outcome::{Failure, Fault, Outcome, Outputs};
use crate::kubernetes::client::{ClusterError, Kind, MANAGER, Reference};
use crate::kubernetes::rollout::{is_observed, rolls_out};

/// Reads in a row that may get no answer.
const UNANSWERED: u32 = 30;

/// Sets the number of replicas of a workload.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// The workload, as `deployment/backend`; any kind that can be scaled.
    target: Reference,
    /// How many replicas.
    replicas: u32,
    /// Whether to wait until they are there: as the status of a workload counts them, with its Pods up; of any other kind, as
    /// its `scale` does.
    #[serde(default = "yes")]
    wait: bool,
}

#[async_trait]
impl Verb for Scale {
    fn title(&self) -> String {
        format!("scale {} to {}", self.target, self.replicas)
    }

    async fn run(&self, on: &VerbContext<'_>) -> Result<Outcome, Fault> {
        let (kind, name) = on.cluster.resolve(&self.target).await?;
        let workload = Workload { kind, namespace: on.namespace.to_owned(), name };
        let api = workload.kind.api(on.cluster.client().await?, on.namespace);
        let parameters = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let patch = Patch::Merge(json!({ "spec": { "replicas": self.replicas } }));
        let doing = format!("scale {}", workload.shown());
        if let Err(trouble) = on.cluster.ask(&doing, api.patch_scale(&workload.name, &parameters, &patch)).await {
            return trouble.outcome(workload.shown());
        }
        on.say(format!("{} scaled to {}", workload.shown(), self.replicas));
        if self.wait {
            if rolls_out(&workload.kind.resource.kind)
                && let Err(failure) = on.rolled_out(std::slice::from_ref(&workload)).await?
            {
                return Ok(Outcome::Failed(failure));
            }
            // A rollout is over while replicas too many still run: those must be gone as well.
            if let Some(failure) = all_there(self.replicas, on, &workload).await? {
                return Ok(Outcome::Failed(failure));
            }
        }
        Ok(Outcome::Passed(Outputs::from([("replicas".to_owned(), self.replicas.into())])))
    }
}

/// Waits until the replicas are there. A failure where the workload is gone, or the attempt must stop before.
async fn all_there(replicas: u32, on: &VerbContext<'_>, workload: &Workload) -> Result<Option<Failure>, Fault> {
    let wanted = i64::from(replicas);
    let last = AtomicI64::new(0);
    let begun = Instant::now();
    let there = async {
        if makes_pods(&workload.kind) {
            by_status(wanted, on, workload, &last).await
        } else {
            by_scale(wanted, on, workload, &last).await
        }
    };
    let target = Some(workload.target()).filter(|_| wanted > 0 && makes_pods(&workload.kind));
    let hopeless = async {
        match &target {
            Some(target) => on.fatal_of(&workload.namespace, target).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        result = there => match result? {
            Some(why) => Ok(Some(Failure::new(format!("{} has not {wanted} replicas: {why}", workload.shown())))),
            None => Ok(None),
        },
        () = on.cx.cancelled() => {
            let findings = on.explain(workload).await;
            let last = last.load(Ordering::Relaxed);
            let summary = format!("stopped before {} had {wanted} replicas: it has {last}", workload.shown());
            Ok(Some(Failure::new(summary).because(findings)))
        }
        cause = hopeless => {
            let findings = on.explain(workload).await;
            let summary = format!("{} has not {wanted} replicas: it has {}", workload.shown(), last.load(Ordering::Relaxed));
            Ok(Some(on.ended_early(Failure::new(summary).because(findings), begun, cause)))
        }
    }
}

/// Whether Kubernetes itself makes Pods of it, and counts them in its status.
fn makes_pods(kind: &Kind) -> bool {
    match kind.resource.group.as_str() {
        "apps" => matches!(kind.resource.kind.as_str(), "Deployment" | "StatefulSet" | "ReplicaSet"),
        "" => kind.resource.kind == "ReplicationController",
        _ => false,
    }
}

/// By what the status counts, and by the Pods themselves where that is not the end of a rollout. Why they will never be
/// there, where that is so.
async fn by_status(
    wanted: i64,
    on: &VerbContext<'_>,
    workload: &Workload,
    last: &AtomicI64,
) -> Result<Option<&'static str>, ClusterError> {
    let rolled_out = rolls_out(&workload.kind.resource.kind);
    let note = |line: &str| on.say(format!("{}: {line}", workload.shown()));
    let decide = |object: Option<&DynamicObject>| {
        let Some(object) = object else { return Some(Err("it is gone")) };
        if object.metadata.deletion_timestamp.is_some() {
            return Some(Err("it is being deleted"));
        }
        last.store(object.data["status"]["replicas"].as_i64().unwrap_or(0), Ordering::Relaxed);
        has_all(wanted, object, !rolled_out).then(|| Ok(object.clone()))
    };
    loop {
        match on.cluster.until(&workload.kind, &workload.namespace, &workload.name, decide).await? {
            Err(why) => return Ok(Some(why)),
            Ok(object) if rolled_out || on.pods_settled(workload, &object, &note).await? => return Ok(None),
            Ok(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}

/// Whether the status of a workload counts as many replicas as are wanted, all of them available where that is asked.
fn has_all(wanted: i64, object: &DynamicObject, available: bool) -> bool {
    let status = &object.data["status"];
    let is = |key: &str| status[key].as_i64().unwrap_or(0) == wanted;
    is_observed(object) && is("replicas") && (!available || is("availableReplicas"))
}

/// By the `scale` of a resource of any other kind: where the object itself counts its replicas is a matter of its definition.
async fn by_scale(
    wanted: i64,
    on: &VerbContext<'_>,
    workload: &Workload,
    last: &AtomicI64,
) -> Result<Option<&'static str>, ClusterError> {
    let api = workload.kind.api(on.cluster.client().await?, &workload.namespace);
    let doing = format!("get the scale of {}", workload.shown());
    let mut unanswered = 0;
    loop {
        match on.cluster.ask(&doing, api.get_scale(&workload.name)).await {
            Ok(scale) => {
                unanswered = 0;
                let there = scale.status.map_or(0, |status| i64::from(status.replicas));
                last.store(there, Ordering::Relaxed);
                if there == wanted {
                    return Ok(None);
                }
            }
            Err(trouble) if trouble.is_missing() => return Ok(Some("it is gone")),
            // An API server that is busy answers the next time.
            Err(ClusterError::Fault(fault)) if fault.transient && unanswered < UNANSWERED => unanswered += 1,
            Err(trouble) => return Err(trouble),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_are_there_once_the_status_of_this_generation_counts_them() {
        let with = |seen: i64, replicas: i64, available: i64| {
            let object = json!({ "metadata": { "name": "web", "generation": 2 }, "status":
                { "observedGeneration": seen, "replicas": replicas, "availableReplicas": available } });
            serde_json::from_value::<DynamicObject>(object).expect("an object")
        };
        assert!(has_all(2, &with(2, 2, 2), true));
        assert!(!has_all(2, &with(2, 2, 1), true));
        assert!(has_all(2, &with(2, 2, 1), false));
        assert!(!has_all(2, &with(1, 2, 2), true));
        assert!(!has_all(2, &with(2, 3, 2), true));
    }
}
