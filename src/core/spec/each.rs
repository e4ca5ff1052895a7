//! `for_each`: a list, or a matrix. Expands nothing.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::common::Any;

/// The items of `for_each`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ForEach {
    /// A list of values.
    List(Vec<Any>),
    /// All combinations of several lists.
    Matrix(MatrixSpec),
}

/// All combinations of several lists: each is a mapping with a value of each list.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatrixSpec {
    /// The lists by name: `{ os: [debian, alpine], db: [15, 16] }`; `item.os` is the value of one.
    pub matrix: IndexMap<String, Vec<Any>>,
    /// Combinations to leave out: those with all of these values.
    #[serde(default)]
    pub exclude: Vec<IndexMap<String, Any>>,
    /// Values to add to the combinations that match; combinations of their own where none does.
    #[serde(default)]
    pub include: Vec<IndexMap<String, Any>>,
}
