//! Whether the cluster has an object or serves a kind: a whole answer, or a fault.

use futures::future::BoxFuture;
use kube::api::ListParams;

use super::{Cluster, ClusterError, Kind, Reference};
use crate::core::kind::services::ClusterFacts;
use crate::core::kind::settings::ClusterSettings;
use crate::core::model::outcome::Fault;

impl Cluster {
    /// Whether a kind is served, by any name that kubectl takes.
    ///
    /// # Errors
    /// [`Fault`] when the cluster does not answer, or an API service that is down may serve it.
    pub async fn serves(&self, kind: &str) -> Result<bool, Fault> {
        self.kind_if_served(kind).await.map(|kind| kind.is_some())
    }

    /// Whether there is an object: this one (`service/web`), or any of a kind (`ingressclasses`). Objects of namespaces
    /// are looked for in that for what names none. A kind that is not served has none.
    ///
    /// # Errors
    /// Those of [`Cluster::serves`], and [`Fault`] when this user may not see the objects.
    pub async fn has(&self, written: &str) -> Result<bool, Fault> {
        if !written.contains('/') {
            return match self.kind_if_served(written).await? {
                Some(kind) => self.has_any(&kind).await,
                None => Ok(false),
            };
        }
        let reference = Reference::parse(written).map_err(|error| Fault::invalid(error.to_string()))?;
        let Some(kind) = self.kind_if_served(&reference.kind).await? else { return Ok(false) };
        let api = kind.api(self.client().await?, self.namespace_or(None)?);
        let found = self.ask(&format!("get {written}"), api.get_metadata_opt(&reference.name)).await;
        found.map(|found| found.is_some()).map_err(ClusterError::fault)
    }

    async fn has_any(&self, kind: &Kind) -> Result<bool, Fault> {
        let api = kind.api(self.client().await?, self.namespace_or(None)?);
        let wanted = ListParams::default().limit(1);
        let found = self.ask(&format!("list {}", kind.resource.plural), api.list_metadata(&wanted)).await;
        found.map(|found| !found.items.is_empty()).map_err(ClusterError::fault)
    }
}

impl ClusterFacts for Cluster {
    fn settings(&self) -> &ClusterSettings {
        Cluster::settings(self)
    }

    fn has<'a>(&'a self, written: &'a str) -> BoxFuture<'a, Result<bool, Fault>> {
        Box::pin(async move {
            self.guard()?;
            Cluster::has(self, written).await
        })
    }

    fn serves<'a>(&'a self, kind: &'a str) -> BoxFuture<'a, Result<bool, Fault>> {
        Box::pin(async move {
            self.guard()?;
            Cluster::serves(self, kind).await
        })
    }
}
