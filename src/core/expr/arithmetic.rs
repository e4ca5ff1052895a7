//! Arithmetic: overflow is an error, types never mix. Comparison of numbers goes by value whatever their type.

use std::cmp::Ordering;

use super::failure::Error;
use super::number::{int_to_double, uint_to_double};
use super::value::Value;

/// How two numbers compare; nothing where one is NaN or no number.
pub(super) fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Uint(a), Value::Uint(b)) => Some(a.cmp(b)),
        (Value::Int(a), Value::Uint(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Value::Uint(a), Value::Int(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Value::Double(a), Value::Double(b)) => a.partial_cmp(b),
        (Value::Double(a), Value::Int(b)) => a.partial_cmp(&int_to_double(*b)),
        (Value::Int(a), Value::Double(b)) => int_to_double(*a).partial_cmp(b),
        (Value::Double(a), Value::Uint(b)) => a.partial_cmp(&uint_to_double(*b)),
        (Value::Uint(a), Value::Double(b)) => uint_to_double(*a).partial_cmp(b),
        _ => None,
    }
}

/// `+ - * / %` of two numbers of one type; nothing where they are not that.
pub(super) fn arithmetic(operator: &str, left: &Value, right: &Value) -> Option<Result<Value, Error>> {
    let overflow = || Error::overflow(operator);
    let zero = || Error::of("division by zero");
    let divides = matches!(operator, "/" | "%");
    let result = match (left, right) {
        (Value::Int(_), Value::Int(0)) | (Value::Uint(_), Value::Uint(0)) if divides => Err(zero()),
        (Value::Int(a), Value::Int(b)) => match operator {
            "+" => a.checked_add(*b),
            "-" => a.checked_sub(*b),
            "*" => a.checked_mul(*b),
            "/" => a.checked_div(*b),
            _ => a.checked_rem(*b),
        }
        .map(Value::Int)
        .ok_or_else(overflow),
        (Value::Uint(a), Value::Uint(b)) => match operator {
            "+" => a.checked_add(*b),
            "-" => a.checked_sub(*b),
            "*" => a.checked_mul(*b),
            "/" => a.checked_div(*b),
            _ => a.checked_rem(*b),
        }
        .map(Value::Uint)
        .ok_or_else(overflow),
        (Value::Double(a), Value::Double(b)) => Ok(Value::Double(match operator {
            "+" => a + b,
            "-" => a - b,
            "*" => a * b,
            "/" => a / b,
            _ => return None,
        })),
        _ => return None,
    };
    Some(result)
}
