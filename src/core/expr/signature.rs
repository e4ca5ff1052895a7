//! The types of arguments and results, as signatures name them.

use super::value::Value;

/// The type of an argument or a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum T {
    Any,
    /// Any number of further arguments.
    Many,
    Bool,
    Int,
    Uint,
    Double,
    Text,
    Bytes,
    List,
    Map,
    Duration,
    Time,
    Type,
    Optional,
    Quantity,
    Semver,
    Ip,
    Cidr,
    Url,
    Format,
}

impl T {
    pub(super) fn matches(self, value: &Value) -> bool {
        match self {
            T::Any | T::Many => true,
            T::Bool => matches!(value, Value::Bool(_)),
            T::Int => matches!(value, Value::Int(_)),
            T::Uint => matches!(value, Value::Uint(_)),
            T::Double => matches!(value, Value::Double(_)),
            T::Text => matches!(value, Value::Text(_)),
            T::Bytes => matches!(value, Value::Bytes(_)),
            T::List => matches!(value, Value::List(_)),
            T::Map => matches!(value, Value::Map(_)),
            T::Duration => matches!(value, Value::Duration(_)),
            T::Time => matches!(value, Value::Time(_)),
            T::Type => matches!(value, Value::Type(_)),
            T::Optional => matches!(value, Value::Optional(_)),
            T::Quantity => matches!(value, Value::Quantity(_)),
            T::Semver => matches!(value, Value::Semver(_)),
            T::Ip => matches!(value, Value::Ip(_)),
            T::Cidr => matches!(value, Value::Cidr(_)),
            T::Url => matches!(value, Value::Url(_)),
            T::Format => matches!(value, Value::Format(_)),
        }
    }

    /// The name of the type in a signature.
    pub fn name(self) -> &'static str {
        match self {
            T::Any => "any",
            T::Many => "…",
            T::Bool => "bool",
            T::Int => "int",
            T::Uint => "uint",
            T::Double => "double",
            T::Text => "string",
            T::Bytes => "bytes",
            T::List => "list",
            T::Map => "map",
            T::Duration => "duration",
            T::Time => "timestamp",
            T::Type => "type",
            T::Optional => "optional",
            T::Quantity => "quantity",
            T::Semver => "semver",
            T::Ip => "ip",
            T::Cidr => "cidr",
            T::Url => "url",
            T::Format => "format",
        }
    }
}
