//! Parameters of gate files: what is declared, what `with:` and the command line give, and the values that come of it.

use std::sync::Arc;

use indexmap::IndexMap;

use super::body::{Place, only};
use super::build::{Workshop, site};
use super::declared::{Declared, Given, is_declaration};
use super::load::render_static;
use super::salvage::{is_partial, is_told};
use super::typed::{fit, typed};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use crate::document::{Entry, Node, Spelled, Value, Written};
use crate::expr::Scope;
use crate::source::Span;

/// The values of a gate file's parameters.
#[derive(Debug, Default)]
pub(super) struct Params {
    pub values: IndexMap<String, serde_json::Value>,
    /// How numbers in them are written.
    pub spelled: Spelled,
    /// Where the values are written.
    pub places: IndexMap<String, Span>,
    /// Those whose value is wrong or missing, which was told.
    pub lost: Vec<String>,
    /// Whether there may be others, in what could not be read.
    pub partial: bool,
    /// The declarations of those that have one.
    pub declared: IndexMap<String, Declared>,
}

impl Workshop<'_> {
    /// The values of a gate file's parameters.
    pub fn params(&mut self, file: &Node, item: &Node, path: &str, with: Params, by_option: bool) -> Params {
        let span = item.get("use").map_or(item.span, |using| using.span);
        let statics = Arc::clone(&self.statics);
        let shape = Arc::clone(&self.shapes.gate_keys);
        // Its assertions are looked at one by one.
        let mut keys = only(file, |_| true);
        if let Value::Map(entries) = &mut keys.value {
            for entry in entries.iter_mut().filter(|entry| entry.key == "assertions") {
                if let Value::List(items) = &mut entry.node.value {
                    items.clear();
                }
            }
        }
        let found = self.inspect(&keys, &shape, Place::new(site(None, None), &statics));
        for span in found.iter().flat_map(|found| &found.waits) {
            let message = "parameters of a gate file must be known before the run";
            self.out.push(Diagnostic::error(Code::InvalidTemplate, *span, message).help("use `vars.NAME`, or `null`"));
        }
        let sound = found.is_some_and(|found| !found.dynamic && !found.lost);
        let mut params = declared(file.get("params"), &statics, sound, self.out);
        params.partial |= file.entry("params").is_some_and(|entry| is_partial(entry, self.out));
        let known: Vec<String> = params.names().map(str::to_owned).collect();
        for name in with.names() {
            if known.iter().any(|known| known == name) {
                let declared = file.get("params").and_then(|params| params.get(name)).map(|node| node.span);
                let how = Typing { by_option, path, declared: declared.unwrap_or(span) };
                if let Some(problem) = params.take(name, &with, &how) {
                    self.out.push(problem);
                }
            } else if !params.partial {
                let at = item.get("with").and_then(|with| with.entry(name)).map_or(span, |entry| entry.key_span);
                let help = did_you_mean(name, known.iter().map(String::as_str));
                self.out.push(
                    Diagnostic::error(
                        Code::UnknownName,
                        at,
                        format!("the gate file `{path}` has no parameter `{name}`"),
                    )
                    .help(help.unwrap_or_else(|| format!("add `params: {{ {name}: null }}` to the gate file"))),
                );
            }
        }
        if with.partial {
            // The value may stand in what could not be read.
            let missing = params.values.iter().filter(|(_, value)| value.is_null()).map(|(name, _)| name.clone());
            params.lost.extend(missing.collect::<Vec<_>>());
        }
        for name in known {
            if params.values.get(&name).is_some_and(serde_json::Value::is_null) && !params.lost.contains(&name) {
                let at = item.get("with").and_then(|with| with.get(&name)).map_or(span, |node| node.span);
                self.out.push(
                    Diagnostic::error(
                        Code::MissingKey,
                        at,
                        format!("the gate file `{path}` needs the parameter `{name}`"),
                    )
                    .help(if by_option {
                        format!("add `--param {name}=…`")
                    } else {
                        format!("add `with: {{ {name}: … }}`")
                    }),
                );
                params.lost.push(name);
            }
        }
        params.values.retain(|name, _| !params.lost.contains(name));
        params
    }
}

/// How a parameter's value takes its type.
struct Typing<'a> {
    /// Whether it is from the command line.
    by_option: bool,
    /// The gate file.
    path: &'a str,
    /// Where the parameter is declared.
    declared: Span,
}

impl Params {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    fn set(&mut self, name: &str, value: &Node) {
        self.values.insert(name.to_owned(), value.to_json());
        self.spelled.set(name, &Spelled::of(value));
    }

    /// Takes over what `other` says of a parameter, as a value of the parameter's type; what is wrong with it.
    fn take(&mut self, name: &str, other: &Params, how: &Typing<'_>) -> Option<Diagnostic> {
        // Of a parameter whose own value is wrong the type is not known.
        let declared = self.values.get(name).map(|value| Node::from_json(value, how.declared).value);
        self.lost.retain(|lost| lost != name);
        let place = other.places.get(name).copied();
        if let Some(place) = place {
            self.places.insert(name.to_owned(), place);
        }
        let Some(value) = other.values.get(name) else {
            self.lost.push(name.to_owned());
            return None;
        };
        let given = Written { value: value.clone(), spelled: other.spelled.below(name) };
        let given = given.node(place.unwrap_or(how.declared));
        if let Some(declaration) = self.declared.get(name).filter(|_| given.value != Value::Null) {
            let (span, read) = (given.span, if how.by_option { Given::Typed } else { Given::Written });
            return match declaration.take(given, read) {
                Ok(node) => {
                    self.set(name, &node);
                    None
                }
                Err(problem) => {
                    let (expected, at) = (declaration.expected(), declaration.span);
                    self.lost.push(name.to_owned());
                    let message = format!("the parameter `{name}` of `{}` {problem}", how.path);
                    let found = Diagnostic::error(problem.code(), span, message).help(format!("give {expected}"));
                    Some(found.also(at, "declared here"))
                }
            };
        }
        let declared = declared.unwrap_or(Value::Null);
        let fitted = match given.as_text() {
            Some(text) if how.by_option => typed(text, &declared, given.span),
            _ => fit(given.clone(), &declared),
        };
        match fitted {
            Ok(node) => {
                self.set(name, &node);
                None
            }
            Err(misfit) => {
                self.lost.push(name.to_owned());
                let (gives, path) = (if how.by_option { "--param" } else { "with" }, how.path);
                let message = format!(
                    "`{gives}` gives {} for the parameter `{name}`, which is {} in `{path}`",
                    misfit.given, misfit.declared
                );
                let help = format!("give {}, or change the value in the gate file's `params:`", misfit.declared);
                let problem = Diagnostic::error(Code::WrongType, given.span, message).help(help);
                Some(problem.also(how.declared, "declared here"))
            }
        }
    }
}

/// The parameters that `params:` declares, with their defaults; `null` where one must be given.
fn declared(node: Option<&Node>, statics: &Scope, aloud: bool, out: &mut Diagnostics) -> Params {
    let entries = node.map(Node::entries).unwrap_or_default();
    let mut declarations = IndexMap::new();
    let mut wrong = Vec::new();
    let mut plain: Vec<Entry> = Vec::with_capacity(entries.len());
    for entry in entries {
        let mut node = entry.node.clone();
        if is_declaration(&node) {
            match Declared::read(&node, out) {
                Some(declared) => {
                    node = declared.default.clone().unwrap_or_else(|| Node::new(declared.span, Value::Null));
                    declarations.insert(entry.key.clone(), declared);
                }
                None => wrong.push(entry.key.clone()),
            }
        }
        plain.push(Entry { node, ..entry.clone() });
    }
    let plain = node.map(|node| match &node.value {
        Value::Map(_) => Node::new(node.span, Value::Map(plain)),
        _ => node.clone(),
    });
    let mut params = given(plain.as_ref(), statics, aloud, out);
    params.lost.extend(wrong);
    for (name, declared) in &declarations {
        let Some(value) = params.values.get(name).filter(|value| !value.is_null()) else { continue };
        let span = params.places.get(name).copied().unwrap_or(declared.span);
        let default = Written { value: value.clone(), spelled: params.spelled.below(name) }.node(span);
        match declared.take(default, Given::Written) {
            Ok(node) => params.set(name, &node),
            Err(problem) => {
                let message = format!("the default of the parameter `{name}` {problem}");
                let help = format!("write {}, or change the declaration", declared.expected());
                out.push(
                    Diagnostic::error(problem.code(), span, message).help(help).also(declared.span, "declared here"),
                );
                params.lost.push(name.clone());
            }
        }
    }
    params.declared = declarations;
    params
}

/// The values of a mapping by name; those that have none are lost. What is wrong is told where `aloud`; else it was.
pub(super) fn given(node: Option<&Node>, statics: &Scope, aloud: bool, out: &mut Diagnostics) -> Params {
    let mut params = Params::default();
    let entries = node.map(Node::entries).unwrap_or_default();
    params.partial = node.is_some_and(|node| !matches!(node.value, Value::Map(_) | Value::Null) || is_told(node, out));
    for Entry { key, node, .. } in entries {
        params.places.insert(key.clone(), node.span);
        match render_quietly(node, statics, aloud, out).filter(|_| !is_told(node, out)) {
            Some(value) => {
                if let Some(number) = value.non_finite() {
                    let help = "JSON holds no such number; quote it if it is text";
                    let message =
                        format!("`{key}`: `{}` is not a finite number", number.scalar_text().unwrap_or_default());
                    out.push(Diagnostic::error(Code::InvalidValue, number.span, message).help(help));
                    params.lost.push(key.clone());
                } else {
                    params.values.insert(key.clone(), value.to_json());
                    params.spelled.set(key, &Spelled::of(&value));
                }
            }
            None => params.lost.push(key.clone()),
        }
    }
    params
}

pub(super) fn render_quietly(node: &Node, statics: &Scope, aloud: bool, out: &mut Diagnostics) -> Option<Node> {
    let mut told = Diagnostics::default();
    render_static(node, statics, if aloud { out } else { &mut told }).map(std::borrow::Cow::into_owned)
}
