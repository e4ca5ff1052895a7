//! Mistakes that the types in an expression show before anything runs: calls and operators that no value fits, and
//! comparisons with one possible result. Refuses what Kubernetes' checker refuses, but for numbers of different types
//! and lists of mixed items, which are compared by value.

mod rules;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value as Json;

use super::error::ExprError;
use super::scope::Scope;
use super::signature::T;
use super::tree::{
    Access, Bind, BindKind, Block, Call, Entry, Field, Index, Item, Kind, Loop, LoopKind, Node, numbered,
};
use super::types::{Mixture, Type};
use super::value::Value;
use rules::{
    Joined, agree, branches, combined, is_written, mixed, ordered, overload, present, result, surplus, unwrapped,
    within,
};

type Typed = Result<Type, ExprError>;

/// The type of an expression.
///
/// # Errors
/// The first mistake, in reading order.
pub(super) fn check(tree: &Node, text: &str, scope: &Scope, texts: &BTreeSet<String>) -> Typed {
    Checker { text, scope, texts, bound: Vec::new() }.of(tree)
}

struct Checker<'a> {
    text: &'a str,
    /// Values that are known before the run.
    scope: &'a Scope,
    /// Paths that lead to a text.
    texts: &'a BTreeSet<String>,
    bound: Vec<(Arc<str>, Type)>,
}

impl Checker<'_> {
    fn of(&mut self, node: &Node) -> Typed {
        if let Some(value) = self.known(node) {
            return Ok(Type::of_json(value));
        }
        if self.is_text(node) {
            return Ok(Type::Of(T::Text));
        }
        match &node.kind {
            Kind::Literal(value) => Ok(Type::of_literal(value)),
            Kind::Name(name) => {
                let found = self.bound.iter().rev().find(|(bound, _)| !name.global && *bound == name.text);
                Ok(found.map_or(Type::Any, |(_, of)| of.clone()))
            }
            Kind::Field(field) => self.field(field, node),
            Kind::Index(index) => self.index(index, node),
            Kind::List(items) => self.list(items),
            Kind::Map(entries) => self.map(entries),
            Kind::Not(of) => {
                let found = self.of(of)?;
                if found.may_be(T::Bool) { Ok(Type::Of(T::Bool)) } else { Err(overload("!", &[found], node)) }
            }
            Kind::Negate(of) => match self.of(of)? {
                found @ (Type::Any | Type::Of(T::Int | T::Double)) => Ok(found),
                found => Err(overload("-", &[found], node)),
            },
            Kind::And(terms) => self.terms(terms, "&&", false),
            Kind::Or(terms) => self.terms(terms, "||", true),
            Kind::Choice(parts) => {
                let [condition, yes, no] = &**parts;
                self.condition(condition, "? :")?;
                let found = (self.of(yes)?, self.of(no)?);
                match found.0.join(&found.1) {
                    None if !is_written(condition) => Err(branches(&found.0, &found.1, no)),
                    joined => Ok(joined.unwrap_or(Type::Any)),
                }
            }
            Kind::Binary(operator, sides) => self.binary(operator, sides, node),
            Kind::Call(call) => self.call(call, node),
            Kind::Loop(the_loop) => self.the_loop(the_loop),
            Kind::Bind(bind) => self.bind(bind),
            Kind::Block(block) => self.block(block),
        }
    }

    /// A value that is known before the run.
    fn known(&self, node: &Node) -> Option<&Json> {
        match &node.kind {
            Kind::Name(name) if name.global || !self.bound.iter().any(|(bound, _)| *bound == name.text) => {
                self.scope.roots.get(&*name.text)
            }
            Kind::Field(field) if field.access == Access::Value => self.known(&field.of)?.get(&*field.name),
            Kind::Index(index) if !index.optional => match &index.at.kind {
                Kind::Literal(Value::Text(name)) => self.known(&index.of)?.get(&**name),
                Kind::Literal(Value::Int(at)) => self.known(&index.of)?.get(usize::try_from(*at).ok()?),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether a path leads here that is known to lead to a text.
    fn is_text(&self, node: &Node) -> bool {
        !self.texts.is_empty() && self.path(node).is_some_and(|path| self.texts.contains(&path))
    }

    fn path(&self, node: &Node) -> Option<String> {
        match &node.kind {
            Kind::Name(name) if name.global || !self.bound.iter().any(|(bound, _)| *bound == name.text) => {
                Some(name.text.to_string())
            }
            Kind::Field(field) if field.access == Access::Value => {
                Some(format!("{}.{}", self.path(&field.of)?, field.name))
            }
            Kind::Index(index) if !index.optional => match &index.at.kind {
                Kind::Literal(Value::Text(name)) => Some(format!("{}.{name}", self.path(&index.of)?)),
                _ => None,
            },
            _ => None,
        }
    }

    fn field(&mut self, field: &Field, node: &Node) -> Typed {
        let (of, through) = unwrapped(self.of(&field.of)?);
        let value = match of {
            Type::Any | Type::Mixed(_) => Type::Any,
            Type::Map(_, value) => *value,
            other => {
                let message = format!("`{}`: {} has no fields", field.name, other.phrase());
                return Err(ExprError::at(node.span.0, node.span.1, message));
            }
        };
        Ok(match field.access {
            Access::Test => Type::Of(T::Bool),
            Access::Value if !through => value,
            Access::Value | Access::Optional => Type::optional(value),
        })
    }

    fn index(&mut self, index: &Index, node: &Node) -> Typed {
        let (of, through) = unwrapped(self.of(&index.of)?);
        let at = self.of(&index.at)?;
        let refused = |what: String| Err(ExprError::at(node.span.0, node.span.1, what));
        let value = match of {
            Type::Mixed(mixture) if mixture.of == T::List => return Err(mixed("[ ]", &mixture, &index.of)),
            Type::Any | Type::Mixed(_) => Type::Any,
            Type::List(items) if at == Type::Any || at.is_number() => *items,
            Type::Map(key, value) if key.join(&at).is_some() => *value,
            Type::List(_) => return refused(format!("{} cannot index a list", at.phrase())),
            Type::Map(key, _) => {
                return refused(format!("the keys of the map are of type {}, not {}", key.name(), at.name()));
            }
            other => return refused(format!("{} has no items", other.phrase())),
        };
        Ok(if through || index.optional { Type::optional(value) } else { value })
    }

    fn list(&mut self, items: &[Item]) -> Typed {
        let mut all = Joined::default();
        for item in items {
            let of = self.of(&item.node)?;
            all.add(present(of, item.optional, &item.node)?);
        }
        Ok(match all {
            Joined { mixture: Some((first, other)), .. } => {
                Type::Mixed(Box::new(Mixture { of: T::List, first, other }))
            }
            Joined { of, .. } => Type::list(of.unwrap_or(Type::Any)),
        })
    }

    fn map(&mut self, entries: &[Entry]) -> Typed {
        let (mut keys, mut values) = (Joined::default(), Joined::default());
        for entry in entries {
            keys.add(self.of(&entry.key)?);
            let of = self.of(&entry.value)?;
            values.add(present(of, entry.optional, &entry.value)?);
        }
        if let Some((first, other)) = keys.mixture.or(values.mixture) {
            return Ok(Type::Mixed(Box::new(Mixture { of: T::Map, first, other })));
        }
        let (key, value) = (keys.of.unwrap_or(Type::Any), values.of.unwrap_or(Type::Any));
        Ok(Type::Map(Box::new(key), Box::new(value)))
    }

    /// A condition: something that may be true or false.
    fn condition(&mut self, node: &Node, name: &str) -> Result<(), ExprError> {
        let of = self.of(node)?;
        if of.may_be(T::Bool) { Ok(()) } else { Err(overload(name, &[of], node)) }
    }

    /// `&&` and `||`; a literal that decides makes the other terms irrelevant.
    fn terms(&mut self, terms: &[Node], operator: &str, decisive: bool) -> Typed {
        let decided = terms.iter().any(|term| matches!(term.kind, Kind::Literal(Value::Bool(it)) if it == decisive));
        for term in terms {
            match self.condition(term, operator) {
                Err(error) if !decided => return Err(error),
                _ => {}
            }
        }
        Ok(Type::Of(T::Bool))
    }

    fn binary(&mut self, operator: &str, sides: &[Node; 2], node: &Node) -> Typed {
        let (left, right) = (self.of(&sides[0])?, self.of(&sides[1])?);
        if matches!(operator, "==" | "!=" | "in") {
            for (side, of, other) in [(&sides[0], &left, &sides[1]), (&sides[1], &right, &sides[0])] {
                if let (Type::Mixed(mixture), false) = (of, is_written(other)) {
                    return Err(mixed(operator, mixture, side));
                }
            }
        }
        let fits = match operator {
            "==" | "!=" => return self.equality(operator, (left, right), sides, node),
            "<" | "<=" | ">" | ">=" => ordered(&left, &right),
            "in" => within(&left, &right),
            _ => match combined(operator, &left, &right) {
                Some(of) => return Ok(of),
                None => false,
            },
        };
        if fits { Ok(Type::Of(T::Bool)) } else { Err(overload(operator, &[left, right], node)) }
    }

    /// `==` and `!=`: with values of types that are never equal there is one possible result.
    fn equality(&self, operator: &str, (left, right): (Type, Type), sides: &[Node; 2], node: &Node) -> Typed {
        // A value may be null later, whatever it is now.
        let known = |side: &Node| self.known(side).is_some() || self.is_text(side);
        let may_be_null = (left == Type::Null && known(&sides[1])) || (right == Type::Null && known(&sides[0]));
        // A written number is that of the text; one that a function gives is of the function's type.
        let by_function = |node: &Node| matches!(node.kind, Kind::Call(_)) && !is_written(node);
        let numbers = left.is_number() && right.is_number() && left != right;
        if numbers && sides.iter().any(by_function) {
            return Err(overload(operator, &[left, right], node));
        }
        if left.may_equal(&right) || may_be_null {
            return Ok(Type::Of(T::Bool));
        }
        let written = |node: &Node| self.text.get(node.span.0..node.span.1).unwrap_or_default().trim().to_owned();
        let always = if operator == "==" { "never true" } else { "always true" };
        let message = format!(
            "this comparison is {always}: `{}` is {}, `{}` is {}",
            written(&sides[0]),
            left.phrase(),
            written(&sides[1]),
            right.phrase()
        );
        let help = "compare values of one type, such as `vars.COUNT == 3` or `string(vars.COUNT) == \"3\"`";
        Err(ExprError::at(node.span.0, node.span.1, message).help(help))
    }

    fn call(&mut self, call: &Call, node: &Node) -> Typed {
        let args = call.args.iter().map(|arg| self.of(arg)).collect::<Result<Vec<_>, _>>()?;
        let takes_any = matches!(call.name.as_str(), "dyn" | "format") || call.name.starts_with("math.");
        for (arg, of) in call.args.iter().zip(&args) {
            if let Type::Mixed(mixture) = of
                && !takes_any
            {
                return Err(mixed(&call.name, mixture, arg));
            }
        }
        let fitting = |overload: &&&super::overload::Overload| overload.may_take(&args);
        let gives: Vec<T> = call.overloads.iter().filter(fitting).map(|overload| overload.gives).collect();
        let (Some(first), true) = (gives.first(), agree(&call.name, &args)) else {
            return Err(overload(&call.name, &args, node));
        };
        if call.name == "format" {
            surplus(&call.args)?;
        }
        // `optional.none()` takes the type of its alternative.
        let none =
            call.args.first().is_some_and(|arg| matches!(&arg.kind, Kind::Call(of) if of.name == "optional.none"));
        if let ("orValue", true, Some(other)) = (call.name.as_str(), none, args.get(1)) {
            return Ok(other.clone());
        }
        let same = gives.iter().all(|other| other == first);
        Ok(result(&call.name, &args).unwrap_or(if same { Type::of(*first) } else { Type::Any }))
    }

    fn the_loop(&mut self, the_loop: &Loop) -> Typed {
        let range = self.of(&the_loop.range)?;
        // The items of a list that is known before the run.
        let range = match (range, self.known(&the_loop.range)) {
            (Type::List(_), Some(Json::Array(items))) => Type::list(Type::of_items(items)),
            (range, _) => range,
        };
        let two = the_loop.second.is_some();
        let (first, second) = match &range {
            Type::Any | Type::Mixed(_) => (Type::Any, Type::Any),
            Type::List(items) if two => (Type::Of(T::Int), Type::clone(items)),
            Type::List(items) => (Type::clone(items), Type::Any),
            Type::Map(key, value) => (Type::clone(key), Type::clone(value)),
            other => {
                let name = super::evaluate::loops::name(the_loop);
                return Err(overload(name, std::slice::from_ref(other), &the_loop.range));
            }
        };
        let depth = self.bound.len();
        self.bound.push((Arc::clone(&the_loop.first), first.clone()));
        if let Some(name) = &the_loop.second {
            self.bound.push((Arc::clone(name), second));
        }
        let result = self.in_loop(the_loop, &range, first);
        self.bound.truncate(depth);
        result
    }

    fn in_loop(&mut self, the_loop: &Loop, range: &Type, first: Type) -> Typed {
        let name = super::evaluate::loops::name(the_loop);
        if let Some(filter) = &the_loop.filter {
            self.condition(filter, name)?;
        }
        match the_loop.kind {
            LoopKind::All | LoopKind::Exists | LoopKind::ExistsOne => {
                self.condition(&the_loop.body, name)?;
                Ok(Type::Of(T::Bool))
            }
            LoopKind::Filter => {
                self.condition(&the_loop.body, name)?;
                Ok(Type::list(first))
            }
            LoopKind::SortBy => {
                self.of(&the_loop.body)?;
                Ok(range.clone())
            }
            LoopKind::List => Ok(Type::list(self.of(&the_loop.body)?)),
            LoopKind::TransformMap => Ok(Type::Map(Box::new(first), Box::new(self.of(&the_loop.body)?))),
            LoopKind::TransformMapEntry => {
                let body = self.of(&the_loop.body)?;
                if !body.may_be(T::Map) {
                    return Err(overload(name, &[body], &the_loop.body));
                }
                Ok(Type::of(T::Map))
            }
        }
    }

    fn bind(&mut self, bind: &Bind) -> Typed {
        let value = match (bind.kind, self.of(&bind.value)?) {
            (BindKind::Bind, value) => value,
            (_, Type::Any) => Type::Any,
            (_, Type::Optional(of)) => *of,
            (BindKind::OptMap, other) => return Err(overload("optMap", &[other], &bind.value)),
            (BindKind::OptFlatMap, other) => return Err(overload("optFlatMap", &[other], &bind.value)),
        };
        self.bound.push((Arc::clone(&bind.name), value));
        let body = self.of(&bind.body);
        self.bound.pop();
        Ok(if bind.kind == BindKind::OptMap { Type::optional(body?) } else { body? })
    }

    fn block(&mut self, block: &Block) -> Typed {
        let depth = self.bound.len();
        for (at, node) in block.values.iter().enumerate() {
            let of = self.of(node)?;
            self.bound.push((numbered(at), of));
        }
        let body = self.of(&block.body);
        self.bound.truncate(depth);
        body
    }
}
