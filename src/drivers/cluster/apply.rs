//! Server-side apply of many objects at once: ordered by need, side by side within an order, every refusal collected.

mod order;
mod prepare;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use kube::api::{Api, DynamicObject};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::core::PartialObjectMeta;
use serde_json::Value;

use super::owned::Owner;
use super::{Cluster, Kind, Refusal, Trouble};
use crate::outcome::Fault;
pub use order::install_rank;
use prepare::Prepared;

/// The field manager of everything this program applies.
pub const MANAGER: &str = "pipeline";
/// Requests under way at a time.
const IN_FLIGHT: usize = 16;
/// How long an API server may be away in the middle of an apply.
const OUTAGE: Duration = Duration::from_secs(15);
/// Time for a CustomResourceDefinition to be established.
const ESTABLISHED: Duration = Duration::from_secs(30);
/// Up to this many objects of a kind and namespace are looked up one by one, more by one list.
const ONE_BY_ONE: usize = 4;

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
    /// How many were not tried, because a Namespace or CustomResourceDefinition was refused.
    pub untried: usize,
}

impl ApplyReport {
    /// How many objects became so.
    pub fn count(&self, change: Change) -> usize {
        self.applied.iter().filter(|applied| applied.change == change).count()
    }
}

/// Objects that are there, by kind, namespace and name, with their resource version and labels.
type Before = HashMap<(String, String, String), (String, BTreeMap<String, String>)>;

impl Cluster {
    /// Applies all of `objects`; `each` hears of every object as it is applied. Namespaces and
    /// CustomResourceDefinitions go first, the rest in the order of need.
    ///
    /// # Errors
    /// [`Fault`] when the cluster gives no answer, or an object names a system namespace. A refused object is no
    /// error: it stands in the report.
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
                report.untried = total - report.applied.len() - report.refused.len();
                return Ok(report);
            }
            self.established(options, &mut report).await?;
        }
        self.apply_phase(rest, &brought, options, each, &mut report).await?;
        report.refused.sort_by_key(|(at, _, _)| *at);
        Ok(report)
    }

    /// Makes a namespace where it is not there; says whether it did.
    ///
    /// # Errors
    /// [`Trouble`] when it may not.
    pub async fn ensure_namespace(&self, name: &str, owner: Option<&Owner>) -> Result<bool, Trouble> {
        let kind = self.kind_of("v1", "Namespace").await?;
        let api = kind.api(self.client().await?, "");
        let doing = format!("make namespace/{name}");
        if self.ask(&doing, api.get_metadata_opt(name)).await?.is_some() {
            return Ok(false);
        }
        let mut object = DynamicObject::new(name, &kind.resource);
        object.metadata.labels = owner.map(prepare::labels);
        let parameters = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        match self.ask(&doing, api.create(&parameters, &object)).await {
            Ok(_) => Ok(true),
            // Another step was faster.
            Err(Trouble::Refused(refusal)) if refusal.cause == "AlreadyExists" => Ok(false),
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
                Err((name, Trouble::Refused(refusal))) => report.refused.push((at, name, refusal)),
                Err((_, Trouble::Fault(fault))) => return Err(fault),
            }
        }
        let before = self.before(&prepared).await?;
        if let Some(owner) = &options.owner {
            for one in &mut prepared {
                let there = before.as_ref().and_then(|before| before.get(&one.key()));
                one.own(owner, there.map(|(_, labels)| labels));
            }
        }
        prepared.sort_by_key(|one| (install_rank(&one.kind.resource.kind), one.at));
        for rank in prepared.chunk_by(|a, b| install_rank(&a.kind.resource.kind) == install_rank(&b.kind.resource.kind))
        {
            let patches: Vec<_> =
                rank.iter().map(|one| async move { (one, self.patch(one, brought, options).await) }).collect();
            let mut answers = stream::iter(patches).buffer_unordered(IN_FLIGHT);
            while let Some((one, answer)) = answers.next().await {
                match answer {
                    Ok(meta) => {
                        let change = change(before.as_ref(), one, &meta);
                        let applied = Applied {
                            kind: one.kind.clone(),
                            namespace: one.namespace.clone(),
                            name: one.name.clone(),
                            change,
                        };
                        each(&applied);
                        report.applied.push(applied);
                    }
                    Err(Trouble::Refused(refusal)) => {
                        report.refused.push((one.at, one.kind.named(&one.name), refusal));
                    }
                    Err(Trouble::Fault(fault)) => return Err(fault),
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
    ) -> Result<Prepared, (String, Trouble)> {
        let (api_version, kind_name) = prepare::identity(&object);
        let shown = prepare::shown(&object);
        let own =
            brought.iter().find(|kind| kind.resource.api_version == api_version && kind.resource.kind == kind_name);
        let kind = match own {
            Some(kind) => kind.clone(),
            None => match self.kind_of(&api_version, &kind_name).await {
                Ok(kind) => kind,
                Err(fault) if fault.kind == crate::outcome::FaultKind::Unknown && !fault.transient => {
                    let refusal = Refusal {
                        doing: format!("apply {shown}"),
                        code: 404,
                        cause: "NoSuchKind".to_owned(),
                        message: fault.message,
                        help: fault.help,
                        ..Refusal::default()
                    };
                    return Err((shown, Trouble::Refused(refusal)));
                }
                Err(fault) => return Err((shown, Trouble::Fault(fault))),
            },
        };
        prepare::prepare(at, object, kind, options).map_err(|trouble| (shown, trouble))
    }

    async fn patch(
        &self,
        one: &Prepared,
        brought: &[Kind],
        options: &ApplyOptions,
    ) -> Result<PartialObjectMeta<DynamicObject>, Trouble> {
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
                Err(Trouble::Refused(refusal)) => refusal,
                Err(Trouble::Fault(fault)) if fault.transient && begun.elapsed() < OUTAGE => {
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
            // `scale`, `set_image` and `undo` are ours as well, under the same name: what they set is ours to set anew.
            let is_ours = !refusal.holders.is_empty() && refusal.holders.iter().all(|holder| holder == MANAGER);
            match pauses.next().filter(|_| is_soon) {
                Some(pause) => tokio::time::sleep(pause).await,
                None if is_ours && !parameters.force => parameters.force = true,
                None => return Err(Trouble::Refused(refusal)),
            }
        }
    }

    /// What is there of `objects` already; `None` for who may not look.
    async fn before(&self, objects: &[Prepared]) -> Result<Option<Before>, Fault> {
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
                Err(Trouble::Refused(_)) => return Ok(None),
                Err(Trouble::Fault(fault)) => return Err(fault),
            }
        }
        Ok(Some(all))
    }

    async fn before_of(&self, api: &Api<DynamicObject>, group: &[&Prepared]) -> Result<Before, Trouble> {
        let kind = &group[0].kind;
        let doing = format!("look at {}", kind.resource.plural);
        let found = if group.len() > ONE_BY_ONE {
            self.ask(&doing, api.list_metadata(&ListParams::default().match_any())).await?.items
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
                let key = (kind.to_string(), group[0].namespace.clone(), object.metadata.name.unwrap_or_default());
                let labels = object.metadata.labels.unwrap_or_default();
                (key, (object.metadata.resource_version.unwrap_or_default(), labels))
            })
            .collect())
    }

    /// Waits until the CustomResourceDefinitions just applied are served.
    async fn established(&self, options: &ApplyOptions, report: &mut ApplyReport) -> Result<(), Fault> {
        let crds = report.applied.iter().filter(|applied| applied.kind.resource.kind == "CustomResourceDefinition");
        let fresh: Vec<Applied> = crds.filter(|crd| crd.change != Change::Unchanged).cloned().collect();
        if fresh.is_empty() || options.dry_run {
            return Ok(());
        }
        for crd in &fresh {
            let established = self.until(&crd.kind, "", &crd.name, |object| {
                let conditions = object?.data["status"]["conditions"].as_array()?.clone();
                conditions.iter().any(|c| c["type"] == "Established" && c["status"] == "True").then_some(())
            });
            match tokio::time::timeout(ESTABLISHED, established).await {
                Ok(result) => result?,
                Err(_) => {
                    return Err(Fault::unknown(format!("{} was not established in 30 s", crd.kind.named(&crd.name)))
                        .help(format!("see its conditions: `kubectl describe crd {}`", crd.name)));
                }
            }
        }
        self.forget_kinds();
        Ok(())
    }
}

fn change(before: Option<&Before>, one: &Prepared, meta: &PartialObjectMeta<DynamicObject>) -> Change {
    let Some(before) = before else { return Change::Configured };
    match before.get(&one.key()) {
        None => Change::Created,
        Some((version, _)) if Some(version) == meta.metadata.resource_version.as_ref() => Change::Unchanged,
        Some(_) => Change::Configured,
    }
}
