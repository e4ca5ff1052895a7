//! Functions on lists.

use std::cmp::Ordering;

use super::super::equal::{equal, is_ordered, order};
use super::super::evaluate::combine;
use super::super::failure::Error;
use super::super::meter::Meter;
use super::super::overload::{Overload, global, method};
use super::super::signature::T;
use super::super::value::{Key, Map, Out, Value};
use super::unexpected;

pub(super) const FUNCTIONS: &[Overload] = &[
    method("distinct", &[T::List], T::List, distinct, "[1, 2, 1].distinct() == [1, 2]"),
    method("first", &[T::List], T::Optional, first, "[1, 2].first().value() == 1"),
    method("flatten", &[T::List], T::List, flatten, "[[1, 2], [3]].flatten() == [1, 2, 3]"),
    method("flatten", &[T::List, T::Int], T::List, flatten, "[[[1], [2]], [[3]]].flatten(2) == [1, 2, 3]"),
    method("includes", &[T::Any, T::Any], T::Bool, includes, "[1, 2].includes(2)"),
    method("indexOf", &[T::List, T::Any], T::Int, index_of, "[1, 2, 2].indexOf(2) == 1"),
    method("isSorted", &[T::List], T::Bool, is_sorted, "[1, 2, 2].isSorted()"),
    method("last", &[T::List], T::Optional, last, "[1, 2].last().value() == 2"),
    method("lastIndexOf", &[T::List, T::Any], T::Int, last_index_of, "[1, 2, 2].lastIndexOf(2) == 2"),
    global("lists.range", &[T::Int], T::List, range, "lists.range(3) == [0, 1, 2]"),
    method("max", &[T::List], T::Any, max, "[1, 3, 2].max() == 3"),
    method("min", &[T::List], T::Any, min, "[3, 1, 2].min() == 1"),
    method("reverse", &[T::List], T::List, reverse, "[1, 2].reverse() == [2, 1]"),
    method("slice", &[T::List, T::Int, T::Int], T::List, slice, "[1, 2, 3].slice(1, 3) == [2, 3]"),
    method("sort", &[T::List], T::List, sort, "[3, 1, 2].sort() == [1, 2, 3]"),
    method("sum", &[T::List], T::Any, sum, "[1, 2].sum() == 3"),
];

fn items<'a>(name: &str, args: &'a [Value]) -> Out<&'a Vec<Value>> {
    let [Value::List(items), ..] = args else { return Err(unexpected(name, args)) };
    Ok(items)
}

fn first(_: &mut Meter, args: &[Value]) -> Out {
    Ok(items("first", args)?.first().cloned().map_or(Value::Optional(None), Value::some))
}

fn last(_: &mut Meter, args: &[Value]) -> Out {
    Ok(items("last", args)?.last().cloned().map_or(Value::Optional(None), Value::some))
}

/// Each value once, in the order of its first place.
fn distinct(meter: &mut Meter, args: &[Value]) -> Out {
    let items = items("distinct", args)?;
    let mut kept = meter.list(items.len())?;
    let (mut keys, mut others) = (Map::new(), Vec::new());
    for item in items {
        let known = if let Some(key) = Key::of(item) {
            keys.insert(key, Value::Null).is_some()
        } else {
            let mut known = false;
            for other in &others {
                known = known || equal(meter, item, other)?;
            }
            if !known {
                others.push(item.clone());
            }
            known
        };
        if !known {
            kept.push(item.clone());
        }
    }
    Ok(Value::list(kept))
}

fn flatten(meter: &mut Meter, args: &[Value]) -> Out {
    let depth = match args {
        [_, Value::Int(depth)] => *depth,
        _ => 1,
    };
    let depth = u64::try_from(depth).map_err(|_| Error::of("`flatten`: the depth is negative"))?;
    let mut flat = Vec::new();
    spread(meter, items("flatten", args)?, depth, &mut flat)?;
    Ok(Value::list(flat))
}

fn spread(meter: &mut Meter, items: &[Value], depth: u64, flat: &mut Vec<Value>) -> Out<()> {
    meter.make(items.len())?;
    for item in items {
        match item {
            Value::List(inner) if depth > 0 => spread(meter, inner, depth - 1, flat)?,
            other => flat.push(other.clone()),
        }
    }
    Ok(())
}

fn includes(meter: &mut Meter, args: &[Value]) -> Out {
    match args {
        [Value::List(items), item] => {
            for other in items.iter() {
                if equal(meter, other, item)? {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        [value, other] => equal(meter, value, other).map(Value::Bool),
        _ => Err(unexpected("includes", args)),
    }
}

fn find(meter: &mut Meter, name: &str, args: &[Value], back: bool) -> Out {
    let [Value::List(items), item] = args else { return Err(unexpected(name, args)) };
    for step in 0..items.len() {
        let at = if back { items.len() - 1 - step } else { step };
        if equal(meter, &items[at], item)? {
            return Ok(Value::count(at));
        }
    }
    Ok(Value::Int(-1))
}

fn index_of(meter: &mut Meter, args: &[Value]) -> Out {
    find(meter, "indexOf", args, false)
}

fn last_index_of(meter: &mut Meter, args: &[Value]) -> Out {
    find(meter, "lastIndexOf", args, true)
}

fn is_sorted(meter: &mut Meter, args: &[Value]) -> Out {
    let items = items("isSorted", args)?;
    meter.read(items.len() * 8)?;
    for pair in items.windows(2) {
        if order("isSorted", &pair[0], &pair[1])? == Ordering::Greater {
            return Ok(Value::Bool(false));
        }
    }
    match items.first() {
        Some(one) if !is_ordered(one) => Err(unexpected("isSorted", std::slice::from_ref(one))),
        _ => Ok(Value::Bool(true)),
    }
}

fn range(meter: &mut Meter, args: &[Value]) -> Out {
    let [Value::Int(end)] = args else { return Err(unexpected("lists.range", args)) };
    let end = (*end).max(0);
    let mut items = meter.list(usize::try_from(end).unwrap_or(usize::MAX))?;
    items.extend((0..end).map(Value::Int));
    Ok(Value::list(items))
}

fn extreme(meter: &mut Meter, name: &str, args: &[Value], wanted: Ordering) -> Out {
    let items = items(name, args)?;
    meter.read(items.len() * 8)?;
    let (mut found, rest) = match items.as_slice() {
        [] => return Err(Error::of(format!("`{name}`: the list is empty"))),
        [first, ..] if !is_ordered(first) => return Err(unexpected(name, std::slice::from_ref(first))),
        [first, rest @ ..] => (first, rest),
    };
    for item in rest {
        if order(name, item, found)? == wanted {
            found = item;
        }
    }
    Ok(found.clone())
}

fn max(meter: &mut Meter, args: &[Value]) -> Out {
    extreme(meter, "max", args, Ordering::Greater)
}

fn min(meter: &mut Meter, args: &[Value]) -> Out {
    extreme(meter, "min", args, Ordering::Less)
}

fn reverse(meter: &mut Meter, args: &[Value]) -> Out {
    let items = items("reverse", args)?;
    meter.make(items.len())?;
    Ok(Value::list(items.iter().rev().cloned().collect()))
}

fn slice(meter: &mut Meter, args: &[Value]) -> Out {
    let [Value::List(items), Value::Int(from), Value::Int(to)] = args else { return Err(unexpected("slice", args)) };
    let part = match (usize::try_from(*from), usize::try_from(*to)) {
        (Ok(from), Ok(to)) => items.get(from..to),
        _ => None,
    };
    let part = part.ok_or_else(|| {
        Error::of(format!("`slice`: {from} to {to} is not a part of a list that has {} items", items.len()))
    })?;
    meter.make(part.len())?;
    Ok(Value::list(part.to_vec()))
}

fn sort(meter: &mut Meter, args: &[Value]) -> Out {
    let items = items("sort", args)?;
    meter.make(items.len() * 2)?;
    sorted_by(meter, "sort", items.clone(), items.clone())
}

/// The items in the order of their keys, which are all of one type.
///
/// # Errors
/// Keys that have no order, or not one with each other.
pub(in crate::core::expr) fn sorted_by(meter: &mut Meter, name: &str, items: Vec<Value>, keys: Vec<Value>) -> Out {
    meter.make(items.len())?;
    if let Some(first) = keys.first() {
        if !is_ordered(first) {
            return Err(unexpected(name, std::slice::from_ref(first)));
        }
        if let Some(other) = keys.iter().find(|key| key.type_name() != first.type_name()) {
            return Err(unexpected(name, &[first.clone(), other.clone()]));
        }
    }
    let mut pairs: Vec<(Value, Value)> = keys.into_iter().zip(items).collect();
    pairs.sort_by(|a, b| order(name, &a.0, &b.0).unwrap_or(Ordering::Equal));
    Ok(Value::list(pairs.into_iter().map(|(_, item)| item).collect()))
}

fn sum(meter: &mut Meter, args: &[Value]) -> Out {
    let items = items("sum", args)?;
    let mut total = match items.first() {
        None => return Ok(Value::Int(0)),
        Some(number @ (Value::Int(_) | Value::Uint(_) | Value::Double(_) | Value::Duration(_))) => number.clone(),
        Some(other) => return Err(unexpected("sum", std::slice::from_ref(other))),
    };
    for item in &items[1..] {
        meter.spend(1)?;
        total = combine(meter, "+", &total, item)?;
    }
    Ok(total)
}
