//! What charts ask of a cluster: its version and the API versions that it serves. A whole answer, or a fault.

use std::collections::BTreeSet;

use super::Cluster;
use super::discovery::not_discovered;
use crate::core::model::outcome::Fault;

/// What charts see of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// `v1.34.4`.
    pub version: String,
    /// `apps/v1` and `apps/v1/Deployment`, sorted.
    pub api_versions: Vec<String>,
}

impl Cluster {
    /// The version of the API server, and all that it serves.
    ///
    /// # Errors
    /// [`Fault`] when the cluster does not answer, or one of its API services is down: a chart would be rendered without
    /// what that serves.
    pub async fn capabilities(&self) -> Result<Capabilities, Fault> {
        let client = self.client().await?;
        let version = self.ask("read its version", client.apiserver_version()).await?.git_version;
        let (kinds, unanswered) = self.served().await?;
        if let Some(unanswered) = unanswered.first() {
            return Err(not_discovered("what the cluster serves", unanswered));
        }
        let both = kinds.iter().flat_map(|kind| {
            let api = &kind.resource.api_version;
            [api.clone(), format!("{api}/{}", kind.resource.kind)]
        });
        let api_versions: BTreeSet<String> = both.collect();
        Ok(Capabilities { version, api_versions: api_versions.into_iter().collect() })
    }
}
