//! What is there before objects are applied, and which of it is being deleted.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures::StreamExt;
use futures::stream;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, DynamicObject, ListParams};

use super::prepare::Prepared;
use super::{ApplyReport, IN_FLIGHT};
use crate::core::model::outcome::Fault;
use crate::kubernetes::client::{Cluster, ClusterError, Refusal};

/// Up to this many objects of a kind and namespace are looked up one by one, more by one list.
const ONE_BY_ONE: usize = 4;

/// The metadata of objects that are there, by kind, namespace and name.
pub(super) type Before = HashMap<(String, String, String), ObjectMeta>;

/// Whether an object that was being deleted before has lost the finalizers that the manifest removes.
pub(super) fn let_go(before: Option<&Before>, one: &Prepared, now: &ObjectMeta) -> bool {
    let there = before.and_then(|before| before.get(&one.key()));
    there.is_some_and(|there| there.deletion_timestamp.is_some()) && !one.releases(now)
}

impl Cluster {
    /// What is there of `objects` already; `None` for who may not look.
    pub(super) async fn before(&self, objects: &[Prepared]) -> Result<Option<Before>, Fault> {
        let client = self.client().await?;
        let mut groups: BTreeMap<(String, String), Vec<&Prepared>> = BTreeMap::new();
        for one in objects {
            groups.entry((one.kind.to_string(), one.namespace.clone())).or_default().push(one);
        }
        let looks: Vec<_> = groups
            .into_values()
            .map(|group| {
                let api = group[0].kind.api(client.clone(), &group[0].namespace);
                async move { self.before_of(&api, &group).await }
            })
            .collect();
        let mut all = Before::new();
        for look in stream::iter(looks).buffer_unordered(IN_FLIGHT).collect::<Vec<_>>().await {
            match look {
                Ok(found) => all.extend(found),
                Err(trouble) if trouble.is_missing() => {}
                Err(ClusterError::Refused(_)) => return Ok(None),
                Err(ClusterError::Fault(fault)) => return Err(fault),
            }
        }
        Ok(Some(all))
    }

    async fn before_of(&self, api: &Api<DynamicObject>, group: &[&Prepared]) -> Result<Before, ClusterError> {
        let kind = &group[0].kind;
        let doing = format!("read {}", kind.resource.plural);
        let found = if group.len() > ONE_BY_ONE {
            self.list_metadata(&doing, api, ListParams::default()).await?
        } else {
            let mut found = Vec::new();
            for one in group {
                found.extend(self.ask(&doing, api.get_metadata_opt(&one.name)).await?);
            }
            found
        };
        Ok(found
            .into_iter()
            .map(|object| {
                let key =
                    (kind.to_string(), group[0].namespace.clone(), object.metadata.name.clone().unwrap_or_default());
                (key, object.metadata)
            })
            .collect())
    }

    /// Takes out, and refuses, objects that are being deleted, and those of namespaces that are: the API server would
    /// change the first, and what is in the second goes with it. An object that only waits for a finalizer that the manifest
    /// removes is applied.
    pub(super) async fn refuse_dying(
        &self,
        before: Option<&Before>,
        prepared: &mut Vec<Prepared>,
        report: &mut ApplyReport,
    ) -> Result<(), Fault> {
        let namespaces: BTreeSet<&str> =
            prepared.iter().map(|one| one.namespace.as_str()).filter(|name| !name.is_empty()).collect();
        let mut dying: BTreeMap<String, ObjectMeta> = BTreeMap::new();
        for name in namespaces {
            if let Some(meta) = self.namespace_meta(name).await?.filter(|meta| meta.deletion_timestamp.is_some()) {
                dying.insert(name.to_owned(), meta);
            }
        }
        prepared.retain(|one| {
            let shown = one.kind.named(&one.name);
            let doing = format!("apply {shown}");
            let own = before.and_then(|before| before.get(&one.key())).filter(|it| it.deletion_timestamp.is_some());
            let refusal = match (own, dying.get(&one.namespace)) {
                (Some(meta), _) if one.releases(meta) => return true,
                (Some(meta), _) => Refusal::dying(doing, &shown, meta),
                (None, Some(meta)) => Refusal::dying(doing, &format!("namespace/{}", one.namespace), meta),
                (None, None) => return true,
            };
            report.refused.push((one.at, shown, refusal));
            false
        });
        Ok(())
    }

    /// Whether a namespace is there; true for a user who may not read it, to whom the API server answers later.
    ///
    /// # Errors
    /// [`Fault`] when the cluster gives no answer.
    pub async fn has_namespace(&self, name: &str) -> Result<bool, Fault> {
        let api: Api<Namespace> = Api::all(self.client().await?);
        match self.ask(&format!("read namespace/{name}"), api.get_metadata_opt(name)).await {
            Ok(found) => Ok(found.is_some()),
            Err(ClusterError::Refused(_)) => Ok(true),
            Err(ClusterError::Fault(fault)) => Err(fault),
        }
    }

    /// A namespace's metadata; `None` where it is not there, or may not be looked at.
    async fn namespace_meta(&self, name: &str) -> Result<Option<ObjectMeta>, Fault> {
        let api: Api<Namespace> = Api::all(self.client().await?);
        match self.ask(&format!("read namespace/{name}"), api.get_metadata_opt(name)).await {
            Ok(found) => Ok(found.map(|found| found.metadata)),
            Err(ClusterError::Refused(_)) => Ok(None),
            Err(ClusterError::Fault(fault)) => Err(fault),
        }
    }
}
