//! A function for arguments of certain types.

use crate::core::expr::failure::Out;
use crate::core::expr::meter::Meter;
use crate::core::expr::types::Type;
use crate::core::expr::value::Value;

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

/// A function for arguments of certain types; a method takes what it is called on as its first argument.
pub(super) struct Overload {
    pub name: &'static str,
    pub method: bool,
    pub takes: &'static [T],
    pub gives: T,
    /// An expression that is true.
    pub example: &'static str,
    pub run: fn(&mut Meter, &[Value]) -> Out,
}

impl std::fmt::Debug for Overload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.signature())
    }
}

/// A method.
pub(super) const fn method(
    name: &'static str,
    takes: &'static [T],
    gives: T,
    run: fn(&mut Meter, &[Value]) -> Out,
    example: &'static str,
) -> Overload {
    Overload { name, method: true, takes, gives, example, run }
}

/// A function.
pub(super) const fn global(
    name: &'static str,
    takes: &'static [T],
    gives: T,
    run: fn(&mut Meter, &[Value]) -> Out,
    example: &'static str,
) -> Overload {
    Overload { name, method: false, takes, gives, example, run }
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

impl Overload {
    pub fn fits(&self, args: &[Value]) -> bool {
        self.accepts(args.len()) && self.takes.iter().zip(args).all(|(takes, arg)| takes.matches(arg))
    }

    /// Whether values of these types may fit.
    pub fn may_take(&self, args: &[Type]) -> bool {
        self.accepts(args.len()) && self.takes.iter().zip(args).all(|(takes, arg)| arg.may_be(*takes))
    }

    /// Whether it can be called with so many arguments.
    pub(super) fn accepts(&self, count: usize) -> bool {
        if self.takes.last() == Some(&T::Many) { count >= self.takes.len() } else { count == self.takes.len() }
    }

    /// How it is written: `string.charAt(int) -> string`.
    pub fn signature(&self) -> String {
        let (target, args) = match self.takes {
            [target, args @ ..] if self.method => (format!("{}.", target.name()), args),
            args => (String::new(), args),
        };
        let args: Vec<&str> = args.iter().map(|arg| arg.name()).collect();
        format!("{target}{}({}) -> {}", self.name, args.join(", "), self.gives.name())
    }
}
