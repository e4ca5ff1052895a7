//! Declarations of vars and parameters, and values held against them. Knows neither where they are declared nor used.

use std::path::{Component, Path};

use regex::Regex;

use super::typed::{document, scalar};
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::core::model::source::Span;
use crate::core::model::units::{ByteSize, Quantity, Rate, TimeSpan};
use crate::core::spec::{DeclarationSpec, TypeSpec, name_problem};
use crate::core::yaml::template::takes_value;
use crate::core::yaml::{CompiledSchema, Format, Formats, Found, Node, Value};

/// The keys of a declaration.
const KEYS: [&str; 7] = ["type", "default", "one_of", "matches", "min", "max", "description"];

/// A declaration of a var or a parameter.
#[derive(Debug, Clone)]
pub(super) struct Declared {
    pub kind: TypeSpec,
    /// As it is written: it may hold `${{ }}`.
    pub default: Option<Node>,
    one_of: Vec<Node>,
    matches: Option<Regex>,
    min: Option<Node>,
    max: Option<Node>,
    /// Where it is written.
    pub span: Span,
}

/// How a value is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    /// In a file.
    Written,
    /// On the command line, as text.
    Typed,
}

/// Whether a value is a declaration: a mapping with `type` that names a type, or that has no keys but a declaration's.
pub(super) fn is_declaration(node: &Node) -> bool {
    let Some(kind) = node.get("type").and_then(Node::as_text) else { return false };
    let known = TypeSpec::ALL.iter().any(|(name, _)| *name == kind);
    let keys = || node.entries().iter().all(|entry| KEYS.contains(&entry.key.as_str()));
    known || (node.entries().len() > 1 && keys())
}

impl Declared {
    /// Reads a declaration; what is wrong with it goes to `out`.
    pub fn read(node: &Node, out: &mut Diagnostics) -> Option<Declared> {
        let before = out.len();
        let shape = CompiledSchema::of::<DeclarationSpec>();
        if shape.check_as("the declaration", node, &mut Unread, out) == Found::Wrong {
            return None;
        }
        let kind = node.get("type").and_then(Node::as_text);
        let kind = TypeSpec::ALL.iter().find(|(name, _)| Some(*name) == kind).map(|(_, kind)| *kind)?;
        refuse_templates(node, out);
        let key = |key: &str| node.entry(key).filter(|entry| entry.node.value != Value::Null);
        let mut useless = |name: &str, why: &str| {
            if let Some(entry) = key(name) {
                let message = format!("`{name}` has no meaning for the type `{}`", kind.name());
                out.push(Diagnostic::error(Code::InvalidValue, entry.key_span, message).help(why));
            }
        };
        if !kind.is_ordered() {
            let why = "leave it out: integer, number, duration, size and rate have an order";
            for name in ["min", "max"] {
                useless(name, why);
            }
        }
        if !kind.is_textual() {
            useless("matches", "leave it out: it is for text, name and path");
        }
        if kind == TypeSpec::Secret {
            useless("default", "leave it out: a secret's value is given by `with: { NAME: \"${{ secrets.NAME }}\" }`");
            useless("one_of", "leave it out: no value of a secret is written in a file");
        }
        let bare = Declared {
            kind,
            default: key("default").map(|entry| entry.node.clone()),
            one_of: Vec::new(),
            matches: None,
            min: None,
            max: None,
            span: node.get("type").map_or(node.span, |node| node.span),
        };
        let mut value = |node: &Node| match bare.of_type(node.clone(), Given::Written) {
            Ok(value) => Some(value),
            Err(problem) => {
                let help = format!("write {}", kind.expected());
                out.push(Diagnostic::error(Code::WrongType, node.span, format!("this {problem}")).help(help));
                None
            }
        };
        let min = key("min").and_then(|entry| value(&entry.node));
        let max = key("max").and_then(|entry| value(&entry.node));
        let one_of = key("one_of").map(|entry| entry.node.items()).unwrap_or_default();
        let one_of = one_of.iter().filter_map(&mut value).collect();
        let matches = key("matches").and_then(|entry| pattern(&entry.node, out));
        if let (Some(least), Some(most)) = (&min, &max)
            && kind.measure(least).zip(kind.measure(most)).is_some_and(|(least, most)| least > most)
        {
            let message = format!("`min` is {}, which is more than `max`, {}", shown(least), shown(most));
            out.push(Diagnostic::error(Code::InvalidValue, least.span, message).help("exchange the two"));
        }
        let declared = Declared { one_of, matches, min, max, ..bare };
        let default = declared.default.as_ref().filter(|node| !holds_template(node));
        if out.len() == before
            && let Some(default) = default
            && let Err(problem) = declared.take(default.clone(), Given::Written)
        {
            let help = format!("write {}, or change the declaration", kind.expected());
            out.push(Diagnostic::error(problem.code(), default.span, format!("the default {problem}")).help(help));
        }
        (out.len() == before).then_some(declared)
    }

    /// What belongs there, for help lines.
    pub fn expected(&self) -> &'static str {
        self.kind.expected()
    }

    /// A value as the declared type, if it is one that the declaration permits.
    ///
    /// # Errors
    /// What is wrong with it, to be read behind the name of the var or parameter.
    pub fn take(&self, given: Node, how: Given) -> Result<Node, Problem> {
        let value = self.of_type(given, how)?;
        let refused = |what: String| Err(Problem::Refused(format!("is {}, {what}", shown(&value))));
        if !self.one_of.is_empty() && !self.one_of.iter().any(|one| one.to_json() == value.to_json()) {
            let known: Vec<String> = self.one_of.iter().map(shown).collect();
            return refused(format!("expected one of {}", known.join(", ")));
        }
        if let Some(pattern) = self.matches.as_ref().filter(|_| self.kind.is_textual())
            && !pattern.is_match(value.as_text().unwrap_or_default())
        {
            return refused(format!("which does not match `{}`", pattern.as_str()));
        }
        let measure = |node: &Node| self.kind.measure(node);
        let own = measure(&value);
        if let Some(min) = self.min.as_ref().filter(|min| own < measure(min)) {
            return refused(format!("expected at least {}", shown(min)));
        }
        if let Some(max) = self.max.as_ref().filter(|max| own > measure(max)) {
            return refused(format!("expected at most {}", shown(max)));
        }
        Ok(value)
    }

    fn of_type(&self, given: Node, how: Given) -> Result<Node, Problem> {
        let kind = self.kind;
        let other = |given: &Node| Err(Problem::Type(format!("is {}, expected {}", shown(given), kind.expected())));
        let text = |given: &Node| given.scalar_text().map(std::borrow::Cow::into_owned);
        match kind {
            TypeSpec::Text => match text(&given) {
                Some(text) => Ok(Node::new(given.span, Value::Text(text))),
                None => other(&given),
            },
            TypeSpec::Integer | TypeSpec::Number | TypeSpec::Boolean => {
                let read = match &given.value {
                    Value::Text(text) => scalar(text, given.span),
                    _ => given.clone(),
                };
                let fits = match (&read.value, kind) {
                    (Value::Number(number), TypeSpec::Integer) => number.is_i64() || number.is_u64(),
                    (Value::Number(number), TypeSpec::Number) => number.as_f64().is_some_and(f64::is_finite),
                    (Value::Bool(_), TypeSpec::Boolean) => true,
                    _ => false,
                };
                if fits { Ok(read) } else { other(&given) }
            }
            TypeSpec::List | TypeSpec::Map => {
                let read = match &given.value {
                    Value::Text(text) if how == Given::Typed => document(text, given.span)
                        .map_err(|why| Problem::Type(format!("is `{text}`, expected {}: {why}", kind.expected())))?,
                    _ => given.clone(),
                };
                match (&read.value, kind) {
                    (Value::List(_), TypeSpec::List) | (Value::Map(_), TypeSpec::Map) => match read.non_finite() {
                        None => Ok(read),
                        Some(number) => other(number),
                    },
                    _ => other(&given),
                }
            }
            TypeSpec::Secret => {
                let why = "is no secret; give `${{ secrets.NAME }}`".to_owned();
                Err(Problem::Type(why))
            }
            TypeSpec::Name | TypeSpec::Duration | TypeSpec::Size | TypeSpec::Rate | TypeSpec::Path => {
                let Some(text) = text(&given) else { return other(&given) };
                match kind.problem(&text) {
                    None => Ok(Node::new(given.span, Value::Text(text))),
                    Some(problem) => Err(problem),
                }
            }
        }
    }
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    /// It does not have the type.
    Type(String),
    /// It has no unit, or one of another quantity.
    Unit(String),
    /// It has the type, and is not permitted.
    Refused(String),
}

impl Problem {
    pub fn code(&self) -> Code {
        match self {
            Problem::Type(_) => Code::WrongType,
            Problem::Unit(_) => Code::InvalidUnit,
            Problem::Refused(_) => Code::InvalidValue,
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Problem::Type(text) | Problem::Unit(text) | Problem::Refused(text)) = self;
        f.write_str(text)
    }
}

impl TypeSpec {
    /// What belongs there, for messages.
    fn expected(self) -> &'static str {
        match self {
            TypeSpec::Text => "text",
            TypeSpec::Name => "a name of letters, digits, `-` and `_` that starts with a letter",
            TypeSpec::Integer => "a whole number",
            TypeSpec::Number => "a number",
            TypeSpec::Boolean => "true or false",
            TypeSpec::Duration => TimeSpan::EXAMPLE,
            TypeSpec::Size => ByteSize::EXAMPLE,
            TypeSpec::Rate => Rate::EXAMPLE,
            TypeSpec::List => "a list",
            TypeSpec::Map => "a mapping",
            TypeSpec::Path => "a path below the project's folder",
            TypeSpec::Secret => "a secret: `${{ secrets.NAME }}`",
        }
    }

    /// What is wrong with a text of this type, if anything.
    fn problem(self, text: &str) -> Option<Problem> {
        fn unit<Q: Quantity>(text: &str) -> Option<Problem> {
            Q::parse(text).err().map(|error| Problem::Unit(format!("is `{text}`: {error}")))
        }
        match self {
            TypeSpec::Duration => unit::<TimeSpan>(text),
            TypeSpec::Size => unit::<ByteSize>(text),
            TypeSpec::Rate => unit::<Rate>(text),
            TypeSpec::Name => {
                name_problem(text).map(|problem| Problem::Refused(format!("is `{text}`, which {problem}")))
            }
            TypeSpec::Path => path_problem(text).map(|why| Problem::Refused(format!("is `{text}`, which {why}"))),
            _ => None,
        }
    }

    /// A value as a number that can be compared with others of this type.
    fn measure(self, node: &Node) -> Option<f64> {
        let text = node.as_text().unwrap_or_default();
        match self {
            TypeSpec::Duration => TimeSpan::parse(text).ok().map(|time| time.0.as_secs_f64()),
            #[expect(clippy::cast_precision_loss, reason = "limits of sizes are compared, not added up")]
            TypeSpec::Size => ByteSize::parse(text).ok().map(|size| size.0 as f64),
            TypeSpec::Rate => Rate::parse(text).ok().map(|rate| rate.0),
            _ => match &node.value {
                Value::Number(number) => number.as_f64(),
                _ => None,
            },
        }
    }
}

/// What keeps a path from being one below the project's folder. Whether it exists is checked where it is used.
fn path_problem(text: &str) -> Option<&'static str> {
    let mut depth = 0_usize;
    for part in Path::new(text).components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::ParentDir => return Some("leaves the project's folder"),
            Component::RootDir | Component::Prefix(_) => return Some("is an absolute path"),
        }
    }
    text.is_empty().then_some("is empty")
}

/// A value in messages: a scalar as it is written, anything else by its type.
fn shown(node: &Node) -> String {
    node.scalar_text().map_or_else(|| node.type_name().to_owned(), |text| format!("`{text}`"))
}

fn pattern(node: &Node, out: &mut Diagnostics) -> Option<Regex> {
    match Regex::new(node.as_text().unwrap_or_default()) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let text = error.to_string();
            let why = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let message = format!("this is not a regular expression: {why}");
            let help = "write one as RE2 knows it, such as `^[a-z]+$`";
            out.push(Diagnostic::error(Code::InvalidValue, node.span, message).help(help));
            None
        }
    }
}

fn holds_template(node: &Node) -> bool {
    match &node.value {
        Value::Text(text) => takes_value(text),
        Value::List(items) => items.iter().any(holds_template),
        Value::Map(entries) => entries.iter().any(|entry| holds_template(&entry.node)),
        _ => false,
    }
}

/// Of a declaration only the default can hold values.
fn refuse_templates(node: &Node, out: &mut Diagnostics) {
    let fixed = node.entries().iter().filter(|entry| !matches!(entry.key.as_str(), "default" | "description"));
    for entry in fixed.filter(|entry| holds_template(&entry.node)) {
        let message = format!("`{}` cannot hold `${{{{ }}}}`: it is read as it is written", entry.key);
        let help = "write the value itself; only `default` can hold `${{ vars.NAME }}`";
        out.push(Diagnostic::error(Code::InvalidTemplate, entry.node.span, message).help(help));
    }
}

/// Templates in a declaration are checked where values are.
struct Unread;

impl Formats for Unread {
    fn judge(&mut self, _: Format<'_>, _: &mut Diagnostics) {}
}

#[cfg(test)]
mod tests;
