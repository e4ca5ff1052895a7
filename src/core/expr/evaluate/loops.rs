//! Loops over lists and maps, and names for values. Each loop makes its result in one pass: its cost grows with the number
//! of items, not with its square.

use std::sync::Arc;

use super::{Evaluator, insert};
use crate::core::expr::access;
use crate::core::expr::failure::Error;
use crate::core::expr::library::sorted_by;
use crate::core::expr::tree::{Bind, BindKind, Block, Loop, LoopKind, Node, numbered};
use crate::core::expr::value::{Map, Out, Value, unfit};

/// The value of a loop.
///
/// # Errors
/// Something that is no list and no map, a condition that is no bool, and whatever its parts say.
pub(crate) fn run(evaluator: &mut Evaluator<'_>, the_loop: &Loop) -> Out {
    let range = evaluator.value(&the_loop.range)?;
    let mut result = Collected::new(the_loop.kind);
    match &range {
        Value::List(items) => {
            for (at, item) in items.iter().enumerate() {
                let bound = match the_loop.second {
                    None => (item.clone(), None),
                    Some(_) => (Value::count(at), Some(item.clone())),
                };
                if !pass(evaluator, the_loop, bound, &mut result)? {
                    break;
                }
            }
        }
        Value::Map(map) => {
            for (key, value) in map.iter() {
                let bound = (key.to_value(), the_loop.second.as_ref().map(|_| value.clone()));
                if !pass(evaluator, the_loop, bound, &mut result)? {
                    break;
                }
            }
        }
        other => return Err(unfit(name(the_loop), std::slice::from_ref(other)).at(the_loop.range.span)),
    }
    result.finish(evaluator)
}

/// One item; whether the loop goes on.
fn pass(
    evaluator: &mut Evaluator<'_>,
    the_loop: &Loop,
    (first, second): (Value, Option<Value>),
    result: &mut Collected,
) -> Out<bool> {
    let depth = evaluator.bound.len();
    let item = first.clone();
    evaluator.bound.push((Arc::clone(&the_loop.first), Ok(first)));
    if let (Some(name), Some(value)) = (&the_loop.second, second) {
        evaluator.bound.push((Arc::clone(name), Ok(value)));
    }
    let goes_on = step(evaluator, the_loop, item, result);
    evaluator.bound.truncate(depth);
    goes_on
}

fn step(evaluator: &mut Evaluator<'_>, the_loop: &Loop, item: Value, result: &mut Collected) -> Out<bool> {
    if let Some(filter) = &the_loop.filter
        && !condition(evaluator, filter, name(the_loop))?
    {
        return Ok(true);
    }
    let body = &the_loop.body;
    match result {
        Collected::Truth { decisive, failed, .. } => {
            let error = match evaluator.value(body) {
                Ok(Value::Bool(truth)) if truth == *decisive => {
                    *result = Collected::Decided(truth);
                    return Ok(false);
                }
                Ok(Value::Bool(_)) => return Ok(true),
                Ok(other) => unfit(name(the_loop), &[other]).at(body.span),
                Err(stop @ Error::Stopped(_)) => return Err(stop),
                Err(error) => error,
            };
            failed.get_or_insert(error);
        }
        Collected::One(count) => *count += usize::from(condition(evaluator, body, name(the_loop))?),
        Collected::List(values) if the_loop.kind == LoopKind::Filter => {
            if condition(evaluator, body, name(the_loop))? {
                evaluator.meter.make(1)?;
                values.push(item);
            }
        }
        Collected::List(values) => {
            values.push(evaluator.value(body)?);
            evaluator.meter.make(1)?;
        }
        Collected::Sort { items, keys } => {
            keys.push(evaluator.value(body)?);
            evaluator.meter.make(2)?;
            items.push(item);
        }
        Collected::Map(map) => {
            let value = evaluator.value(body)?;
            evaluator.meter.make(2)?;
            if the_loop.kind == LoopKind::TransformMap {
                insert(map, access::key(&item)?, value)?;
            } else {
                let Value::Map(entries) = &value else {
                    return Err(unfit("transformMapEntry", &[value]).at(body.span));
                };
                evaluator.meter.make(entries.len())?;
                for (key, value) in entries.iter() {
                    insert(map, key.clone(), value.clone())?;
                }
            }
        }
        Collected::Decided(_) => return Ok(false),
    }
    Ok(true)
}

/// What a loop has gathered so far.
enum Collected {
    /// `all` and `exists`: the first error counts only if no item decides.
    Truth {
        decisive: bool,
        failed: Option<Error>,
    },
    Decided(bool),
    One(usize),
    List(Vec<Value>),
    Sort {
        items: Vec<Value>,
        keys: Vec<Value>,
    },
    Map(Map),
}

impl Collected {
    fn new(kind: LoopKind) -> Self {
        match kind {
            LoopKind::All => Collected::Truth { decisive: false, failed: None },
            LoopKind::Exists => Collected::Truth { decisive: true, failed: None },
            LoopKind::ExistsOne => Collected::One(0),
            LoopKind::Filter | LoopKind::List => Collected::List(Vec::new()),
            LoopKind::SortBy => Collected::Sort { items: Vec::new(), keys: Vec::new() },
            LoopKind::TransformMap | LoopKind::TransformMapEntry => Collected::Map(Map::new()),
        }
    }

    fn finish(self, evaluator: &mut Evaluator<'_>) -> Out {
        Ok(match self {
            Collected::Truth { failed: Some(error), .. } => return Err(error),
            Collected::Truth { decisive, failed: None } => Value::Bool(!decisive),
            Collected::Decided(truth) => Value::Bool(truth),
            Collected::One(count) => Value::Bool(count == 1),
            Collected::List(values) => Value::list(values),
            Collected::Sort { items, keys } => sorted_by(&mut evaluator.meter, "sortBy", items, keys)?,
            Collected::Map(map) => Value::map(map),
        })
    }
}

fn condition(evaluator: &mut Evaluator<'_>, node: &Node, name: &str) -> Out<bool> {
    match evaluator.value(node)? {
        Value::Bool(truth) => Ok(truth),
        other => Err(unfit(name, &[other]).at(node.span)),
    }
}

/// How the loop is written.
pub(crate) fn name(the_loop: &Loop) -> &'static str {
    match the_loop.kind {
        LoopKind::All => "all",
        LoopKind::Exists => "exists",
        LoopKind::ExistsOne => "exists_one",
        LoopKind::Filter => "filter",
        LoopKind::List if the_loop.second.is_some() => "transformList",
        LoopKind::List => "map",
        LoopKind::TransformMap => "transformMap",
        LoopKind::TransformMapEntry => "transformMapEntry",
        LoopKind::SortBy => "sortBy",
    }
}

/// `cel.bind`, `optMap` and `optFlatMap`.
///
/// # Errors
/// Something that is no optional, and whatever its parts say; a bound value that is not used may fail.
pub(crate) fn bind(evaluator: &mut Evaluator<'_>, bind: &Bind) -> Out {
    let value = match (bind.kind, evaluator.value(&bind.value)) {
        (_, Err(stop @ Error::Stopped(_))) => return Err(stop),
        (BindKind::Bind, value) => value,
        (_, Ok(Value::Optional(None))) => return Ok(Value::Optional(None)),
        (_, Ok(Value::Optional(Some(value)))) => Ok(Value::clone(&value)),
        (_, Err(error)) => return Err(error),
        (kind, Ok(other)) => {
            let name = if kind == BindKind::OptMap { "optMap" } else { "optFlatMap" };
            return Err(unfit(name, &[other]).at(bind.value.span));
        }
    };
    evaluator.bound.push((Arc::clone(&bind.name), value));
    let result = evaluator.value(&bind.body);
    evaluator.bound.pop();
    match (bind.kind, result?) {
        (BindKind::OptMap, value) => Ok(Value::some(value)),
        (BindKind::OptFlatMap, value) if !matches!(value, Value::Optional(_)) => {
            Err(unfit("optFlatMap", &[value]).at(bind.body.span))
        }
        (_, value) => Ok(value),
    }
}

/// `cel.block`
///
/// # Errors
/// Whatever the body says; a value that is not used may fail.
pub(crate) fn block(evaluator: &mut Evaluator<'_>, block: &Block) -> Out {
    let depth = evaluator.bound.len();
    for (at, node) in block.values.iter().enumerate() {
        let value = match evaluator.value(node) {
            Err(stop @ Error::Stopped(_)) => return Err(stop),
            value => value,
        };
        evaluator.bound.push((numbered(at), value));
    }
    let result = evaluator.value(&block.body);
    evaluator.bound.truncate(depth);
    result
}
