//! What operators and functions take and give, by types alone. Knows no scope.

use super::super::error::ExprError;
use super::super::failure::ONE_TYPE;
use super::super::signature::T;
use super::super::tree::{Kind, Node};
use super::super::types::{Mixture, Type};
use super::super::value::Value;

/// The type of several values, and the first two types that differ.
#[derive(Default)]
pub(super) struct Joined {
    pub of: Option<Type>,
    pub mixture: Option<(Type, Type)>,
}

impl Joined {
    pub fn add(&mut self, of: Type) {
        match self.of.take() {
            None => self.of = Some(of),
            Some(before) => {
                if let Some(joined) = before.join(&of) {
                    self.of = Some(joined);
                } else {
                    self.mixture.get_or_insert_with(|| (before.clone(), of));
                    self.of = Some(before);
                }
            }
        }
    }
}

/// `name` cannot take values of these types.
pub(super) fn overload(name: &str, args: &[Type], node: &Node) -> ExprError {
    let phrases: Vec<String> = args.iter().map(Type::phrase).collect();
    let message = match phrases.as_slice() {
        [rest @ .., last] if !rest.is_empty() => format!("`{name}` cannot take {} and {last}", rest.join(", ")),
        [one] => format!("`{name}` cannot take {one}"),
        _ => format!("`{name}` cannot be called without a value"),
    };
    let error = ExprError::at(node.span.0, node.span.1, message);
    if args.len() == 2 { error.help(ONE_TYPE) } else { error }
}

/// `name` takes values of one type.
pub(super) fn mixed(name: &str, mixture: &Mixture, node: &Node) -> ExprError {
    let (of, first, other) = (mixture.of.name(), mixture.first.name(), mixture.other.name());
    let message = format!("`{name}` takes a {of} of one type, this one has {first} and {other}");
    let numbers = mixture.first.is_number() && mixture.other.is_number();
    let help = if numbers {
        "write all numbers alike, such as `[0.5, 1.0]`".to_owned()
    } else {
        format!("write `dyn(…)` around the {other}")
    };
    ExprError::at(node.span.0, node.span.1, message).help(help)
}

/// The results of `? :` are of one type.
pub(super) fn branches(yes: &Type, no: &Type, node: &Node) -> ExprError {
    let message = format!("the results of `? :` are of different types: {} and {}", yes.name(), no.name());
    ExprError::at(node.span.0, node.span.1, message).help(format!("write `dyn(…)` around the {}", no.name()))
}

/// Whether the whole value is written in the expression: no name is in it.
pub(super) fn is_written(node: &Node) -> bool {
    match &node.kind {
        Kind::Literal(_) => true,
        Kind::List(items) => items.iter().all(|item| is_written(&item.node)),
        Kind::Map(entries) => entries.iter().all(|entry| is_written(&entry.key) && is_written(&entry.value)),
        Kind::Not(of) | Kind::Negate(of) => is_written(of),
        Kind::And(terms) | Kind::Or(terms) => terms.iter().all(is_written),
        Kind::Choice(parts) => parts.iter().all(is_written),
        Kind::Binary(_, sides) => sides.iter().all(is_written),
        Kind::Call(call) => call.args.iter().all(is_written),
        Kind::Field(field) => is_written(&field.of),
        Kind::Index(index) => is_written(&index.of) && is_written(&index.at),
        Kind::Name(_) | Kind::Loop(_) | Kind::Bind(_) | Kind::Block(_) => false,
    }
}

/// The type in an optional, and whether it was one.
pub(super) fn unwrapped(of: Type) -> (Type, bool) {
    match of {
        Type::Optional(of) => (*of, true),
        of => (of, false),
    }
}

/// The type of an item or a value; `?` leaves it out where there is none.
///
/// # Errors
/// `?` before something that is not an optional.
pub(super) fn present(of: Type, optional: bool, node: &Node) -> Result<Type, ExprError> {
    match of {
        of if !optional => Ok(of),
        Type::Any => Ok(Type::Any),
        Type::Optional(of) => Ok(*of),
        other => {
            let message = format!("`?` expects an optional, found {}", other.phrase());
            Err(ExprError::at(node.span.0, node.span.1, message))
        }
    }
}

fn orderable(of: &Type) -> bool {
    use T::{Bool, Bytes, Double, Duration, Int, Text, Time, Uint};
    matches!(of, Type::Any | Type::Of(Bool | Int | Uint | Double | Text | Bytes | Duration | Time))
}

/// `<`, `<=`, `>`, `>=`
pub(super) fn ordered(left: &Type, right: &Type) -> bool {
    let same = *left == Type::Any || *right == Type::Any || left == right || (left.is_number() && right.is_number());
    orderable(left) && orderable(right) && same
}

/// `in`
pub(super) fn within(item: &Type, of: &Type) -> bool {
    match of {
        Type::Any | Type::Mixed(_) => true,
        Type::List(items) => item.may_equal(items),
        Type::Map(key, _) => item.may_equal(key),
        Type::Null | Type::Of(_) | Type::Optional(_) => false,
    }
}

/// `+ - * / %`: the type of the result; nothing if no values fit.
pub(super) fn combined(operator: &str, left: &Type, right: &Type) -> Option<Type> {
    use T::{Bytes, Double, Duration, Int, Text, Time, Uint};
    let (a, b) = match (left, right) {
        (Type::Any, _) | (_, Type::Any) => return Some(Type::Any),
        (Type::List(a), Type::List(b)) if operator == "+" => return Some(Type::list(a.join(b)?)),
        (Type::Mixed(_) | Type::List(_), Type::Mixed(_) | Type::List(_)) if operator == "+" => {
            return Some(Type::of(T::List));
        }
        (Type::Of(a), Type::Of(b)) => (*a, *b),
        _ => return None,
    };
    Some(Type::Of(match (operator, a, b) {
        ("+" | "-" | "*" | "/" | "%", Int, Int) => Int,
        ("+" | "-" | "*" | "/" | "%", Uint, Uint) => Uint,
        ("+" | "-" | "*" | "/", Double, Double) => Double,
        ("+", Text, Text) => Text,
        ("+", Bytes, Bytes) => Bytes,
        ("+" | "-", Duration, Duration) | ("-", Time, Time) => Duration,
        ("+" | "-", Time, Duration) | ("+", Duration, Time) => Time,
        _ => return None,
    }))
}

/// Whether arguments that belong together are of one type: items and the list that they are searched in.
pub(super) fn agree(name: &str, args: &[Type]) -> bool {
    match (name, args) {
        ("indexOf" | "lastIndexOf", [Type::List(items), item]) => items.join(item).is_some(),
        ("sets.contains" | "sets.equivalent" | "sets.intersects", [Type::List(a), Type::List(b)]) => {
            a.join(b).is_some()
        }
        ("or", [a, b]) => a.join(b).is_some(),
        ("orValue", [Type::Optional(of), other]) => of.join(other).is_some(),
        ("join", [Type::List(items), ..]) => items.may_be(T::Text),
        _ => true,
    }
}

/// The type of the result where it depends on the arguments.
pub(super) fn result(name: &str, args: &[Type]) -> Option<Type> {
    Some(match (name, args) {
        ("dyn", _) => Type::Any,
        ("distinct" | "slice" | "sort" | "reverse", [list @ Type::List(_), ..]) => list.clone(),
        ("findAll" | "split", _) => Type::list(Type::Of(T::Text)),
        ("lists.range", _) => Type::list(Type::Of(T::Int)),
        ("optional.of" | "optional.ofNonZeroValue", [of]) => Type::optional(of.clone()),
        ("first" | "last", [Type::List(items)]) => Type::Optional(items.clone()),
        ("value", [Type::Optional(of)]) => Type::clone(of),
        ("or", [a, b]) => a.join(b)?,
        ("orValue", [Type::Optional(of), other]) => of.join(other)?,
        ("max" | "min" | "sum", [Type::List(items)]) => Type::clone(items),
        ("getQuery", _) => Type::Map(Box::new(Type::Of(T::Text)), Box::new(Type::list(Type::Of(T::Text)))),
        ("validate", _) => Type::optional(Type::list(Type::Of(T::Text))),
        _ => return None,
    })
}

/// Values of `format` that its text does not use, where both are written out.
///
/// # Errors
/// There are more values than clauses.
pub(super) fn surplus(args: &[Node]) -> Result<(), ExprError> {
    let [Node { kind: Kind::Literal(Value::Text(text)), .. }, Node { kind: Kind::List(items), span }] = args else {
        return Ok(());
    };
    let clauses = text.replace("%%", "").matches('%').count();
    if items.len() <= clauses || items.iter().any(|item| item.optional) {
        return Ok(());
    }
    let message = format!("`format`: the list has {} values, the string takes {clauses}", items.len());
    Err(ExprError::at(span.0, span.1, message))
}
