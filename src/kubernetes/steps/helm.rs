//! The `helm` step: lint, template, install, upgrade, rollback, test, uninstall. Knows no argument of helm: those are the
//! driver's.

mod check;
mod observed;
mod pinned;
mod preview;
mod spec;

use async_trait::async_trait;

use crate::core::files::project;
use crate::core::kind::{CheckContext, Context, OutputRow, Preview, Step, StepKind};
use crate::core::model::outcome::{Failure, Fault, Outcome, Outputs};
use crate::core::yaml::manifests;
use crate::kubernetes::helm::Author;
use crate::kubernetes::helm::Target;
use crate::kubernetes::helm::release::Release;
use crate::kubernetes::ownership::labels::label_value;
use crate::process::command_context::{CommandContext, CommandError};
use crate::services::Clients;
use spec::{Helm, TemplateSpec, UsesChart, Verb};

/// The row of this kind.
pub const KIND: StepKind = StepKind::step::<Helm>(
    "helm",
    "Lints, renders, installs, upgrades, rolls back, tests and uninstalls Helm charts.",
    "install:\n  release: todo\n  chart: charts/todo\n  values: { replicas: 2 }\n  create_namespace: true\n  wait: true\n",
)
.outputs(&[
    OutputRow { name: "app_version", summary: "install, upgrade, rollback: the version of what the chart installs" },
    OutputRow { name: "chart", summary: "install, upgrade, rollback: the chart's name" },
    OutputRow { name: "chart_version", summary: "install, upgrade, rollback: the chart's version" },
    OutputRow { name: "manifest_digest", summary: "install, upgrade, rollback, template: blake3 of the manifests" },
    OutputRow { name: "namespace", summary: "the release's namespace" },
    OutputRow { name: "objects", summary: "template: the number of objects" },
    OutputRow { name: "path", summary: "template: the file with the manifests" },
    OutputRow { name: "release", summary: "the release's name" },
    OutputRow { name: "revision", summary: "install, upgrade, rollback: the revision, from 1" },
    OutputRow { name: "status", summary: "install, upgrade, rollback: deployed" },
])
.cluster();

#[async_trait]
impl Step for Helm {
    fn check(&self, cx: &mut CheckContext<'_>) {
        check::check(self, cx);
    }

    fn title(&self) -> String {
        match self.verbs().into_iter().next() {
            Some((_, Verb::Lint(spec))) => format!("lint {}", spec.chart),
            Some((_, Verb::Template(spec))) => format!("template {}", spec.chart),
            Some((_, Verb::Install(spec))) => format!("install {} from {}", spec.release, spec.chart),
            Some((_, Verb::Upgrade(spec))) => format!("upgrade {} to {}", spec.release, spec.chart),
            Some((_, Verb::Rollback(spec))) => match spec.revision {
                Some(revision) => format!("roll {} back to revision {revision}", spec.release),
                None => format!("roll {} back", spec.release),
            },
            Some((_, Verb::Test(spec))) => format!("test {}", spec.release),
            Some((_, Verb::Uninstall(spec))) => format!("uninstall {}", spec.release),
            None => "helm".to_owned(),
        }
    }

    fn touches_cluster(&self) -> bool {
        self.lint.is_none() && self.template.as_ref().is_none_or(|template| template.from_cluster)
    }

    fn reads(&self) -> Vec<String> {
        let fields = match self.verbs().into_iter().next() {
            Some((_, Verb::Lint(spec))) => spec.chart(),
            Some((_, Verb::Template(spec))) => spec.chart(),
            Some((_, Verb::Install(spec))) => spec.chart(),
            Some((_, Verb::Upgrade(spec))) => spec.chart(),
            _ => return Vec::new(),
        };
        let chart = fields.is_local().then(|| fields.chart.to_owned());
        let values = fields.values_files.iter().map(|file| file.0.display().to_string());
        chart.into_iter().chain(values).collect()
    }

    async fn preview(&self, cx: &Context) -> Result<Option<Preview>, Fault> {
        let Some((_, verb)) = self.verbs().into_iter().next() else { return Ok(None) };
        let (chart, dry_run) = match &verb {
            Verb::Install(spec) => (spec.chart(), spec.dry_run),
            Verb::Upgrade(spec) => (spec.chart(), spec.dry_run),
            _ => return Ok(None),
        };
        match released(&verb, cx)? {
            Some((release, namespace)) if !dry_run => {
                crate::kubernetes::preview::preview(preview::compared(&chart, release, namespace, cx).await).map(Some)
            }
            _ => Ok(None),
        }
    }

    async fn run(&self, cx: &Context) -> Result<Outcome, Fault> {
        let Some((_, verb)) = self.verbs().into_iter().next() else {
            return Err(Fault::invalid("a helm step has exactly one verb, such as install"));
        };
        let Some((release, namespace)) = released(&verb, cx)? else {
            return match act(&verb, cx, &CommandContext::of(cx)).await {
                Ok(outputs) => Ok(Outcome::Passed(outputs)),
                Err(CommandError::Fault(fault)) => Err(fault),
                Err(CommandError::Failed(failure)) => Ok(Outcome::Failed(failure)),
            };
        };
        Box::pin(observed::run(&verb, release, namespace, cx)).await
    }
}

async fn act(verb: &Verb<'_>, cx: &Context, call: &CommandContext<'_>) -> Result<Outputs, CommandError> {
    let helm = &cx.helm();
    let Some((release, namespace)) = released(verb, cx)? else {
        return match verb {
            Verb::Lint(spec) => {
                helm.lint(&spec.chart().chart(&cx.project), spec.strict.unwrap_or(true), call).await?;
                Ok(Outputs::new())
            }
            Verb::Template(spec) => rendered(spec, cx, call).await,
            _ => Err(Fault::invalid("this verb of helm needs a release").into()),
        };
    };
    let done = match verb {
        Verb::Install(spec) => {
            let chart = pinned::chart(spec.chart().chart(&cx.project), &spec.pin, cx)?;
            pinned::before(&chart, &spec.pin, release, namespace, cx, call).await?;
            helm.deploy(release, namespace, &chart, &spec.deploy(author(cx)), call).await?
        }
        Verb::Upgrade(spec) => {
            let chart = pinned::chart(spec.chart().chart(&cx.project), &spec.pin, cx)?;
            if !spec.reuse_values {
                pinned::before(&chart, &spec.pin, release, namespace, cx, call).await?;
            }
            helm.deploy(release, namespace, &chart, &spec.deploy(author(cx)), call).await?
        }
        Verb::Rollback(spec) => Some(helm.rollback(release, namespace, &spec.back(author(cx)), call).await?),
        Verb::Test(spec) => {
            helm.test(release, namespace, spec.timeout.map(|limit| limit.0), &spec.filter, call).await?;
            None
        }
        Verb::Uninstall(spec) => {
            if !helm.uninstall(release, namespace, &spec.remove(), call).await? {
                cx.say(format!("there is no release {release} in namespace {namespace}"));
            }
            None
        }
        Verb::Lint(_) | Verb::Template(_) => None,
    };
    match (&done, verb) {
        (Some(done), Verb::Install(spec)) => pinned::holds(&done.objects(), &spec.pin, cx)?,
        (Some(done), Verb::Upgrade(spec)) => pinned::holds(&done.objects(), &spec.pin, cx)?,
        _ => {}
    }
    let mut outputs = done.as_ref().map(recorded).unwrap_or_default();
    outputs.insert("release".into(), release.into());
    outputs.insert("namespace".into(), namespace.into());
    Ok(outputs)
}

/// Whose act it is.
fn author(cx: &Context) -> Author {
    let pipeline = cx.scope.roots.get("run").and_then(|run| run["pipeline"].as_str()).unwrap_or_default();
    Author { pipeline: label_value(pipeline), run: cx.run.to_string() }
}

/// Release and namespace of a verb that acts on the cluster.
fn released<'a>(verb: &Verb<'a>, cx: &'a Context) -> Result<Option<(&'a str, &'a str)>, Fault> {
    let (release, namespace) = match verb {
        Verb::Lint(_) | Verb::Template(_) => return Ok(None),
        Verb::Install(spec) => (&spec.release, &spec.namespace),
        Verb::Upgrade(spec) => (&spec.release, &spec.namespace),
        Verb::Rollback(spec) => (&spec.release, &spec.namespace),
        Verb::Test(spec) => (&spec.release, &spec.namespace),
        Verb::Uninstall(spec) => (&spec.release, &spec.namespace),
    };
    Ok(Some((release, cx.namespace_or(namespace.as_deref())?)))
}

fn recorded(release: &Release) -> Outputs {
    Outputs::from([
        ("revision".into(), release.revision.into()),
        ("status".into(), release.status.clone().into()),
        ("chart".into(), release.chart.clone().into()),
        ("chart_version".into(), release.chart_version.clone().into()),
        ("app_version".into(), release.app_version.clone().into()),
        ("manifest_digest".into(), release.manifest_digest().into()),
    ])
}

async fn rendered(spec: &TemplateSpec, cx: &Context, call: &CommandContext<'_>) -> Result<Outputs, CommandError> {
    let namespace = spec.namespace.as_deref().unwrap_or_else(|| cx.namespace());
    let own = spec.chart.trim_end_matches('/').rsplit('/').next().unwrap_or("release");
    let release = spec.release.as_deref().unwrap_or(own);
    let target = Target {
        kube_version: spec.kube_version.clone(),
        api_versions: spec.api_versions.clone(),
        skip_tests: spec.skip_tests,
    };
    let target = if spec.from_cluster { cx.live_target(target).await? } else { target };
    let chart = pinned::chart(spec.chart().chart(&cx.project), &spec.pin, cx)?;
    let text = cx.helm().template(release, namespace, &chart, &target, call).await?;
    pinned::holds(&text, &spec.pin, cx)?;
    let path = match &spec.output {
        Some(path) => project::place(&cx.project, path)?,
        None => cx.scratch.join(format!("{}.yaml", cx.name.replace('/', "-"))),
    };
    std::fs::write(&path, &text)
        .map_err(|error| Fault::unknown(format!("{} cannot be written: {error}", path.display())))?;
    cx.evidence.keep("rendered.yaml", &text);
    let objects = manifests::parse(&text, &path).map_err(|error| {
        CommandError::Failed(Failure::new(format!("the chart does not render to manifests: {error}")))
    })?;
    let shown = spec.output.as_deref().unwrap_or(&path);
    Ok(Outputs::from([
        ("path".into(), shown.to_string_lossy().into()),
        ("objects".into(), objects.len().into()),
        ("release".into(), release.into()),
        ("namespace".into(), namespace.into()),
        ("manifest_digest".into(), format!("blake3:{}", blake3::hash(text.as_bytes()).to_hex()).into()),
    ]))
}

#[cfg(test)]
mod tests;
