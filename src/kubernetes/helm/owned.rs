//! Releases that runs of a pipeline installed, by the labels on the Secrets that helm keeps of them.

use std::collections::BTreeSet;

use kube::api::{Api, DynamicObject, ListParams};

use super::Helm;
use super::author::{PIPELINE_LABEL, RUN_LABEL};
use super::release::secrets;
use crate::core::model::outcome::Fault;
use crate::kubernetes::client::ClusterError;

/// A release and where it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Installed {
    /// Its name.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
}

impl Helm {
    /// The releases that runs of `pipeline` installed: those in its own namespace, and elsewhere those of runs that are
    /// `known`. And those that it has upgraded, but that were there before.
    ///
    /// # Errors
    /// [`Fault`] when the cluster gives no answer.
    pub async fn installed_by(
        &self,
        pipeline: &str,
        home: &str,
        known: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<(Vec<Installed>, Vec<Installed>), Fault> {
        let client = self.cluster().client().await?;
        let wanted = ListParams::default().labels(&format!("owner=helm,{PIPELINE_LABEL}={pipeline}"));
        let everywhere: Api<DynamicObject> = Api::all_with(client.clone(), &secrets());
        let listed = match self.cluster().ask("list helm's Secrets", everywhere.list_metadata(&wanted)).await {
            Err(ClusterError::Refused(_)) => {
                let here: Api<DynamicObject> = Api::namespaced_with(client, home, &secrets());
                match self.cluster().ask("list helm's Secrets", here.list_metadata(&wanted)).await {
                    // Who may not read Secrets has installed nothing by helm.
                    Err(ClusterError::Refused(_)) => return Ok((Vec::new(), Vec::new())),
                    other => other.map_err(ClusterError::fault)?,
                }
            }
            other => other.map_err(ClusterError::fault)?,
        };
        let mut found = BTreeSet::new();
        for secret in listed.items {
            let namespace = secret.metadata.namespace.unwrap_or_default();
            let labels = secret.metadata.labels.unwrap_or_default();
            let is_known = namespace == home || labels.get(RUN_LABEL).is_some_and(|run| known(run));
            if let Some(release) = labels.get("name").filter(|_| is_known) {
                found.insert(Installed { release: release.clone(), namespace });
            }
        }
        let (mut ours, mut foreign) = (Vec::new(), Vec::new());
        for installed in found {
            let revisions = self.revisions(&installed.release, &installed.namespace).await?;
            let first = revisions.first().and_then(|first| first.author.as_ref());
            let is_ours = first.is_some_and(|author| author.pipeline == pipeline);
            if is_ours { ours.push(installed) } else { foreign.push(installed) }
        }
        Ok((ours, foreign))
    }
}
