//! `baselines.yaml`: values that expectations refer to as `baseline`.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::core::model::units::as_written;

/// The values that expectations refer to as `baseline`. `pipeline baseline accept` writes the file; commit it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaselinesSpec {
    /// 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// By assertion, `STAGE.gate: NAME`, and by the expectation's key in it.
    #[serde(default)]
    pub baselines: IndexMap<String, IndexMap<String, BaselineSpec>>,
}

/// One stored value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaselineSpec {
    /// The value with its unit: `104857600B`, `0.25s`.
    #[serde(deserialize_with = "text")]
    #[schemars(with = "TextOrNumber")]
    pub value: String,
    /// The run that measured it.
    pub run: String,
    /// The day of that run, in UTC.
    pub date: String,
}

/// For the schema alone: a count has no unit.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes a field")]
enum TextOrNumber {
    Text(String),
    Number(f64),
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    as_written(deserializer).map(std::borrow::Cow::into_owned)
}
