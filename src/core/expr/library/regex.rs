//! Regular expressions, in the syntax that RE2 and the `regex` crate share.

use super::super::meter::Meter;
use super::super::overload::{Overload, global, method};
use super::super::signature::T;
use super::super::value::{Out, Value};
use super::unexpected;

pub(super) const FUNCTIONS: &[Overload] = &[
    method("find", &[T::Text, T::Text], T::Text, find, "'abc 123'.find('[0-9]+') == '123'"),
    method("findAll", &[T::Text, T::Text], T::List, find_all, "'1 b 2'.findAll('[0-9]') == ['1', '2']"),
    method("findAll", &[T::Text, T::Text, T::Int], T::List, find_all, "'1 b 2'.findAll('[0-9]', 1) == ['1']"),
    global("matches", &[T::Text, T::Text], T::Bool, matches, "matches('tea', '^t')"),
    method("matches", &[T::Text, T::Text], T::Bool, matches, "'tea'.matches('^t')"),
];

fn matches(meter: &mut Meter, args: &[Value]) -> Out {
    let [Value::Text(text), Value::Text(pattern)] = args else { return Err(unexpected("matches", args)) };
    meter.make(text.len())?;
    Ok(Value::Bool(meter.regex(pattern)?.is_match(text)))
}

/// The first match, or the empty text.
fn find(meter: &mut Meter, args: &[Value]) -> Out {
    let [Value::Text(text), Value::Text(pattern)] = args else { return Err(unexpected("find", args)) };
    meter.make(text.len())?;
    Ok(Value::text(meter.regex(pattern)?.find(text).map_or("", |found| found.as_str())))
}

/// A negative limit is none.
fn find_all(meter: &mut Meter, args: &[Value]) -> Out {
    let (text, pattern, limit) = match args {
        [Value::Text(text), Value::Text(pattern)] => (text, pattern, usize::MAX),
        [Value::Text(text), Value::Text(pattern), Value::Int(limit)] => {
            (text, pattern, usize::try_from(*limit).unwrap_or(usize::MAX))
        }
        _ => return Err(unexpected("findAll", args)),
    };
    meter.make(text.len())?;
    let regex = meter.regex(pattern)?;
    let mut found = Vec::new();
    for one in regex.find_iter(text).take(limit) {
        meter.make(one.len() + 1)?;
        found.push(Value::text(one.as_str()));
    }
    Ok(Value::list(found))
}
