//! Small helpers to make trees: every node has the place of the text that it replaces.

use std::borrow::Cow;

use crate::core::model::source::Span;
use crate::core::yaml::{Entry, Node, Value};

/// A text.
pub(super) fn text(text: impl Into<String>, at: Span) -> Node {
    Node::new(at, Value::Text(text.into()))
}

/// A list.
pub(super) fn list(items: Vec<Node>, at: Span) -> Node {
    Node::new(at, Value::List(items))
}

/// A list of texts.
pub(super) fn names<T: Into<String>>(items: impl IntoIterator<Item = T>, at: Span) -> Node {
    list(items.into_iter().map(|item| text(item, at)).collect(), at)
}

/// A mapping.
pub(super) fn map(entries: Vec<Entry>, at: Span) -> Node {
    Node::new(at, Value::Map(entries))
}

/// `key: node`.
pub(super) fn entry(key: impl Into<String>, node: Node) -> Entry {
    Entry { key: key.into(), key_span: node.span, plain: true, node }
}

/// `{ key: node }`.
pub(super) fn one(key: &str, node: Node) -> Node {
    let at = node.span;
    map(vec![entry(key, node)], at)
}

/// A scalar, or every scalar of a list, as text.
pub(super) fn texts(node: &Node) -> Vec<String> {
    let items = if let Value::List(items) = &node.value { items.as_slice() } else { std::slice::from_ref(node) };
    items.iter().filter_map(|item| item.scalar_text().map(Cow::into_owned)).collect()
}

/// The text under a key of a mapping.
pub(super) fn text_at(node: &Node, key: &str) -> Option<String> {
    node.get(key)?.scalar_text().map(Cow::into_owned)
}

/// A name that a stage or step may have: `Run tests!` is `run-tests`.
pub(super) fn slug(text: &str) -> String {
    let mut name = String::new();
    for c in text.trim().chars() {
        match c {
            'a'..='z' | '0'..='9' | '_' => name.push(c),
            'A'..='Z' => name.push(c.to_ascii_lowercase()),
            _ if name.is_empty() || name.ends_with('-') => {}
            _ => name.push('-'),
        }
        if name.len() >= 40 {
            break;
        }
    }
    let name = name.trim_end_matches('-');
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name.to_owned() } else { format!("step-{name}") }
}

/// A name for an environment variable: `node-version` is `NODE_VERSION`.
pub(super) fn variable(text: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let name: String = text.chars().map(fits).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// The name with a number behind it, where it is taken.
pub(super) fn free(name: String, taken: impl Fn(&str) -> bool) -> String {
    if !taken(&name) {
        return name;
    }
    (2..=u32::MAX).map(|n| format!("{name}-{n}")).find(|name| !taken(name)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_what_is_written() {
        assert_eq!(slug("Run tests!"), "run-tests");
        assert_eq!(slug("1. Build"), "step-1-build");
        assert_eq!(variable("node-version"), "NODE_VERSION");
        assert_eq!(free("a".to_owned(), |name| ["a", "a-2"].contains(&name)), "a-3");
    }
}
