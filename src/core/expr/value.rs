//! The values of expressions, with CEL's types. Knows no syntax and no functions.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use indexmap::{Equivalent, IndexMap};

use super::failure::{Cause, Error};
use super::number::{to_int, to_uint};
use super::opaque::{Cidr, NamedFormat, Quantity, Semver, Url};

/// The result of an evaluation.
pub(super) type Out<T = Value> = Result<T, Error>;

/// A value; a clone shares texts, lists and maps.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(Arc<str>),
    Bytes(Arc<[u8]>),
    List(Arc<Vec<Value>>),
    Map(Arc<Map>),
    /// Nanoseconds.
    Duration(i64),
    Time(Time),
    /// A type, by its name.
    Type(&'static str),
    Optional(Option<Arc<Value>>),
    Quantity(Arc<Quantity>),
    Semver(Arc<Semver>),
    Ip(std::net::IpAddr),
    Cidr(Cidr),
    Url(Arc<Url>),
    Format(&'static NamedFormat),
}

/// A point in time, and the offset that it was written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Time {
    /// Nanoseconds since 1970 in UTC.
    pub at: i128,
    /// Seconds east of UTC; only texts show it.
    pub offset: i32,
}

/// A map in the order in which its keys were written.
pub(super) type Map = IndexMap<Key, Value>;

/// The key of a map. Whole numbers are one key whatever their type.
#[derive(Debug, Clone)]
pub(super) enum Key {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Text(Arc<str>),
}

/// A text that finds a key without being copied.
pub(super) struct TextKey<'a>(pub &'a str);

impl Key {
    fn whole(&self) -> Option<i128> {
        match self {
            Key::Int(number) => Some(i128::from(*number)),
            Key::Uint(number) => Some(i128::from(*number)),
            Key::Bool(_) | Key::Text(_) => None,
        }
    }

    /// The key that a value is; a double is one if it is a whole number.
    pub fn of(value: &Value) -> Option<Key> {
        Some(match value {
            Value::Bool(truth) => Key::Bool(*truth),
            Value::Int(number) => Key::Int(*number),
            Value::Uint(number) => Key::Uint(*number),
            Value::Text(text) => Key::Text(Arc::clone(text)),
            Value::Double(number) => Key::of_double(*number)?,
            _ => return None,
        })
    }

    /// The whole number that a double is.
    pub fn of_double(number: f64) -> Option<Key> {
        if number.fract() != 0.0 || !number.is_finite() {
            return None;
        }
        to_int(number).map(Key::Int).or_else(|| to_uint(number).map(Key::Uint))
    }

    pub fn to_value(&self) -> Value {
        match self {
            Key::Bool(truth) => Value::Bool(*truth),
            Key::Int(number) => Value::Int(*number),
            Key::Uint(number) => Value::Uint(*number),
            Key::Text(text) => Value::Text(Arc::clone(text)),
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Key::Bool(a), Key::Bool(b)) => a == b,
            (Key::Text(a), Key::Text(b)) => a == b,
            _ => self.whole().is_some() && self.whole() == other.whole(),
        }
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Key::Bool(truth) => truth.hash(state),
            Key::Text(text) => TextKey(text).hash(state),
            Key::Int(_) | Key::Uint(_) => self.whole().hash(state),
        }
    }
}

impl Hash for TextKey<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Equivalent<Key> for TextKey<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        matches!(key, Key::Text(text) if **text == *self.0)
    }
}

impl Value {
    pub fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    pub fn list(items: Vec<Value>) -> Value {
        Value::List(Arc::new(items))
    }

    pub fn map(map: Map) -> Value {
        Value::Map(Arc::new(map))
    }

    pub fn some(value: Value) -> Value {
        Value::Optional(Some(Arc::new(value)))
    }

    /// The length of a list or a text as a value.
    pub fn count(len: usize) -> Value {
        Value::Int(i64::try_from(len).unwrap_or(i64::MAX))
    }

    /// The name of its type, as `type(x)` gives it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null_type",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Uint(_) => "uint",
            Value::Double(_) => "double",
            Value::Text(_) => "string",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "list",
            Value::Map(_) => "map",
            Value::Duration(_) => "google.protobuf.Duration",
            Value::Time(_) => "google.protobuf.Timestamp",
            Value::Type(_) => "type",
            Value::Optional(_) => "optional_type",
            Value::Quantity(_) => "kubernetes.Quantity",
            Value::Semver(_) => "kubernetes.Semver",
            Value::Ip(_) => "net.IP",
            Value::Cidr(_) => "net.CIDR",
            Value::Url(_) => "kubernetes.URL",
            Value::Format(_) => "kubernetes.NamedFormat",
        }
    }

    /// Its type in a sentence: `a string`.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a bool",
            Value::Int(_) => "an int",
            Value::Uint(_) => "a uint",
            Value::Double(_) => "a double",
            Value::Text(_) => "a string",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Duration(_) => "a duration",
            Value::Time(_) => "a timestamp",
            Value::Type(_) => "a type",
            Value::Optional(_) => "an optional",
            Value::Quantity(_) => "a quantity",
            Value::Semver(_) => "a semver",
            Value::Ip(_) => "an IP address",
            Value::Cidr(_) => "a CIDR",
            Value::Url(_) => "a URL",
            Value::Format(_) => "a format",
        }
    }
}

/// The types that have a name of their own in an expression: `type(x) == int`.
pub(super) const TYPES: &[&str] = &[
    "bool",
    "bytes",
    "double",
    "google.protobuf.Duration",
    "google.protobuf.Timestamp",
    "int",
    "kubernetes.NamedFormat",
    "kubernetes.Quantity",
    "kubernetes.Semver",
    "kubernetes.URL",
    "list",
    "map",
    "net.CIDR",
    "net.IP",
    "null_type",
    "optional_type",
    "string",
    "type",
    "uint",
];

/// The type of a name, if it is one.
pub(super) fn type_named(name: &str) -> Option<Value> {
    TYPES.binary_search(&name).ok().map(|at| Value::Type(TYPES[at]))
}

/// The error of `name`, which cannot take these values.
pub(super) fn unfit(name: &str, args: &[Value]) -> Error {
    let kinds: Vec<&str> = args.iter().map(Value::kind).collect();
    let message = match kinds.as_slice() {
        [one] => format!("`{name}` cannot take {one}"),
        [rest @ .., last] => format!("`{name}` cannot take {} and {last}", rest.join(", ")),
        [] => format!("`{name}` cannot be called without a value"),
    };
    Error::new(Cause::Types, message)
}
