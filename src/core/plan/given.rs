//! The values of the parameters of a gate file or a part.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::core::model::diagnostic::{Code, Diagnostic};
use crate::core::model::source::Span;
use crate::core::plan::args::{Args, OpenArg};
use crate::core::plan::declared::{Declared, Given};
use crate::core::plan::definition::Definer;
use crate::core::plan::typed::{fit, typed};
use crate::core::yaml::{Node, Spelled, Value, Written};

/// The values of the parameters of a gate file or a part.
#[derive(Debug, Default, Clone)]
pub(super) struct Params {
    pub values: IndexMap<String, serde_json::Value>,
    /// How numbers in them are written.
    pub spelled: Spelled,
    /// Where the values are written.
    pub places: IndexMap<String, Span>,
    /// Those whose value is wrong or missing, which was reported.
    pub lost: Vec<String>,
    /// Whether there may be others, in what could not be read.
    pub partial: bool,
    /// The declarations of those that have one.
    pub declared: IndexMap<String, Declared>,
    /// Those whose value only the run knows.
    pub open: IndexMap<String, OpenArg>,
}

/// Whose parameters they are.
#[derive(Clone, Copy)]
pub(super) struct Owner<'a> {
    /// `gate file` or `part`.
    pub what: &'static str,
    /// Its path or name.
    pub path: &'a str,
    /// The file.
    pub file: &'a Node,
    /// Where it is used.
    pub span: Span,
    /// Whether the command line gives the values.
    pub by_option: bool,
}

impl Params {
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    pub(super) fn set(&mut self, name: &str, value: &Node) {
        self.values.insert(name.to_owned(), value.to_json());
        self.spelled.set(name, &Spelled::of(value));
    }

    /// Takes over a value, as one of the parameter's type; what is wrong with it.
    pub(super) fn take(&mut self, name: &str, given: Node, owner: Owner<'_>) -> Option<Diagnostic> {
        if let Some(number) = given.non_finite() {
            self.lost.push(name.to_owned());
            return Some(not_finite(name, number));
        }
        let (span, path) = (given.span, owner.path);
        if let Some(declared) = self.declared.get(name).filter(|_| given.value != Value::Null) {
            let how = if owner.by_option { Given::Typed } else { Given::Written };
            return match declared.take(given, how) {
                Ok(node) => {
                    self.set(name, &node);
                    None
                }
                Err(problem) => {
                    let (expected, at) = (declared.expected(), declared.span);
                    self.lost.push(name.to_owned());
                    let message = format!("the parameter `{name}` of `{path}` {problem}");
                    let found = Diagnostic::error(problem.code(), span, message).help(format!("give {expected}"));
                    Some(found.also(at, "declared here"))
                }
            };
        }
        let declared =
            owner.file.get("params").and_then(|params| params.get(name)).map_or(owner.span, |node| node.span);
        // Of a parameter whose own value is wrong the type is not known.
        let like = self.values.get(name).map_or(Value::Null, |value| Node::from_json(value, declared).value);
        let fitted = match given.as_text() {
            Some(text) if owner.by_option => typed(text, &like, span),
            _ => fit(given, &like),
        };
        match fitted {
            Ok(node) => {
                self.set(name, &node);
                None
            }
            Err(misfit) => {
                self.lost.push(name.to_owned());
                let gives = if owner.by_option { "--param" } else { "with" };
                let message = format!(
                    "`{gives}` gives {} for the parameter `{name}`, which is {} in `{path}`",
                    misfit.given, misfit.declared
                );
                let help = format!("give {}, or change the value in the {}'s `params:`", misfit.declared, owner.what);
                let problem = Diagnostic::error(Code::WrongType, span, message).help(help);
                Some(problem.also(declared, "declared here"))
            }
        }
    }

    /// What a reference to one of them leads to; to all of them where `name` is absent.
    pub fn target(&self, name: Option<&str>) -> Target {
        let mut named = self.open.values().filter(|arg| name.is_none_or(|name| arg.name == name)).peekable();
        match (named.peek().is_some(), named.any(|arg| arg.secret)) {
            (_, true) => Target::Secret,
            (true, false) => Target::Dynamic,
            (false, false) => Target::Static,
        }
    }

    /// Their values, as far as they are known, in a definition.
    pub fn define(&self, definer: &mut Definer, span: Span) {
        for (name, value) in &self.values {
            let value = Written { value: value.clone(), spelled: self.spelled.below(name) };
            definer.word(name).tree(&value.node(span));
        }
        for (name, arg) in &self.open {
            definer.word(name).tree(&arg.value);
        }
    }

    /// As a run takes them; `outer` are those of the gate file that uses this one.
    pub fn args(&self, outer: Option<Arc<Args>>) -> Args {
        let values = self.values.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let known = Written { value: serde_json::Value::Object(values), spelled: self.spelled.clone() };
        Args { known, open: self.open.values().cloned().collect(), item: None, outer }
    }
}

pub(super) fn not_finite(name: &str, number: &Node) -> Diagnostic {
    let help = "JSON holds no such number; quote it if it is text";
    let message = format!("`{name}`: `{}` is not a finite number", number.scalar_text().unwrap_or_default());
    Diagnostic::error(Code::InvalidValue, number.span, message).help(help)
}

/// What a reference leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A value that is known before the run.
    Static,
    /// A value that only the run knows.
    Dynamic,
    /// A secret's value.
    Secret,
    /// Something of a step of the same stage or part.
    Step(String, Carries),
    /// Something of another stage.
    Stage(usize, Carries),
    /// What another fault hides, which was reported.
    Lost,
}

/// Whether a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carries {
    Plain,
    /// It carries the value of a secret.
    Secret,
}
