//! `scale`: the number of replicas.

use async_trait::async_trait;
use kube::api::{DynamicObject, Patch, PatchParams};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::Verb;
use super::restart::yes;
use super::verb_context::{VerbContext, Workload};
use crate::core::model::outcome::{Failure, Fault, Outcome, Outputs};
use crate::kubernetes::client::MANAGER;
use crate::kubernetes::client::Reference;
use crate::kubernetes::rollout::rolls_out;

/// Sets the number of replicas of a workload.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// The workload, as `deployment/backend`; any kind that can be scaled.
    target: Reference,
    /// How many replicas.
    replicas: u32,
    /// Whether to wait until they are there.
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

async fn all_there(replicas: u32, on: &VerbContext<'_>, workload: &Workload) -> Result<Option<Failure>, Fault> {
    let wanted = i64::from(replicas);
    let mut last = 0;
    let decide = |object: Option<&DynamicObject>| {
        let status = &object?.data["status"];
        last = status["replicas"].as_i64().unwrap_or(0);
        (last == wanted).then_some(())
    };
    let there = on.cluster.until(&workload.kind, &workload.namespace, &workload.name, decide);
    tokio::select! {
        biased;
        result = there => result.map(|()| None).map_err(Fault::from),
        () = on.cx.cancelled() => {
            let findings = on.explain(workload).await;
            let summary = format!("stopped before {} had {wanted} replicas: it has {last}", workload.shown());
            Ok(Some(Failure::new(summary).because(findings)))
        }
    }
}
