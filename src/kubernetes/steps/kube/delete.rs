//! `delete`: objects away, and waiting until they are gone.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{DeleteParams, DynamicObject, ListParams, Preconditions};
use schemars::JsonSchema;
use serde::Deserialize;

use super::restart::{listed, yes};
use super::verb_context::{VerbContext, Workload};
use super::{Verb, exec, manifests};
use crate::core::kind::several::{Several, Short};
use crate::core::kind::{CheckContext, ExistingPath};
use crate::core::model::diagnostic::Code;
use crate::core::model::namespace::refuse_system_namespace;
use crate::core::model::outcome::{Failure, Fault, FaultKind, Finding, Outcome, Outputs};
use crate::kubernetes::apply::install_rank;
use crate::kubernetes::client::{ClusterError, Reference, misspelt};
use crate::kubernetes::ownership::owned::holding;

/// Objects whose Pods are asked about when the attempt must stop, and how long each may take.
const EXPLAINED: usize = 3;
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Requests under way at a time.
const IN_FLIGHT: usize = 16;

/// Deletes objects and waits until they are gone.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Delete {
    /// Objects by name, as `deployment/backend`.
    #[serde(default)]
    target: Several<Reference>,
    /// The objects of these files and folders.
    #[serde(default)]
    files: Several<ExistingPath>,
    /// With `selector`: the kinds to delete, as `configmaps`.
    #[serde(default)]
    kind: Several<String>,
    /// With `kind`: the labels that the objects carry, as `app=todo`.
    selector: Option<String>,
    /// Whether an object that is not there is as good as deleted: `true` where nothing is said. Written out, it holds for
    /// a kind that the cluster does not serve as well.
    ignore_missing: Option<bool>,
    /// Whether to wait until they are gone.
    #[serde(default = "yes")]
    wait: bool,
    /// Seconds that pods have to end; their own `terminationGracePeriodSeconds` where none is given.
    grace_period: Option<u32>,
    /// What happens to the objects that these own.
    #[serde(default)]
    cascade: Cascade,
}

/// What happens to owned objects: pods of a Deployment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cascade {
    /// They go after their owner.
    #[default]
    Background,
    /// Their owner goes after them.
    Foreground,
    /// They stay.
    Orphan,
}

impl Short for Delete {
    type Value = Reference;
    fn short(target: Several<Reference>) -> Self {
        Delete {
            target,
            files: Several::default(),
            kind: Several::default(),
            selector: None,
            ignore_missing: None,
            wait: true,
            grace_period: None,
            cascade: Cascade::default(),
        }
    }
}

/// An object to delete, and the identity it had.
#[derive(Debug, Clone)]
struct DeleteTarget {
    object: Workload,
    uid: String,
}

#[async_trait]
impl Verb for Delete {
    fn check(&self, at: &str, cx: &mut CheckContext<'_>) {
        if self.kind.0.is_empty() == self.selector.is_some() {
            let help = "write both: `kind: configmaps` and `selector: app=todo`".to_owned();
            cx.error(&[at.into()], Code::InvalidValue, "`kind` and `selector` belong together", Some(help));
        } else if self.target.0.is_empty() && self.files.0.is_empty() && self.selector.is_none() {
            let help = "name objects: `delete: deployment/backend`, or `files:`, or `kind:` and `selector:`".to_owned();
            cx.error(&[at.into()], Code::MissingKey, "there is nothing to delete", Some(help));
        }
        let labels = "write the labels of what is to be deleted: `selector: app=todo`";
        exec::check_selector(at, self.selector.as_deref(), labels, cx);
    }

    fn title(&self) -> String {
        let mut what = vec![listed(&self.target.0)];
        what.extend(self.files.0.iter().map(|file| file.0.display().to_string()));
        what.extend(self.selector.iter().map(|selector| format!("{} {selector}", self.kind.0.join(", "))));
        what.retain(|part| !part.is_empty());
        format!("delete {}", what.join(", "))
    }

    fn reads(&self) -> Vec<String> {
        self.files.0.iter().map(|file| file.0.display().to_string()).collect()
    }

    async fn run(&self, on: &VerbContext<'_>) -> Result<Outcome, Fault> {
        let mut objects = self.named(on).await?;
        objects.sort_by_key(|object| std::cmp::Reverse(install_rank(&object.kind.resource.kind)));
        let deletions: Vec<_> = objects.iter().map(|object| self.delete(on, object)).collect();
        let all = stream::iter(deletions).buffered(IN_FLIGHT).try_collect();
        let doomed: Vec<Option<DeleteTarget>> = match on.cx.unless_cancelled(all).await? {
            Ok(doomed) => doomed,
            Err((object, trouble)) => return trouble.outcome(object.shown()),
        };
        let mut missing = objects.iter().zip(&doomed).filter(|(_, doomed)| doomed.is_none());
        if !self.ignores_missing()
            && let Some((object, _)) = missing.next()
        {
            let failure = Failure::new(format!("{} is not there", object.shown()));
            return Ok(Outcome::Failed(failure.help("write `ignore_missing: true` where that is as good")));
        }
        let doomed: Vec<DeleteTarget> = doomed.into_iter().flatten().collect();
        if self.wait
            && let Some(failure) = gone(on, &doomed).await?
        {
            return Ok(Outcome::Failed(failure));
        }
        let names: Vec<serde_json::Value> = doomed.iter().map(|doomed| doomed.object.shown().into()).collect();
        Ok(Outcome::Passed(Outputs::from([("objects".to_owned(), names.into())])))
    }
}

/// The fault of a manifest whose object the API server names: which one is to be deleted is not known.
fn nameless(place: &str, kind: &str) -> Fault {
    let kind = kind.to_lowercase();
    Fault::invalid(format!("{place}: the {kind} has no `metadata.name`: which object is to be deleted is not known"))
        .help(format!("name it, `target: {kind}/NAME`, or write `kind: {kind}` and the `selector:` of its labels"))
}

/// Whether it says that the cluster serves no such kind, and not that this is unknown, or that the kind is misspelt.
pub(super) fn is_answer(fault: &Fault) -> bool {
    fault.kind != FaultKind::Environment && !fault.transient && !misspelt(fault)
}

impl Delete {
    fn ignores_missing(&self) -> bool {
        self.ignore_missing.unwrap_or(true)
    }

    async fn named(&self, on: &VerbContext<'_>) -> Result<Vec<Workload>, Fault> {
        let mut objects = Vec::new();
        for target in &self.target.0 {
            let (kind, name) = match on.cluster.resolve(target).await {
                Ok(found) => found,
                // No kind, no objects. Where that is not written, a typing error is more likely.
                Err(fault) if self.ignore_missing == Some(true) && is_answer(&fault) => {
                    on.say(format!("{target}: {}", fault.message));
                    continue;
                }
                Err(fault) => return Err(fault),
            };
            objects.push(Workload { kind, namespace: on.namespace.to_owned(), name });
        }
        if !self.files.0.is_empty() {
            for manifest in manifests::read(&on.cx.project, &self.files.0, &[])? {
                let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
                let (api_version, kind) = (text(&manifest.object["apiVersion"]), text(&manifest.object["kind"]));
                if text(&manifest.object["metadata"]["name"]).is_empty() {
                    return Err(nameless(&manifest.place, &kind));
                }
                let kind = match on.cluster.kind_of(&api_version, &kind).await {
                    Ok(kind) => kind,
                    // A kind whose CustomResourceDefinition is gone has no objects any more.
                    Err(fault) if self.ignores_missing() && is_answer(&fault) => {
                        on.say(format!("{}: {}", manifest.place, fault.message));
                        continue;
                    }
                    Err(fault) => return Err(fault),
                };
                let meta = &manifest.object["metadata"];
                let namespace = meta["namespace"].as_str().unwrap_or(on.namespace).to_owned();
                objects.push(Workload { kind, namespace, name: text(&meta["name"]) });
            }
        }
        if let Some(selector) = &self.selector {
            for written in &self.kind.0 {
                let kind = on.cluster.kind_named(written).await?;
                let api = kind.api(on.cluster.client().await?, on.namespace);
                let list = ListParams::default().labels(selector);
                let doing = format!("list {} {selector}", kind.resource.plural);
                for found in on.cluster.list_metadata(&doing, &api, list).await? {
                    let name = found.metadata.name.unwrap_or_default();
                    objects.push(Workload { kind: kind.clone(), namespace: on.namespace.to_owned(), name });
                }
            }
        }
        for object in &objects {
            refuse_system_namespace(&object.namespace)?;
            if object.kind.resource.kind == "Namespace" {
                refuse_system_namespace(&object.name)?;
            }
        }
        Ok(objects)
    }

    /// Deletes one; `None` where it is not there.
    async fn delete(
        &self,
        on: &VerbContext<'_>,
        object: &Workload,
    ) -> Result<Option<DeleteTarget>, (Workload, ClusterError)> {
        let with = |trouble: ClusterError| (object.clone(), trouble);
        let api = object.kind.api(on.cluster.client().await.map_err(|fault| with(fault.into()))?, &object.namespace);
        let doing = format!("delete {}", object.shown());
        let there = match on.cluster.ask(&doing, api.get_metadata_opt(&object.name)).await {
            // The kinds were discovered earlier in the run: its CustomResourceDefinition may have gone since.
            Err(ClusterError::Refused(refusal)) if refusal.code == 404 => {
                on.cluster.forget_kinds();
                let resource = &object.kind.resource;
                match on.cluster.kind_of(&resource.api_version, &resource.kind).await {
                    Err(fault) if is_answer(&fault) => {
                        on.say(format!("{}: {}", object.shown(), fault.message));
                        return Ok(None);
                    }
                    Ok(_) => return Err(with(ClusterError::Refused(refusal))),
                    Err(fault) => return Err(with(fault.into())),
                }
            }
            other => other.map_err(with)?,
        };
        let Some(uid) = there.and_then(|there| there.metadata.uid) else {
            on.say(format!("{} is not there", object.shown()));
            return Ok(None);
        };
        let parameters = match self.cascade {
            Cascade::Background => DeleteParams::background(),
            Cascade::Foreground => DeleteParams::foreground(),
            Cascade::Orphan => DeleteParams::orphan(),
        };
        let parameters = DeleteParams {
            grace_period_seconds: self.grace_period,
            preconditions: Some(Preconditions { uid: Some(uid.clone()), resource_version: None }),
            ..parameters
        };
        match on.cluster.ask(&doing, api.delete(&object.name, &parameters)).await {
            Ok(_) => {
                on.say(format!("{} deleted", object.shown()));
                Ok(Some(DeleteTarget { object: object.clone(), uid }))
            }
            Err(trouble) if trouble.is_missing() => Ok(None),
            Err(trouble) => Err(with(trouble)),
        }
    }
}

/// Waits until all are gone; a failure that names what holds them where the attempt must stop before.
async fn gone(on: &VerbContext<'_>, doomed: &[DeleteTarget]) -> Result<Option<Failure>, Fault> {
    let held: Vec<Mutex<Option<DynamicObject>>> = doomed.iter().map(|_| Mutex::new(None)).collect();
    let waits = doomed.iter().zip(&held).map(|(doomed, held)| async move {
        let decide = |object: Option<&DynamicObject>| {
            let there = object.filter(|object| object.metadata.uid.as_deref() == Some(&doomed.uid));
            *held.lock().unwrap_or_else(PoisonError::into_inner) = there.cloned();
            there.is_none().then_some(())
        };
        match on.cluster.until(&doomed.object.kind, &doomed.object.namespace, &doomed.object.name, decide).await {
            // A CustomResourceDefinition that goes takes its objects with it, and their kind.
            Err(ClusterError::Refused(refusal)) if refusal.code == 404 => Ok(()),
            other => other,
        }
    });
    let waits: Vec<_> = waits.collect();
    let all = stream::iter(waits).buffer_unordered(IN_FLIGHT).try_collect::<Vec<()>>();
    tokio::select! {
        biased;
        result = all => result.map(|_| None).map_err(Fault::from),
        () = on.cx.cancelled() => {
            let mut findings: Vec<Finding> = Vec::new();
            let mut names: Vec<String> = Vec::new();
            for (doomed, held) in doomed.iter().zip(&held) {
                let object = held.lock().unwrap_or_else(PoisonError::into_inner).take();
                let Some(object) = object else { continue };
                names.push(doomed.object.shown());
                match findings.len() {
                    // Each asks the cluster: there is little time.
                    0..EXPLAINED => findings.extend(why_held(on, doomed, &object).await),
                    _ => findings.push(holding(&doomed.object.shown(), &object)),
                }
            }
            findings.dedup();
            Ok(Some(Failure::new(format!("stopped before they were gone: {}", names.join(", "))).because(findings)))
        }
    }
}

/// What keeps one object from going: the Pods below it that have not ended, or its finalizers.
async fn why_held(on: &VerbContext<'_>, doomed: &DeleteTarget, object: &DynamicObject) -> Vec<Finding> {
    let finding = holding(&doomed.object.shown(), object);
    let target = doomed.object.target();
    let (namespace, target) = match doomed.object.kind.resource.kind.as_str() {
        "Namespace" => (doomed.object.name.as_str(), None),
        _ => (doomed.object.namespace.as_str(), Some(&target)),
    };
    let below = on.cluster.holds_deletion(namespace, target);
    let below = tokio::time::timeout(LAST_WORDS, below).await.unwrap_or_default();
    // The garbage collector's own finalizer says only that something below is still there.
    let finalizers = object.metadata.finalizers.as_deref().unwrap_or_default();
    let waits = finalizers.iter().all(|name| name == "foregroundDeletion");
    let own = (below.is_empty() || !waits).then_some(finding);
    own.into_iter().chain(below).collect()
}
