//! The math extensions.

use std::cmp::Ordering;

use super::super::equal::{is_number, order};
use super::super::failure::Error;
use super::super::meter::Meter;
use super::super::number::{int_to_double, uint_to_double};
use super::super::overload::{Overload, global};
use super::super::signature::T;
use super::super::value::{Out, Value};
use super::unexpected;

pub(super) const FUNCTIONS: &[Overload] = &[
    global("math.abs", &[T::Double], T::Double, abs, "math.abs(-1.5) == 1.5"),
    global("math.abs", &[T::Int], T::Int, abs, "math.abs(-1) == 1"),
    global("math.abs", &[T::Uint], T::Uint, abs, "math.abs(1u) == 1u"),
    global("math.bitAnd", &[T::Int, T::Int], T::Int, bit_and, "math.bitAnd(3, 2) == 2"),
    global("math.bitAnd", &[T::Uint, T::Uint], T::Uint, bit_and, "math.bitAnd(3u, 2u) == 2u"),
    global("math.bitNot", &[T::Int], T::Int, bit_not, "math.bitNot(1) == -2"),
    global("math.bitNot", &[T::Uint], T::Uint, bit_not, "math.bitNot(0u) == 18446744073709551615u"),
    global("math.bitOr", &[T::Int, T::Int], T::Int, bit_or, "math.bitOr(1, 2) == 3"),
    global("math.bitOr", &[T::Uint, T::Uint], T::Uint, bit_or, "math.bitOr(1u, 2u) == 3u"),
    global("math.bitShiftLeft", &[T::Int, T::Int], T::Int, shift_left, "math.bitShiftLeft(1, 3) == 8"),
    global("math.bitShiftLeft", &[T::Uint, T::Int], T::Uint, shift_left, "math.bitShiftLeft(1u, 3) == 8u"),
    global("math.bitShiftRight", &[T::Int, T::Int], T::Int, shift_right, "math.bitShiftRight(8, 3) == 1"),
    global("math.bitShiftRight", &[T::Uint, T::Int], T::Uint, shift_right, "math.bitShiftRight(8u, 3) == 1u"),
    global("math.bitXor", &[T::Int, T::Int], T::Int, bit_xor, "math.bitXor(3, 1) == 2"),
    global("math.bitXor", &[T::Uint, T::Uint], T::Uint, bit_xor, "math.bitXor(3u, 1u) == 2u"),
    global(
        "math.ceil",
        &[T::Double],
        T::Double,
        |_, args| round(args, "math.ceil", f64::ceil),
        "math.ceil(1.2) == 2.0",
    ),
    global(
        "math.floor",
        &[T::Double],
        T::Double,
        |_, args| round(args, "math.floor", f64::floor),
        "math.floor(1.8) == 1.0",
    ),
    global("math.greatest", &[T::Any], T::Any, greatest, "math.greatest([1, 3, 2]) == 3"),
    global("math.greatest", &[T::Any, T::Many], T::Any, greatest, "math.greatest(1, 2.5, 2) == 2.5"),
    global(
        "math.isFinite",
        &[T::Double],
        T::Bool,
        |_, args| ask(args, "math.isFinite", f64::is_finite),
        "math.isFinite(1.0)",
    ),
    global(
        "math.isInf",
        &[T::Double],
        T::Bool,
        |_, args| ask(args, "math.isInf", f64::is_infinite),
        "math.isInf(1.0 / 0.0)",
    ),
    global(
        "math.isNaN",
        &[T::Double],
        T::Bool,
        |_, args| ask(args, "math.isNaN", f64::is_nan),
        "math.isNaN(0.0 / 0.0)",
    ),
    global("math.least", &[T::Any], T::Any, least, "math.least([2, 1, 3]) == 1"),
    global("math.least", &[T::Any, T::Many], T::Any, least, "math.least(2, 1, 2.5) == 1"),
    global(
        "math.round",
        &[T::Double],
        T::Double,
        |_, args| round(args, "math.round", f64::round),
        "math.round(1.5) == 2.0",
    ),
    global("math.sign", &[T::Double], T::Double, sign, "math.sign(-1.5) == -1.0"),
    global("math.sign", &[T::Int], T::Int, sign, "math.sign(-5) == -1"),
    global("math.sign", &[T::Uint], T::Uint, sign, "math.sign(5u) == 1u"),
    global("math.sqrt", &[T::Double], T::Double, sqrt, "math.sqrt(6.25) == 2.5"),
    global("math.sqrt", &[T::Int], T::Double, sqrt, "math.sqrt(9) == 3.0"),
    global("math.sqrt", &[T::Uint], T::Double, sqrt, "math.sqrt(9u) == 3.0"),
    global(
        "math.trunc",
        &[T::Double],
        T::Double,
        |_, args| round(args, "math.trunc", f64::trunc),
        "math.trunc(-1.8) == -1.0",
    ),
];

fn round(args: &[Value], name: &str, how: fn(f64) -> f64) -> Out {
    let [Value::Double(number)] = args else { return Err(unexpected(name, args)) };
    Ok(Value::Double(how(*number)))
}

fn ask(args: &[Value], name: &str, what: fn(f64) -> bool) -> Out {
    let [Value::Double(number)] = args else { return Err(unexpected(name, args)) };
    Ok(Value::Bool(what(*number)))
}

fn abs(_: &mut Meter, args: &[Value]) -> Out {
    match args {
        [Value::Double(number)] => Ok(Value::Double(number.abs())),
        [Value::Int(number)] => number.checked_abs().map(Value::Int).ok_or_else(|| Error::overflow("math.abs")),
        [number @ Value::Uint(_)] => Ok(number.clone()),
        _ => Err(unexpected("math.abs", args)),
    }
}

fn sign(_: &mut Meter, args: &[Value]) -> Out {
    match args {
        [Value::Double(number)] if number.is_nan() || *number == 0.0 => Ok(Value::Double(*number)),
        [Value::Double(number)] => Ok(Value::Double(number.signum())),
        [Value::Int(number)] => Ok(Value::Int(number.signum())),
        [Value::Uint(number)] => Ok(Value::Uint((*number).min(1))),
        _ => Err(unexpected("math.sign", args)),
    }
}

fn sqrt(_: &mut Meter, args: &[Value]) -> Out {
    let number = match args {
        [Value::Double(number)] => *number,
        [Value::Int(number)] => int_to_double(*number),
        [Value::Uint(number)] => uint_to_double(*number),
        _ => return Err(unexpected("math.sqrt", args)),
    };
    Ok(Value::Double(number.sqrt()))
}

fn bits(args: &[Value], name: &str, int: fn(i64, i64) -> i64, uint: fn(u64, u64) -> u64) -> Out {
    match args {
        [Value::Int(a), Value::Int(b)] => Ok(Value::Int(int(*a, *b))),
        [Value::Uint(a), Value::Uint(b)] => Ok(Value::Uint(uint(*a, *b))),
        _ => Err(unexpected(name, args)),
    }
}

fn bit_and(_: &mut Meter, args: &[Value]) -> Out {
    bits(args, "math.bitAnd", |a, b| a & b, |a, b| a & b)
}

fn bit_or(_: &mut Meter, args: &[Value]) -> Out {
    bits(args, "math.bitOr", |a, b| a | b, |a, b| a | b)
}

fn bit_xor(_: &mut Meter, args: &[Value]) -> Out {
    bits(args, "math.bitXor", |a, b| a ^ b, |a, b| a ^ b)
}

fn bit_not(_: &mut Meter, args: &[Value]) -> Out {
    match args {
        [Value::Int(number)] => Ok(Value::Int(!number)),
        [Value::Uint(number)] => Ok(Value::Uint(!number)),
        _ => Err(unexpected("math.bitNot", args)),
    }
}

/// Bits that are shifted out are lost; a shift by 64 and more leaves none. To the right zeros are shifted in.
fn shift(args: &[Value], name: &str, how: fn(u64, u32) -> Option<u64>) -> Out {
    let by = match args {
        [_, Value::Int(by)] => u32::try_from((*by).min(64)),
        _ => return Err(unexpected(name, args)),
    };
    let by = by.map_err(|_| Error::of(format!("`{name}`: the shift is negative")))?;
    match args {
        [Value::Int(number), _] => Ok(Value::Int(how(number.cast_unsigned(), by).unwrap_or(0).cast_signed())),
        [Value::Uint(number), _] => Ok(Value::Uint(how(*number, by).unwrap_or(0))),
        _ => Err(unexpected(name, args)),
    }
}

fn shift_left(_: &mut Meter, args: &[Value]) -> Out {
    shift(args, "math.bitShiftLeft", u64::checked_shl)
}

fn shift_right(_: &mut Meter, args: &[Value]) -> Out {
    shift(args, "math.bitShiftRight", u64::checked_shr)
}

/// Of several numbers, or of one list of them.
fn extreme(meter: &mut Meter, args: &[Value], name: &str, wanted: Ordering) -> Out {
    let numbers = match args {
        [Value::List(items)] => items.as_slice(),
        args => args,
    };
    meter.read(numbers.len() * 8)?;
    let [first, rest @ ..] = numbers else { return Err(Error::of(format!("`{name}`: the list is empty"))) };
    if let Some(other) = numbers.iter().find(|number| !is_number(number)) {
        return Err(unexpected(name, std::slice::from_ref(other)));
    }
    let mut found = first;
    for number in rest {
        if order(name, number, found)? == wanted {
            found = number;
        }
    }
    Ok(found.clone())
}

fn greatest(meter: &mut Meter, args: &[Value]) -> Out {
    extreme(meter, args, "math.greatest", Ordering::Greater)
}

fn least(meter: &mut Meter, args: &[Value]) -> Out {
    extreme(meter, args, "math.least", Ordering::Less)
}
