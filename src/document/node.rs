//! The span tree: one node a YAML node, with the place it stands at.

use crate::source::{SourceMap, Span};

/// A YAML value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it stands: a scalar's token (with quotes), a collection from its first to its last child.
    pub span: Span,
    /// What it is.
    pub value: Value,
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

/// One `key: value` of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
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
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
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
                    .map(|(key, value)| Entry { key: key.clone(), key_span: span, node: Node::from_json(value, span) })
                    .collect(),
            ),
        };
        Node { span, value }
    }
}
