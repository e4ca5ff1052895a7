//! The value of a parsed expression: JSON in, `cel` in between, JSON out, errors in plain words. Only what an expression
//! refers to is handed over, so that the size of a scope costs nothing. No value stands in an error, only types.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use kube_cel::KubeCelExt;
use kube_cel::cel::objects::{Key, Map};
use kube_cel::cel::{Context, ExecutionError, IdedExpr, Value};
use serde_json::Value as Json;

use super::cel::{ExprError, Reference, Scope};

/// All functions; every evaluation opens a scope of its own inside.
static FUNCTIONS: LazyLock<Context<'static>> = LazyLock::new(|| Context::default().with_all());

/// Evaluates; `text` is only for the length of what an error covers.
pub(super) fn run(ast: &IdedExpr, references: &[Reference], text: &str, scope: &Scope) -> Result<Json, ExprError> {
    let whole = |message: String| ExprError::at(0, text.len(), message);
    let mut context = FUNCTIONS.new_inner_scope();
    for (name, value) in &scope.roots {
        let paths: Vec<&[String]> =
            references.iter().filter(|found| found.path[0] == *name).map(|found| &found.path[1..]).collect();
        if !paths.is_empty() {
            context.add_variable_from_value(name.as_str(), only(value, &paths));
        }
    }
    // A function of a library that panics must not take the run with it.
    let result = catch_unwind(AssertUnwindSafe(|| Value::resolve(ast, &context)))
        .map_err(|_| whole("a function broke down over these values".to_owned()))?;
    match result {
        Ok(value) => to_json(&value).map_err(whole),
        Err(error) => Err(explain(&error, references, scope).unwrap_or_else(|| {
            let said = whole(words(&error) + &types(&error, references, scope));
            match help(&error) {
                Some(help) => said.help(help),
                None => said,
            }
        })),
    }
}

/// The value of a dotted reference.
pub(super) fn look_up<'a>(scope: &'a Scope, reference: &Reference) -> Result<&'a Json, ExprError> {
    walk(scope, reference).map_err(|miss| miss.error)
}

/// Where a reference leads nowhere.
struct Miss {
    /// The name that is not there.
    name: String,
    error: ExprError,
}

fn walk<'a>(scope: &'a Scope, reference: &Reference) -> Result<&'a Json, Miss> {
    let path = &reference.path;
    let miss = |at: usize, message: String, help: Option<String>| {
        // The path up to the name that is missing is a prefix of what was written, unless indexes were quoted or spaced.
        let dotted: usize = path[..=at].iter().map(|name| name.len() + 1).sum::<usize>() - 1;
        let plain = path.iter().map(|name| name.len() + 1).sum::<usize>() - 1 == reference.len;
        let len = if plain { dotted } else { reference.len };
        Miss { name: path[at].clone(), error: ExprError { offset: reference.offset, len, message, help } }
    };
    let Some(mut value) = scope.roots.get(&path[0]) else {
        let known: Vec<&str> = scope.roots.keys().map(String::as_str).collect();
        let message = match known.as_slice() {
            [] => format!("{}: no such name; nothing is known here", path[0]),
            known => format!("{}: no such name; known here: {}", path[0], known.join(", ")),
        };
        return Err(miss(0, message, None));
    };
    for (at, name) in path.iter().enumerate().skip(1) {
        let shown = |end: usize, value: &Json| written(&path[..end], value);
        value = match value {
            Json::Object(fields) => fields.get(name).ok_or_else(|| {
                let whole = shown(at + 1, value);
                let help = format!("ask first: `has({whole}) ? {whole} : \"\"`");
                miss(at, format!("{whole}: no such key"), Some(help))
            })?,
            Json::Array(items) => name.parse::<usize>().ok().and_then(|index| items.get(index)).ok_or_else(|| {
                let (whole, list) = (shown(at + 1, value), shown(at, value));
                let help = format!("ask first: `size({list}) > {name} ? {whole} : \"\"`");
                miss(at, format!("{whole}: no such item, the list has {}", items.len()), Some(help))
            })?,
            other => {
                let found = type_of(other);
                let (whole, owner) = (shown(at + 1, value), shown(at, value));
                return Err(miss(at, format!("{whole}: `{owner}` is {found} and has no fields"), None));
            }
        };
    }
    Ok(value)
}

/// A path as one would write it; a last name that indexes a list stands in brackets.
fn written(path: &[String], last_owner: &Json) -> String {
    let mut text = path[0].clone();
    for (at, name) in path.iter().enumerate().skip(1) {
        let number = name.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty();
        let plain = !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let is_index = number && (at + 1 < path.len() || last_owner.is_array());
        let _infallible = if is_index {
            write!(text, "[{name}]")
        } else if plain {
            write!(text, ".{name}")
        } else {
            write!(text, "[{name:?}]")
        };
    }
    text
}

/// The error at the reference that caused it, where one did.
fn explain(error: &ExecutionError, references: &[Reference], scope: &Scope) -> Option<ExprError> {
    let misses = || references.iter().filter(|found| !found.tested).filter_map(|found| walk(scope, found).err());
    match error {
        ExecutionError::NoSuchKey(name) | ExecutionError::UndeclaredReference(name) => {
            misses().find(|miss| miss.name == **name).map(|miss| miss.error)
        }
        ExecutionError::NoSuchOverload | ExecutionError::IndexOutOfBounds(_) => misses().next().map(|miss| miss.error),
        _ => None,
    }
}

fn words(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(name) => format!("`{name}`: no such key"),
        ExecutionError::UndeclaredReference(name) => format!("`{name}` is not known here"),
        ExecutionError::NoSuchOverload => "the types of these values do not fit the operation".to_owned(),
        ExecutionError::UnsupportedBinaryOperator(name, left, right) => {
            format!("`{}` cannot take {} and {}", symbol(name), kind(left), kind(right))
        }
        ExecutionError::UnsupportedUnaryOperator(name, value) => format!("`{name}` cannot take {}", kind(value)),
        ExecutionError::ValuesNotComparable(left, right) => {
            format!("{} cannot be compared with {}", kind(left), kind(right))
        }
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "division by zero".to_owned(),
        ExecutionError::Overflow(name, _, _) => format!("the result of `{}` does not fit into 64 bits", symbol(name)),
        ExecutionError::IndexOutOfBounds(Value::Int(index)) => format!("the list has no item {index}"),
        ExecutionError::IndexOutOfBounds(_) => "the list has no such item".to_owned(),
        ExecutionError::UnsupportedMapIndex(value) | ExecutionError::UnsupportedKeyType(value) => {
            format!("{} cannot be the key of a map", kind(value))
        }
        ExecutionError::UnsupportedListIndex(value) => format!("{} cannot index a list", kind(value)),
        ExecutionError::UnsupportedIndex(index, value) => format!("{} cannot index {}", kind(index), kind(value)),
        ExecutionError::InvalidArgumentCount { expected, actual } => {
            format!("a function takes {expected} arguments, found {actual}")
        }
        ExecutionError::UnsupportedTargetType { target } => format!("a function does not take {}", kind(target)),
        ExecutionError::NotSupportedAsMethod { method, target } => {
            format!("{} has no method `{method}`", kind(target))
        }
        ExecutionError::UnexpectedType { got, want } => format!("expected {want}, found {got}"),
        ExecutionError::MissingArgumentOrTarget => "a function lacks its argument".to_owned(),
        ExecutionError::FunctionError { function, message } => format!("`{function}`: {message}"),
        _ => "the expression has no value".to_owned(),
    }
}

/// What to type instead, where that follows from the error alone.
fn help(error: &ExecutionError) -> Option<&'static str> {
    match error {
        ExecutionError::NoSuchKey(_) => Some("ask first: `has(vars.NAME) ? vars.NAME : \"\"`"),
        ExecutionError::IndexOutOfBounds(_) => Some("ask first: `size(vars.LIST) > 1 ? vars.LIST[1] : \"\"`"),
        ExecutionError::NoSuchOverload
        | ExecutionError::UnsupportedBinaryOperator(..)
        | ExecutionError::UnsupportedUnaryOperator(..)
        | ExecutionError::ValuesNotComparable(..) => {
            Some("make both of one type: `string(vars.NAME)`, `int(vars.NAME)`")
        }
        _ => None,
    }
}

/// What the names stand for, where `cel` says only that types do not fit.
fn types(error: &ExecutionError, references: &[Reference], scope: &Scope) -> String {
    if *error != ExecutionError::NoSuchOverload {
        return String::new();
    }
    let mut known: Vec<String> = references
        .iter()
        .filter_map(|found| Some((found, walk(scope, found).ok()?)))
        .map(|(found, value)| format!("`{}` is {}", written(&found.path, &Json::Null), type_of(value)))
        .collect();
    known.dedup();
    known.truncate(3);
    if known.is_empty() { String::new() } else { format!(": {}", known.join(", ")) }
}

fn symbol(name: &str) -> &str {
    match name {
        "add" => "+",
        "sub" => "-",
        "mul" => "*",
        "div" => "/",
        "rem" => "%",
        other => other,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
        Value::Function(..) => "a function",
        Value::Int(_) => "an int",
        Value::UInt(_) => "a uint",
        Value::Float(_) => "a double",
        Value::String(_) => "a string",
        Value::Bytes(_) => "bytes",
        Value::Bool(_) => "a bool",
        Value::Duration(_) => "a duration",
        Value::Timestamp(_) => "a timestamp",
        Value::Opaque(_) => "an object",
        Value::Null => "null",
    }
}

/// The type of a JSON value in CEL's words.
pub(super) fn type_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a bool",
        Json::Number(number) if number.is_i64() => "an int",
        Json::Number(number) if number.is_u64() => "a uint",
        Json::Number(_) => "a double",
        Json::String(_) => "a string",
        Json::Array(_) => "a list",
        Json::Object(_) => "a map",
    }
}

/// The parts of `value` that `paths` lead to.
fn only(value: &Json, paths: &[&[String]]) -> Value {
    let Json::Object(fields) = value else { return from_json(value) };
    if paths.iter().any(|path| path.is_empty()) {
        return from_json(value);
    }
    let mut map = HashMap::new();
    for path in paths {
        let name = &path[0];
        let key = Key::String(Arc::new(name.clone()));
        if let Some(field) = fields.get(name).filter(|_| !map.contains_key(&key)) {
            let below: Vec<&[String]> =
                paths.iter().filter(|other| other[0] == *name).map(|other| &other[1..]).collect();
            map.insert(key, only(field, &below));
        }
    }
    Value::Map(Map { map: Arc::new(map) })
}

fn from_json(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::Int(whole),
            (None, Some(whole)) => Value::UInt(whole),
            (None, None) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::String(Arc::new(text.clone())),
        Json::Array(items) => Value::List(Arc::new(items.iter().map(from_json).collect())),
        Json::Object(fields) => {
            let map = fields.iter().map(|(key, value)| (Key::String(Arc::new(key.clone())), from_json(value)));
            Value::Map(Map { map: Arc::new(map.collect()) })
        }
    }
}

/// Keys come out sorted: `cel`'s maps keep no order.
fn to_json(value: &Value) -> Result<Json, String> {
    Ok(match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => (*truth).into(),
        Value::Int(whole) => (*whole).into(),
        Value::UInt(whole) => (*whole).into(),
        Value::Float(fraction) => match serde_json::Number::from_f64(*fraction) {
            Some(number) => Json::Number(number),
            None => return Err("the result is not a finite number".to_owned()),
        },
        Value::String(text) => text.as_str().into(),
        Value::Bytes(bytes) => {
            use base64::Engine;
            base64::engine::general_purpose::STANDARD.encode(bytes.as_slice()).into()
        }
        Value::Duration(duration) => duration_text(duration.num_milliseconds()).into(),
        Value::Timestamp(time) => time.to_rfc3339().replace("+00:00", "Z").into(),
        Value::List(items) => Json::Array(items.iter().map(to_json).collect::<Result<_, _>>()?),
        Value::Map(map) => {
            let mut fields = map
                .map
                .iter()
                .map(|(key, value)| Ok((key_text(key), to_json(value)?)))
                .collect::<Result<Vec<_>, String>>()?;
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Json::Object(fields.into_iter().collect())
        }
        Value::Opaque(object) => {
            let name = object.runtime_type_name();
            return Err(format!("the result is a {name}, which is no value by itself; ask it for one by a method"));
        }
        Value::Function(..) => return Err("the result is a function".to_owned()),
    })
}

fn key_text(key: &Key) -> String {
    match key {
        Key::Int(number) => number.to_string(),
        Key::Uint(number) => number.to_string(),
        Key::Bool(truth) => truth.to_string(),
        Key::String(text) => text.to_string(),
    }
}

fn duration_text(milliseconds: i64) -> String {
    let sign = if milliseconds < 0 { "-" } else { "" };
    let span = crate::units::TimeSpan(std::time::Duration::from_millis(milliseconds.unsigned_abs()));
    format!("{sign}{span}")
}
