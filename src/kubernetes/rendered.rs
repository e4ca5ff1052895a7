//! Manifests that are rendered first: of a chart, of a kustomization. Asks no cluster.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::core::kind::{CheckContext, Context, ExistingPath, WrittenValue};
use crate::core::model::diagnostic::Code;
use crate::core::model::outcome::Fault;
use crate::core::yaml::Segment;
use crate::core::yaml::manifests::{self, Manifest};
use crate::kubernetes::helm::{Chart, Target};
use crate::kubernetes::kustomize;
use crate::process::command_context::CommandContext;
use crate::process::command_context::CommandError;
use crate::services::Clients;

/// A chart of the project and the values it is rendered with.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChartSpec {
    /// The chart's folder or `.tgz`.
    pub path: ExistingPath,
    /// The release's name in the templates. Default: the chart folder's.
    pub release: Option<String>,
    /// The namespace in the templates; else the pipeline's.
    pub namespace: Option<String>,
    /// Values files; later ones win.
    #[serde(default)]
    pub values_files: Vec<ExistingPath>,
    /// Values on top of the files, as a map.
    #[serde(default)]
    pub values: BTreeMap<String, Value>,
    /// Single values on top of those, by dotted path: `{ image.tag: v2 }`.
    #[serde(default)]
    pub set: BTreeMap<String, WrittenValue>,
    /// The Kubernetes version that the chart sees: `v1.31.0`. Without it helm's own default, which charts may refuse.
    pub kube_version: Option<String>,
    /// Further API versions that the chart finds in the cluster: `monitoring.coreos.com/v1`.
    #[serde(default)]
    pub api_versions: Vec<String>,
    /// Takes the Kubernetes version and the API versions from the cluster, which must answer; `kube_version` goes before its
    /// version.
    #[serde(default)]
    pub from_cluster: bool,
    /// Leaves out the chart's tests.
    #[serde(default)]
    pub skip_tests: bool,
}

impl ChartSpec {
    /// The release's name in the templates.
    pub fn release(&self) -> &str {
        let own = self.path.0.file_stem().and_then(|name| name.to_str()).unwrap_or("release");
        self.release.as_deref().unwrap_or(own)
    }

    /// For the driver, with paths below `project`.
    pub fn chart(&self, project: &Path) -> Chart {
        Chart {
            chart: self.path.below(project).to_string_lossy().into_owned(),
            files: self.values_files.iter().map(|file| file.below(project)).collect(),
            values: self.values.clone().into_iter().collect(),
            set: self.set.iter().map(|(path, value)| (path.clone(), value.0.clone())).collect(),
            ..Chart::default()
        }
    }

    /// Files and folders that it is rendered from.
    pub fn reads(&self) -> impl Iterator<Item = String> {
        [&self.path].into_iter().chain(&self.values_files).map(|path| path.0.display().to_string())
    }
}

impl Context {
    /// The manifests that a chart becomes, as YAML. `namespace` is the templates', if the chart names none.
    ///
    /// # Errors
    /// [`CommandError`] with helm's words.
    pub async fn render_chart(&self, chart: &ChartSpec, namespace: &str) -> Result<String, CommandError> {
        let namespace = chart.namespace.as_deref().unwrap_or(namespace);
        let target = Target {
            kube_version: chart.kube_version.clone(),
            api_versions: chart.api_versions.clone(),
            skip_tests: chart.skip_tests,
        };
        let target = if chart.from_cluster { self.live_target(target).await? } else { target };
        let given = chart.chart(&self.project);
        self.helm().template(chart.release(), namespace, &given, &target, &CommandContext::of(self)).await
    }

    /// What a chart is rendered for, with the version and the API versions of the cluster.
    ///
    /// # Errors
    /// [`Fault`] when the cluster does not answer.
    pub async fn live_target(&self, target: Target) -> Result<Target, Fault> {
        let found = self.unless_cancelled(self.cluster().capabilities()).await??;
        let api_versions = target.api_versions.into_iter().chain(found.api_versions).collect();
        Ok(Target { kube_version: target.kube_version.or(Some(found.version)), api_versions, ..target })
    }

    /// The objects that a kustomization becomes; the text is kept as evidence.
    ///
    /// # Errors
    /// [`CommandError`] with the words of the program that renders it.
    pub async fn render_kustomization(&self, folder: &ExistingPath) -> Result<Vec<Manifest>, CommandError> {
        let text = kustomize::build(&folder.below(&self.project), &CommandContext::of(self)).await?;
        let place = format!("{} (rendered)", folder.0.display());
        let objects = manifests::parse(&text, Path::new(&place)).map_err(|error| Fault::invalid(error.to_string()))?;
        if objects.is_empty() {
            return Err(Fault::invalid(format!("{} renders no object", folder.0.display())).into());
        }
        Ok(objects)
    }
}

/// Complains of a folder without a kustomization, at `path` of the body.
pub fn check_kustomization(folder: &ExistingPath, cx: &mut CheckContext<'_>, path: &[Segment]) {
    let whole = folder.below(cx.project);
    // a missing folder is reported by its format already
    if whole.exists() && !kustomize::FILES.iter().any(|name| whole.join(name).is_file()) {
        let message = format!("{} holds no kustomization.yaml", folder.0.display());
        let help = "name the folder that holds the kustomization, such as deploy/overlays/ci".to_owned();
        cx.error(path, Code::InvalidValue, message, Some(help));
    }
}
