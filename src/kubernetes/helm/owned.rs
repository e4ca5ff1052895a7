//! Releases that runs of a pipeline installed, by the labels on the Secrets that helm keeps of them.

use std::collections::BTreeSet;

use kube::api::{Api, DynamicObject, ListParams};

use super::Helm;
use super::author::{PIPELINE_LABEL, RUN_LABEL};
use super::release::{Revision, secrets};
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

/// What was found of a pipeline's releases.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Releases {
    /// Those that its runs installed.
    pub ours: Vec<Installed>,
    /// Those that it has upgraded, but that no record shows it installed.
    pub foreign: Vec<Installed>,
    /// Where this user may not look, in words.
    pub unseen: Option<String>,
}

impl Helm {
    /// The releases that runs of `pipeline` installed: those in its own namespace, and elsewhere those of runs that are
    /// `known`.
    ///
    /// # Errors
    /// [`Fault`] when the cluster gives no answer.
    pub async fn installed_by(
        &self,
        pipeline: &str,
        home: &str,
        known: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<Releases, Fault> {
        let mut releases = Releases::default();
        let doing = "list helm's Secrets";
        let client = self.cluster().client().await?;
        let wanted = ListParams::default().labels(&format!("owner=helm,{PIPELINE_LABEL}={pipeline}"));
        let everywhere: Api<DynamicObject> = Api::all_with(client.clone(), &secrets());
        let listed = match self.cluster().list_metadata(doing, &everywhere, wanted.clone()).await {
            Err(ClusterError::Refused(_)) => {
                releases.unseen = Some(format!("helm releases in namespaces other than {home}"));
                let here: Api<DynamicObject> = Api::namespaced_with(client, home, &secrets());
                match self.cluster().list_metadata(doing, &here, wanted).await {
                    Err(ClusterError::Refused(_)) => {
                        return Ok(Releases { unseen: Some("helm releases".to_owned()), ..Releases::default() });
                    }
                    other => other.map_err(ClusterError::fault)?,
                }
            }
            other => other.map_err(ClusterError::fault)?,
        };
        let mut found = BTreeSet::new();
        for secret in listed {
            let namespace = secret.metadata.namespace.unwrap_or_default();
            let labels = secret.metadata.labels.unwrap_or_default();
            let is_known = namespace == home || labels.get(RUN_LABEL).is_some_and(|run| known(run));
            if let Some(release) = labels.get("name").filter(|_| is_known) {
                found.insert(Installed { release: release.clone(), namespace });
            }
        }
        for installed in found {
            let revisions = self.revisions(&installed.release, &installed.namespace).await?;
            let ours = installed_by(&revisions, pipeline);
            if ours { &mut releases.ours } else { &mut releases.foreign }.push(installed);
        }
        Ok(releases)
    }
}

/// Whether a run of `pipeline` made the first of all revisions. Helm keeps the last ten of them and hands labels on to the
/// next: a later one that carries ours proves nothing.
fn installed_by(revisions: &[Revision], pipeline: &str) -> bool {
    let first = revisions.first().filter(|first| first.number == 1);
    first.and_then(|first| first.author.as_ref()).is_some_and(|author| author.pipeline == pipeline)
}

#[cfg(test)]
mod tests {
    use super::super::Author;
    use super::*;

    fn revision(number: u32, pipeline: Option<&str>) -> Revision {
        let author = pipeline.map(|name| Author { pipeline: name.to_owned(), run: "r1".to_owned() });
        Revision { number, status: "deployed".to_owned(), since: None, author }
    }

    #[test]
    fn only_the_very_first_revision_shows_who_installed_a_release() {
        assert!(installed_by(&[revision(1, Some("todo")), revision(2, Some("other"))], "todo"));
        assert!(!installed_by(&[revision(1, None), revision(2, Some("todo"))], "todo"));
        // the first ones are gone by now: a user may have made them
        let kept: Vec<Revision> = (2..12).map(|number| revision(number, Some("todo"))).collect();
        assert!(!installed_by(&kept, "todo"));
        assert!(!installed_by(&[], "todo"));
    }
}
