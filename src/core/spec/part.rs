//! Parts: steps, a gate and outputs that stages use with parameters. Checks nothing.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::common::{Any, EnvText};

/// A part: steps that a step with `use:` takes over, with parameters.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartSpec {
    /// The part's name.
    #[serde(default)]
    #[schemars(extend("format" = "name"))]
    pub part: Option<String>,
    /// What it is for, in a sentence.
    #[serde(default)]
    pub description: Option<String>,
    /// Parameters by name: a default, `null` where `with:` must give a value, or a declaration: `{ type: integer, min: 1 }`
    /// with `default`, `one_of`, `matches`, `min`, `max` and `description`. Reached as `${{ params.NAME }}`.
    #[serde(default)]
    pub params: IndexMap<String, Any>,
    /// The steps by id, as in a stage. They see the parameters, vars, secrets and each other, not the steps of the caller.
    pub steps: IndexMap<String, Any>,
    /// Assertions that must hold after the steps, before the steps that need the part start.
    #[serde(default)]
    pub gate: Vec<Any>,
    /// What the caller reaches as `steps.ID.outputs.NAME`. An output that uses a secret stays one.
    #[serde(default)]
    pub outputs: IndexMap<String, EnvText>,
}
