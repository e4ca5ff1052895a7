//! Conversions between types. A value that does not fit is an error that names both types.

use super::super::failure::Error;
use super::super::meter::Meter;
use super::super::number::{double_text, int_to_double, parse_double, to_int, to_uint, uint_to_double};
use super::super::overload::{Overload, global};
use super::super::signature::T;
use super::super::value::{Out, Time, Value};
use super::time::{duration_text, parse_duration, parse_time, time_text};
use super::unexpected;

pub(super) const FUNCTIONS: &[Overload] = &[
    global("bool", &[T::Bool], T::Bool, to_bool, "bool(true)"),
    global("bool", &[T::Text], T::Bool, to_bool, "bool('true')"),
    global("bytes", &[T::Bytes], T::Bytes, to_bytes, "bytes(b'hi') == b'hi'"),
    global("bytes", &[T::Text], T::Bytes, to_bytes, "bytes('hi') == b'hi'"),
    global("double", &[T::Double], T::Double, to_double, "double(1.5) == 1.5"),
    global("double", &[T::Int], T::Double, to_double, "double(1) == 1.0"),
    global("double", &[T::Text], T::Double, to_double, "double('1.5') == 1.5"),
    global("double", &[T::Uint], T::Double, to_double, "double(1u) == 1.0"),
    global("duration", &[T::Duration], T::Duration, to_duration, "duration(duration('1s')) == duration('1s')"),
    global("duration", &[T::Text], T::Duration, to_duration, "duration('90s') == duration('1m30s')"),
    global("int", &[T::Double], T::Int, to_whole, "int(1.9) == 1"),
    global("int", &[T::Duration], T::Int, to_whole, "int(duration('1s')) == 1000000000"),
    global("int", &[T::Int], T::Int, to_whole, "int(1) == 1"),
    global("int", &[T::Text], T::Int, to_whole, "int('12') == 12"),
    global("int", &[T::Time], T::Int, to_whole, "int(timestamp('1970-01-01T00:01:00Z')) == 60"),
    global("int", &[T::Uint], T::Int, to_whole, "int(1u) == 1"),
    global("string", &[T::Bool], T::Text, to_text, "string(true) == 'true'"),
    global("string", &[T::Bytes], T::Text, to_text, "string(b'hi') == 'hi'"),
    global("string", &[T::Cidr], T::Text, to_text, "string(cidr('10.0.0.0/8')) == '10.0.0.0/8'"),
    global("string", &[T::Double], T::Text, to_text, "string(1.5) == '1.5'"),
    global("string", &[T::Duration], T::Text, to_text, "string(duration('90m')) == '5400s'"),
    global("string", &[T::Int], T::Text, to_text, "string(1) == '1'"),
    global("string", &[T::Ip], T::Text, to_text, "string(ip('::1')) == '::1'"),
    global("string", &[T::Text], T::Text, to_text, "string('a') == 'a'"),
    global(
        "string",
        &[T::Time],
        T::Text,
        to_text,
        "string(timestamp('2026-01-01T00:00:00Z')) == '2026-01-01T00:00:00Z'",
    ),
    global("string", &[T::Uint], T::Text, to_text, "string(1u) == '1'"),
    global("timestamp", &[T::Int], T::Time, to_time, "timestamp(60) == timestamp('1970-01-01T00:01:00Z')"),
    global(
        "timestamp",
        &[T::Text],
        T::Time,
        to_time,
        "timestamp('2026-01-01T02:00:00+02:00') == timestamp('2026-01-01T00:00:00Z')",
    ),
    global("timestamp", &[T::Time], T::Time, to_time, "timestamp(timestamp(0)) == timestamp(0)"),
    global("uint", &[T::Double], T::Uint, to_positive, "uint(1.9) == 1u"),
    global("uint", &[T::Int], T::Uint, to_positive, "uint(1) == 1u"),
    global("uint", &[T::Text], T::Uint, to_positive, "uint('1') == 1u"),
    global("uint", &[T::Uint], T::Uint, to_positive, "uint(1u) == 1u"),
];

fn to_bool(_: &mut Meter, args: &[Value]) -> Out {
    Ok(Value::Bool(match args {
        [Value::Bool(truth)] => *truth,
        [Value::Text(text)] => match &**text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
            "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
            _ => return Err(Error::of("`bool`: the string is neither true nor false")),
        },
        _ => return Err(unexpected("bool", args)),
    }))
}

fn to_bytes(meter: &mut Meter, args: &[Value]) -> Out {
    match args {
        [bytes @ Value::Bytes(_)] => Ok(bytes.clone()),
        [Value::Text(text)] => {
            meter.make(text.len())?;
            Ok(Value::Bytes(text.as_bytes().into()))
        }
        _ => Err(unexpected("bytes", args)),
    }
}

fn to_double(_: &mut Meter, args: &[Value]) -> Out {
    Ok(Value::Double(match args {
        [Value::Double(number)] => *number,
        [Value::Int(number)] => int_to_double(*number),
        [Value::Uint(number)] => uint_to_double(*number),
        [Value::Text(text)] => parse_double(text).ok_or_else(|| Error::of("`double`: the string is not a number"))?,
        _ => return Err(unexpected("double", args)),
    }))
}

fn to_duration(_: &mut Meter, args: &[Value]) -> Out {
    match args {
        [duration @ Value::Duration(_)] => Ok(duration.clone()),
        [Value::Text(text)] => parse_duration(text)
            .map(Value::Duration)
            .ok_or_else(|| Error::of("`duration`: the string is not a duration such as '1h30m' or '1.5s'")),
        _ => Err(unexpected("duration", args)),
    }
}

fn to_time(_: &mut Meter, args: &[Value]) -> Out {
    match args {
        [time @ Value::Time(_)] => Ok(time.clone()),
        [Value::Int(seconds)] => Some(i128::from(*seconds) * 1_000_000_000)
            .filter(|at| super::time::TIMES.contains(at))
            .map(|at| Value::Time(Time { at, offset: 0 }))
            .ok_or_else(|| Error::of("`timestamp`: the year is not between 1 and 9999")),
        [Value::Text(text)] => parse_time(text)
            .map(Value::Time)
            .ok_or_else(|| Error::of("`timestamp`: the string is not a time such as '2026-01-31T12:00:00Z'")),
        _ => Err(unexpected("timestamp", args)),
    }
}

fn to_whole(_: &mut Meter, args: &[Value]) -> Out {
    let number = match args {
        [Value::Int(number)] => Some(*number),
        [Value::Uint(number)] => i64::try_from(*number).ok(),
        [Value::Double(number)] => to_int(*number),
        [Value::Duration(nanoseconds)] => Some(*nanoseconds),
        [Value::Time(time)] => i64::try_from(time.at.div_euclid(1_000_000_000)).ok(),
        [Value::Text(text)] => {
            return text
                .parse()
                .map(Value::Int)
                .map_err(|_| Error::of("`int`: the string is not a whole number that fits into 64 bits"));
        }
        _ => return Err(unexpected("int", args)),
    };
    number.map(Value::Int).ok_or_else(|| Error::overflow("int"))
}

fn to_positive(_: &mut Meter, args: &[Value]) -> Out {
    let number =
        match args {
            [Value::Uint(number)] => Some(*number),
            [Value::Int(number)] => u64::try_from(*number).ok(),
            [Value::Double(number)] => to_uint(*number),
            [Value::Text(text)] => {
                let digits = !text.starts_with('+');
                return text.parse().ok().filter(|_| digits).map(Value::Uint).ok_or_else(|| {
                    Error::of("`uint`: the string is not a positive whole number that fits into 64 bits")
                });
            }
            _ => return Err(unexpected("uint", args)),
        };
    number.map(Value::Uint).ok_or_else(|| Error::overflow("uint"))
}

fn to_text(meter: &mut Meter, args: &[Value]) -> Out {
    let text = match args {
        [text @ Value::Text(_)] => return Ok(text.clone()),
        [Value::Bool(truth)] => truth.to_string(),
        [Value::Int(number)] => number.to_string(),
        [Value::Uint(number)] => number.to_string(),
        [Value::Double(number)] => double_text(*number),
        [Value::Duration(nanoseconds)] => duration_text(*nanoseconds),
        [Value::Time(time)] => time_text(*time),
        [Value::Ip(address)] => address.to_string(),
        [Value::Cidr(cidr)] => cidr.to_string(),
        [Value::Bytes(bytes)] => {
            meter.make(bytes.len())?;
            return match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Value::text(text)),
                Err(_) => Err(Error::of("`string`: the bytes are not UTF-8")),
            };
        }
        _ => return Err(unexpected("string", args)),
    };
    Ok(Value::text(&text))
}
