//! Field types whose schema `format` gives a scalar a meaning: scripts, paths, secrets, CEL.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::core::mask::SecretText;
use crate::core::model::units::{Quantity, TimeSpan, as_written};
use crate::core::yaml::{MANIFEST, WRITTEN};

macro_rules! inline_schema {
    ($name:ident, $schema:expr) => {
        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

macro_rules! format_field {
    ($name:ident, $format:literal) => {
        inline_schema!($name, json_schema!({ "type": ["string"], "format": $format }));
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

/// A step that has pushed an image: `push` of the same stage, or `build.push` of the stage `build`. The step comes first.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct PushedImage(pub String);
format_field!(PushedImage, "pushed-image");

impl PushedImage {
    /// The other stage, if one is named.
    pub fn stage(&self) -> Option<&str> {
        self.0.split_once('.').map(|(stage, _)| stage)
    }

    /// The step's id in its stage.
    pub fn step(&self) -> &str {
        self.0.split_once('.').map_or(self.0.as_str(), |(_, step)| step)
    }
}

/// Since when something counts: since a step of the same stage began (`steps.apply`), or for a time (`10m`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// The step, by its id.
    Step(String),
    /// So long ago.
    Ago(TimeSpan),
}
inline_schema!(Since, json_schema!({ "type": ["string"], "format": "since" }));

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Since::Step(id) => write!(f, "steps.{id}"),
            Since::Ago(time) => time.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for Since {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = as_written(deserializer)?;
        match text.trim().strip_prefix("steps.") {
            Some(id) => Ok(Since::Step(id.to_owned())),
            None => TimeSpan::parse(&text).map(Since::Ago).map_err(de::Error::custom),
        }
    }
}

/// A CEL expression that the kind evaluates itself, with `self` for the thing it measures.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Cel(pub String);
format_field!(Cel, "cel");

macro_rules! json_field {
    ($name:ident, $newtype:ident) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_newtype_struct($newtype, JsonValue(PhantomData::<Self>)).map($name)
            }
        }
        impl From<$name> for Value {
            fn from(field: $name) -> Value {
                field.0
            }
        }
        inline_schema!($name, true.into());
    };
}

/// A JSON value whose numbers stay as they are written: `1.10` is text, because as a number it would be 1.1.
#[derive(Debug, Clone, PartialEq)]
pub struct WrittenValue(pub Value);
json_field!(WrittenValue, WRITTEN);

/// A JSON value whose scalars are read as in a Kubernetes manifest: `0644` is the number 420.
#[derive(Debug, Clone, PartialEq)]
pub struct ManifestValue(pub Value);
json_field!(ManifestValue, MANIFEST);

/// Builds a JSON value in which every part is decoded as a `T`.
struct JsonValue<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Into<Value>> Visitor<'de> for JsonValue<T> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<T>()? {
            list.push(item.into());
        }
        Ok(Value::Array(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((key, value)) = entries.next_entry::<String, T>()? {
            map.insert(key, value.into());
        }
        Ok(Value::Object(map))
    }
}

/// A value in which `${{ secrets.x }}` may stand, because it travels unseen. Never shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretField(pub SecretText);

impl<'de> Deserialize<'de> for SecretField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = as_written(deserializer)?;
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::core::model::diagnostic::Diagnostics;
    use crate::core::model::source::SourceMap;
    use crate::core::yaml::{decode, parse};

    fn decoded<T: de::DeserializeOwned>(text: &str) -> Result<T, String> {
        let (mut sources, mut out) = (SourceMap::default(), Diagnostics::default());
        let file = sources.add("a.yaml", "a.yaml", text);
        let tree = parse(&sources, file, &mut out).expect("well formed");
        decode(&tree).map_err(|error| error.message)
    }

    #[test]
    fn a_written_value_keeps_numbers_that_json_would_change_as_text() {
        let value: WrittenValue = decoded("[1.5, 1.10, 3, 0x1F, 1e3, true, True, yes, {a: [2.0]}]").expect("any value");
        assert_eq!(value.0, json!([1.5, "1.10", 3, "0x1F", "1e3", true, "True", "yes", { "a": ["2.0"] }]));
    }

    #[test]
    fn a_manifest_value_is_read_as_in_a_manifest_file() {
        let text = "{mode: 0644, o: 0o644, yes: yes, 'yes_': on, u: 1_000, t: 2001-01-01, e: 1e3, q: '0644', v: 1.10, 0644: x, c: 12345e678, z: ~}";
        let value: ManifestValue = decoded(text).expect("any value");
        assert_eq!(
            value.0,
            json!({ "mode": 420, "o": 420, "true": true, "yes_": true, "u": 1000, "t": "2001-01-01", "e": 1000,
                "q": "0644", "v": 1.1, "420": "x", "c": "12345e678", "z": null })
        );
        assert!(decoded::<ManifestValue>("{a: .inf}").expect_err("no JSON").contains("`.inf` is not a finite number"));
        assert!(decoded::<ManifestValue>("{yes: 1, 'true': 2}").expect_err("twice").contains("`true` is there twice"));
    }

    #[test]
    fn a_text_field_takes_a_number_as_it_is_written() {
        let fields: BTreeMap<String, SecretField> =
            decoded("{a: 3.10, b: 0x1F, c: '1', d: .inf, e: +5}").expect("scalars");
        let texts: Vec<&str> = fields.values().map(|field| field.0.expose()).collect();
        assert_eq!(texts, ["3.10", "0x1F", "1", ".inf", "+5"]);
    }
}
