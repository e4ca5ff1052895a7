//! `diff`: what an apply of manifests, a chart or a kustomization would change, without changing it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::apply::{options, refused};
use super::verb_context::VerbContext;
use super::{Verb, exec, manifests};
use crate::core::kind::several::{Several, Short};
use crate::core::kind::{CheckContext, ExistingPath, ManifestValue};
use crate::core::model::diagnostic::Code;
use crate::core::model::outcome::{Fault, Outcome, Outputs};
use crate::core::yaml;
use crate::kubernetes::apply::{ApplyOptions, ApplyReport, DiffReport, Difference};
use crate::kubernetes::rendered::{ChartSpec, check_kustomization};
use crate::process::command_context::CommandError;

/// Lines of the diff that are written to the step's log; the evidence has all of them.
const LOGGED: usize = 400;
/// Objects whose lines are handed on, and how many lines of each.
const SHOWN: usize = 20;
const SHOWN_LINES: usize = 12;

/// Compares manifests with what is on the cluster, by a server-side dry run of the apply: without what the server alone
/// writes, and with the values of Secrets masked. Changes nothing. The unified diff is kept as evidence.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Diff {
    /// Files and folders with manifests.
    files: Several<ExistingPath>,
    /// Objects written here, read as in a manifest file.
    objects: Vec<BTreeMap<String, ManifestValue>>,
    /// The folder of a kustomization, rendered with `kubectl kustomize` or `kustomize build`.
    kustomize: Option<ExistingPath>,
    /// A chart, rendered with `helm template`. Objects of its hooks are left out.
    chart: Option<ChartSpec>,
    /// The labels of everything that belongs to these manifests, such as `app.kubernetes.io/instance=todo`: an object that
    /// carries them and is not among the manifests counts as deleted. Without it none does.
    selector: Option<String>,
    /// Takes over fields that another manager holds, as `apply: { force: true }` does.
    force: bool,
}

impl Short for Diff {
    type Value = ExistingPath;
    fn short(files: Several<ExistingPath>) -> Self {
        Diff { files, ..Diff::default() }
    }
}

#[async_trait]
impl Verb for Diff {
    fn check(&self, at: &str, cx: &mut CheckContext<'_>) {
        let nothing = self.files.0.is_empty() && self.objects.is_empty();
        if nothing && self.kustomize.is_none() && self.chart.is_none() {
            let help = "name files or folders: `diff: manifests/`, or write `kustomize:` or `chart:`".to_owned();
            cx.error(&[at.into()], Code::MissingKey, "there is nothing to compare", Some(help));
        }
        for (index, file) in self.files.0.iter().enumerate() {
            // a missing file is reported by its format already
            if file.below(cx.project).exists()
                && let Err(fault) = manifests::checked(cx.project, file)
            {
                cx.error(&[at.into(), "files".into(), index.into()], Code::InvalidValue, fault.message, fault.help);
            }
        }
        if let Some(folder) = &self.kustomize {
            check_kustomization(folder, cx, &[at.into(), "kustomize".into()]);
        }
        let help = "write the labels of what was installed: `selector: app=todo`";
        exec::check_selector(at, self.selector.as_deref(), help, cx);
    }

    fn title(&self) -> String {
        let files = self.files.0.iter().chain(&self.kustomize).chain(self.chart.iter().map(|chart| &chart.path));
        let mut what: Vec<String> = files.map(|path| path.0.display().to_string()).collect();
        if !self.objects.is_empty() {
            what.push(format!("{} inline objects", self.objects.len()));
        }
        format!("diff {}", what.join(", "))
    }

    fn reads(&self) -> Vec<String> {
        let files = self.files.0.iter().chain(&self.kustomize).map(|path| path.0.display().to_string());
        files.chain(self.chart.iter().flat_map(ChartSpec::reads)).collect()
    }

    async fn run(&self, on: &VerbContext<'_>) -> Result<Outcome, Fault> {
        let (objects, places) = match self.sources(on).await {
            Ok(sources) => sources.into_iter().unzip::<_, _, Vec<Value>, Vec<String>>(),
            Err(CommandError::Failed(failure)) => return Ok(Outcome::Failed(failure)),
            Err(CommandError::Fault(fault)) => return Err(fault),
        };
        let options = ApplyOptions { force: self.force, dry_run: true, ..options(on) };
        let compare = on.cluster.diff(objects, &options, self.selector.as_deref());
        let report = on.cx.unless_cancelled(compare).await??;
        if !report.refused.is_empty() {
            let report = ApplyReport { refused: report.refused, ..ApplyReport::default() };
            return Ok(Outcome::Failed(refused(on, &report, &places)));
        }
        write_down(on, &report);
        Ok(Outcome::Passed(outputs(&report)))
    }
}

impl Diff {
    /// The objects, each with its place.
    async fn sources(&self, on: &VerbContext<'_>) -> Result<Vec<(Value, String)>, CommandError> {
        let mut all: Vec<(Value, String)> = Vec::new();
        if !(self.files.0.is_empty() && self.objects.is_empty()) {
            let inline: Vec<Value> = self.objects.iter().map(super::apply::inline).collect();
            let read = manifests::read(&on.cx.project, &self.files.0, &inline)?;
            all.extend(read.into_iter().map(|manifest| (manifest.object, manifest.place)));
        }
        if let Some(folder) = &self.kustomize {
            let rendered = on.cx.render_kustomization(folder).await?;
            all.extend(rendered.into_iter().map(|it| (it.object, folder.0.display().to_string())));
        }
        if let Some(chart) = &self.chart {
            let text = on.cx.render_chart(chart, on.namespace).await?;
            let rendered = yaml::manifests::parse(&text, Path::new("rendered.yaml"));
            let rendered = rendered.map_err(|error| Fault::invalid(error.to_string()))?;
            let is_hook = |object: &Value| !object["metadata"]["annotations"]["helm.sh/hook"].is_null();
            let objects = rendered.into_iter().map(|it| it.object).filter(|object| !is_hook(object));
            all.extend(objects.map(|object| (object, chart.path.0.display().to_string())));
        }
        Ok(all)
    }
}

/// The diff as evidence, and as lines of the log.
fn write_down(on: &VerbContext<'_>, report: &DiffReport) {
    for object in report.objects.iter().filter(|object| object.difference != Difference::Unchanged) {
        let unchecked = object.unchecked.as_ref().map(|why| format!(" (not checked by the API server: {why})"));
        on.say(format!("{} {}{}", object.shown, object.difference.word(), unchecked.unwrap_or_default()));
    }
    let whole: String = report.objects.iter().map(|object| object.text.as_str()).collect();
    if whole.is_empty() {
        return on.say("nothing differs");
    }
    on.cx.evidence.keep("changes.diff", &whole);
    let lines: Vec<&str> = whole.lines().collect();
    lines.iter().take(LOGGED).for_each(|line| on.say(line));
    if lines.len() > LOGGED {
        on.say(format!("… and {} more lines in changes.diff", lines.len() - LOGGED));
    }
}

fn outputs(report: &DiffReport) -> Outputs {
    let differing = || report.objects.iter().filter(|object| object.difference != Difference::Unchanged);
    let kinds: BTreeSet<&str> = differing().map(|object| object.kind.as_str()).collect();
    let changes = differing().enumerate().map(|(index, object)| {
        let lines: Vec<&str> =
            if index < SHOWN { object.text.lines().skip(2).take(SHOWN_LINES).collect() } else { Vec::new() };
        json!({
            "object": object.shown, "kind": object.kind, "namespace": object.namespace,
            "difference": object.difference.word(), "lines": lines,
        })
    });
    let mut outputs = Outputs::from([
        ("kinds".to_owned(), kinds.into_iter().collect::<Vec<_>>().into()),
        ("changes".to_owned(), changes.collect::<Vec<_>>().into()),
    ]);
    for difference in [Difference::Added, Difference::Changed, Difference::Deleted, Difference::Unchanged] {
        outputs.insert(difference.word().to_owned(), report.count(difference).into());
    }
    outputs
}
