//! What is written under `policy:`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::builtin::Builtin;
use crate::core::kind::{Cel, ExistingPath};
use crate::kubernetes::rendered::ChartSpec;

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
    /// The folder of a kustomization, rendered with `kubectl kustomize` or `kustomize build`.
    pub kustomize: Option<ExistingPath>,
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
    /// Judges all objects that the rule is for at once: `self` is their list. Then `assert` is true, or a list of what is
    /// wrong: objects of `self`, or texts. An empty list holds.
    #[serde(default)]
    pub together: bool,
    /// What to say where it is not.
    pub message: Option<String>,
}

impl Rule {
    /// Whether it is for objects of this kind.
    pub fn is_for(&self, kind: &str) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|own| own.eq_ignore_ascii_case(kind))
    }
}
