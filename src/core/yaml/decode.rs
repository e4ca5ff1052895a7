//! From a checked tree to a typed value, straight through serde: no other value type in between.
//!
//! A text is expected where a number or a truth value was put in by a template: it is taken as it is written. `null` in a
//! struct is as good as a missing key. Enums are texts (`always`) or mappings of one key (`apply: …`).

use serde::de::value::{Error, MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, VariantAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::manifests::{self, scalar::Resolved};
use super::node::{Entry, Node, Segment, Value};
use crate::core::model::units::TEXT;

/// A newtype of this name takes a scalar as JSON where JSON shows it as it is written, and as text elsewhere.
pub(crate) const WRITTEN: &str = "$written";
/// A newtype of this name takes a scalar as a Kubernetes manifest reads it.
pub(crate) const MANIFEST: &str = "$manifest";

/// Why a tree is not the wanted type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DecodeError {
    /// Where in the tree.
    pub path: Vec<Segment>,
    /// The decoder's words.
    pub message: String,
}

/// Decodes `node`; the error says where in the tree.
pub fn decode<T: serde::de::DeserializeOwned>(node: &Node) -> Result<T, DecodeError> {
    // To keep track of the path costs more than to decode, and nearly all trees were held against their shape.
    if let Ok(value) = T::deserialize(node) {
        return Ok(value);
    }
    serde_path_to_error::deserialize(node).map_err(|error| DecodeError {
        path: error.path().iter().filter_map(segment).collect(),
        message: error.inner().to_string(),
    })
}

fn segment(segment: &serde_path_to_error::Segment) -> Option<Segment> {
    match segment {
        serde_path_to_error::Segment::Map { key } | serde_path_to_error::Segment::Enum { variant: key } => {
            Some(Segment::Key(key.clone()))
        }
        serde_path_to_error::Segment::Seq { index } => Some(Segment::Index(*index)),
        serde_path_to_error::Segment::Unknown => None,
    }
}

type Pair<'de> = (StrDeserializer<'de, Error>, &'de Node);

fn pair(entry: &Entry) -> Pair<'_> {
    (entry.key.as_str().into_deserializer(), &entry.node)
}

fn map<'de, I: Iterator<Item = &'de Entry>, V: Visitor<'de>>(entries: I, visitor: V) -> Result<V::Value, Error> {
    let mut access = MapDeserializer::new(entries.map(pair as fn(&'de Entry) -> Pair<'de>));
    let value = visitor.visit_map(&mut access)?;
    access.end()?;
    Ok(value)
}

/// A mapping whose keys are read as in a manifest: `yes` without quotes is `true`.
fn manifest_map<'de, V: Visitor<'de>>(entries: &'de [Entry], visitor: V) -> Result<V::Value, Error> {
    let mut pairs: Vec<(String, &Node)> = Vec::with_capacity(entries.len());
    for entry in entries {
        let key = if entry.plain { manifests::scalar::key(&entry.key) } else { Some(entry.key.clone()) };
        let Some(key) = key else {
            return Err(serde::de::Error::custom(format!("`{}` cannot be a key; quote it", entry.key)));
        };
        if pairs.iter().any(|(other, _)| *other == key) {
            return Err(serde::de::Error::custom(format!("the key `{key}` is there twice, as a manifest reads it")));
        }
        pairs.push((key, &entry.node));
    }
    let mut access = MapDeserializer::new(pairs.into_iter());
    let value = visitor.visit_map(&mut access)?;
    access.end()?;
    Ok(value)
}

impl<'de> IntoDeserializer<'de, Error> for &'de Node {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(whole), _, _) => visitor.visit_u64(whole),
                (_, Some(whole), _) => visitor.visit_i64(whole),
                (_, _, Some(fraction)) if fraction.is_finite() => visitor.visit_f64(fraction),
                _ => Err(serde::de::Error::custom(self.not_finite())),
            },
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(items) => {
                let mut access = SeqDeserializer::new(items.iter());
                let value = visitor.visit_seq(&mut access)?;
                access.end()?;
                Ok(value)
            }
            Value::Map(entries) => map(entries.iter(), visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.value == Value::Null { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.value {
            Value::Bool(_) | Value::Number(_) => {
                visitor.visit_string(self.scalar_text().unwrap_or_default().into_owned())
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        match (name, &self.spelling) {
            (TEXT, _) => self.deserialize_str(visitor),
            (MANIFEST, Some(spelling)) => match manifests::scalar::resolve(spelling) {
                Resolved::Null => visitor.visit_unit(),
                Resolved::Bool(value) => visitor.visit_bool(value),
                Resolved::Whole(value) => visitor.visit_i64(value),
                Resolved::Fraction(value) if value.is_finite() => visitor.visit_f64(value),
                Resolved::Fraction(_) => Err(serde::de::Error::custom(self.not_finite())),
                Resolved::Text => visitor.visit_str(spelling),
            },
            (MANIFEST, None) => match &self.value {
                Value::Map(entries) => manifest_map(entries, visitor),
                _ => self.deserialize_any(visitor),
            },
            (WRITTEN, Some(spelling)) if self.changes_as_json(spelling) => visitor.visit_str(spelling),
            (WRITTEN, _) => self.deserialize_any(visitor),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.value {
            Value::Map(entries) => map(entries.iter().filter(|entry| entry.node.value != Value::Null), visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.value {
            Value::Text(text) => visitor.visit_enum(IntoDeserializer::<Error>::into_deserializer(text.as_str())),
            Value::Map(entries) => {
                if let [only] = entries.as_slice() {
                    return visitor.visit_enum(Variant(only));
                }
                let count = entries.len();
                Err(serde::de::Error::custom(format!("{count} keys stand where exactly one belongs")))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier
    }
}

/// `apply: …` as the variant of an enum.
struct Variant<'de>(&'de Entry);

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let name: StrDeserializer<'de, Error> = self.0.key.as_str().into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        serde::Deserialize::deserialize(&self.0.node)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(&self.0.node)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.0.node.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.0.node.deserialize_struct("", fields, visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::core::model::source::{FileId, Span};

    fn node(value: &serde_json::Value) -> Node {
        Node::from_json(value, Span::new(FileId(0), 0, 0))
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case", deny_unknown_fields)]
    enum Verb {
        Nothing,
        Apply(Vec<String>),
        Delete {
            name: String,
            #[serde(default)]
            wait: bool,
        },
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Spec {
        verb: Verb,
        count: Option<u32>,
        #[serde(default)]
        env: BTreeMap<String, String>,
        any: Option<serde_json::Value>,
    }

    #[test]
    fn enums_are_texts_or_mappings_of_one_key() {
        assert_eq!(decode(&node(&json!("nothing"))), Ok(Verb::Nothing));
        assert_eq!(decode(&node(&json!({ "nothing": null }))), Ok(Verb::Nothing));
        assert_eq!(decode(&node(&json!({ "apply": ["a"] }))), Ok(Verb::Apply(vec!["a".to_owned()])));
        assert_eq!(
            decode(&node(&json!({ "delete": { "name": "a", "wait": null } }))),
            Ok(Verb::Delete { name: "a".to_owned(), wait: false })
        );
        let error = decode::<Verb>(&node(&json!({ "apply": [], "delete": {} }))).expect_err("two verbs");
        assert_eq!(error.message, "2 keys stand where exactly one belongs");
    }

    #[test]
    fn null_is_a_missing_key_and_scalars_are_texts() {
        let body =
            json!({ "verb": "nothing", "count": null, "env": { "PORT": 8080, "ON": true }, "any": { "a": [1, null] } });
        let spec: Spec = decode(&node(&body)).expect("well formed");
        assert_eq!(spec.env, BTreeMap::from([("PORT".into(), "8080".into()), ("ON".into(), "true".into())]));
        assert_eq!((spec.count, spec.any), (None, Some(json!({ "a": [1, null] }))));
    }

    #[test]
    fn the_error_says_where() {
        let error = decode::<Spec>(&node(&json!({ "verb": { "apply": ["a", ["b"]] } }))).expect_err("a list in a list");
        assert_eq!(error.path, vec!["verb".into(), "apply".into(), 1.into()]);
        assert_eq!(error.message, "invalid type: sequence, expected a string");
        let error = decode::<Spec>(&node(&json!({ "verb": "nothing", "count": -1 }))).expect_err("negative");
        assert_eq!(error.path, vec!["count".into()]);
    }
}
