//! What is written under `policy:`.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::builtin::Builtin;
use crate::drivers::helm::Chart;
use crate::kind::{Cel, ExistingPath, WrittenValue};

/// Rules over manifests and charts before they reach a cluster. Every rule has to hold for every object that it is for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-short-list" = "manifests"))]
pub struct Policy {
    /// Manifest files and folders.
    #[serde(default)]
    pub manifests: Vec<ExistingPath>,
    /// A chart, rendered with `helm template`.
    pub chart: Option<ChartSpec>,
    /// Built-in rules.
    #[serde(default)]
    pub builtin: Vec<Builtin>,
    /// Rules in CEL.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Objects that a rule leaves alone: `{ non-root: [deployment/legacy] }`.
    #[serde(default)]
    pub except: BTreeMap<String, Vec<String>>,
}

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
}

/// A rule in CEL.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, in measures and findings.
    pub name: String,
    /// The kinds of objects it is for; all where none is named.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// What has to be true, with `self` for the object.
    pub assert: Cel,
    /// What to say where it is not.
    pub message: Option<String>,
}

impl Rule {
    /// Whether it is for objects of this kind.
    pub fn is_for(&self, kind: &str) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|own| own.eq_ignore_ascii_case(kind))
    }
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
}
