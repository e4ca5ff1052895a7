//! The functions of CEL itself on texts, lists and maps, and `dyn` and `type`.

use super::super::meter::Meter;
use super::super::overload::{Overload, global, method};
use super::super::signature::T;
use super::super::value::{Out, Value};
use super::unexpected;

pub(super) const FUNCTIONS: &[Overload] = &[
    method("contains", &[T::Text, T::Text], T::Bool, contains, "'tea'.contains('ea')"),
    global("dyn", &[T::Any], T::Any, dynamic, "dyn(1) == 1.0"),
    method("endsWith", &[T::Text, T::Text], T::Bool, ends_with, "'tea'.endsWith('a')"),
    global("size", &[T::Text], T::Int, size, "size('tea') == 3"),
    global("size", &[T::Bytes], T::Int, size, "size(b'tea') == 3"),
    global("size", &[T::List], T::Int, size, "size([1, 2]) == 2"),
    global("size", &[T::Map], T::Int, size, "size({'a': 1}) == 1"),
    method("size", &[T::Text], T::Int, size, "'tea'.size() == 3"),
    method("size", &[T::Bytes], T::Int, size, "b'tea'.size() == 3"),
    method("size", &[T::List], T::Int, size, "[1, 2].size() == 2"),
    method("size", &[T::Map], T::Int, size, "{'a': 1}.size() == 1"),
    method("startsWith", &[T::Text, T::Text], T::Bool, starts_with, "'tea'.startsWith('t')"),
    global("type", &[T::Any], T::Type, type_of, "type(1) == int"),
];

fn dynamic(_: &mut Meter, args: &[Value]) -> Out {
    args.first().cloned().ok_or_else(|| unexpected("dyn", args))
}

fn type_of(_: &mut Meter, args: &[Value]) -> Out {
    args.first().map(|value| Value::Type(value.type_name())).ok_or_else(|| unexpected("type", args))
}

/// A text is as long as it has code points.
fn size(meter: &mut Meter, args: &[Value]) -> Out {
    Ok(Value::count(match args {
        [Value::Text(text)] => {
            meter.read(text.len())?;
            text.chars().count()
        }
        [Value::Bytes(bytes)] => bytes.len(),
        [Value::List(items)] => items.len(),
        [Value::Map(map)] => map.len(),
        _ => return Err(unexpected("size", args)),
    }))
}

fn two<'a>(meter: &mut Meter, name: &str, args: &'a [Value]) -> Out<(&'a str, &'a str)> {
    let [Value::Text(text), Value::Text(part)] = args else { return Err(unexpected(name, args)) };
    meter.read(text.len() + part.len())?;
    Ok((&**text, &**part))
}

fn contains(meter: &mut Meter, args: &[Value]) -> Out {
    two(meter, "contains", args).map(|(text, part)| Value::Bool(text.contains(part)))
}

fn starts_with(meter: &mut Meter, args: &[Value]) -> Out {
    two(meter, "startsWith", args).map(|(text, part)| Value::Bool(text.starts_with(part)))
}

fn ends_with(meter: &mut Meter, args: &[Value]) -> Out {
    two(meter, "endsWith", args).map(|(text, part)| Value::Bool(text.ends_with(part)))
}
