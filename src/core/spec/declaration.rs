//! How a var or a parameter is declared: its type, its default, and what its values must satisfy. Checks nothing.

use schemars::JsonSchema;
use serde::Deserialize;

use super::common::Any;

/// A declaration of a var or a parameter: a mapping with `type`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclarationSpec {
    /// What its values are.
    pub r#type: TypeSpec,
    /// The value where none is given; without a default one must be given. A var's default may use the vars above it.
    #[serde(default)]
    pub default: Option<Any>,
    /// The only values that it takes.
    #[serde(default)]
    pub one_of: Option<Vec<Any>>,
    /// A regular expression that its text must match somewhere; `^` and `$` stand for its ends.
    #[serde(default)]
    pub matches: Option<String>,
    /// The least value, of a number or a quantity with a unit.
    #[serde(default)]
    pub min: Option<Any>,
    /// The greatest value, of a number or a quantity with a unit.
    #[serde(default)]
    pub max: Option<Any>,
    /// What it is for, in a sentence.
    #[serde(default)]
    pub description: Option<String>,
}

/// The type of a var or a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TypeSpec {
    /// Any text; a number stays as it is written: `1.10`.
    Text,
    /// A name: letters, digits, `-` and `_`, with a letter first.
    Name,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A duration with its unit: `30s`.
    Duration,
    /// A size with its unit: `500MB`.
    Size,
    /// A rate: `200/s`.
    Rate,
    /// A list.
    List,
    /// A mapping.
    Map,
    /// A path below the project's folder.
    Path,
    /// A secret's value, of parameters only: `${{ secrets.NAME }}` is given for it.
    Secret,
}

impl TypeSpec {
    /// Every type by its name in files.
    pub const ALL: [(&'static str, TypeSpec); 12] = [
        ("text", TypeSpec::Text),
        ("name", TypeSpec::Name),
        ("integer", TypeSpec::Integer),
        ("number", TypeSpec::Number),
        ("boolean", TypeSpec::Boolean),
        ("duration", TypeSpec::Duration),
        ("size", TypeSpec::Size),
        ("rate", TypeSpec::Rate),
        ("list", TypeSpec::List),
        ("map", TypeSpec::Map),
        ("path", TypeSpec::Path),
        ("secret", TypeSpec::Secret),
    ];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        TypeSpec::ALL.iter().find(|(_, one)| *one == self).map_or("", |(name, _)| name)
    }

    /// Whether it has an order, so that `min` and `max` have a meaning.
    pub fn is_ordered(self) -> bool {
        use TypeSpec::{Duration, Integer, Number, Rate, Size};
        matches!(self, Integer | Number | Duration | Size | Rate)
    }

    /// Whether its values are texts, so that `matches` has a meaning.
    pub fn is_textual(self) -> bool {
        matches!(self, TypeSpec::Text | TypeSpec::Name | TypeSpec::Path)
    }
}
