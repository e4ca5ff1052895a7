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
use crate::kubernetes::ownership::owned::Owner;
use crate::kubernetes::ownership::proof::is_ours;

/// Up to this many objects of a kind and namespace are looked up one by one, more by one list.
const ONE_BY_ONE: usize = 4;

/// What is there before an apply.
#[derive(Debug, Default)]
pub(super) struct Before {
    /// The metadata of objects that are there, by kind, namespace and name.
    there: HashMap<(String, String, String), ObjectMeta>,
    /// Kinds and namespaces that this user may not read: what is there of them is not known.
    unknown: BTreeSet<(String, String)>,
}

impl Before {
    /// The metadata of an object that is known to be there.
    pub fn of(&self, one: &Prepared) -> Option<&ObjectMeta> {
        self.there.get(&one.key())
    }

    /// Whether it is known if the object is there.
    pub fn knows(&self, one: &Prepared) -> bool {
        !self.unknown.contains(&(one.kind.to_string(), one.namespace.clone()))
    }

    /// Whether an object that was being deleted before has lost the finalizers that the manifest removes.
    pub fn let_go(&self, one: &Prepared, now: &ObjectMeta) -> bool {
        self.of(one).is_some_and(|there| there.deletion_timestamp.is_some()) && !one.releases(now)
    }

    /// Labels the objects as the owner's that are not there yet, or are the owner's already. Of what may not be read that
    /// is not known: it may be another's, so it gets no label, by which `clean` would remove it.
    pub fn own(&self, prepared: &mut [Prepared], owner: &Owner) {
        let none = BTreeMap::new();
        // Labels that were copied with an object prove nothing.
        let own = |there: &&ObjectMeta| is_ours(owner, there);
        for one in prepared.iter_mut().filter(|one| self.knows(one)) {
            let labels = |there| Some(there).filter(own).and_then(|there: &ObjectMeta| there.labels.as_ref());
            one.own(owner, self.of(one).map(|there| labels(there).unwrap_or(&none)));
        }
    }

    /// What is not known, as lines of the log.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        self.unknown.iter().map(|(kind, namespace)| {
            let place = if namespace.is_empty() { String::new() } else { format!(" in {namespace}") };
            format!(
                "{kind}{place} may not be read: whose the objects are is not known, so `pipeline clean` leaves them"
            )
        })
    }
}

impl Cluster {
    /// What is there of `objects` already, and of which that is not known.
    pub(super) async fn before(&self, objects: &[Prepared]) -> Result<Before, Fault> {
        let client = self.client().await?;
        let mut groups: BTreeMap<(String, String), Vec<&Prepared>> = BTreeMap::new();
        for one in objects {
            groups.entry((one.kind.to_string(), one.namespace.clone())).or_default().push(one);
        }
        let looks: Vec<_> = groups
            .into_values()
            .map(|group| {
                let api = group[0].kind.api(client.clone(), &group[0].namespace);
                async move { (self.before_of(&api, &group).await, group[0].key()) }
            })
            .collect();
        let mut all = Before::default();
        for (look, (kind, namespace, _)) in stream::iter(looks).buffer_unordered(IN_FLIGHT).collect::<Vec<_>>().await {
            match look {
                Ok(found) => all.there.extend(found),
                Err(trouble) if trouble.is_missing() => {}
                Err(ClusterError::Refused(_)) => _ = all.unknown.insert((kind, namespace)),
                Err(ClusterError::Fault(fault)) => return Err(fault),
            }
        }
        Ok(all)
    }

    async fn before_of(
        &self,
        api: &Api<DynamicObject>,
        group: &[&Prepared],
    ) -> Result<HashMap<(String, String, String), ObjectMeta>, ClusterError> {
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
        before: &Before,
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
            let own = before.of(one).filter(|it| it.deletion_timestamp.is_some());
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

#[cfg(test)]
mod tests {
    use super::super::{ApplyOptions, prepare};
    use super::*;
    use crate::kubernetes::client::Kind;
    use crate::kubernetes::ownership::proof::tests::labelled;
    use serde_json::json;

    fn widget(name: &str, namespace: &str) -> Prepared {
        let crd = json!({ "spec": { "group": "example.com", "scope": "Namespaced",
            "names": { "kind": "Widget", "plural": "widgets" }, "versions": [{ "name": "v1", "served": true }] } });
        let object = json!({ "apiVersion": "example.com/v1", "kind": "Widget", "metadata": { "name": name } });
        let options = ApplyOptions { namespace: namespace.to_owned(), ..ApplyOptions::default() };
        prepare::prepare(0, object, Kind::of_crd(&crd).remove(0), &options).expect("an object")
    }

    #[test]
    fn only_what_is_known_to_be_new_or_ours_is_labelled() {
        let owner = Owner { pipeline: "todo".to_owned(), home: "a".to_owned(), run: "r1".to_owned() };
        let mut objects = [
            widget("new", "a"),
            widget("theirs", "a"),
            widget("ours", "a"),
            widget("not-readable", "b"),
            widget("copy", "a"),
        ];
        let mut before = Before::default();
        before.there.insert(objects[1].key(), ObjectMeta::default());
        let labelled = |manager: &str| labelled(&owner, manager, "2030-01-01T12:00:00Z");
        before.there.insert(objects[2].key(), labelled("pipeline"));
        before.there.insert(objects[4].key(), labelled("kubectl-client-side-apply"));
        before.unknown.insert(("widget.example.com".to_owned(), "b".to_owned()));
        before.own(&mut objects, &owner);
        let labelled: Vec<&str> = objects
            .iter()
            .filter(|one| !one.object["metadata"]["labels"].is_null())
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(labelled, ["new", "ours"]);
        assert_eq!(
            before.notes().collect::<Vec<_>>(),
            [
                "widget.example.com in b may not be read: whose the objects are is not known, so `pipeline clean` leaves them"
            ]
        );
    }
}
