//! The shape of a value: a JSON Schema (from `schemars`) that a tree is held against, collecting everything that is wrong.

mod check;
mod choose;
mod compile;
mod expand;
mod recovery;
mod words;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use schemars::JsonSchema;
use serde_json::Value as Json;

use super::node::Node;
use crate::core::model::diagnostic::Diagnostics;
use compile::{Rule, RuleId, Rules};

/// A shape that trees are held against: a schema, compiled once; cheap to clone.
#[derive(Debug, Clone)]
pub struct CompiledSchema {
    rules: Arc<Rules>,
    root: RuleId,
}

/// A scalar that the shape gives a meaning of its own: `format: script`, `path`, `secret-text`, `cel`, `expect-bytes`.
#[derive(Debug, Clone, Copy)]
pub struct Format<'a> {
    /// The schema's `format`; empty where it has none.
    pub name: &'a str,
    /// The key that it is the value of; empty for an element of a list.
    pub key: &'a str,
    /// The scalar.
    pub node: &'a Node,
}

/// Who judges formats: the document room knows no files, units or expressions.
pub trait Formats {
    /// Called for every scalar with a `format`, and for every text scalar that holds `${{`, at any place.
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

/// One key of a mapping, for `explain` and the reference.
#[derive(Debug, Clone)]
pub struct Field {
    /// The key.
    pub name: String,
    /// What belongs there: `a list of texts`, `a duration such as 500ms, 30s or 2m`.
    pub type_words: String,
    /// Whether it must be written.
    pub required: bool,
    /// What it means; empty if not given.
    pub description: String,
    /// What holds where it is not written, as JSON, if the schema says.
    pub default: Option<String>,
    /// The keys of the mapping that belongs there (or of the mappings in the list), if it is one.
    pub shape: Option<CompiledSchema>,
}

impl CompiledSchema {
    /// The shape of a type, from its schema.
    pub fn of<T: JsonSchema>() -> Self {
        let schema = schemars::generate::SchemaSettings::draft07().into_generator().into_root_schema_for::<T>();
        CompiledSchema::from_schema(schema.to_value())
    }

    /// The shape that a draft-07 schema describes, as far as `schemars` writes such schemas. What it does not know
    /// (patterns, conditions) it does not check.
    #[expect(clippy::needless_pass_by_value, reason = "nobody needs the schema behind this")]
    pub fn from_schema(schema: Json) -> Self {
        let (rules, root) = compile::compile(&schema);
        CompiledSchema { rules: Arc::new(rules), root }
    }

    /// Holds `node` against this shape; a scalar with `${{` fits wherever a scalar does, and a scalar that is one
    /// `${{ }}` and nothing else fits everywhere: its value is checked when it is known.
    pub fn check(&self, node: &Node, formats: &mut dyn Formats, out: &mut Diagnostics) -> Found {
        self.check_as("", node, formats, out)
    }

    /// Like [`CompiledSchema::check`] for a value that messages call `whole`: ``the `image` step `build-backend` ``.
    pub fn check_as(&self, whole: &str, node: &Node, formats: &mut dyn Formats, out: &mut Diagnostics) -> Found {
        check::check(&self.rules, self.root, whole, node, formats, out)
    }

    /// `node` with every short form written out: `shell: make` for `shell: { run: make }`. A value that is one `${{ }}`
    /// and nothing else stays, except in the place of a script: what it becomes is not known yet.
    pub fn expand<'n>(&self, node: &'n Node) -> Cow<'n, Node> {
        expand::expand(&self.rules, self.root, node).map_or(Cow::Borrowed(node), Cow::Owned)
    }

    /// The key that a scalar in the place of the mapping stands for, and the key that a list stands for.
    pub fn short(&self) -> [Option<&str>; 2] {
        let rule = self.rules.get(self.rules.mapping(self.root).unwrap_or(self.root));
        [rule.short.as_deref(), rule.short_list.as_deref()]
    }

    /// What is left of `node` when everything that does not fit is taken out: unknown keys, values of another type,
    /// items of lists. `None` where the node itself does not fit. For looking at the rest of files that are wrong.
    pub fn salvage(&self, node: &Node) -> Option<Node> {
        recovery::salvage(&self.rules, self.root, node)
    }

    /// The keys that a mapping of this shape may have, in the order of the type's fields; none for other shapes.
    pub fn fields(&self) -> Vec<Field> {
        let rule = self.rules.get(self.rules.mapping(self.root).unwrap_or(self.root));
        rule.properties.iter().map(|(name, id)| self.field(rule, name, *id)).collect()
    }

    /// The keys that a mapping of this shape may have.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let rule = self.rules.get(self.rules.mapping(self.root).unwrap_or(self.root));
        rule.properties.keys().map(String::as_str)
    }

    /// Whether a mapping of this shape may have this key.
    pub fn has_key(&self, name: &str) -> bool {
        let rule = self.rules.get(self.rules.mapping(self.root).unwrap_or(self.root));
        rule.properties.contains_key(name)
    }

    /// What the type's doc comment says; empty where it says nothing.
    pub fn description(&self) -> &str {
        &self.rules.get(self.root).description
    }

    /// What belongs here, in words: `a mapping`, `a list of texts`.
    pub fn type_words(&self) -> String {
        words::wanted(&self.rules, self.root)
    }

    fn field(&self, owner: &Rule, name: &str, id: RuleId) -> Field {
        let inner = self.rules.mapping(id).or_else(|| self.rules.items(id).and_then(|item| self.rules.mapping(item)));
        let rule = self.rules.get(id);
        Field {
            name: name.to_owned(),
            type_words: words::wanted(&self.rules, id),
            required: owner.required.iter().any(|required| required == name),
            description: rule.description.clone(),
            default: rule.default.clone(),
            shape: inner
                .filter(|inner| !self.rules.get(*inner).properties.is_empty())
                .map(|root| CompiledSchema { rules: Arc::clone(&self.rules), root }),
        }
    }
}
