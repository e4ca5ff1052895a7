//! One value or a list of them, as users like to write it: `files: a.yaml` and `files: [a.yaml, b.yaml]`.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, de};

/// One or more values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Several<T>(pub Vec<T>);

impl<T> Default for Several<T> {
    fn default() -> Self {
        Several(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Several<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMany<T> {
            type Value = Several<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text or a list of it")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Several<T>, E> {
                Ok(Several(vec![T::deserialize(text.into_deserializer())?]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Several<T>, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(items)).map(Several)
            }
        }
        deserializer.deserialize_any(OneOrMany(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Several<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Several_{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}

/// A body that may be written short: as one value or a list, instead of as a mapping.
pub trait Short: Sized {
    /// A value of the short form.
    type Value;
    /// The body that the short form means.
    fn short(values: Several<Self::Value>) -> Self;
}

/// A body in its short or its long form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body<T>(pub T);

impl<'de, T> Deserialize<'de> for Body<T>
where
    T: Deserialize<'de> + Short,
    T::Value: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T> Visitor<'de> for Either<T>
        where
            T: Deserialize<'de> + Short,
            T::Value: Deserialize<'de>,
        {
            type Value = Body<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, a list of it, or a mapping")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Body<T>, E> {
                Several::deserialize(text.into_deserializer()).map(T::short).map(Body)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Body<T>, A::Error> {
                Several::deserialize(SeqAccessDeserializer::new(items)).map(T::short).map(Body)
            }
            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Body<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(fields)).map(Body)
            }
        }
        deserializer.deserialize_any(Either(PhantomData))
    }
}

impl<T> JsonSchema for Body<T>
where
    T: JsonSchema + Short,
    T::Value: JsonSchema,
{
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Body_{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T::Value>();
        let long = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one }, long] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_is_a_list_of_one() {
        assert_eq!(serde_yaml::from_str::<Several<String>>("a").expect("text"), Several(vec!["a".to_owned()]));
        assert_eq!(
            serde_yaml::from_str::<Several<String>>("[a, b]").expect("a list"),
            Several(vec!["a".to_owned(), "b".to_owned()])
        );
        assert!(serde_yaml::from_str::<Several<String>>("{ a: b }").is_err());
    }
}
