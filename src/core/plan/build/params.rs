//! Parameters of gate files and parts: what is declared, what `with:` and the command line give, and the values that come of it.

use crate::core::plan::given::Owner;
use crate::core::plan::given::Params;
use crate::core::plan::given::not_finite;
use std::sync::Arc;

use indexmap::IndexMap;

use super::body::Place;
use super::{PlanBuilder, site};
use crate::core::expr::Scope;
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use crate::core::plan::args::OpenArg;
use crate::core::plan::declared::{Declared, Given, is_declaration};
use crate::core::plan::decode::only;
use crate::core::plan::decode::render_static;
use crate::core::plan::recovery::{is_partial, is_reported, is_torn};
use crate::core::plan::scalar_validator::Found;
use crate::core::spec::TypeSpec;
use crate::core::yaml::{Entry, Node, Spelled, Value, Written};

/// The [`Owner::what`] of a part.
pub(crate) const PART: &str = "part";

impl PlanBuilder<'_> {
    /// The parameters that a file declares, with their defaults; read once.
    fn declared_params(&mut self, owner: Owner<'_>) -> Params {
        if let Some(known) = self.declared.get(&owner.file.span) {
            return Params::clone(known);
        }
        let statics = Arc::clone(&self.vars_only);
        let shape = Arc::clone(if owner.what == PART { &self.shapes.part_keys } else { &self.shapes.gate_keys });
        // What it holds is checked piece by piece.
        let mut keys = only(owner.file, |_| true);
        if let Value::Map(entries) = &mut keys.value {
            for entry in entries.iter_mut().filter(|entry| entry.key != "params") {
                match &mut entry.node.value {
                    Value::List(items) => items.clear(),
                    Value::Map(entries) => entries.clear(),
                    _ => {}
                }
            }
        }
        let found = self.inspect(&keys, &shape, Place::new(site(None, None), &statics));
        for span in found.iter().flat_map(|found| &found.waits) {
            let message = format!("defaults of a {}'s parameters must be known before the run", owner.what);
            self.out.push(Diagnostic::error(Code::InvalidTemplate, *span, message).help("use `vars.NAME`, or `null`"));
        }
        let sound = found.is_some_and(|found| !found.dynamic && !found.lost);
        let mut params = declared(owner.file.get("params"), &statics, sound, self.out);
        params.partial |= owner.file.entry("params").is_some_and(|entry| is_partial(entry, self.out));
        self.declared.insert(owner.file.span, Arc::new(params.clone()));
        params
    }

    /// The values of the parameters: those that `with` gives, and the defaults of the others. What `with` refers to.
    pub fn arguments(&mut self, owner: Owner<'_>, with: Option<&Node>, place: Place<'_>) -> (Params, Found) {
        let mut params = self.declared_params(owner);
        let mut found = Found::default();
        let known: Vec<String> = params.names().map(str::to_owned).collect();
        let is_known = |name: &str| known.iter().any(|known| known == name);
        let lost_with =
            with.is_some_and(|node| !matches!(node.value, Value::Map(_) | Value::Null) || is_reported(node, self.out));
        for entry in with.map(Node::entries).unwrap_or_default() {
            if is_known(&entry.key) {
                self.argument(&mut params, entry, owner, place, &mut found);
            } else if !params.partial {
                let help = did_you_mean(&entry.key, known.iter().map(String::as_str));
                let (what, path, name) = (owner.what, owner.path, &entry.key);
                let message = format!("the {what} `{path}` has no parameter `{name}`");
                let add = || format!("add `params: {{ {name}: null }}` to the {what}");
                self.out
                    .push(Diagnostic::error(Code::UnknownName, entry.key_span, message).help(help.unwrap_or_else(add)));
                // What is wrong with its value is reported all the same.
                let any = Arc::clone(&self.shapes.any);
                self.inspect(&entry.node, &any, place);
            }
        }
        let partial = lost_with || with.is_some_and(|with| is_torn(with.span, self.out));
        for name in known {
            let missing = params.values.get(&name).is_some_and(serde_json::Value::is_null);
            if !missing || params.lost.contains(&name) {
                continue;
            }
            // With a part of `with` that could not be read the value may be in there.
            if !partial {
                let at = with.and_then(|with| with.get(&name)).map_or(owner.span, |node| node.span);
                let message = format!("the {} `{}` needs the parameter `{name}`", owner.what, owner.path);
                let help = if owner.by_option {
                    format!("add `--param {name}=…`")
                } else {
                    format!("add `with: {{ {name}: … }}`")
                };
                self.out.push(Diagnostic::error(Code::MissingKey, at, message).help(help));
            }
            params.lost.push(name);
        }
        let Params { values, lost, open, .. } = &mut params;
        values.retain(|name, _| !lost.contains(name));
        open.retain(|name, _| !lost.contains(name));
        (params, found)
    }

    /// One value that `with` gives.
    fn argument(&mut self, params: &mut Params, entry: &Entry, owner: Owner<'_>, place: Place<'_>, found: &mut Found) {
        let name = entry.key.as_str();
        let secret = params.declared.get(name).is_some_and(|declared| declared.kind == TypeSpec::Secret);
        let shape = Arc::clone(if secret { &self.shapes.secret_text } else { &self.shapes.any });
        params.lost.retain(|lost| lost != name);
        params.places.insert(name.to_owned(), entry.node.span);
        let before = self.out.len();
        let own = self.inspect(&entry.node, &shape, place);
        for problem in self.out.since(before).iter_mut().filter(|problem| problem.code == Code::SecretMisplaced) {
            let declare = format!("declare the parameter as one: `params: {{ {name}: {{ type: secret }} }}`");
            problem.help = Some(declare);
        }
        let Some(own) = own.filter(|own| !own.lost && !is_reported(&entry.node, self.out)) else {
            params.lost.push(name.to_owned());
            return;
        };
        let (dynamic, carries) = (own.dynamic, own.secret);
        found.add(own);
        if secret && !carries && entry.node.value != Value::Null {
            let message = format!("the parameter `{name}` of `{}` is a secret, and this is none", owner.path);
            let problem = Diagnostic::error(Code::WrongType, entry.node.span, message)
                .help("give `${{ secrets.NAME }}`, or a text that holds it");
            let at = params.declared.get(name).map_or(owner.span, |declared| declared.span);
            self.out.push(problem.also(at, "declared here"));
            params.lost.push(name.to_owned());
            return;
        }
        if dynamic {
            params.values.shift_remove(name);
            let declared = params.declared.get(name).cloned();
            let arg = OpenArg { name: name.to_owned(), value: entry.node.clone(), secret: carries, declared };
            params.open.insert(name.to_owned(), arg);
            return;
        }
        let Some(value) = render_static(&entry.node, place.statics, self.out).map(std::borrow::Cow::into_owned) else {
            params.lost.push(name.to_owned());
            return;
        };
        if let Some(problem) = params.take(name, value, owner) {
            self.out.push(problem);
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

/// The values of a mapping by name; those that have none are lost. What is wrong is reported where `aloud`; else it was.
fn given(node: Option<&Node>, statics: &Scope, aloud: bool, out: &mut Diagnostics) -> Params {
    let mut params = Params::default();
    let entries = node.map(Node::entries).unwrap_or_default();
    params.partial =
        node.is_some_and(|node| !matches!(node.value, Value::Map(_) | Value::Null) || is_reported(node, out));
    for Entry { key, node, .. } in entries {
        params.places.insert(key.clone(), node.span);
        match render_quietly(node, statics, aloud, out).filter(|_| !is_reported(node, out)) {
            Some(value) => {
                if let Some(number) = value.non_finite() {
                    out.push(not_finite(key, number));
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

pub(crate) fn render_quietly(node: &Node, statics: &Scope, aloud: bool, out: &mut Diagnostics) -> Option<Node> {
    let mut unheard = Diagnostics::default();
    render_static(node, statics, if aloud { out } else { &mut unheard }).map(std::borrow::Cow::into_owned)
}
