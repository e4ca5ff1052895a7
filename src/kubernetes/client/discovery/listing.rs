//! Which kinds can be listed, or removed: whole answers, or none.

use super::{Kind, not_discovered};
use crate::core::model::outcome::Fault;
use crate::kubernetes::client::Cluster;

impl Cluster {
    /// Every kind that lives in namespaces and can be listed, in the version that the server prefers.
    /// No answer is whole where a group's API server does not answer, unless the group is among `except`.
    pub(in crate::kubernetes::client) async fn listable(&self, except: &[&str]) -> Result<Vec<Kind>, Fault> {
        let catalog = self.catalog().await?;
        if let Some((group, version)) = catalog.unanswered.iter().find(|(group, _)| !except.contains(&group.as_str())) {
            return Err(not_discovered("what the cluster serves", &format!("{group}/{version}")));
        }
        Ok(catalog.kinds.iter().filter(|kind| kind.namespaced && kind.listed && kind.preferred).cloned().collect())
    }

    /// Every kind in every version, and the groups of which that is not known.
    pub(in crate::kubernetes::client) async fn served(&self) -> Result<(Vec<Kind>, Vec<String>), Fault> {
        self.forget_kinds();
        let catalog = self.catalog().await?;
        let unanswered = catalog.unanswered.iter().map(|(group, version)| format!("{group}/{version}"));
        Ok((catalog.kinds.clone(), unanswered.collect()))
    }

    /// The same for kinds that live in no namespace.
    pub(in crate::kubernetes::client) async fn listable_cluster_wide(&self) -> Result<Vec<Kind>, Fault> {
        let catalog = self.catalog().await?;
        Ok(catalog.kinds.iter().filter(|kind| !kind.namespaced && kind.listed && kind.preferred).cloned().collect())
    }

    /// Every kind whose objects can be listed and deleted, in the version that the server prefers; and the groups of which
    /// that is not known, because their API server does not answer.
    ///
    /// # Errors
    /// [`Fault`] when the cluster does not answer.
    pub(crate) async fn removable_kinds(&self) -> Result<(Vec<Kind>, Vec<String>), Fault> {
        self.forget_kinds();
        let catalog = self.catalog().await?;
        let unanswered = catalog.unanswered.iter().map(|(group, version)| format!("everything of {group}/{version}"));
        let kinds = catalog.kinds.iter().filter(|kind| kind.removable && kind.preferred);
        let kinds =
            kinds.filter(|kind| !crate::kubernetes::ownership::owned::is_followed(&kind.resource.kind)).cloned();
        Ok((kinds.collect(), unanswered.collect()))
    }
}
