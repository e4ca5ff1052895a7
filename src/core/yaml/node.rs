//! The span tree: one node a YAML node, with its place.

use std::borrow::Cow;

use crate::core::model::source::{SourceMap, Span};

/// A YAML value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its place: a scalar's token (with quotes), a collection from its first to its last child.
    pub span: Span,
    /// What it is.
    pub value: Value,
    /// How a plain scalar is written, where its value does not show it: `3.10`, `0x1F`, `True`; also a plain text that
    /// Kubernetes manifests read as another type (`0644`, `yes`).
    pub spelling: Option<Box<str>>,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false` (YAML 1.2: `yes` and `on` are text).
    Bool(bool),
    /// A whole number or a fraction.
    Number(serde_yaml::Number),
    /// Text, quoted or plain.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping with text keys, in the order written.
    Map(Vec<Entry>),
}

impl Value {
    /// What it is in a word, for messages: `a mapping`, `a list`, `text`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// One `key: value` of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The place of the key.
    pub key_span: Span,
    /// Whether the key is written without quotes.
    pub plain: bool,
    /// The value.
    pub node: Node,
}

/// One step of a path into a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Into a mapping.
    Key(String),
    /// Into a sequence.
    Index(usize),
}

impl From<&str> for Segment {
    fn from(key: &str) -> Self {
        Segment::Key(key.to_owned())
    }
}

impl From<usize> for Segment {
    fn from(index: usize) -> Self {
        Segment::Index(index)
    }
}

impl Node {
    /// A node without a spelling of its own.
    pub fn new(span: Span, value: Value) -> Self {
        Node { span, value, spelling: None }
    }

    /// A scalar as text: a number or a truth value as it is written; `None` for null and collections.
    pub fn scalar_text(&self) -> Option<Cow<'_, str>> {
        let written = |value: String| self.spelling.as_deref().map_or(Cow::Owned(value), Cow::Borrowed);
        match &self.value {
            Value::Text(text) => Some(Cow::Borrowed(text)),
            Value::Number(number) => Some(written(number.to_string())),
            Value::Bool(value) => Some(written(value.to_string())),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Why a number that is not finite cannot be a value.
    pub(super) fn not_finite(&self) -> String {
        let written = self.scalar_text().unwrap_or_default();
        format!("`{written}` is not a finite number, and JSON holds no other; quote it if it is text: \"{written}\"")
    }

    /// Whether a scalar reads differently once it went through JSON: `2.0` may become 2.
    pub(super) fn changes_as_json(&self, spelling: &str) -> bool {
        let json = self.to_json();
        let shown = json.to_string();
        shown != spelling || (json.is_f64() && json.as_f64().is_some_and(|value| value.fract() == 0.0))
    }

    /// The first number below that is not finite, which has no JSON value.
    pub fn non_finite(&self) -> Option<&Node> {
        match &self.value {
            Value::Number(number) => number.as_f64().is_some_and(|value| !value.is_finite()).then_some(self),
            Value::List(items) => items.iter().find_map(Node::non_finite),
            Value::Map(entries) => entries.iter().find_map(|entry| entry.node.non_finite()),
            _ => None,
        }
    }

    /// The value under `key`, in a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The entry under `key`, in a mapping.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The entries of a mapping; none for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a sequence; none for anything else.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The text of a text scalar.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The span of what `path` leads to; of the deepest node on the way where it leads nowhere.
    pub fn span_at(&self, path: &[Segment]) -> Span {
        let mut node = self;
        for segment in path {
            let next = match segment {
                Segment::Key(key) => node.get(key),
                Segment::Index(index) => node.items().get(*index),
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node.span
    }

    /// The place of a part of a text scalar: `len` bytes at `offset` of its value. The whole scalar where the part
    /// is not written as it is read (escapes in quotes); the first line of a part over several lines.
    pub fn place_of(&self, sources: &SourceMap, offset: usize, len: usize) -> Span {
        self.find_part(sources.slice(self.span), offset, len).unwrap_or(self.span)
    }

    fn find_part(&self, written: &str, offset: usize, len: usize) -> Option<Span> {
        let text = self.as_text()?;
        let part = text.get(offset..)?.get(..len)?;
        let part = part.lines().next().filter(|line| !line.is_empty())?;
        let earlier = text.get(..offset)?.matches(part).count();
        let (at, _) = written.match_indices(part).nth(earlier)?;
        Some(self.span.part(at, part.len()))
    }

    /// What it is in a word, for messages: `a mapping`, `a list`, `text`.
    pub fn type_name(&self) -> &'static str {
        self.value.type_name()
    }

    /// The same value for CEL and templates: without places.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(whole), _, _) => whole.into(),
                (_, Some(whole), _) => whole.into(),
                (_, _, Some(fraction)) => fraction.into(),
                _ => serde_json::Value::Null,
            },
            Value::Text(text) => text.clone().into(),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(entries) => serde_json::Value::Object(
                entries.iter().map(|entry| (entry.key.clone(), entry.node.to_json())).collect(),
            ),
        }
    }

    /// A tree in which every node carries the same place: a rendered value takes the place of its template.
    pub fn from_json(value: &serde_json::Value, span: Span) -> Self {
        let value = match value {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Bool(*value),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(whole), _, _) => Value::Number(whole.into()),
                (_, Some(whole), _) => Value::Number(whole.into()),
                (_, _, Some(fraction)) => Value::Number(fraction.into()),
                _ => Value::Null,
            },
            serde_json::Value::String(text) => Value::Text(text.clone()),
            serde_json::Value::Array(items) => {
                Value::List(items.iter().map(|item| Node::from_json(item, span)).collect())
            }
            serde_json::Value::Object(fields) => Value::Map(
                fields
                    .iter()
                    .map(|(key, value)| Entry {
                        key: key.clone(),
                        key_span: span,
                        plain: false,
                        node: Node::from_json(value, span),
                    })
                    .collect(),
            ),
        };
        Node::new(span, value)
    }
}
