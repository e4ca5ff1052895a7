//! Optionals: values that may be absent.

use std::sync::Arc;

use super::super::failure::Error;
use super::super::meter::Meter;
use super::super::overload::{Overload, global, method};
use super::super::signature::T;
use super::super::value::{Out, Value};
use super::unexpected;

pub(super) const FUNCTIONS: &[Overload] = &[
    method("hasValue", &[T::Optional], T::Bool, has_value, "optional.of(1).hasValue()"),
    global("optional.none", &[], T::Optional, none, "!optional.none().hasValue()"),
    global("optional.of", &[T::Any], T::Optional, of, "optional.of(1).value() == 1"),
    global(
        "optional.ofNonZeroValue",
        &[T::Any],
        T::Optional,
        of_non_zero,
        "optional.ofNonZeroValue('') == optional.none()",
    ),
    global("optional.unwrap", &[T::List], T::List, unwrap, "optional.unwrap([optional.of(1), optional.none()]) == [1]"),
    method("or", &[T::Optional, T::Optional], T::Optional, or, "optional.none().or(optional.of(1)).value() == 1"),
    method("orValue", &[T::Optional, T::Any], T::Any, or_value, "{'a': 1}.?b.orValue(2) == 2"),
    method("unwrapOpt", &[T::List], T::List, unwrap, "[optional.of(1), optional.none()].unwrapOpt() == [1]"),
    method("value", &[T::Optional], T::Any, value, "{'a': 1}.?a.value() == 1"),
];

#[allow(clippy::unnecessary_wraps, reason = "every function of the table returns a result")]
fn none(_: &mut Meter, _: &[Value]) -> Out {
    Ok(Value::Optional(None))
}

fn of(_: &mut Meter, args: &[Value]) -> Out {
    args.first().cloned().map(Value::some).ok_or_else(|| unexpected("optional.of", args))
}

fn of_non_zero(_: &mut Meter, args: &[Value]) -> Out {
    let zero = match args {
        [Value::Null | Value::Bool(false) | Value::Int(0) | Value::Uint(0) | Value::Duration(0)] => true,
        [Value::Double(number)] => *number == 0.0,
        [Value::Text(text)] => text.is_empty(),
        [Value::Bytes(bytes)] => bytes.is_empty(),
        [Value::List(items)] => items.is_empty(),
        [Value::Map(map)] => map.is_empty(),
        [Value::Optional(value)] => value.is_none(),
        [_] => false,
        _ => return Err(unexpected("optional.ofNonZeroValue", args)),
    };
    Ok(Value::Optional(args.first().filter(|_| !zero).cloned().map(Arc::new)))
}

fn has_value(_: &mut Meter, args: &[Value]) -> Out {
    let [Value::Optional(value)] = args else { return Err(unexpected("hasValue", args)) };
    Ok(Value::Bool(value.is_some()))
}

fn value(_: &mut Meter, args: &[Value]) -> Out {
    let [Value::Optional(value)] = args else { return Err(unexpected("value", args)) };
    value.as_deref().cloned().ok_or_else(|| Error::of("`value`: the optional has no value"))
}

/// Reached only where the first has no value.
fn or(_: &mut Meter, args: &[Value]) -> Out {
    let [Value::Optional(first), Value::Optional(second)] = args else { return Err(unexpected("or", args)) };
    Ok(Value::Optional(first.clone().or_else(|| second.clone())))
}

/// Reached only where the optional has no value.
fn or_value(_: &mut Meter, args: &[Value]) -> Out {
    let [Value::Optional(first), other] = args else { return Err(unexpected("orValue", args)) };
    Ok(first.as_deref().unwrap_or(other).clone())
}

fn unwrap(meter: &mut Meter, args: &[Value]) -> Out {
    let [Value::List(items)] = args else { return Err(unexpected("unwrapOpt", args)) };
    let mut values = meter.list(items.len())?;
    for item in items.iter() {
        match item {
            Value::Optional(value) => values.extend(value.as_deref().cloned()),
            other => return Err(unexpected("unwrapOpt", std::slice::from_ref(other))),
        }
    }
    Ok(Value::list(values))
}
