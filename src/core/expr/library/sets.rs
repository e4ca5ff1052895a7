//! Lists as sets.

use super::super::access::contains;
use super::super::meter::Meter;
use super::super::overload::{Overload, global};
use super::super::signature::T;
use super::super::value::{Out, Value};
use super::unexpected;

pub(super) const FUNCTIONS: &[Overload] = &[
    global("sets.contains", &[T::List, T::List], T::Bool, superset, "sets.contains([1, 2, 3], [3, 1])"),
    global("sets.equivalent", &[T::List, T::List], T::Bool, equivalent, "sets.equivalent([1, 2], [2, 1, 1])"),
    global("sets.intersects", &[T::List, T::List], T::Bool, intersects, "sets.intersects([1, 2], [2, 3])"),
];

/// Whether each item of `parts` is in `whole`.
fn includes(meter: &mut Meter, whole: &Value, parts: &[Value]) -> Out<bool> {
    for part in parts {
        if !contains(meter, part, whole)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn superset(meter: &mut Meter, args: &[Value]) -> Out {
    let [whole @ Value::List(_), Value::List(parts)] = args else { return Err(unexpected("sets.contains", args)) };
    includes(meter, whole, parts).map(Value::Bool)
}

fn equivalent(meter: &mut Meter, args: &[Value]) -> Out {
    let [left @ Value::List(a), right @ Value::List(b)] = args else {
        return Err(unexpected("sets.equivalent", args));
    };
    Ok(Value::Bool(includes(meter, left, b)? && includes(meter, right, a)?))
}

fn intersects(meter: &mut Meter, args: &[Value]) -> Out {
    let [whole @ Value::List(_), Value::List(parts)] = args else { return Err(unexpected("sets.intersects", args)) };
    for part in parts.iter() {
        if contains(meter, part, whole)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}
