//! Equality and order. Values of different types are unequal, but numbers are equal by value whatever their type.

use std::cmp::Ordering;

use super::arithmetic;
use super::failure::Error;
use super::meter::Meter;
use super::value::{Out, Value, unfit};

/// Whether two values are equal; each comparison costs.
pub(super) fn equal(meter: &mut Meter, a: &Value, b: &Value) -> Out<bool> {
    meter.spend(1)?;
    Ok(match (a, b) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Text(a), Value::Text(b)) => {
            meter.read(a.len().min(b.len()))?;
            a == b
        }
        (Value::Bytes(a), Value::Bytes(b)) => {
            meter.read(a.len().min(b.len()))?;
            a == b
        }
        (Value::List(a), Value::List(b)) => return same_lists(meter, a, b),
        (Value::Map(a), Value::Map(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (key, value) in a.iter() {
                match b.get(key) {
                    Some(other) if equal(meter, value, other)? => {}
                    _ => return Ok(false),
                }
            }
            true
        }
        (Value::Duration(a), Value::Duration(b)) => a == b,
        (Value::Time(a), Value::Time(b)) => a.at == b.at,
        (Value::Type(a), Value::Type(b)) => a == b,
        (Value::Optional(a), Value::Optional(b)) => match (a, b) {
            (Some(a), Some(b)) => return equal(meter, a, b),
            (a, b) => a.is_none() && b.is_none(),
        },
        (Value::Quantity(a), Value::Quantity(b)) => a.compare(b) == Ordering::Equal,
        (Value::Semver(a), Value::Semver(b)) => a.same(b),
        (Value::Ip(a), Value::Ip(b)) => a == b,
        (Value::Cidr(a), Value::Cidr(b)) => a == b,
        (Value::Url(a), Value::Url(b)) => a.text == b.text,
        (Value::Format(a), Value::Format(b)) => a.name == b.name,
        (a, b) => arithmetic::compare(a, b) == Some(Ordering::Equal),
    })
}

fn same_lists(meter: &mut Meter, a: &[Value], b: &[Value]) -> Out<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for (a, b) in a.iter().zip(b) {
        if !equal(meter, a, b)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The order of two values that have one.
pub(super) fn order(operator: &str, a: &Value, b: &Value) -> Out<Ordering> {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => Ok(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Ok(a.cmp(b)),
        (Value::Bytes(a), Value::Bytes(b)) => Ok(a.cmp(b)),
        (Value::Duration(a), Value::Duration(b)) => Ok(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => Ok(a.at.cmp(&b.at)),
        (a, b) if is_number(a) && is_number(b) => {
            arithmetic::compare(a, b).ok_or_else(|| Error::of(format!("`{operator}`: NaN has no order")))
        }
        (a, b) => Err(unfit(operator, &[a.clone(), b.clone()])),
    }
}

/// Whether a value can be compared with others of its type.
pub(super) fn is_ordered(value: &Value) -> bool {
    is_number(value)
        || matches!(value, Value::Bool(_) | Value::Text(_) | Value::Bytes(_) | Value::Duration(_) | Value::Time(_))
}

pub(super) fn is_number(value: &Value) -> bool {
    matches!(value, Value::Int(_) | Value::Uint(_) | Value::Double(_))
}
