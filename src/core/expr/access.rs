//! Fields, indexes and membership: `a.b`, `a[b]`, `has(a.b)`, `a.?b`, `a[?b]`, `a in b`.

use std::sync::Arc;

use super::equal::equal;
use super::failure::{Cause, Error};
use super::meter::Meter;
use super::value::{Key, Out, TextKey, Value, unfit};

/// `of.name`; what an optional holds is asked as if it were optional.
pub(super) fn field(of: &Value, name: &str) -> Out {
    match of {
        Value::Map(map) => {
            map.get(&TextKey(name)).cloned().ok_or_else(|| Error::new(Cause::Key, format!("`{name}`: no such key")))
        }
        Value::Optional(_) => optional_field(of, name),
        other => Err(no_fields(other, name)),
    }
}

/// `of.?name`
pub(super) fn optional_field(of: &Value, name: &str) -> Out {
    match of {
        Value::Optional(Some(of)) => optional_field(of, name),
        Value::Map(map) => Ok(Value::Optional(map.get(&TextKey(name)).cloned().map(Arc::new))),
        list @ Value::List(_) => Err(no_fields(list, name)),
        _ => Ok(Value::Optional(None)),
    }
}

/// `has(of.name)`; a value that can have no fields has none, as in Kubernetes.
pub(super) fn has(of: &Value, name: &str) -> Out {
    match of {
        Value::Map(map) => Ok(Value::Bool(map.contains_key(&TextKey(name)))),
        Value::Optional(Some(of)) => has(of, name),
        list @ Value::List(_) => Err(no_fields(list, name)),
        _ => Ok(Value::Bool(false)),
    }
}

fn no_fields(of: &Value, name: &str) -> Error {
    Error::new(Cause::Field, format!("`{name}`: {} has no fields", of.kind()))
}

/// `of[at]`; what an optional holds is asked as if it were optional.
pub(super) fn index(of: &Value, at: &Value) -> Out {
    match of {
        Value::Optional(_) => optional_index(of, at),
        Value::List(items) => find(of, at)?.ok_or_else(|| {
            let message = match at {
                Value::Int(at) => format!("the list has no item {at}, it has {}", items.len()),
                _ => format!("the list has no such item, it has {}", items.len()),
            };
            Error::new(Cause::Item, message)
        }),
        _ => find(of, at)?.ok_or_else(|| {
            let message = match at {
                Value::Text(name) => format!("`{name}`: no such key"),
                _ => "the map has no such key".to_owned(),
            };
            Error::new(Cause::Key, message)
        }),
    }
}

/// `of[?at]`
pub(super) fn optional_index(of: &Value, at: &Value) -> Out {
    match of {
        Value::Optional(None) => Ok(Value::Optional(None)),
        Value::Optional(Some(of)) => optional_index(of, at),
        of if !matches!(of, Value::Map(_) | Value::List(_)) => Ok(Value::Optional(None)),
        _ => Ok(Value::Optional(find(of, at)?.map(Arc::new))),
    }
}

fn find(of: &Value, at: &Value) -> Out<Option<Value>> {
    match of {
        Value::Map(map) => match (at, Key::of(at)) {
            (_, Some(key)) => Ok(map.get(&key).cloned()),
            (Value::Double(_), None) => Ok(None),
            (at, None) => Err(Error::new(Cause::Types, format!("{} cannot be the key of a map", at.kind()))),
        },
        Value::List(items) => {
            let at = match at {
                Value::Int(at) => usize::try_from(*at).ok(),
                Value::Uint(at) => usize::try_from(*at).ok(),
                Value::Double(at) => match Key::of_double(*at) {
                    Some(Key::Int(at)) => usize::try_from(at).ok(),
                    Some(_) => None,
                    None => return Err(Error::new(Cause::Types, "a fraction cannot index a list")),
                },
                at => return Err(Error::new(Cause::Types, format!("{} cannot index a list", at.kind()))),
            };
            Ok(at.and_then(|at| items.get(at)).cloned())
        }
        of => Err(Error::new(Cause::Field, format!("{} has no items", of.kind()))),
    }
}

/// The key that a value is.
pub(super) fn key(value: &Value) -> Out<Key> {
    Key::of(value).ok_or_else(|| Error::new(Cause::Types, format!("{} cannot be the key of a map", value.kind())))
}

/// `item in of`
pub(super) fn contains(meter: &mut Meter, item: &Value, of: &Value) -> Out<bool> {
    match of {
        Value::List(items) => {
            for other in items.iter() {
                if equal(meter, item, other)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Value::Map(map) => Ok(Key::of(item).is_some_and(|key| map.contains_key(&key))),
        _ => Err(unfit("in", &[item.clone(), of.clone()])),
    }
}
