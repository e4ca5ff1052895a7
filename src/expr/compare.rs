//! Comparisons that can have one result only: values of types that are never equal. Knows the types of literals, of
//! functions and of values that are known.

use std::sync::Arc;

use serde_json::Value as Json;

use super::cel::{ExprError, Scope};
use super::functions::T;
use super::tree::{Access, Kind, Node};
use super::value::Value;

/// A type, as far as equality goes: all numbers are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Number,
    Of(&'static str),
}

/// What is known of a value.
struct Known {
    class: Class,
    /// `an int`
    kind: &'static str,
}

/// The first `==` or `!=` between values that are never equal.
pub(super) fn never_equal(tree: &Node, text: &str, scope: &Scope) -> Option<ExprError> {
    search(tree, text, scope, &mut Vec::new())
}

fn search(node: &Node, text: &str, scope: &Scope, bound: &mut Vec<Arc<str>>) -> Option<ExprError> {
    if let Kind::Binary(operator @ ("==" | "!="), sides) = &node.kind
        && let (Some(left), Some(right)) = (known(&sides[0], scope, bound), known(&sides[1], scope, bound))
        && left.class != right.class
    {
        let written = |node: &Node| text.get(node.span.0..node.span.1).unwrap_or_default().trim().to_owned();
        let (start, end) = node.span;
        let always = if *operator == "==" { "never true" } else { "always true" };
        let message = format!(
            "this comparison is {always}: `{}` is {}, `{}` is {}",
            written(&sides[0]),
            left.kind,
            written(&sides[1]),
            right.kind
        );
        let help = "compare values of one type, such as `vars.COUNT == 3` or `string(vars.COUNT) == \"3\"`";
        return Some(ExprError::at(start, end, message).help(help));
    }
    let depth = bound.len();
    let mut found = None;
    for (at, child) in node.children().into_iter().enumerate() {
        // The first child of a loop and of a binding does not see the names that it binds.
        if at == 1 {
            match &node.kind {
                Kind::Loop(the_loop) => {
                    bound.push(Arc::clone(&the_loop.first));
                    bound.extend(the_loop.second.clone());
                }
                Kind::Bind(bind) => bound.push(Arc::clone(&bind.name)),
                _ => {}
            }
        }
        found = found.or_else(|| search(child, text, scope, bound));
    }
    bound.truncate(depth);
    found
}

fn known(node: &Node, scope: &Scope, bound: &[Arc<str>]) -> Option<Known> {
    match &node.kind {
        Kind::Literal(value) => of_value(value),
        Kind::List(_) => Some(Known { class: Class::Of("list"), kind: "a list" }),
        Kind::Map(_) => Some(Known { class: Class::Of("map"), kind: "a map" }),
        Kind::Not(_) | Kind::And(_) | Kind::Or(_) => Some(Known { class: Class::Of("bool"), kind: "a bool" }),
        Kind::Binary(operator, sides) => match *operator {
            "+" | "-" | "*" | "/" | "%" => {
                let (left, right) = (known(&sides[0], scope, bound)?, known(&sides[1], scope, bound)?);
                (left.class == right.class && left.class == Class::Number).then_some(left)
            }
            _ => Some(Known { class: Class::Of("bool"), kind: "a bool" }),
        },
        Kind::Call(call) => {
            let gives = call.overloads.first()?.gives;
            call.overloads.iter().all(|overload| overload.gives == gives).then(|| of_type(gives))?
        }
        Kind::Name(_) | Kind::Field(_) | Kind::Index(_) => of_json(look_up(node, scope, bound)?),
        _ => None,
    }
}

/// A value that is known before the run.
fn look_up<'s>(node: &Node, scope: &'s Scope, bound: &[Arc<str>]) -> Option<&'s Json> {
    match &node.kind {
        Kind::Name(name) if !bound.contains(&name.text) => scope.roots.get(&*name.text),
        Kind::Field(field) if field.access == Access::Value => look_up(&field.of, scope, bound)?.get(&*field.name),
        Kind::Index(index) if !index.optional => match &index.at.kind {
            Kind::Literal(Value::Text(name)) => look_up(&index.of, scope, bound)?.get(&**name),
            Kind::Literal(Value::Int(at)) => look_up(&index.of, scope, bound)?.get(usize::try_from(*at).ok()?),
            _ => None,
        },
        _ => None,
    }
}

fn of_json(value: &Json) -> Option<Known> {
    let kind = super::lookup::type_of(value);
    let class = match value {
        Json::Null => return None,
        Json::Bool(_) => Class::Of("bool"),
        Json::Number(_) => Class::Number,
        Json::String(_) => Class::Of("string"),
        Json::Array(_) => Class::Of("list"),
        Json::Object(_) => Class::Of("map"),
    };
    Some(Known { class, kind })
}

fn of_value(value: &Value) -> Option<Known> {
    let class = match value {
        // Anything may be null.
        Value::Null => return None,
        Value::Int(_) | Value::Uint(_) | Value::Double(_) => Class::Number,
        other => Class::Of(other.type_name()),
    };
    Some(Known { class, kind: value.kind() })
}

fn of_type(gives: T) -> Option<Known> {
    let (name, kind) = match gives {
        T::Bool => ("bool", "a bool"),
        T::Int => return Some(Known { class: Class::Number, kind: "an int" }),
        T::Uint => return Some(Known { class: Class::Number, kind: "a uint" }),
        T::Double => return Some(Known { class: Class::Number, kind: "a double" }),
        T::Text => ("string", "a string"),
        T::Bytes => ("bytes", "bytes"),
        T::List => ("list", "a list"),
        T::Map => ("map", "a map"),
        T::Duration => ("google.protobuf.Duration", "a duration"),
        T::Time => ("google.protobuf.Timestamp", "a timestamp"),
        T::Quantity => ("kubernetes.Quantity", "a quantity"),
        T::Semver => ("kubernetes.Semver", "a semver"),
        T::Ip => ("net.IP", "an IP address"),
        T::Cidr => ("net.CIDR", "a CIDR"),
        T::Url => ("kubernetes.URL", "a URL"),
        T::Any | T::Many | T::Type | T::Optional | T::Format => return None,
    };
    Some(Known { class: Class::Of(name), kind })
}

#[cfg(test)]
mod tests {
    use crate::expr::{Expr, Scope};
    use serde_json::json;

    fn found(text: &str) -> Option<String> {
        let mut scope = Scope::default();
        scope.roots.insert("vars".into(), json!({"n": 3, "name": "todo", "on": true, "list": [1], "none": null}));
        Expr::parse(text).expect(text).never_equal(&scope).map(|error| error.message)
    }

    #[test]
    fn values_of_types_that_are_never_equal_are_found() {
        for (text, message) in [
            ("vars.n == \"3\"", "this comparison is never true: `vars.n` is an int, `\"3\"` is a string"),
            (
                "self.x && vars.on != 'true'",
                "this comparison is always true: `vars.on` is a bool, `'true'` is a string",
            ),
            ("size(self.x) == '1'", "this comparison is never true: `size(self.x)` is an int, `'1'` is a string"),
            ("[1].exists(x, vars.name == 1)", "this comparison is never true: `vars.name` is a string, `1` is an int"),
            ("vars.list == 1", "this comparison is never true: `vars.list` is a list, `1` is an int"),
            ("duration('1s') == 1", "this comparison is never true: `duration('1s')` is a duration, `1` is an int"),
            ("vars['n'] + 1 == 'x'", "this comparison is never true: `vars['n'] + 1` is an int, `'x'` is a string"),
        ] {
            assert_eq!(found(text).as_deref(), Some(message), "{text}");
        }
    }

    #[test]
    fn values_that_may_be_equal_are_left_alone() {
        for text in [
            "vars.n == 3.0",
            "vars.n == 3u",
            "vars.none == 'x'",
            "vars.name == null",
            "self.x == 1",
            "dyn(1) == 'x'",
            "['a'].exists(vars, vars == 'a')",
            "vars.list[0] == 1",
            "[1] == ['a']",
            "vars.n > 2 || vars.name == 'todo'",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
