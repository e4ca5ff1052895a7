//! What an apply would change: each object as it is, against what a server-side dry run makes of it. Changes nothing.

mod text;

use std::collections::BTreeSet;

use futures::{StreamExt, stream};
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::Value;

use super::prepare::{self, Prepared};
use super::{ApplyOptions, IN_FLIGHT, MANAGER, twice};
use crate::core::model::outcome::Fault;
use crate::kubernetes::client::{Cluster, ClusterError, Kind, LeftoverQuery, Refusal};

/// How an object differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// It is not there yet.
    Added,
    /// It is there, and would be another.
    Changed,
    /// It is there, and the manifests do not have it.
    Deleted,
    /// It is as the manifests want it.
    Unchanged,
}

impl Difference {
    /// As outputs and messages name it.
    pub fn word(self) -> &'static str {
        match self {
            Difference::Added => "added",
            Difference::Changed => "changed",
            Difference::Deleted => "deleted",
            Difference::Unchanged => "unchanged",
        }
    }
}

/// One object of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectDiff {
    /// `deployment.apps/backend`.
    pub shown: String,
    /// Its kind, as the API spells it.
    pub kind: String,
    /// Its namespace; empty where its kind has none.
    pub namespace: String,
    /// How it differs.
    pub difference: Difference,
    /// The unified diff, values of Secrets masked; empty where nothing differs.
    pub text: String,
    /// Why the API server did not check it.
    pub unchecked: Option<String>,
}

/// What came of a comparison.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DiffReport {
    /// The objects, in the order of the manifests; deleted ones last.
    pub objects: Vec<ObjectDiff>,
    /// The objects that the API server refuses: their place, `deployment.apps/backend`, and its words.
    pub refused: Vec<(usize, String, Refusal)>,
}

impl DiffReport {
    /// How many objects differ so.
    pub fn count(&self, difference: Difference) -> usize {
        self.objects.iter().filter(|object| object.difference == difference).count()
    }
}

/// What the dry run of one object came to.
struct Compared {
    live: Option<Value>,
    wanted: Value,
    unchecked: Option<String>,
}

impl Cluster {
    /// Compares `objects` with what is there. With `belongs`, a label selector, objects of the namespaces that carry these
    /// labels and are not among `objects` count as deleted; without it none does.
    ///
    /// # Errors
    /// [`Fault`] when the cluster gives no answer, or what belongs to the set cannot be listed whole.
    pub async fn diff(
        &self,
        objects: Vec<Value>,
        options: &ApplyOptions,
        belongs: Option<&str>,
    ) -> Result<DiffReport, Fault> {
        let mut report = DiffReport::default();
        let objects = prepare::flattened(objects);
        let brought: Vec<Kind> = objects.iter().flat_map(|(_, object)| Kind::of_crd(object)).collect();
        let mut prepared = Vec::new();
        for (at, object) in objects {
            match self.prepared(at, object, &brought, options).await {
                Ok(one) => prepared.push(one),
                Err((name, ClusterError::Refused(refusal))) => report.refused.push((at, name, refusal)),
                Err((_, ClusterError::Fault(fault))) => return Err(fault),
            }
        }
        report.refused.extend(twice::among(&prepared));
        if !report.refused.is_empty() {
            return Ok(report);
        }
        let before = self.before(&prepared).await?;
        if let Some(owner) = &options.owner {
            before.own(&mut prepared, owner);
        }
        let lists: Vec<_> =
            prepared.iter().map(|one| async move { (one, self.compared(one, options).await) }).collect();
        let mut answers: Vec<_> = stream::iter(lists).buffer_unordered(IN_FLIGHT).collect().await;
        answers.sort_by_key(|(one, _)| one.at);
        for (one, answer) in answers {
            match answer {
                Ok(compared) => report.objects.push(text::object_diff(one, &compared)),
                Err(ClusterError::Refused(refusal)) => {
                    report.refused.push((one.at, one.kind.named(&one.name), refusal));
                }
                Err(ClusterError::Fault(fault)) => return Err(fault),
            }
        }
        if let Some(selector) = belongs {
            report.objects.extend(self.deleted(&prepared, options, selector).await?);
        }
        Ok(report)
    }

    async fn compared(&self, one: &Prepared, options: &ApplyOptions) -> Result<Compared, ClusterError> {
        let shown = one.kind.named(&one.name);
        let api = one.kind.api(self.client().await?, &one.namespace);
        let live = match self.ask(&format!("get {shown}"), api.get_opt(&one.name)).await {
            Ok(live) => live,
            // a kind that the same manifests bring is not served yet
            Err(trouble) if trouble.is_missing() => None,
            Err(trouble) => return Err(trouble),
        };
        let live = live.map(|live| serde_json::to_value(live).unwrap_or_default());
        let doing = format!("compare {shown}");
        let mut params =
            PatchParams { dry_run: true, force: options.force, ..PatchParams::apply(MANAGER).validation_strict() };
        loop {
            match self.ask(&doing, api.patch(&one.name, &params, &Patch::Apply(&one.object))).await {
                Ok(wanted) => {
                    let wanted: DynamicObject = wanted;
                    let wanted = serde_json::to_value(wanted).unwrap_or_default();
                    return Ok(Compared { live, wanted, unchecked: None });
                }
                Err(ClusterError::Refused(refusal))
                    if matches!(refusal.cause.as_str(), "NamespaceMissing" | "NoSuchKind") =>
                {
                    return Ok(Compared { live, wanted: one.object.clone(), unchecked: Some(refusal.message) });
                }
                // what this program set itself, by another verb, it may set again
                Err(ClusterError::Refused(refusal))
                    if !params.force
                        && !refusal.holders.is_empty()
                        && refusal.holders.iter().all(|holder| holder == MANAGER) =>
                {
                    params.force = true;
                }
                Err(trouble) => return Err(trouble),
            }
        }
    }

    /// What carries the labels and is not among the manifests.
    async fn deleted(
        &self,
        prepared: &[Prepared],
        options: &ApplyOptions,
        selector: &str,
    ) -> Result<Vec<ObjectDiff>, Fault> {
        let own: BTreeSet<_> = prepared.iter().map(Prepared::key).collect();
        let named = prepared.iter().map(|one| one.namespace.as_str()).filter(|namespace| !namespace.is_empty());
        let namespaces: BTreeSet<&str> = named.chain([options.namespace.as_str()]).collect();
        let mut found = Vec::new();
        for namespace in namespaces {
            let query =
                LeftoverQuery { namespace: Some(namespace), selector: Some(selector), ..LeftoverQuery::default() };
            for left in self.leftovers(query).await?.left.into_iter().filter(|left| !left.owned) {
                if own.contains(&(left.kind.to_string(), left.namespace.clone(), left.name.clone())) {
                    continue;
                }
                let api = left.kind.api(self.client().await?, &left.namespace);
                let live = self.ask(&format!("get {}", left.shown()), api.get_opt(&left.name)).await?;
                let live = live.map(|live| serde_json::to_value(live).unwrap_or_default());
                found.push(text::deleted(&left, &live.unwrap_or_default()));
            }
        }
        Ok(found)
    }
}
