//! The types of expressions, as far as their text and known values show them. Knows no tree.

use serde_json::Value as Json;

use super::signature::T;
use super::value::Value;

/// What is known of a value before it exists.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Type {
    /// Nothing is known.
    Any,
    Null,
    /// A type without parameters.
    Of(T),
    List(Box<Type>),
    Map(Box<Type>, Box<Type>),
    Optional(Box<Type>),
    /// A list or a map that is written with items of two types.
    Mixed(Box<Mixture>),
}

/// The first two types that differ in a literal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mixture {
    /// [`T::List`] or [`T::Map`].
    pub of: T,
    pub first: Type,
    pub other: Type,
}

impl Type {
    pub fn list(items: Type) -> Type {
        Type::List(Box::new(items))
    }

    pub fn optional(of: Type) -> Type {
        Type::Optional(Box::new(of))
    }

    /// What a function gives or takes.
    pub fn of(signature: T) -> Type {
        match signature {
            T::Any | T::Many => Type::Any,
            T::List => Type::list(Type::Any),
            T::Map => Type::Map(Box::new(Type::Any), Box::new(Type::Any)),
            T::Optional => Type::optional(Type::Any),
            other => Type::Of(other),
        }
    }

    /// The type of a literal.
    pub fn of_literal(value: &Value) -> Type {
        Type::of(match value {
            Value::Null => return Type::Null,
            Value::Bool(_) => T::Bool,
            Value::Int(_) => T::Int,
            Value::Uint(_) => T::Uint,
            Value::Double(_) => T::Double,
            Value::Text(_) => T::Text,
            Value::Bytes(_) => T::Bytes,
            Value::Type(_) => T::Type,
            _ => return Type::Any,
        })
    }

    /// The type that all of these items have; anything where they differ, or where one is no scalar.
    pub fn of_items(items: &[Json]) -> Type {
        let mut types = items.iter().map(Type::of_json);
        match types.next() {
            Some(first @ Type::Of(_)) if types.all(|of| of == first) => first,
            _ => Type::Any,
        }
    }

    /// The type of a value that is known before the run; anything may be null later.
    pub fn of_json(value: &Json) -> Type {
        Type::of(match value {
            Json::Null => T::Any,
            Json::Bool(_) => T::Bool,
            Json::Number(number) if number.is_i64() => T::Int,
            Json::Number(number) if number.is_u64() => T::Uint,
            Json::Number(_) => T::Double,
            Json::String(_) => T::Text,
            Json::Array(_) => T::List,
            Json::Object(_) => T::Map,
        })
    }

    /// Its kind in signatures; nothing where it is not known.
    fn kind(&self) -> Option<T> {
        match self {
            Type::Any | Type::Null => None,
            Type::Of(kind) => Some(*kind),
            Type::List(_) => Some(T::List),
            Type::Map(..) => Some(T::Map),
            Type::Optional(_) => Some(T::Optional),
            Type::Mixed(mixture) => Some(mixture.of),
        }
    }

    pub fn is(&self, kind: T) -> bool {
        self.kind() == Some(kind)
    }

    pub fn is_number(&self) -> bool {
        matches!(self, Type::Of(T::Int | T::Uint | T::Double))
    }

    /// Whether a value of this type may be an argument of that kind.
    pub fn may_be(&self, kind: T) -> bool {
        match (self, kind) {
            (Type::Any, _) | (_, T::Any | T::Many) => true,
            (_, kind) => self.is(kind),
        }
    }

    /// Whether a value of this type may equal one of that type: numbers compare by value, items are not compared.
    pub fn may_equal(&self, other: &Type) -> bool {
        match (self, other) {
            (Type::Any, _) | (_, Type::Any) | (Type::Null, Type::Null) => true,
            (Type::Null, known) | (known, Type::Null) => !known.never_null(),
            (Type::Optional(a), Type::Optional(b)) => a.may_equal(b),
            (a, b) => (a.is_number() && b.is_number()) || a.kind() == b.kind(),
        }
    }

    /// Whether Kubernetes refuses to compare it with `null`.
    fn never_null(&self) -> bool {
        use T::{Bool, Bytes, Double, Int, List, Map, Text, Uint};
        matches!(self.kind(), Some(Bool | Int | Uint | Double | Text | Bytes | List | Map))
    }

    /// The type of values that are of this type or of that; nothing if these are two different types.
    pub fn join(&self, other: &Type) -> Option<Type> {
        match (self, other) {
            (Type::Any, _) | (_, Type::Any) => Some(Type::Any),
            (Type::List(a), Type::List(b)) => Some(Type::list(a.join(b)?)),
            (Type::Optional(a), Type::Optional(b)) => Some(Type::optional(a.join(b)?)),
            (Type::Map(key, value), Type::Map(other_key, other_value)) => {
                Some(Type::Map(Box::new(key.join(other_key)?), Box::new(value.join(other_value)?)))
            }
            (a, b) => (a == b).then(|| a.clone()),
        }
    }

    /// As in a signature: `list(int)`.
    pub fn name(&self) -> String {
        match self {
            Type::Any => "any".to_owned(),
            Type::Null => "null".to_owned(),
            Type::Of(kind) => kind.name().to_owned(),
            Type::List(items) if **items == Type::Any => "list".to_owned(),
            Type::List(items) => format!("list({})", items.name()),
            Type::Map(key, value) if (&**key, &**value) == (&Type::Any, &Type::Any) => "map".to_owned(),
            Type::Map(key, value) => format!("map({}, {})", key.name(), value.name()),
            Type::Optional(of) if **of == Type::Any => "optional".to_owned(),
            Type::Optional(of) => format!("optional({})", of.name()),
            Type::Mixed(mixture) => mixture.of.name().to_owned(),
        }
    }

    /// In a sentence: `a list(int)`.
    pub fn phrase(&self) -> String {
        let name = self.name();
        let article = match self {
            Type::Null | Type::Of(T::Bytes) => return name,
            Type::Of(T::Int | T::Ip) | Type::Optional(_) | Type::Any => "an",
            _ => "a",
        };
        match self {
            Type::Of(T::Ip) => "an IP address".to_owned(),
            Type::Of(T::Cidr) => "a CIDR".to_owned(),
            Type::Of(T::Url) => "a URL".to_owned(),
            _ => format!("{article} {name}"),
        }
    }
}
