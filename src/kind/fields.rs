//! Field types whose schema `format` gives a scalar a meaning: scripts, paths, secrets, CEL.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use crate::mask::SecretText;
use crate::units::ScalarText;

macro_rules! format_field {
    ($name:ident, $format:literal) => {
        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": ["string"], "format": $format })
            }
        }
    };
}

/// A script's text: `${{ }}` is refused in it (values go through `env:`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Script(pub String);
format_field!(Script, "script");

/// A file or folder that must exist when the files are checked; relative to the project's folder, never outside it.
/// Where the text has a template it is checked only at run time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ExistingPath(pub PathBuf);
format_field!(ExistingPath, "existing-path");

impl ExistingPath {
    /// The path below `project`.
    pub fn below(&self, project: &Path) -> PathBuf {
        project.join(&self.0)
    }
}

/// A step of the same stage by its id, as assertions name it under `of:`; its outputs stand in
/// [`super::Context::steps`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub String);
format_field!(StepId, "step-id");

/// A CEL expression that the kind evaluates itself, with `self` for the thing it looks at.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Cel(pub String);
format_field!(Cel, "cel");

/// A value in which `${{ secrets.x }}` may stand, because it travels unseen. Never shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretField(pub SecretText);

impl<'de> Deserialize<'de> for SecretField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = deserializer.deserialize_any(ScalarText)?;
        Ok(SecretField(SecretText::new(text.into_owned())))
    }
}

impl JsonSchema for SecretField {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "SecretField".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"], "format": "secret-text" })
    }
}
