//! `apply`: manifests to the cluster by server-side apply.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::Verb;
use super::manifests;
use super::verb_context::{VerbContext, Workload};
use crate::core::kind::several::{Several, Short};
use crate::core::kind::{CheckContext, ExistingPath, ManifestValue, PushedImage, WrittenObject};
use crate::core::model::diagnostic::Code;
use crate::core::model::outcome::{Failure, Fault, Outcome, Outputs};
use crate::kubernetes::apply::{ApplyOptions, ApplyReport, Change, DiffReport, Identity, metadata_fault, twice};
use crate::kubernetes::ownership::owned::Owner;
use crate::kubernetes::pin::{pin_images, unused};
use crate::kubernetes::preview;
use crate::kubernetes::rendered::check_kustomization;
use crate::kubernetes::rollout::rolls_out;
use crate::process::command_context::CommandError;

/// Applies manifests. Namespaces and CustomResourceDefinitions go first, the rest in the order of need.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Apply {
    /// Files and folders with manifests.
    files: Several<ExistingPath>,
    /// Objects written here. Their values are read as in a manifest file: `0644` is octal, and `yes` is true.
    objects: Vec<BTreeMap<String, ManifestValue>>,
    /// The folder of a kustomization, rendered with `kubectl kustomize` or `kustomize build`. Folders outside of it that it
    /// builds on belong under `inputs:`, so that `run --resume` knows of their changes.
    kustomize: Option<ExistingPath>,
    /// Steps that have pushed images, as `push` or `build.push`: every container with such an image gets the digest that
    /// was pushed, so that what was measured is what is deployed. The steps come first. A pushed image that no container
    /// names, tag included, is an error.
    pin: Several<PushedImage>,
    /// Takes over fields that another manager holds (kubectl, Helm, an autoscaler). Without it a conflict is an error
    /// that names them.
    force: bool,
    /// Makes the namespace first, where it is not there. With `dry_run` it must be there already.
    create_namespace: bool,
    /// Waits until every Deployment, StatefulSet and DaemonSet among them has rolled out.
    wait: bool,
    /// `server`: the cluster checks everything and changes nothing.
    dry_run: Option<DryRun>,
}

/// Who checks without changing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DryRun {
    /// The cluster, admission webhooks and quota included.
    Server,
}

impl Short for Apply {
    type Value = ExistingPath;
    fn short(files: Several<ExistingPath>) -> Self {
        Apply { files, ..Apply::default() }
    }
}

#[async_trait]
impl Verb for Apply {
    fn check(&self, at: &str, cx: &mut CheckContext<'_>) {
        if self.files.0.is_empty() && self.objects.is_empty() && self.kustomize.is_none() {
            let help = "name files or folders: `apply: manifests/`, or write `objects:` or `kustomize:`".to_owned();
            cx.error(&[at.into()], Code::MissingKey, "there is nothing to apply", Some(help));
        }
        // A missing file is reported by its format already.
        for (index, file) in self.files.0.iter().enumerate() {
            if file.below(cx.project).exists()
                && let Err(fault) = manifests::checked(cx.project, file)
            {
                let path = [at.into(), "files".into(), index.into()];
                cx.error(&path, Code::InvalidValue, fault.message, fault.help);
            }
        }
        if let Some(folder) = &self.kustomize {
            check_kustomization(folder, cx, &[at.into(), "kustomize".into()]);
        }
        for (index, object) in self.objects.iter().enumerate() {
            let object = inline(object);
            if let Some((message, help)) = metadata_fault(&object) {
                let path = [at.into(), "objects".into(), index.into()];
                cx.error(&path, Code::InvalidValue, message, Some(help));
            }
        }
    }

    fn title(&self) -> String {
        let mut what: Vec<String> =
            self.files.0.iter().chain(&self.kustomize).map(|file| file.0.display().to_string()).collect();
        if !self.objects.is_empty() {
            what.push(format!("{} inline objects", self.objects.len()));
        }
        format!("apply {}", what.join(", "))
    }

    fn reads(&self) -> Vec<String> {
        self.files.0.iter().chain(&self.kustomize).map(|file| file.0.display().to_string()).collect()
    }

    async fn preview(&self, on: &VerbContext<'_>) -> Option<Result<DiffReport, CommandError>> {
        if self.dry_run.is_some() {
            return None;
        }
        let compare = async {
            let objects = self.manifests(on).await?.into_iter().map(|manifest| manifest.object).collect();
            compared(on, objects, self.force).await
        };
        Some(compare.await)
    }

    async fn run(&self, on: &VerbContext<'_>) -> Result<Outcome, Fault> {
        let mut manifests = match self.manifests(on).await {
            Ok(manifests) => manifests,
            Err(CommandError::Failed(failure)) => return Ok(Outcome::Failed(failure)),
            Err(CommandError::Fault(fault)) => return Err(fault),
        };
        if let Some(failure) = pinned(on, &self.pin.0, manifests.iter_mut().map(|manifest| &mut manifest.object))? {
            return Ok(Outcome::Failed(failure));
        }
        let places: Vec<String> = manifests.iter().map(|manifest| manifest.place.clone()).collect();
        let namespace = if self.create_namespace { self.namespace(on).await? } else { None };
        if let Some(failed) = namespace {
            return Ok(failed);
        }
        let options = ApplyOptions { force: self.force, dry_run: self.dry_run.is_some(), ..options(on) };
        let objects = manifests.into_iter().map(|manifest| manifest.object).collect();
        let suffix = if options.dry_run { " (server dry run)" } else { "" };
        let each = |applied: &crate::kubernetes::apply::Applied| {
            on.say(format!("{} {}{suffix}", applied.kind.named(&applied.name), applied.change.word()));
        };
        let report = on.cx.unless_cancelled(on.cluster.apply(objects, &options, &each)).await??;
        report.notes.iter().for_each(|note| on.say(note));
        if !report.refused.is_empty() {
            return Ok(Outcome::Failed(refused(on, &report, &places)));
        }
        if self.wait && !options.dry_run {
            let workloads: Vec<Workload> = report
                .applied
                .iter()
                .filter(|applied| rolls_out(&applied.kind.resource.kind) && applied.kind.resource.group == "apps")
                .map(|applied| Workload {
                    kind: applied.kind.clone(),
                    namespace: applied.namespace.clone(),
                    name: applied.name.clone(),
                })
                .collect();
            if let Err(failure) = on.rolled_out(&workloads).await? {
                return Ok(Outcome::Failed(failure));
            }
        }
        Ok(Outcome::Passed(outputs(&report)))
    }
}

/// An object of `objects` as JSON.
pub(super) fn inline(object: &BTreeMap<String, ManifestValue>) -> Value {
    object.iter().map(|(key, value)| (key.clone(), value.0.clone())).collect()
}

/// What the plan knows an object by that a step writes.
pub(super) fn written(object: &Value, namespace: Option<&str>) -> Option<WrittenObject> {
    let identity = Identity::of(object, namespace.unwrap_or_default())?;
    let content = sorted(object).to_string();
    Some(WrittenObject { key: format!("{identity:?}"), shown: identity.shown(), content })
}

/// The same value with the keys of its maps in order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<&String, Value> = fields.iter().map(|(key, value)| (key, sorted(value))).collect();
            fields.into_iter().map(|(key, value)| (key.clone(), value)).collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

impl Apply {
    /// Its objects, each with its place.
    async fn manifests(&self, on: &VerbContext<'_>) -> Result<Vec<manifests::Manifest>, CommandError> {
        let inline: Vec<Value> = self.objects.iter().map(inline).collect();
        let mut all = Vec::new();
        if let Some(folder) = &self.kustomize {
            let rendered = on.cx.render_kustomization(folder).await?;
            all.extend(rendered.into_iter().map(|it| manifests::Manifest {
                place: format!("{} (rendered, line {})", folder.0.display(), it.line),
                object: it.object,
            }));
        }
        if self.kustomize.is_none() || !(self.files.0.is_empty() && inline.is_empty()) {
            all.extend(manifests::read(&on.cx.project, &self.files.0, &inline)?);
        }
        Ok(all)
    }

    /// Complains of objects that are there twice, as far as that is known without a cluster.
    pub(super) fn check_twice(&self, at: &str, namespace: Option<&str>, cx: &mut CheckContext<'_>) {
        let inline: Vec<Value> = self.objects.iter().map(inline).collect();
        let Ok(all) = manifests::read(cx.project, &self.files.0, &inline) else { return };
        // What names none goes to the step's namespace, which may not be known yet.
        let namespace = namespace.unwrap_or_default();
        for twice in twice(all.iter().map(|manifest| Identity::of(&manifest.object, namespace))) {
            let place = |index: usize| match all[index].place.as_str() {
                "" => format!("objects[{}]", index + inline.len() - all.len()),
                place => place.to_owned(),
            };
            let (first, later) = (place(twice.first), place(twice.later));
            let message = if first == later {
                format!("{} is applied twice: {first} is named more than once", twice.shown)
            } else {
                format!("{} is there twice: {first} and {later}", twice.shown)
            };
            let help = "keep one of them, or give each its own name or namespace".to_owned();
            cx.error(&[at.into()], Code::InvalidValue, message, Some(help));
        }
    }

    /// The objects that it writes, as far as they are known without a cluster.
    pub(super) fn writes(&self, namespace: Option<&str>, project: &Path) -> Vec<WrittenObject> {
        let inline: Vec<Value> = self.objects.iter().map(inline).collect();
        let all = if self.dry_run.is_none() { manifests::read(project, &self.files.0, &inline).ok() } else { None };
        all.into_iter().flatten().filter_map(|manifest| written(&manifest.object, namespace)).collect()
    }

    /// Makes the namespace where it is not there; a server dry run only checks. The outcome where that fails.
    async fn namespace(&self, on: &VerbContext<'_>) -> Result<Option<Outcome>, Fault> {
        if self.dry_run.is_none() {
            return ensure_namespace(on).await;
        }
        if on.cluster.has_namespace(on.namespace).await? {
            return Ok(None);
        }
        let summary = format!(
            "namespace/{} does not exist, and a server dry run makes none: the cluster cannot check what belongs into it",
            on.namespace
        );
        let help = "make the namespace in a step before, or leave `dry_run` out: `create_namespace` then makes it";
        Ok(Some(Outcome::Failed(Failure::new(summary).help(help))))
    }
}

/// Pins the images of these objects to what the steps have pushed. The failure where that changes nothing.
pub(super) fn pinned<'o>(
    on: &VerbContext<'_>,
    steps: &[PushedImage],
    objects: impl Iterator<Item = &'o mut Value>,
) -> Result<Option<Failure>, Fault> {
    if steps.is_empty() {
        return Ok(None);
    }
    let pins = on.cx.pins(steps)?;
    let (mut done, mut others) = (Vec::new(), Vec::new());
    objects.for_each(|object| pin_images(object, &pins, &mut done, &mut others));
    for (step, image) in done.iter().collect::<BTreeSet<_>>() {
        let exact = pins.iter().find(|pin| pin.step == *step).map(|pin| pin.exact.as_str()).unwrap_or_default();
        on.say(format!("{image} pinned to {exact}"));
    }
    Ok(unused(&pins, &done, &others))
}

/// What an apply of these objects would change.
pub(super) async fn compared(
    on: &VerbContext<'_>,
    objects: Vec<Value>,
    force: bool,
) -> Result<DiffReport, CommandError> {
    preview::compared(on.cx, objects, ApplyOptions { force, ..options(on) }).await
}

/// The options of everything that this program writes: the namespace and the labels it puts on objects.
pub(super) fn options(on: &VerbContext<'_>) -> ApplyOptions {
    ApplyOptions { namespace: on.namespace.to_owned(), owner: Owner::of(on.cx), ..ApplyOptions::default() }
}

/// Makes the namespace where it is not there; the outcome where it may not.
pub(super) async fn ensure_namespace(on: &VerbContext<'_>) -> Result<Option<Outcome>, Fault> {
    match on.cluster.ensure_namespace(on.namespace, Owner::of(on.cx).as_ref()).await {
        Ok(true) => on.say(format!("namespace/{} created", on.namespace)),
        Ok(false) => {}
        Err(trouble) => return trouble.outcome(format!("namespace/{}", on.namespace)).map(Some),
    }
    Ok(None)
}

pub(super) fn refused(on: &VerbContext<'_>, report: &ApplyReport, places: &[String]) -> Failure {
    let total = report.applied.len() + report.refused.len() + report.untried;
    let summary = match report.refused.as_slice() {
        [(at, _, only)] if total == 1 => match places.get(*at).filter(|place| !place.is_empty()) {
            Some(place) => format!("{place}: {only}"),
            None => only.to_string(),
        },
        refused => format!(
            "{} of {total} objects were refused: {}",
            refused.len(),
            refused.iter().map(|(_, name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
        ),
    };
    let mut failure = Failure::new(summary);
    for (at, name, refusal) in &report.refused {
        on.say(format!("{name} refused: {}: {}", refusal.cause, refusal.message));
        let mut finding = refusal.finding(name);
        if let Some(place) = places.get(*at).filter(|place| !place.is_empty()) {
            finding.lines.push(format!("in {place}"));
        }
        failure.findings.push(finding);
        failure.help = failure.help.or_else(|| refusal.help.clone());
    }
    failure
}

fn outputs(report: &ApplyReport) -> Outputs {
    // objects are applied side by side: the order in which they ended differs from run to run
    let mut objects: Vec<String> = report.applied.iter().map(|applied| applied.kind.named(&applied.name)).collect();
    objects.sort();
    Outputs::from([
        ("created".to_owned(), report.count(Change::Created).into()),
        ("configured".to_owned(), report.count(Change::Configured).into()),
        ("unchanged".to_owned(), report.count(Change::Unchanged).into()),
        ("objects".to_owned(), objects.into()),
    ])
}

#[cfg(test)]
mod tests;
