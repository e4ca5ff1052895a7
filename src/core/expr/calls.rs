//! Calls: macros become loops, tests and bindings; functions must exist and take so many arguments. Patterns that are
//! written out are read here, so that a broken one is found before anything runs.

use std::sync::Arc;

use super::error::ExprError;
use super::facts;
use super::functions;
use super::overload::Overload;
use super::pattern::compile;
use super::tree::{Access, Bind, BindKind, Block, Call, INTERNAL, Kind, Loop, LoopKind, Name, Node, Tree};
use super::tree::{highest, numbered};
use super::value::Value;

type Parsed = Result<Tree, ExprError>;

/// Levels that a loop adds on top of the highest of its parts.
pub(super) const HEIGHT: usize = 2;

/// `target.name(args)`, which ends at `end`.
///
/// # Errors
/// No such method, or other arguments than it takes.
pub(super) fn method(target: Tree, name: &str, name_at: (usize, usize), args: Vec<Tree>, end: usize) -> Parsed {
    let span = (target.span().0, end);
    if let Kind::Name(library) = &target.node.kind {
        let full = format!("{}.{name}", library.text);
        if full == "cel.bind" && args.len() == 3 {
            return bind(&full, BindKind::Bind, None, args, span);
        }
        if let Some(asked) = facts::call(&full, &args, (target.span().0, name_at.1), span) {
            return asked;
        }
        if let Some(kind) = internal(&full, &args) {
            return Ok(Tree::leaf(kind, span));
        }
        if full == "cel.block" && args.len() == 2 {
            return block(args, span);
        }
        if functions::named(&full, false).is_some() {
            return called(&full, false, name_at, args, span);
        }
    }
    if let Some((kind, names)) = a_loop(name, args.len()) {
        return looped(name, kind, names, target, args, span);
    }
    match (name, args.len()) {
        ("optMap", 2) => bind(name, BindKind::OptMap, Some(target), args, span),
        ("optFlatMap", 2) => bind(name, BindKind::OptFlatMap, Some(target), args, span),
        _ => {
            // `cluster.hass(…)`: no value has this method, whatever a loop may call `cluster`
            if let Kind::Name(root) = &target.node.kind
                && functions::named(name, true).is_none()
                && facts::ROWS.iter().any(|row| row.name.split('.').next() == Some(&*root.text))
            {
                let place = (target.span().0, name_at.1);
                return Err(functions::unknown(&format!("{}.{name}", root.text), false, place));
            }
            let args = std::iter::once(target).chain(args).collect();
            called(name, true, name_at, args, span)
        }
    }
}

/// `name(args)`, which ends at `end`.
///
/// # Errors
/// No such function, or other arguments than it takes.
pub(super) fn function(name: &str, name_at: (usize, usize), mut args: Vec<Tree>, end: usize) -> Parsed {
    let span = (name_at.0, end);
    match (name, args.len()) {
        ("has", 1) => has(args.remove(0), span),
        _ => called(name, false, name_at, args, span),
    }
}

fn called(name: &str, method: bool, name_at: (usize, usize), args: Vec<Tree>, span: (usize, usize)) -> Parsed {
    let overloads = functions::named(name, method).ok_or_else(|| functions::unknown(name, method, name_at))?;
    if let Some(error) = functions::arity(overloads, args.len(), span) {
        return Err(error);
    }
    check_pattern(name, &args)?;
    let height = highest(&args);
    let overloads: Vec<&'static Overload> = overloads.to_vec();
    let args = args.into_iter().map(|arg| arg.node).collect();
    Tree::over(height, Kind::Call(Call { name: name.to_owned(), overloads, args }), span)
}

/// A pattern that is written out must be a regular expression.
fn check_pattern(name: &str, args: &[Tree]) -> Result<(), ExprError> {
    if !matches!(name, "matches" | "find" | "findAll") {
        return Ok(());
    }
    match args.get(1) {
        Some(Tree { node: Node { kind: Kind::Literal(Value::Text(pattern)), span }, .. }) => {
            compile(pattern).map(|_| ()).map_err(|message| ExprError::at(span.0, span.1, message))
        }
        _ => Ok(()),
    }
}

/// `has(a.b)`: whether `a` has a field `b`.
fn has(of: Tree, span: (usize, usize)) -> Parsed {
    let height = of.height;
    match of.node {
        Node { kind: Kind::Field(mut field), span } if field.access == Access::Value => {
            field.access = Access::Test;
            Ok(Tree { node: Node { span, kind: Kind::Field(field) }, height })
        }
        _ => Err(ExprError::at(span.0, span.1, "`has` takes a field").help("write `has(vars.x)`")),
    }
}

/// The loop that a name with so many arguments is, and how many names it binds.
fn a_loop(name: &str, args: usize) -> Option<(LoopKind, usize)> {
    Some(match (name, args) {
        ("all", 2) => (LoopKind::All, 1),
        ("all", 3) => (LoopKind::All, 2),
        ("exists", 2) => (LoopKind::Exists, 1),
        ("exists", 3) => (LoopKind::Exists, 2),
        ("exists_one" | "existsOne", 2) => (LoopKind::ExistsOne, 1),
        ("exists_one" | "existsOne", 3) => (LoopKind::ExistsOne, 2),
        ("filter", 2) => (LoopKind::Filter, 1),
        ("map", 2 | 3) => (LoopKind::List, 1),
        ("sortBy", 2) => (LoopKind::SortBy, 1),
        ("transformList", 3 | 4) => (LoopKind::List, 2),
        ("transformMap", 3 | 4) => (LoopKind::TransformMap, 2),
        ("transformMapEntry", 3 | 4) => (LoopKind::TransformMapEntry, 2),
        _ => return None,
    })
}

fn looped(name: &str, kind: LoopKind, names: usize, range: Tree, args: Vec<Tree>, span: (usize, usize)) -> Parsed {
    let height = HEIGHT - 1 + highest(&args).max(range.height);
    let mut args = args.into_iter();
    let mut bound = Vec::new();
    for tree in args.by_ref().take(names) {
        let taken = variable(name, &tree)?;
        if bound.contains(&taken) {
            let (start, end) = tree.span();
            return Err(ExprError::at(start, end, format!("`{name}` takes two different names")));
        }
        bound.push(taken);
    }
    let mut parts: Vec<Node> = args.map(|tree| tree.node).collect();
    let (Some(body), filter) = (parts.pop(), parts.pop()) else {
        return Err(functions::unknown(name, true, span));
    };
    let mut bound = bound.into_iter();
    let Some(first) = bound.next() else { return Err(functions::unknown(name, true, span)) };
    let the_loop = Loop { kind, range: range.node, first, second: bound.next(), filter, body };
    Tree::over(height, Kind::Loop(Box::new(the_loop)), span)
}

/// The name that an argument binds.
fn variable(name: &str, tree: &Tree) -> Result<Arc<str>, ExprError> {
    match &tree.node.kind {
        Kind::Name(found) if !found.global => Ok(Arc::clone(&found.text)),
        _ => {
            let (start, end) = tree.span();
            let error = ExprError::at(start, end, format!("`{name}` takes a name first"));
            Err(error.help(format!("write `{}`", example(name))))
        }
    }
}

fn example(name: &str) -> String {
    match name {
        "cel.bind" => "cel.bind(x, value, …)".to_owned(),
        name if name.starts_with("transform") => format!("list.{name}(i, x, …)"),
        name => format!("list.{name}(x, …)"),
    }
}

/// `cel.bind(x, value, body)`, `target.optMap(x, body)`
fn bind(name: &str, kind: BindKind, target: Option<Tree>, args: Vec<Tree>, span: (usize, usize)) -> Parsed {
    let height = HEIGHT - 1 + highest(&args).max(target.as_ref().map_or(0, |target| target.height));
    let mut args = args.into_iter();
    let taken = args.next().map(|tree| variable(name, &tree)).transpose()?;
    let value = target.or_else(|| args.next());
    let (Some(taken), Some(value), Some(body)) = (taken, value, args.next()) else {
        return Err(functions::unknown(name, true, span));
    };
    let bind = Bind { kind, name: taken, value: value.node, body: body.node };
    Tree::over(height, Kind::Bind(Box::new(bind)), span)
}

/// The names of a block: `cel.index(0)`, and `cel.iterVar(0, 0)` of a loop in it.
fn internal(name: &str, args: &[Tree]) -> Option<Kind> {
    let number = |tree: &Tree| match tree.node.kind {
        Kind::Literal(Value::Int(number)) => usize::try_from(number).ok(),
        _ => None,
    };
    let text = match (name, args) {
        ("cel.index", [at]) => numbered(number(at)?),
        ("cel.iterVar", [depth, at]) => format!("{INTERNAL}item{}:{}", number(depth)?, number(at)?).into(),
        _ => return None,
    };
    Some(Kind::Name(Name { text, global: false }))
}

/// `cel.block([a, b], body)`
fn block(mut args: Vec<Tree>, span: (usize, usize)) -> Parsed {
    let height = HEIGHT - 1 + highest(&args);
    let (Some(body), Some(values)) = (args.pop(), args.pop()) else {
        return Err(functions::unknown("cel.block", true, span));
    };
    let at = values.span();
    let Kind::List(items) = values.node.kind else {
        return Err(ExprError::at(at.0, at.1, "`cel.block` takes a list first").help("write `cel.block([…], …)`"));
    };
    let block = Block { values: items.into_iter().map(|item| item.node).collect(), body: body.node };
    Tree::over(height, Kind::Block(Box::new(block)), span)
}

/// The function that a wrapper message (`Int32Value{value: 1}`) is: the identity of its type.
pub(super) fn wrapped(name: &str) -> Option<(&'static str, Value)> {
    Some(match name {
        "BoolValue" => ("bool", Value::Bool(false)),
        "BytesValue" => ("bytes", Value::Bytes([].into())),
        "DoubleValue" | "FloatValue" => ("double", Value::Double(0.0)),
        "Int32Value" | "Int64Value" => ("int", Value::Int(0)),
        "StringValue" => ("string", Value::text("")),
        "UInt32Value" | "UInt64Value" => ("uint", Value::Uint(0)),
        _ => return None,
    })
}

/// A wrapper message: its value, or the zero of its type.
///
/// # Errors
/// Too many operations rest on each other.
pub(super) fn wrapper((name, zero): (&'static str, Value), value: Option<Tree>, span: (usize, usize)) -> Parsed {
    let Some(value) = value else { return Ok(Tree::leaf(Kind::Literal(zero), span)) };
    let overloads = functions::named(name, false).unwrap_or_default();
    let overloads = overloads.iter().copied().filter(|overload| overload.takes == [overload.gives]).collect();
    Tree::over(value.height, Kind::Call(Call { name: name.to_owned(), overloads, args: vec![value.node] }), span)
}
