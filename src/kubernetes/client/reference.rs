//! Objects by name as kubectl takes them: `deployment/backend`, `deploy/backend`, `certificates.cert-manager.io/web`.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// A kind and a name; the kind is loose and resolved by discovery.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The kind as written: `deploy`, `Deployment`, `certificates.cert-manager.io`.
    pub kind: String,
    /// The object's name.
    pub name: String,
}

/// Why a text names no object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no object; expected KIND/NAME such as deployment/backend")]
pub struct ReferenceError(pub String);

impl Reference {
    /// Reads `KIND/NAME`.
    ///
    /// # Errors
    /// When the text is not of that form.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        match text.trim().split_once('/') {
            Some((kind, name)) if well_formed(kind) && well_formed(name) => {
                Ok(Reference { kind: kind.to_owned(), name: name.to_owned() })
            }
            _ => Err(ReferenceError(text.to_owned())),
        }
    }
}

fn well_formed(part: &str) -> bool {
    !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '_'))
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Reference::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl JsonSchema for Reference {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Reference".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string"], "examples": ["deployment/backend"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_kind_and_a_name() {
        for (text, kind, name) in [
            ("deploy/x", "deploy", "x"),
            ("Deployment/backend", "Deployment", "backend"),
            ("certificates.cert-manager.io/web", "certificates.cert-manager.io", "web"),
        ] {
            assert_eq!(Reference::parse(text), Ok(Reference { kind: kind.to_owned(), name: name.to_owned() }));
        }
    }

    #[test]
    fn refuses_what_names_no_object() {
        for text in ["backend", "/x", "deploy/", "deploy/a/b", "deploy/a b"] {
            assert_eq!(
                Reference::parse(text).expect_err("no object").to_string(),
                format!("`{text}` names no object; expected KIND/NAME such as deployment/backend")
            );
        }
    }
}
