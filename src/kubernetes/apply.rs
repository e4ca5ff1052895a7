//! Server-side apply of many objects at once: ordered by need, side by side within an order, every refusal collected.

mod before;
mod diff;
mod established;
mod migrate;
pub(super) mod order;
mod prepare;
mod twice;

use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::core::PartialObjectMeta;
use serde_json::Value;

use super::client::{Cluster, ClusterError, Kind, MANAGER, Refusal};
use super::ownership::owned::Owner;
use crate::core::model::outcome::Fault;
use before::Before;
pub use diff::{DiffReport, Difference, ObjectDiff};
pub use order::install_rank;
use prepare::Prepared;
pub(crate) use prepare::flattened;
pub use prepare::metadata_fault;
pub use twice::{Identity, Twice, twice};

/// Requests under way at a time.
const IN_FLIGHT: usize = 16;
/// How long an API server may be away in the middle of an apply.
const OUTAGE: Duration = Duration::from_secs(15);

/// How objects are applied.
#[derive(Debug, Clone, Default)]
pub struct ApplyOptions {
    /// The namespace for objects that name none.
    pub namespace: String,
    /// Whether to take over fields that another manager holds.
    pub force: bool,
    /// Whether the server only says what it would do.
    pub dry_run: bool,
    /// Whose the objects are that are made: they carry its labels. One that was there and is not its own stays without.
    pub owner: Option<Owner>,
}

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was not there.
    Created,
    /// It was there and is changed.
    Configured,
    /// It was there as wanted.
    Unchanged,
}

impl Change {
    /// As kubectl says it.
    pub fn word(self) -> &'static str {
        match self {
            Change::Created => "created",
            Change::Configured => "configured",
            Change::Unchanged => "unchanged",
        }
    }
}

/// An applied object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Its place among the objects handed in.
    pub at: usize,
    /// Its kind.
    pub kind: Kind,
    /// Its namespace; empty where its kind has none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What became of it.
    pub change: Change,
}

/// What came of it all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ApplyReport {
    /// The objects applied, in the order they were.
    pub applied: Vec<Applied>,
    /// The objects refused: their place among those handed in, `deployment.apps/backend`, and the cluster's words.
    pub refused: Vec<(usize, String, Refusal)>,
    /// How many were not tried, because a Namespace or CustomResourceDefinition was refused, or an object is there twice.
    pub untried: usize,
    /// What else is worth a line in the log.
    pub notes: Vec<String>,
}

impl ApplyReport {
    /// How many objects became so.
    pub fn count(&self, change: Change) -> usize {
        self.applied.iter().filter(|applied| applied.change == change).count()
    }
}

impl Cluster {
    /// Applies all of `objects`; `each` hears of every object as it is applied. Namespaces and
    /// CustomResourceDefinitions go first, the rest in the order of need.
    ///
    /// # Errors
    /// [`Fault`] when the cluster gives no answer, or an object names a system namespace. A refused object is no
    /// error: it is in the report.
    pub async fn apply(
        &self,
        objects: Vec<Value>,
        options: &ApplyOptions,
        each: &(dyn Fn(&Applied) + Sync),
    ) -> Result<ApplyReport, Fault> {
        let mut report = ApplyReport::default();
        let objects = prepare::flattened(objects);
        let total = objects.len();
        let (ahead, rest): (Vec<_>, Vec<_>) =
            objects.into_iter().partition(|(_, object)| order::goes_ahead(object["kind"].as_str().unwrap_or_default()));
        let brought: Vec<Kind> = ahead.iter().flat_map(|(_, object)| Kind::of_crd(object)).collect();
        if !ahead.is_empty() {
            self.apply_phase(ahead, &[], options, each, &mut report).await?;
            if !report.refused.is_empty() {
                report.untried = total.saturating_sub(report.applied.len() + report.refused.len());
                return Ok(report);
            }
            self.established(options, &mut report).await?;
            if !report.refused.is_empty() {
                report.untried = rest.len();
                return Ok(report);
            }
        }
        self.apply_phase(rest, &brought, options, each, &mut report).await?;
        report.refused.sort_by_key(|(at, _, _)| *at);
        Ok(report)
    }

    /// Makes a namespace where it is not there; says whether it did.
    ///
    /// # Errors
    /// [`ClusterError`] when it may not.
    pub async fn ensure_namespace(&self, name: &str, owner: Option<&Owner>) -> Result<bool, ClusterError> {
        let kind = self.kind_of("v1", "Namespace").await?;
        let api = kind.api(self.client().await?, "");
        let doing = format!("make namespace/{name}");
        if let Some(there) = self.ask(&doing, api.get_metadata_opt(name)).await? {
            return match there.metadata.deletion_timestamp {
                Some(_) => Err(ClusterError::Refused(Refusal::dying(doing, &kind.named(name), &there.metadata))),
                None => Ok(false),
            };
        }
        let mut object = DynamicObject::new(name, &kind.resource);
        object.metadata.labels = owner.map(prepare::labels);
        let parameters = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        match self.ask(&doing, api.create(&parameters, &object)).await {
            Ok(_) => Ok(true),
            // Another step was faster.
            Err(ClusterError::Refused(refusal)) if refusal.cause == "AlreadyExists" => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }

    async fn apply_phase(
        &self,
        objects: Vec<(usize, Value)>,
        brought: &[Kind],
        options: &ApplyOptions,
        each: &(dyn Fn(&Applied) + Sync),
        report: &mut ApplyReport,
    ) -> Result<(), Fault> {
        let mut prepared = Vec::with_capacity(objects.len());
        for (at, object) in objects {
            match self.prepared(at, object, brought, options).await {
                Ok(one) => prepared.push(one),
                Err((name, ClusterError::Refused(refusal))) => report.refused.push((at, name, refusal)),
                Err((_, ClusterError::Fault(fault))) => return Err(fault),
            }
        }
        let twice = twice::among(&prepared);
        if !twice.is_empty() {
            report.untried += prepared.len().saturating_sub(twice.len());
            report.refused.extend(twice);
            return Ok(());
        }
        let before = self.before(&prepared).await?;
        self.refuse_dying(&before, &mut prepared, report).await?;
        if let Some(owner) = &options.owner {
            before.own(&mut prepared, owner);
            report.notes.extend(before.notes());
        }
        self.migrate(&before, &prepared, options, &mut report.notes).await?;
        prepared.sort_by_key(|one| (install_rank(&one.kind.resource.kind), one.at));
        for rank in prepared.chunk_by(|a, b| install_rank(&a.kind.resource.kind) == install_rank(&b.kind.resource.kind))
        {
            let patches: Vec<_> =
                rank.iter().map(|one| async move { (one, self.patch(one, brought, options).await) }).collect();
            let mut answers = stream::iter(patches).buffer_unordered(IN_FLIGHT);
            while let Some((one, answer)) = answers.next().await {
                match answer {
                    // It was deleted in between: nothing that was written to it lasts.
                    Ok(meta) if meta.metadata.deletion_timestamp.is_some() && !before.let_go(one, &meta.metadata) => {
                        let shown = one.kind.named(&one.name);
                        let refusal = Refusal::dying(format!("apply {shown}"), &shown, &meta.metadata);
                        report.refused.push((one.at, shown, refusal));
                    }
                    Ok(meta) => {
                        let change = change(&before, one, &meta);
                        let applied = Applied {
                            at: one.at,
                            kind: one.kind.clone(),
                            namespace: one.namespace.clone(),
                            name: one.name.clone(),
                            change,
                        };
                        each(&applied);
                        report.applied.push(applied);
                    }
                    Err(ClusterError::Refused(refusal)) => {
                        report.refused.push((one.at, one.kind.named(&one.name), refusal));
                    }
                    Err(ClusterError::Fault(fault)) => return Err(fault),
                }
            }
        }
        Ok(())
    }

    async fn prepared(
        &self,
        at: usize,
        object: Value,
        brought: &[Kind],
        options: &ApplyOptions,
    ) -> Result<Prepared, (String, ClusterError)> {
        let (api_version, kind_name) = prepare::identity(&object);
        let shown = prepare::shown(&object);
        let own =
            brought.iter().find(|kind| kind.resource.api_version == api_version && kind.resource.kind == kind_name);
        let kind = match own {
            Some(kind) => kind.clone(),
            None => match self.kind_of(&api_version, &kind_name).await {
                Ok(kind) => kind,
                Err(fault) if fault.kind == crate::core::model::outcome::FaultKind::Unknown && !fault.transient => {
                    let refusal = Refusal {
                        doing: format!("apply {shown}"),
                        code: 404,
                        cause: "NoSuchKind".to_owned(),
                        message: fault.message,
                        help: fault.help,
                        ..Refusal::default()
                    };
                    return Err((shown, ClusterError::Refused(refusal)));
                }
                Err(fault) => return Err((shown, ClusterError::Fault(fault))),
            },
        };
        prepare::prepare(at, object, kind, options).map_err(|trouble| (shown, trouble))
    }

    async fn patch(
        &self,
        one: &Prepared,
        brought: &[Kind],
        options: &ApplyOptions,
    ) -> Result<PartialObjectMeta<DynamicObject>, ClusterError> {
        let api = one.kind.api(self.client().await?, &one.namespace);
        let mut parameters = PatchParams {
            dry_run: options.dry_run,
            force: options.force,
            ..PatchParams::apply(MANAGER).validation_strict()
        };
        let doing = format!("apply {}", one.kind.named(&one.name));
        let patch = Patch::Apply(&one.object);
        // A kind just established is served a little later, and a namespace just made gets its default service
        // account a little later: both are worth another look, for 5 s at most.
        let mut pauses = [20, 50, 100, 200, 400, 800, 1600, 1800].into_iter().map(Duration::from_millis);
        let is_new = brought.iter().any(|kind| kind.resource == one.kind.resource);
        // An API server that restarts is back within seconds, and what is applied twice is as if it were applied once.
        let (begun, mut outage) = (tokio::time::Instant::now(), Duration::from_millis(100));
        loop {
            let refusal = match self.ask(&doing, api.patch_metadata(&one.name, &parameters, &patch)).await {
                Err(ClusterError::Refused(refusal)) => refusal,
                Err(ClusterError::Fault(fault)) if fault.transient && begun.elapsed() < OUTAGE => {
                    tokio::time::sleep(outage).await;
                    outage = (outage * 2).min(Duration::from_secs(2));
                    continue;
                }
                answer => return answer,
            };
            if refusal.cause == "NoSuchKind" {
                self.forget_kinds();
            }
            let is_soon =
                (is_new && refusal.is_missing()) || refusal.message.contains("error looking up service account");
            // `scale`, `set_image` and `undo` are ours as well, under the same name: what they set is ours to set again.
            let is_ours = !refusal.holders.is_empty() && refusal.holders.iter().all(|holder| holder == MANAGER);
            match pauses.next().filter(|_| is_soon) {
                Some(pause) => tokio::time::sleep(pause).await,
                None if is_ours && !parameters.force => parameters.force = true,
                None => return Err(ClusterError::Refused(refusal)),
            }
        }
    }
}

fn change(before: &Before, one: &Prepared, meta: &PartialObjectMeta<DynamicObject>) -> Change {
    match before.of(one) {
        None if before.knows(one) => Change::Created,
        Some(there) if there.resource_version == meta.metadata.resource_version => Change::Unchanged,
        None | Some(_) => Change::Configured,
    }
}
