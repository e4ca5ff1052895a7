//! Trees as values: decoded, or rendered with what is known before the run.

use std::borrow::Cow;

use crate::core::expr::{Scope, has_template, render};
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::core::plan::scalar_validator::broken;
use crate::core::yaml::{DecodeError, Entry, Node, Segment, Value, decode};

pub(super) fn decode_or_tell<T: serde::de::DeserializeOwned>(node: &Node, out: &mut Diagnostics) -> Option<T> {
    decode(node).map_err(|error| out.push(undecoded(node, &error, None))).ok()
}

/// The diagnostic for a value that is not of its type, though it fits the schema; `kind` is the one it is under.
pub(super) fn undecoded(node: &Node, error: &DecodeError, kind: Option<&str>) -> Diagnostic {
    let key = error.path.iter().rev().find_map(|segment| match segment {
        Segment::Key(key) => Some(key.as_str()),
        Segment::Index(_) => None,
    });
    let message = match key {
        Some(key) => format!("`{key}`: {}", error.message),
        None => error.message.clone(),
    };
    let help = match kind {
        Some(kind) => as_written(kind),
        None => "`pipeline schema` says what belongs here".to_owned(),
    };
    Diagnostic::error(Code::InvalidValue, node.span_at(&error.path), message).help(help)
}

/// Renders a tree with the values known before the run.
pub(super) fn render_static<'n>(node: &'n Node, statics: &Scope, out: &mut Diagnostics) -> Option<Cow<'n, Node>> {
    if !has_template(node) {
        return Some(Cow::Borrowed(node));
    }
    render(node, statics)
        .map(Cow::Owned)
        .map_err(|error| out.push(broken(&error.error, Code::InvalidExpression, error.span)))
        .ok()
}

/// The help line of what a kind refuses without one of its own.
pub(super) fn as_written(kind: &str) -> String {
    format!("`pipeline explain {kind}` shows how it is written")
}

/// A mapping with only the entries that `keep` chooses; the place stays.
pub(super) fn only(node: &Node, keep: impl Fn(&Entry) -> bool) -> Node {
    Node::new(node.span, Value::Map(node.entries().iter().filter(|entry| keep(entry)).cloned().collect()))
}
