//! What is left in a namespace, or of an application, of every kind that the cluster serves. Half an answer is none.

use futures::{StreamExt, stream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, DynamicObject, ListParams};
use kube::core::PartialObjectMeta;

use super::{Cluster, ClusterError, Kind, misspelt};
use crate::core::model::outcome::{Fault, FaultKind};
use crate::kubernetes::ownership::proof::has_written;

/// Requests under way at a time.
const IN_FLIGHT: usize = 8;
/// Groups whose objects are figures, or the core group's events once more.
const REPEATED: [&str; 2] = ["metrics.k8s.io", "events.k8s.io"];

/// What is searched.
#[derive(Debug, Clone, Copy, Default)]
pub struct LeftoverQuery<'a> {
    /// The namespace; `None` is all of them.
    pub namespace: Option<&'a str>,
    /// The labels of what counts; all objects where none are named.
    pub selector: Option<&'a str>,
    /// The kinds, as kubectl takes them; all of them where none are named.
    pub kinds: &'a [String],
    /// Whether kinds count that live in no namespace.
    pub cluster_wide: bool,
}

/// An object that is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace; empty where its kind has none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether another object owns it, and it goes with that one.
    pub owned: bool,
    /// Who made it, as its labels tell, and whether it is being deleted, in words.
    pub facts: Vec<String>,
}

impl Leftover {
    /// `deployment.apps/backend`, with its namespace where several are searched.
    pub fn shown(&self) -> String {
        self.kind.named(&self.name)
    }
}

/// What was found, and how much was searched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftoverScan {
    /// The objects, sorted by kind and name.
    pub left: Vec<Leftover>,
    /// How many kinds were searched.
    pub kinds: usize,
}

impl Cluster {
    /// Everything that is there by now, except events and what Kubernetes itself makes in every namespace.
    ///
    /// # Errors
    /// [`Fault`] when the cluster does not answer, a group of kinds is not known because its API server does not answer, or
    /// a kind may not be listed: then it is not known what is left.
    pub async fn leftovers(&self, query: LeftoverQuery<'_>) -> Result<LeftoverScan, Fault> {
        let (found, kinds) = self.metadata_of(query).await?;
        let left = found.iter().filter_map(|(kind, object)| leftover(kind, object)).collect();
        let mut scan = LeftoverScan { left, kinds };
        scan.left.sort_by_cached_key(|one| (one.shown(), one.namespace.clone()));
        Ok(scan)
    }

    /// The metadata of everything that is there by now, events excepted; and how many kinds were searched.
    ///
    /// # Errors
    /// As [`Cluster::leftovers`].
    pub(in crate::kubernetes) async fn metadata_of(
        &self,
        query: LeftoverQuery<'_>,
    ) -> Result<(Vec<(Kind, PartialObjectMeta<DynamicObject>)>, usize), Fault> {
        // an uninstall may have taken kinds with it
        self.forget_kinds();
        let kinds = self.searched(query).await?;
        let mut found = Vec::new();
        let lists: Vec<_> = kinds.iter().map(|kind| async move { (kind, self.left_of(kind, query).await) }).collect();
        let mut answers = stream::iter(lists).buffer_unordered(IN_FLIGHT);
        while let Some((kind, listed)) = answers.next().await {
            match listed {
                Ok(objects) => found.extend(objects.into_iter().map(|object| (kind.clone(), object))),
                // gone since it was discovered, or never there to be listed
                Err(ClusterError::Refused(refusal)) if matches!(refusal.code, 404 | 405) => {}
                Err(ClusterError::Refused(refusal)) if refusal.code == 403 => {
                    let help = "let this user list every kind, or name the `kinds:` that count";
                    return Err(Fault::environment(format!("not measured: {refusal}")).help(help));
                }
                Err(trouble) => return Err(trouble.fault()),
            }
        }
        drop(answers);
        Ok((found, kinds.len()))
    }

    /// The kinds to search. A kind that is named and not served has no objects, provided that every group answers and it is
    /// not misspelt.
    async fn searched(&self, query: LeftoverQuery<'_>) -> Result<Vec<Kind>, Fault> {
        let mut all = self.listable(&REPEATED).await?;
        if query.cluster_wide {
            all.extend(self.listable_cluster_wide().await?);
        }
        all.retain(|kind| !REPEATED.contains(&kind.resource.group.as_str()) && kind.resource.kind != "Event");
        if !query.kinds.is_empty() {
            for written in query.kinds.iter().filter(|written| !all.iter().any(|kind| kind.is_meant_by(written))) {
                self.has_none(written).await?;
            }
            all.retain(|kind| query.kinds.iter().any(|written| kind.is_meant_by(written)));
        }
        Ok(all)
    }

    /// Whether a kind that is not searched has certainly no objects: it is not served, and no typing error of one that is.
    async fn has_none(&self, written: &str) -> Result<(), Fault> {
        match self.kind_named(written).await {
            Ok(kind) if !kind.namespaced => Err(Fault::invalid(format!("not measured: {kind} lives in no namespace"))
                .help("add `cluster_wide: true`, with a `selector`, or leave it out of `kinds`")),
            Ok(kind) => Err(Fault::invalid(format!(
                "not measured: objects of {kind} cannot be listed, or expire by themselves"
            ))
            .help("leave it out of `kinds`")),
            Err(fault) if misspelt(&fault) => {
                Err(Fault { message: format!("not measured: {}", fault.message), ..fault })
            }
            Err(fault) if fault.kind == FaultKind::Invalid => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    async fn left_of(
        &self,
        kind: &Kind,
        query: LeftoverQuery<'_>,
    ) -> Result<Vec<PartialObjectMeta<DynamicObject>>, ClusterError> {
        let client = self.client().await?;
        let api: Api<DynamicObject> = match query.namespace {
            Some(namespace) => kind.api(client, namespace),
            None => Api::all_with(client, &kind.resource),
        };
        let wanted = ListParams { label_selector: query.selector.map(str::to_owned), ..ListParams::default() };
        self.list_metadata(&format!("list {}", kind.resource.plural), &api, wanted).await
    }
}

/// Whether it is one of the objects that Kubernetes itself makes in every namespace.
pub fn is_of_every_namespace(kind: &Kind, name: &str) -> bool {
    let made = [("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")];
    kind.resource.group.is_empty() && made.contains(&(kind.resource.kind.as_str(), name))
}

/// Whether it is the Lease that a run holds on a namespace: it goes when the run ends.
fn is_lease_of_runs(kind: &Kind, meta: &ObjectMeta) -> bool {
    let is_named = meta.name.as_ref().is_some_and(|name| name.starts_with("pipeline-"));
    kind.resource.kind == "Lease" && kind.resource.group == "coordination.k8s.io" && is_named && has_written(meta)
}

/// An object that counts; `None` for what Kubernetes makes in every namespace.
fn leftover(kind: &Kind, object: &PartialObjectMeta<DynamicObject>) -> Option<Leftover> {
    let meta = &object.metadata;
    let name = meta.name.clone().unwrap_or_default();
    if is_of_every_namespace(kind, &name) || is_lease_of_runs(kind, &object.metadata) {
        return None;
    }
    let mut facts = Vec::new();
    let label = |name: &str| meta.labels.as_ref().and_then(|labels| labels.get(name));
    if let Some(by) = label("app.kubernetes.io/managed-by") {
        let of = label("app.kubernetes.io/instance").map(|instance| format!(" ({instance})"));
        facts.push(format!("managed by {by}{}", of.unwrap_or_default()));
    }
    for owner in meta.owner_references.iter().flatten().take(1) {
        facts.push(format!("owned by {}/{}", owner.kind.to_lowercase(), owner.name));
    }
    if meta.deletion_timestamp.is_some() {
        let held = meta.finalizers.as_deref().unwrap_or_default();
        let held = if held.is_empty() { String::new() } else { format!(", held by finalizers {}", held.join(", ")) };
        facts.push(format!("being deleted{held}"));
    }
    Some(Leftover {
        kind: kind.clone(),
        namespace: meta.namespace.clone().unwrap_or_default(),
        name,
        owned: meta.owner_references.as_ref().is_some_and(|owners| !owners.is_empty()),
        facts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn the_lease_of_a_run_and_what_every_namespace_has_is_not_left() {
        let counts = |group: &str, kind: &str, meta: Value| {
            let crd = json!({ "spec": { "group": group, "scope": "Namespaced", "names": { "kind": kind, "plural": "x" },
                "versions": [{ "name": "v1", "served": true }] } });
            let object: PartialObjectMeta<DynamicObject> =
                serde_json::from_value(json!({ "apiVersion": "v1", "kind": kind, "metadata": meta }))
                    .expect("metadata");
            leftover(&Kind::of_crd(&crd).remove(0), &object).is_some()
        };
        let by = |manager: &str| json!({ "name": "pipeline-todo", "managedFields": [{ "manager": manager }] });
        let leases = "coordination.k8s.io";
        assert!(!counts(leases, "Lease", by("pipeline")) && counts(leases, "Lease", by("kubectl-create")));
        assert!(counts("", "ConfigMap", by("pipeline")));
        assert!(!counts("", "ConfigMap", json!({ "name": "kube-root-ca.crt" })));
        assert!(counts("", "ConfigMap", json!({ "name": "data" })));
    }
}
