//! The values of a manifest while they are read: mappings that know how their keys are written. Knows no syntax.

use indexmap::IndexMap;
use serde_json::{Number, Value};

use super::scalar::{self, Resolved};

/// A value while it is read.
#[derive(Clone)]
pub(super) enum Tree {
    Scalar(Value),
    List(Vec<Tree>),
    Map(IndexMap<String, Slot>),
}

/// The value of a key.
#[derive(Clone)]
pub(super) struct Slot {
    pub tree: Tree,
    /// The type that the key has before it becomes text.
    pub of: KeyType,
    /// Whether the key is written in this mapping, not merged into it.
    pub own: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyType {
    Text,
    Bool,
    Whole,
    Fraction,
}

/// Sets a key, or says why it cannot be set.
pub(super) fn put(slots: &mut IndexMap<String, Slot>, key: String, slot: Slot) -> Result<(), String> {
    match slots.get_mut(&key) {
        None => _ = slots.insert(key, slot),
        Some(there) if there.own && slot.own => return Err(format!("duplicate mapping key: {key}")),
        Some(there) if there.of != slot.of => {
            return Err(format!("the keys called `{key}` are of different types, and only one of them can be kept"));
        }
        Some(there) => *there = Slot { own: there.own || slot.own, ..slot },
    }
    Ok(())
}

/// `<<`: what is merged wins over what is written above it; in a list, the first mapping wins.
pub(super) fn put_merged(slots: &mut IndexMap<String, Slot>, tree: Tree) -> Result<(), String> {
    match tree {
        Tree::Map(merged) => {
            merged.into_iter().try_for_each(|(key, slot)| put(slots, key, Slot { own: false, ..slot }))
        }
        Tree::List(items) => items.into_iter().rev().try_for_each(|item| match item {
            Tree::Map(_) => put_merged(slots, item),
            _ => Err("`<<` merges mappings, and a list of them".to_owned()),
        }),
        Tree::Scalar(_) => Err("`<<` merges mappings, and a list of them".to_owned()),
    }
}

impl Tree {
    /// How many values it holds.
    pub fn weight(&self) -> usize {
        1 + match self {
            Tree::Scalar(_) => 0,
            Tree::List(items) => items.iter().map(Tree::weight).sum(),
            Tree::Map(slots) => slots.values().map(|slot| slot.tree.weight()).sum(),
        }
    }

    /// As JSON.
    pub fn into_value(self) -> Value {
        match self {
            Tree::Scalar(value) => value,
            Tree::List(items) => Value::Array(items.into_iter().map(Tree::into_value).collect()),
            Tree::Map(slots) => {
                Value::Object(slots.into_iter().map(|(key, slot)| (key, slot.tree.into_value())).collect())
            }
        }
    }
}

/// Numbers of JSON as `kubectl` sends them: `1.0` is 1, and whole numbers beyond 64 bits are fractions.
pub(super) fn settle(value: &mut Value) {
    match value {
        Value::Number(number) if number.as_i64().is_none() => {
            let settled = match number.as_f64().map(scalar::settled) {
                Some(Resolved::Whole(whole)) => Some(whole.into()),
                Some(Resolved::Fraction(fraction)) => Number::from_f64(fraction),
                _ => None,
            };
            if let Some(settled) = settled {
                *number = settled;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(settle),
        Value::Object(fields) => fields.values_mut().for_each(settle),
        _ => {}
    }
}
