//! Dotted references: where they lead in a scope, and in plain words where they do not.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::error::ExprError;
use super::scope::{Reference, Scope};

/// The value of a dotted reference.
///
/// # Errors
/// A name that is not there, or a value that has no fields.
pub(super) fn look_up<'a>(scope: &'a Scope, reference: &Reference) -> Result<&'a Json, ExprError> {
    let path = &reference.path;
    let miss = |at: usize, message: String, help: Option<String>| {
        // The path up to the name that is missing is a prefix of what was written, unless indexes were quoted or spaced.
        let dotted: usize = path[..=at].iter().map(|name| name.len() + 1).sum::<usize>() - 1;
        let plain = path.iter().map(|name| name.len() + 1).sum::<usize>() - 1 == reference.len;
        let len = if plain { dotted } else { reference.len };
        ExprError { help, ..ExprError::at(reference.offset, reference.offset + len, message) }
    };
    let Some(mut value) = scope.roots.get(&path[0]) else {
        let known: Vec<&str> = scope.roots.keys().map(String::as_str).collect();
        let message = match known.as_slice() {
            [] => format!("{}: no such name; nothing is known here", path[0]),
            known => format!("{}: no such name; known here: {}", path[0], known.join(", ")),
        };
        return Err(miss(0, message, None));
    };
    for (at, name) in path.iter().enumerate().skip(1) {
        let shown = |end: usize, value: &Json| written(&path[..end], value);
        value = match value {
            Json::Object(fields) => fields.get(name).ok_or_else(|| {
                let whole = shown(at + 1, value);
                let help = format!("ask first: `has({whole}) ? {whole} : \"\"`");
                miss(at, format!("{whole}: no such key"), Some(help))
            })?,
            Json::Array(items) => name.parse::<usize>().ok().and_then(|index| items.get(index)).ok_or_else(|| {
                let (whole, list) = (shown(at + 1, value), shown(at, value));
                let help = format!("ask first: `size({list}) > {name} ? {whole} : \"\"`");
                miss(at, format!("{whole}: no such item, the list has {}", items.len()), Some(help))
            })?,
            other => {
                let found = type_of(other);
                let (whole, owner) = (shown(at + 1, value), shown(at, value));
                return Err(miss(at, format!("{whole}: `{owner}` is {found} and has no fields"), None));
            }
        };
    }
    Ok(value)
}

/// A path as one would write it; a last name that indexes a list is in brackets.
fn written(path: &[String], last_owner: &Json) -> String {
    let mut text = path[0].clone();
    for (at, name) in path.iter().enumerate().skip(1) {
        let number = name.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty();
        let plain = !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let is_index = number && (at + 1 < path.len() || last_owner.is_array());
        let _infallible = if is_index {
            write!(text, "[{name}]")
        } else if plain {
            write!(text, ".{name}")
        } else {
            write!(text, "[{name:?}]")
        };
    }
    text
}

/// The type of a JSON value.
pub(super) fn type_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a bool",
        Json::Number(number) if number.is_i64() => "an int",
        Json::Number(number) if number.is_u64() => "a uint",
        Json::Number(_) => "a double",
        Json::String(_) => "a string",
        Json::Array(_) => "a list",
        Json::Object(_) => "a map",
    }
}
