//! `string.format(list)`: `%s %d %f %e %b %x %X %o %%`, as CEL's string extensions define it.

use std::fmt::Write as _;

use super::super::failure::Error;
use super::super::meter::Meter;
use super::super::number::{double_text, int_to_double, uint_to_double};
use super::super::overload::{Overload, method};
use super::super::signature::T;
use super::super::value::{Out, Time, Value, unfit};
use super::time::{duration_text, time_text};
use super::unexpected;

pub(super) const FUNCTIONS: &[Overload] =
    &[method("format", &[T::Text, T::List], T::Text, format, "'%s is %d'.format(['a', 1]) == 'a is 1'")];

/// Digits behind the point, where none are given.
const PRECISION: usize = 6;

/// More than any number has.
const MAX_PRECISION: usize = 100;

fn format(meter: &mut Meter, args: &[Value]) -> Out {
    let [Value::Text(text), Value::List(values)] = args else { return Err(unexpected("format", args)) };
    let mut out = String::new();
    let mut values = values.iter();
    let mut rest: &str = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let value = values.next().ok_or_else(|| Error::of("`format`: the list has too few values"))?;
        let (precision, after) = precision(rest)?;
        let mut chars = after.chars();
        let clause = chars.next().ok_or_else(|| Error::of("`format`: the string ends behind `%`"))?;
        rest = chars.as_str();
        let before = out.len();
        write(&mut out, clause, precision, value)?;
        meter.make(out.len() - before)?;
    }
    out.push_str(rest);
    meter.make(out.len())?;
    Ok(Value::text(&out))
}

/// `.3` and what follows.
fn precision(text: &str) -> Out<(usize, &str)> {
    let Some(text) = text.strip_prefix('.') else { return Ok((PRECISION, text)) };
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let digits = text[..end].parse().ok().filter(|digits| *digits <= MAX_PRECISION);
    let digits = digits.ok_or_else(|| Error::of(format!("`format`: a precision is 0 to {MAX_PRECISION}")))?;
    Ok((digits, &text[end..]))
}

fn write(out: &mut String, clause: char, precision: usize, value: &Value) -> Out<()> {
    let refused = || unfit(&format!("%{clause}"), std::slice::from_ref(value));
    let _infallible = match (clause, value) {
        // As `string(double)` writes it; in lists and maps the specification has it without an exponent.
        ('s', Value::Double(number)) if number.is_finite() => write!(out, "{}", double_text(*number)),
        ('s', value) => return plain(out, value).map_err(|_| refused()),
        ('d', Value::Int(_) | Value::Uint(_)) => return plain(out, value),
        ('d', Value::Double(number)) if !number.is_finite() => return plain(out, value),
        ('f' | 'e', Value::Int(_) | Value::Uint(_) | Value::Double(_)) => {
            let number = match value {
                Value::Int(number) => int_to_double(*number),
                Value::Uint(number) => uint_to_double(*number),
                Value::Double(number) => *number,
                _ => return Err(refused()),
            };
            if !number.is_finite() {
                return plain(out, value);
            }
            if clause == 'f' { write!(out, "{number:.precision$}") } else { scientific(out, number, precision) }
        }
        ('b', Value::Bool(truth)) => write!(out, "{}", u8::from(*truth)),
        ('b', Value::Int(number)) => write!(out, "{}{:b}", sign(*number), number.unsigned_abs()),
        ('b', Value::Uint(number)) => write!(out, "{number:b}"),
        ('o', Value::Int(number)) => write!(out, "{}{:o}", sign(*number), number.unsigned_abs()),
        ('o', Value::Uint(number)) => write!(out, "{number:o}"),
        ('x', Value::Int(number)) => write!(out, "{}{:x}", sign(*number), number.unsigned_abs()),
        ('X', Value::Int(number)) => write!(out, "{}{:X}", sign(*number), number.unsigned_abs()),
        ('x', Value::Uint(number)) => write!(out, "{number:x}"),
        ('X', Value::Uint(number)) => write!(out, "{number:X}"),
        ('x' | 'X', Value::Text(text)) => hex(out, text.as_bytes(), clause == 'X'),
        ('x' | 'X', Value::Bytes(bytes)) => hex(out, bytes, clause == 'X'),
        ('d' | 'f' | 'e' | 'b' | 'o' | 'x' | 'X', _) => return Err(refused()),
        _ => return Err(Error::of(format!("`format`: `%{}` is not a clause", clause.escape_debug()))),
    };
    Ok(())
}

fn sign(number: i64) -> &'static str {
    if number < 0 { "-" } else { "" }
}

fn hex(out: &mut String, bytes: &[u8], upper: bool) -> std::fmt::Result {
    bytes.iter().try_for_each(|byte| if upper { write!(out, "{byte:02X}") } else { write!(out, "{byte:02x}") })
}

/// `1.052033e+03`: two digits of exponent at least.
fn scientific(out: &mut String, number: f64, precision: usize) -> std::fmt::Result {
    let text = format!("{number:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    write!(out, "{digits}e{sign}{exponent:0>2}")
}

/// A value as `%s` writes it.
///
/// # Errors
/// A value that has no text.
fn plain(out: &mut String, value: &Value) -> Out<()> {
    let _infallible = match value {
        Value::Null => write!(out, "null"),
        Value::Bool(truth) => write!(out, "{truth}"),
        Value::Int(number) => write!(out, "{number}"),
        Value::Uint(number) => write!(out, "{number}"),
        Value::Double(number) if number.is_nan() => write!(out, "NaN"),
        Value::Double(number) if number.is_infinite() => {
            write!(out, "{}", if *number > 0.0 { "Infinity" } else { "-Infinity" })
        }
        Value::Double(number) => write!(out, "{number}"),
        Value::Text(text) => write!(out, "{text}"),
        Value::Bytes(bytes) => write!(out, "{}", String::from_utf8_lossy(bytes)),
        Value::Duration(nanoseconds) => write!(out, "{}", duration_text(*nanoseconds)),
        Value::Time(time) => write!(out, "{}", time_text(Time { offset: 0, ..*time })),
        Value::Type(name) => write!(out, "{name}"),
        Value::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                plain(out, item)?;
            }
            write!(out, "]")
        }
        Value::Map(map) => {
            let mut entries = Vec::with_capacity(map.len());
            for (key, value) in map.iter() {
                let (mut name, mut text) = (String::new(), String::new());
                plain(&mut name, &key.to_value())?;
                plain(&mut text, value)?;
                entries.push(format!("{name}: {text}"));
            }
            entries.sort();
            write!(out, "{{{}}}", entries.join(", "))
        }
        _ => return Err(unfit("%s", std::slice::from_ref(value))),
    };
    Ok(())
}
