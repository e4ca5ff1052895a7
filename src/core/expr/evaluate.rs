//! The value of a tree. Every step costs; `&&` and `||` absorb errors as CEL defines it. Loops are in `loops`, fields and
//! indexes in `access`.

pub(super) mod loops;

use std::sync::Arc;

use super::access;
use super::equal::{equal, order};
use super::failure::{Cause, Error};

use super::arithmetic;
use super::meter::{Limits, Meter};
use super::tree::{Access, Call, Entry, Item, Kind, Name, Node};
use super::value::{Key, Map, Out, Value, type_named, unfit};

/// One evaluation.
pub(super) struct Evaluator<'a> {
    /// What a name outside of loops is worth.
    roots: &'a [(&'a str, Value)],
    /// Names bound by loops and `cel.bind`, the innermost last; a value that failed is an error only where it is used.
    pub bound: Vec<(Arc<str>, Out)>,
    pub meter: Meter,
}

impl<'a> Evaluator<'a> {
    pub fn new(roots: &'a [(&'a str, Value)], limits: &Limits) -> Self {
        Evaluator { roots, bound: Vec::new(), meter: Meter::new(limits) }
    }

    /// The value of a node.
    ///
    /// # Errors
    /// An error of the expression, with its place, or a stop.
    pub fn value(&mut self, node: &Node) -> Out {
        self.meter.spend(1)?;
        match &node.kind {
            Kind::Literal(value) => Ok(value.clone()),
            Kind::Name(name) => self.name(name),
            Kind::Field(field) => {
                let of = self.value(&field.of)?;
                match field.access {
                    Access::Value => access::field(&of, &field.name),
                    Access::Test => access::has(&of, &field.name),
                    Access::Optional => access::optional_field(&of, &field.name),
                }
            }
            Kind::Index(index) => {
                let (of, at) = (self.value(&index.of)?, self.value(&index.at)?);
                if index.optional { access::optional_index(&of, &at) } else { access::index(&of, &at) }
            }
            Kind::List(items) => self.list(items),
            Kind::Map(entries) => self.map(entries),
            Kind::Not(of) => match self.value(of)? {
                Value::Bool(truth) => Ok(Value::Bool(!truth)),
                other => Err(unfit("!", &[other])),
            },
            Kind::Negate(of) => self.negate(of),
            Kind::And(terms) => self.decide(terms, "&&", false),
            Kind::Or(terms) => self.decide(terms, "||", true),
            Kind::Choice(parts) => {
                let [condition, yes, no] = &**parts;
                match self.value(condition)? {
                    Value::Bool(true) => self.value(yes),
                    Value::Bool(false) => self.value(no),
                    other => Err(unfit("? :", &[other]).at(condition.span)),
                }
            }
            Kind::Binary(operator, sides) => self.binary(operator, sides),
            Kind::Call(call) => self.call(call),
            Kind::Loop(the_loop) => loops::run(self, the_loop),
            Kind::Bind(bind) => loops::bind(self, bind),
            Kind::Block(block) => loops::block(self, block),
        }
        .map_err(|error| error.at(node.span))
    }

    fn name(&self, name: &Name) -> Out {
        if !name.global
            && let Some((_, value)) = self.bound.iter().rev().find(|(bound, _)| *bound == name.text)
        {
            return value.clone();
        }
        if let Some((_, value)) = self.roots.iter().find(|(root, _)| *root == &*name.text) {
            return Ok(value.clone());
        }
        type_named(&name.text)
            .ok_or_else(|| Error::new(Cause::Name, format!("`{}` is not a name that is known here", name.text)))
    }

    fn list(&mut self, items: &[Item]) -> Out {
        let mut values = self.meter.list(items.len())?;
        for item in items {
            let value = self.value(&item.node)?;
            values.extend(present(value, item.optional)?);
        }
        Ok(Value::list(values))
    }

    fn map(&mut self, entries: &[Entry]) -> Out {
        self.meter.make(entries.len())?;
        let mut map = Map::with_capacity(entries.len());
        for entry in entries {
            let key = self.value(&entry.key)?;
            let key = access::key(&key).map_err(|error| error.at(entry.key.span))?;
            let value = self.value(&entry.value)?;
            let Some(value) = present(value, entry.optional)? else { continue };
            insert(&mut map, key, value).map_err(|error| error.at(entry.key.span))?;
        }
        Ok(Value::map(map))
    }

    fn negate(&mut self, of: &Node) -> Out {
        match self.value(of)? {
            Value::Int(number) => number.checked_neg().map(Value::Int).ok_or_else(|| Error::overflow("-")),
            Value::Double(number) => Ok(Value::Double(-number)),
            other => Err(unfit("-", &[other])),
        }
    }

    /// `&&` and `||`: a term that decides does so whatever else fails; otherwise the first error is the result.
    fn decide(&mut self, terms: &[Node], operator: &str, decisive: bool) -> Out {
        let mut failed = None;
        for term in terms {
            let error = match self.value(term) {
                Ok(Value::Bool(truth)) if truth == decisive => return Ok(Value::Bool(decisive)),
                Ok(Value::Bool(_)) => continue,
                Ok(other) => unfit(operator, &[other]).at(term.span),
                Err(stop @ Error::Stopped(_)) => return Err(stop),
                Err(error) => error,
            };
            failed.get_or_insert(error);
        }
        failed.map_or(Ok(Value::Bool(!decisive)), Err)
    }

    fn binary(&mut self, operator: &str, sides: &[Node; 2]) -> Out {
        let (left, right) = (self.value(&sides[0])?, self.value(&sides[1])?);
        Ok(Value::Bool(match operator {
            "==" => equal(&mut self.meter, &left, &right)?,
            "!=" => !equal(&mut self.meter, &left, &right)?,
            "<" => order(operator, &left, &right)?.is_lt(),
            "<=" => order(operator, &left, &right)?.is_le(),
            ">" => order(operator, &left, &right)?.is_gt(),
            ">=" => order(operator, &left, &right)?.is_ge(),
            "in" => access::contains(&mut self.meter, &left, &right)?,
            _ => return combine(&mut self.meter, operator, &left, &right),
        }))
    }

    fn call(&mut self, call: &Call) -> Out {
        let mut args = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            args.push(self.value(arg)?);
            // `or` and `orValue` leave the other side alone where there is a value.
            if let [Value::Optional(Some(value))] = args.as_slice()
                && call.args.len() == 2
            {
                match call.name.as_str() {
                    "or" => return Ok(Value::Optional(Some(Arc::clone(value)))),
                    "orValue" => return Ok(Value::clone(value)),
                    _ => {}
                }
            }
        }
        let fits = |overload: &&&super::overload::Overload| overload.fits(&args);
        match call.overloads.iter().find(fits) {
            Some(overload) => {
                self.meter.spend(2)?;
                (overload.run)(&mut self.meter, &args)
            }
            None => Err(unfit(&call.name, &args)),
        }
    }
}

/// A value of a list or a map; where it is optional and there is none it is left out.
fn present(value: Value, optional: bool) -> Out<Option<Value>> {
    match value {
        value if !optional => Ok(Some(value)),
        Value::Optional(value) => Ok(value.as_deref().cloned()),
        other => Err(Error::new(Cause::Types, format!("`?` expects an optional, found {}", other.kind()))),
    }
}

/// Adds an entry; a key that is there already is an error.
pub(super) fn insert(map: &mut Map, key: Key, value: Value) -> Out<()> {
    match map.entry(key) {
        indexmap::map::Entry::Occupied(_) => Err(Error::of("the map has the same key twice")),
        indexmap::map::Entry::Vacant(place) => {
            place.insert(value);
            Ok(())
        }
    }
}

/// `+ - * / %`
pub(super) fn combine(meter: &mut Meter, operator: &str, left: &Value, right: &Value) -> Out {
    if let Some(result) = arithmetic::arithmetic(operator, left, right) {
        return result;
    }
    if let Some(result) = super::library::time_arithmetic(operator, left, right) {
        return result;
    }
    match (operator, left, right) {
        ("+", Value::Text(a), Value::Text(b)) => {
            meter.make(a.len() + b.len())?;
            Ok(Value::text(&[&**a, &**b].concat()))
        }
        ("+", Value::Bytes(a), Value::Bytes(b)) => {
            meter.make(a.len() + b.len())?;
            Ok(Value::Bytes([&**a, &**b].concat().into()))
        }
        ("+", Value::List(a), Value::List(b)) => {
            let mut items = meter.list(a.len() + b.len())?;
            items.extend(a.iter().chain(b.iter()).cloned());
            Ok(Value::list(items))
        }
        _ => Err(unfit(operator, &[left.clone(), right.clone()])),
    }
}
