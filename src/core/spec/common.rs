//! Field types that several files share, and the rule for names.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use crate::core::model::units::as_written;

/// Anything at all; looked at later, by the kind it belongs to.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(transparent)]
pub struct Any(pub serde_json::Value);

impl JsonSchema for Any {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Any".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        true.into()
    }
}

/// A value of an `env:` entry: text, number or boolean; `${{ secrets.x }}` may stand in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EnvText(pub String);

impl<'de> Deserialize<'de> for EnvText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(EnvText(as_written(deserializer)?.into_owned()))
    }
}

impl JsonSchema for EnvText {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "EnvText".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"], "format": "secret-text" })
    }
}

/// A CEL condition, with or without `${{ }}` around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When(pub String);

impl When {
    /// The expression without `${{ }}` around it, and the offset at which it starts.
    pub fn bare(text: &str) -> (usize, &str) {
        let trimmed = text.trim();
        let start = text.len() - text.trim_start().len();
        match trimmed.strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}")) {
            Some(inner) => (start + 3 + inner.len() - inner.trim_start().len(), inner.trim()),
            None => (start, trimmed),
        }
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(When(When::bare(&as_written(deserializer)?).1.to_owned()))
    }
}

impl JsonSchema for When {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "When".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "boolean"], "format": "when" })
    }
}

/// Names of stages that the pipeline's own gate and `finally` run under; no stage file may take them.
pub struct StageNames;

impl StageNames {
    /// The pipeline's gate, before the first stage.
    pub const BEFORE: &'static str = "before";
    /// The pipeline's gate, after the last stage.
    pub const AFTER: &'static str = "after";
    /// The pipeline's `finally`.
    pub const FINALLY: &'static str = "finally";

    /// Whether a stage may not be called so.
    pub fn is_reserved(name: &str) -> bool {
        [Self::BEFORE, Self::AFTER, Self::FINALLY].contains(&name)
    }
}

/// The longest name of a stage, step, var or secret. Where a format takes less, a name is cut and ends in a digest.
pub const MAX_NAME: usize = 255;

/// What is wrong with a name of a stage, step, var or secret; `None` where it is right.
pub fn name_problem(name: &str) -> Option<&'static str> {
    let mut chars = name.chars();
    match chars.next() {
        None => return Some("is empty"),
        Some(first) if !first.is_ascii_alphabetic() => return Some("does not start with a letter"),
        Some(_) => {}
    }
    if name.len() > MAX_NAME {
        return Some("is longer than 255 characters");
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (!chars.all(fits)).then_some("holds characters other than letters, digits, `-` and `_`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_may_wear_template_braces() {
        assert_eq!(When::bare("${{ vars.x == 1 }}"), (4, "vars.x == 1"));
        assert_eq!(When::bare(" vars.x "), (1, "vars.x"));
    }

    #[test]
    fn names_start_with_a_letter() {
        assert_eq!(name_problem("build-1_x"), None);
        assert_eq!(name_problem(&"x".repeat(MAX_NAME)), None);
        assert_eq!(name_problem(&"x".repeat(MAX_NAME + 1)), Some("is longer than 255 characters"));
        assert_eq!(name_problem("1st"), Some("does not start with a letter"));
        assert_eq!(name_problem("a.b"), Some("holds characters other than letters, digits, `-` and `_`"));
    }
}
