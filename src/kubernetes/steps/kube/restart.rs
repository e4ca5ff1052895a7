//! `restart`: new pods for workloads, by a rollout.

use async_trait::async_trait;
use kube::api::{Patch, PatchParams};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::Verb;
use super::verb_context::{VerbContext, Workload};
use crate::core::kind::several::{Several, Short};
use crate::core::model::outcome::{Fault, Outcome, Outputs};
use crate::kubernetes::client::MANAGER;
use crate::kubernetes::client::{ClusterError, Reference, Refusal};
use crate::kubernetes::rollout::rolls_out;

/// Restarts the pods of Deployments, StatefulSets and DaemonSets.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// The workloads, as `deployment/backend`.
    target: Several<Reference>,
    /// Whether to wait until they have rolled out.
    #[serde(default = "yes")]
    wait: bool,
}

pub(super) fn yes() -> bool {
    true
}

impl Short for Restart {
    type Value = Reference;
    fn short(target: Several<Reference>) -> Self {
        Restart { target, wait: true }
    }
}

/// `deployment/a, deployment/b`
pub(super) fn listed(references: &[Reference]) -> String {
    references.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[async_trait]
impl Verb for Restart {
    fn title(&self) -> String {
        format!("restart {}", listed(&self.target.0))
    }

    async fn run(&self, on: &VerbContext<'_>) -> Result<Outcome, Fault> {
        let workloads = workloads(on, &self.target.0).await?;
        // Two restarts within a second are two rollouts: the time is written to the nanosecond.
        let now = jiff::Timestamp::now().to_string();
        let patch = json!({ "spec": { "template": { "metadata": { "annotations": { "kubectl.kubernetes.io/restartedAt": now } } } } });
        for workload in &workloads {
            if let Err(trouble) = change(on, workload, "restart", &patch).await {
                return trouble.outcome(workload.shown());
            }
            on.say(format!("{} restarted", workload.shown()));
        }
        finish(on, &workloads, self.wait).await
    }
}

/// The workloads that references mean; a fault where one does not roll out.
pub(super) async fn workloads(on: &VerbContext<'_>, targets: &[Reference]) -> Result<Vec<Workload>, Fault> {
    let mut workloads = Vec::with_capacity(targets.len());
    for target in targets {
        let (kind, name) = on.cluster.resolve(target).await?;
        if !rolls_out(&kind.resource.kind) {
            return Err(Fault::invalid(format!("{} does not roll out", kind.named(&name)))
                .help("name a Deployment, StatefulSet or DaemonSet"));
        }
        workloads.push(Workload { kind, namespace: on.namespace.to_owned(), name });
    }
    Ok(workloads)
}

/// Changes a workload by a strategic merge patch.
pub(super) async fn change(
    on: &VerbContext<'_>,
    workload: &Workload,
    verb: &str,
    patch: &serde_json::Value,
) -> Result<(), ClusterError> {
    let api = workload.kind.api(on.cluster.client().await?, &workload.namespace);
    let parameters = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let doing = format!("{verb} {}", workload.shown());
    let changed = on.cluster.ask(&doing, api.patch(&workload.name, &parameters, &Patch::Strategic(patch))).await?;
    match changed.metadata.deletion_timestamp {
        Some(_) => Err(ClusterError::Refused(Refusal::dying(doing, &workload.shown(), &changed.metadata))),
        None => Ok(()),
    }
}

/// Waits for the rollouts, where it is wanted, and publishes the revision of a single one.
pub(super) async fn finish(on: &VerbContext<'_>, workloads: &[Workload], wait: bool) -> Result<Outcome, Fault> {
    if wait && let Err(failure) = on.rolled_out(workloads).await? {
        return Ok(Outcome::Failed(failure));
    }
    let mut outputs = Outputs::new();
    if let [only] = workloads {
        let api = only.kind.api(on.cluster.client().await?, &only.namespace);
        let object = on.cluster.ask(&format!("get {}", only.shown()), api.get_metadata(&only.name)).await?;
        let annotations = object.metadata.annotations.unwrap_or_default();
        let revision = annotations.get("deployment.kubernetes.io/revision").and_then(|text| text.parse::<i64>().ok());
        outputs.extend(revision.map(|revision| ("revision".to_owned(), revision.into())));
    }
    Ok(Outcome::Passed(outputs))
}
