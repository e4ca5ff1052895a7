//! What is written under `policy:`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::builtin::Builtin;
use super::meant::Meant;
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
    /// Built-in rules: names, or `{ rule: probes, kinds: [Deployment], selector: tier=web, names: ["web-*"] }` for some objects
    /// only.
    #[serde(default)]
    pub builtin: Vec<BuiltinRule>,
    /// Rules in CEL.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Objects that a rule leaves alone, as patterns: `{ non-root: [deployment/legacy, "job/*-migrate"] }`.
    #[serde(default)]
    pub except: BTreeMap<String, Vec<String>>,
}

/// A built-in rule, for all objects or for some.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum BuiltinRule {
    /// For all objects that it is for.
    All(Builtin),
    /// Only for those that are meant.
    Some(ScopedRule),
}

/// A built-in rule for some objects.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopedRule {
    /// The rule.
    pub rule: Builtin,
    /// The kinds of objects it is for; all where none is named. What `kinds`, `selector` and `names` together mean must be
    /// there.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// The labels of the objects it is for: `app=web,tier!=db`.
    pub selector: Option<String>,
    /// The names of the objects it is for, as patterns: `web-*`.
    #[serde(default)]
    pub names: Vec<String>,
}

/// A rule in CEL.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, in measures and findings.
    pub name: String,
    /// The kinds of objects it is for; all where none is named. What `kinds`, `selector` and `names` together mean must be
    /// there.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// The labels of the objects it is for: `app=web,tier!=db`.
    pub selector: Option<String>,
    /// The names of the objects it is for, as patterns: `web-*`.
    #[serde(default)]
    pub names: Vec<String>,
    /// What has to be true, with `self` for the object.
    pub assert: Cel,
    /// Judges all objects that the rule is for at once: `self` is their list. Then `assert` is true, or a list of what is
    /// wrong: objects of `self`, or texts. An empty list holds.
    #[serde(default)]
    pub together: bool,
    /// What to say where it is not.
    pub message: Option<String>,
}

impl BuiltinRule {
    /// The rule itself.
    pub fn rule(&self) -> Builtin {
        match self {
            BuiltinRule::All(rule) => *rule,
            BuiltinRule::Some(scoped) => scoped.rule,
        }
    }

    /// The objects that are meant.
    pub fn meant(&self) -> Meant<'_> {
        match self {
            BuiltinRule::All(_) => Meant::default(),
            BuiltinRule::Some(ScopedRule { kinds, selector, names, .. }) => {
                Meant { kinds, selector: selector.as_deref(), names }
            }
        }
    }
}

impl Rule {
    /// The objects that are meant.
    pub fn meant(&self) -> Meant<'_> {
        Meant { kinds: &self.kinds, selector: self.selector.as_deref(), names: &self.names }
    }
}
