//! `undo`: back to an earlier revision of workloads.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Verb;
use super::restart::{finish, listed, workloads, yes};
use super::verb_context::VerbContext;
use crate::core::kind::several::{Several, Short};
use crate::core::model::outcome::{Fault, Outcome};
use crate::kubernetes::client::Reference;

/// Goes back to an earlier revision of Deployments, StatefulSets and DaemonSets.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Undo {
    /// The workloads, as `deployment/backend`.
    target: Several<Reference>,
    /// The revision to go back to; the one before the current one where none is named.
    to_revision: Option<i64>,
    /// Whether to wait until they have rolled out.
    #[serde(default = "yes")]
    wait: bool,
}

impl Short for Undo {
    type Value = Reference;
    fn short(target: Several<Reference>) -> Self {
        Undo { target, to_revision: None, wait: true }
    }
}

#[async_trait]
impl Verb for Undo {
    fn title(&self) -> String {
        let to = self.to_revision.map(|revision| format!(" to revision {revision}")).unwrap_or_default();
        format!("undo {}{to}", listed(&self.target.0))
    }

    async fn run(&self, on: &VerbContext<'_>) -> Result<Outcome, Fault> {
        let workloads = workloads(on, &self.target.0).await?;
        for workload in &workloads {
            match on.cluster.undo(&workload.kind, &workload.namespace, &workload.name, self.to_revision).await {
                Ok(undone) if undone.changed => on.say(format!("{} back to revision {}", workload.shown(), undone.to)),
                Ok(undone) => on.say(format!("{} is as in revision {} already", workload.shown(), undone.to)),
                Err(trouble) => return trouble.outcome(workload.shown()),
            }
        }
        finish(on, &workloads, self.wait).await
    }
}
