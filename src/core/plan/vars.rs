//! The values of vars, found before anything else: each sees the vars above it and the environment, nothing more.

use indexmap::IndexMap;

use super::declared::{Declared, Given, is_declaration};
use super::recovery::is_torn;
use super::scalar_validator::broken;
use super::statics::static_scope;
use super::typed::{fit, typed};
use crate::core::expr::{Reference, Scope, Template, has_template, render, weight};
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics, closest};
use crate::core::model::source::{SourceMap, Span};
use crate::core::spec::{PipelineSpec, TypeSpec};
use crate::core::yaml::{Node, Spelled, Value};

/// How large the value of a var may be, in bytes: every scope holds all of them.
const LARGEST: usize = 4 << 20;

/// The vars with a value, and those without one, for which the reason was reported.
#[derive(Debug, Default)]
pub(super) struct Settled {
    pub vars: IndexMap<String, serde_json::Value>,
    /// How numbers in them are written: paths start with the name of the var.
    pub spelled: Spelled,
    pub unsettled: Vec<String>,
}

/// What vars are settled from.
pub(super) struct Vars<'a> {
    pub spec: &'a PipelineSpec,
    /// pipeline.yaml.
    pub node: &'a Node,
    pub profile: Option<&'a str>,
    /// Vars with a value from the command line, in order.
    pub set: &'a [(String, String)],
    /// Vars with a value from a `--var-file`.
    pub from_files: &'a IndexMap<String, Node>,
    pub sources: &'a SourceMap,
}

/// The declarations among the vars by name; `None` for one that is wrong, which was reported.
type Declarations = IndexMap<String, Option<Declared>>;

impl Vars<'_> {
    /// The vars as this run has them. The values of profiles that were not chosen are checked too.
    pub fn settle(&self, out: &mut Diagnostics) -> Settled {
        let environment = environment();
        let declared = self.declarations(out);
        let own = self.spec.vars.keys().map(|name| (name.clone(), self.tree(name, self.profile)));
        let here = Pass { declared: &declared, environment: &environment, here: true };
        let settled = self.each(own.collect(), &here, out);
        let others = self.node.get("profiles").map(Node::entries).unwrap_or_default();
        for other in others.iter().filter(|other| Some(other.key.as_str()) != self.profile) {
            let Some(over) = other.node.get("vars").filter(|vars| !vars.entries().is_empty()) else { continue };
            let base = self.node.get("vars").map(Node::entries).unwrap_or_default().iter();
            let mut trees: IndexMap<String, Node> =
                base.map(|entry| (entry.key.clone(), own_value(&entry.node, &declared, &entry.key))).collect();
            trees.extend(over.entries().iter().map(|entry| (entry.key.clone(), entry.node.clone())));
            // The environment here need not be that of where the profile is used.
            self.each(trees, &Pass { here: false, ..here }, out);
        }
        settled
    }

    fn declarations(&self, out: &mut Diagnostics) -> Declarations {
        let entries = self.node.get("vars").map(Node::entries).unwrap_or_default();
        let mut found = Declarations::new();
        for entry in entries.iter().filter(|entry| is_declaration(&entry.node)) {
            let mut declared = Declared::read(&entry.node, out);
            if let Some(secret) = declared.take_if(|declared| declared.kind == TypeSpec::Secret) {
                let message = format!("the var `{}` cannot be a secret: the values of vars are shown", entry.key);
                let name = entry.key.to_uppercase();
                out.push(
                    Diagnostic::error(Code::SecretMisplaced, secret.span, message)
                        .help(format!("move it: `secrets: {{ {}: {{ env: {name} }} }}`", entry.key)),
                );
            }
            found.insert(entry.key.clone(), declared);
        }
        found
    }

    /// The value of a var as it is written: of a `--var-file`, the profile, or `vars:`.
    fn tree(&self, name: &str, profile: Option<&str>) -> Node {
        let base = self.node.get("vars").and_then(|vars| vars.get(name));
        let over = profile.and_then(|profile| self.node.get("profiles")?.get(profile)?.get("vars")?.get(name));
        if let Some(node) = over.or(base) {
            return node.clone();
        }
        let value = self.spec.vars.get(name).map(|value| value.0.clone()).unwrap_or_default();
        Node::from_json(&value, self.node.span)
    }

    /// The value that the command line or a file gives a var without a declaration, of the type of what it overrides.
    fn typed(name: &str, given: &Override<'_>, like: &Node) -> Result<Node, Box<Diagnostic>> {
        let fitted = match given {
            Override::Text(text) => typed(text, &like.value, like.span),
            Override::File(node) => fit((*node).clone(), &like.value),
        };
        fitted.map_err(|misfit| {
            let (what, at) = match given {
                Override::Text(_) => (format!("`--var {name}`"), like.span),
                Override::File(node) => ("`--var-file`".to_owned(), node.span),
            };
            let message = format!("{what} gives {}, but the var `{name}` is {}", misfit.given, misfit.declared);
            let help = format!("give {}, or change the value in `vars:`", misfit.declared);
            let problem = Diagnostic::error(Code::WrongType, at, message).help(help);
            Box::new(match given {
                Override::Text(_) => problem.label("declared here"),
                Override::File(_) => problem.also(like.span, "declared here"),
            })
        })
    }

    /// The value that a var gets from outside of pipeline.yaml, if it gets one.
    fn given(
        &self,
        name: &str,
        tree: &Node,
        above: &Settled,
        pass: &Pass<'_>,
    ) -> Option<Result<Node, Box<Diagnostic>>> {
        let text = self.set.iter().rev().find(|(set, _)| set == name).map(|(_, text)| Override::Text(text));
        let given = text.or_else(|| self.from_files.get(name).map(Override::File)).filter(|_| pass.here)?;
        match pass.declared.get(name) {
            // What is wrong with the declaration was reported.
            Some(None) => None,
            Some(Some(declared)) => {
                let value = match &given {
                    Override::Text(text) => {
                        let node = Node::new(declared.span, Value::Text((*text).to_owned()));
                        declared.take(node, Given::Typed)
                    }
                    Override::File(node) => declared.take((*node).clone(), Given::Written),
                };
                let option = if matches!(given, Override::Text(_)) { "--var" } else { "--var-file" };
                let span = given.span().unwrap_or(declared.span);
                Some(value.map_err(|problem| {
                    let message = format!("`{option}`: the var `{name}` {problem}");
                    let help = format!("give {}", declared.expected());
                    let found = Diagnostic::error(problem.code(), span, message).help(help);
                    Box::new(if span == declared.span {
                        found.label("declared here")
                    } else {
                        found.also(declared.span, "declared here")
                    })
                }))
            }
            None => {
                // Of a profile's value and the pipeline's own, the latter is the declaration.
                let base = self.node.get("vars").and_then(|vars| vars.get(name));
                let written = base.filter(|base| base.value != Value::Null).unwrap_or(tree);
                // A value that cannot be computed here (it may need the environment) is text.
                let known = render(written, &above.scope(pass.environment)).map_or(Value::Null, |node| node.value);
                Some(Self::typed(name, &given, &Node::new(written.span, known)))
            }
        }
    }

    fn each(&self, trees: IndexMap<String, Node>, pass: &Pass<'_>, out: &mut Diagnostics) -> Settled {
        let mut settled = Settled::default();
        for (name, tree) in &trees {
            match self.value(name, tree, &trees, &settled, pass, out) {
                Some(value) => settled.add(name, &value),
                None => settled.unsettled.push(name.clone()),
            }
        }
        settled
    }

    /// The value of one var; `None` when it has none, which was reported where it matters.
    fn value(
        &self,
        name: &str,
        tree: &Node,
        trees: &IndexMap<String, Node>,
        settled: &Settled,
        pass: &Pass<'_>,
        out: &mut Diagnostics,
    ) -> Option<Node> {
        if let Some(given) = self.given(name, tree, settled, pass) {
            return given.map_err(|problem| out.push(*problem)).ok();
        }
        let declared = match pass.declared.get(name) {
            Some(declared) => Some(declared.as_ref()?),
            None => None,
        };
        let own = declared
            .filter(|declared| is_declaration(tree) && tree.get("type").is_some_and(|at| at.span == declared.span));
        let tree = match own {
            Some(own) => {
                let Some(default) = &own.default else {
                    if pass.here {
                        let message = format!("the var `{name}` has no value: it has no default, and none is given");
                        let help =
                            format!("give one: `--var {name}=…`, `--var-file FILE` or a profile; or add `default:`");
                        out.push(Diagnostic::error(Code::MissingKey, own.span, message).help(help));
                    }
                    return None;
                };
                default
            }
            None => tree,
        };
        let mut seen = Seen { name, trees, settled, environment: false, lost: false };
        let before = out.len();
        seen.tree(tree, self.sources, out);
        let (uses_environment, lost) = (seen.environment, seen.lost);
        let sound = out.len() == before && !lost && !(tree.value == Value::Null && is_torn(tree.span, out));
        let mut scope = Scope::default();
        if sound && has_template(tree) {
            scope = settled.scope(pass.environment);
        }
        let rendered = match render(tree, &scope) {
            Ok(value) if sound && has_template(tree) && weight(&value) > LARGEST => {
                let message = format!("the var `{name}` is larger than {} MiB", LARGEST >> 20);
                let help = "put the text into a file, and read it where it is used: `${{ file.text('PATH') }}`";
                out.push(Diagnostic::error(Code::InvalidValue, tree.span, message).help(help));
                return None;
            }
            Ok(tree) if sound => tree,
            Err(error) if sound && (pass.here || !uses_environment) => {
                out.push(broken(&error.error, Code::InvalidExpression, error.span));
                return None;
            }
            _ => return None,
        };
        let Some(declared) = declared else { return Some(rendered) };
        if !pass.here && uses_environment {
            return Some(rendered);
        }
        declared
            .take(rendered, Given::Written)
            .map_err(|problem| {
                let help = format!("write {}, or change the declaration", declared.expected());
                let found =
                    Diagnostic::error(problem.code(), tree.span, format!("the var `{name}` {problem}")).help(help);
                out.push(found.also(declared.span, "declared here"));
            })
            .ok()
    }
}

/// A value for a var from outside of pipeline.yaml.
enum Override<'a> {
    /// `--var`.
    Text(&'a str),
    /// `--var-file`.
    File(&'a Node),
}

impl Override<'_> {
    fn span(&self) -> Option<Span> {
        match self {
            Override::Text(_) => None,
            Override::File(node) => Some(node.span),
        }
    }
}

/// What the vars are settled for.
#[derive(Clone, Copy)]
struct Pass<'a> {
    declared: &'a Declarations,
    environment: &'a serde_json::Value,
    /// For this run, not for a profile that was not chosen.
    here: bool,
}

/// What a var of another profile has where that says nothing: a default that is checked with the declaration.
fn own_value(node: &Node, declared: &Declarations, name: &str) -> Node {
    match declared.get(name) {
        Some(Some(declared)) => declared.default.clone().unwrap_or_else(|| node.clone()),
        _ => node.clone(),
    }
}

impl Settled {
    fn add(&mut self, name: &str, value: &Node) {
        self.vars.insert(name.to_owned(), value.to_json());
        self.spelled.set(name, &Spelled::of(value));
    }

    /// What the vars below see.
    fn scope(&self, environment: &serde_json::Value) -> Scope {
        let mut scope = static_scope(&self.vars, &self.spelled, None, None);
        scope.roots.insert("env".to_owned(), environment.clone());
        scope
    }
}

fn environment() -> serde_json::Value {
    let all = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?.into())));
    serde_json::Value::Object(all.collect())
}

/// What the value of one var refers to.
struct Seen<'a> {
    name: &'a str,
    trees: &'a IndexMap<String, Node>,
    /// The vars above it.
    settled: &'a Settled,
    environment: bool,
    lost: bool,
}

impl Seen<'_> {
    fn tree(&mut self, node: &Node, sources: &SourceMap, out: &mut Diagnostics) {
        match &node.value {
            Value::Text(text) if Template::is_in(text) => match Template::parse(text) {
                Ok(template) => {
                    for found in template.references() {
                        let span = node.place_of(sources, found.offset, found.len);
                        if let Err(problem) = self.reference(&found, span) {
                            out.push(*problem);
                        }
                    }
                }
                Err(error) => {
                    let span = node.place_of(sources, error.offset, error.len);
                    out.push(broken(&error, Code::InvalidTemplate, span));
                }
            },
            Value::List(items) => items.iter().for_each(|item| self.tree(item, sources, out)),
            Value::Map(entries) => entries.iter().for_each(|entry| self.tree(&entry.node, sources, out)),
            _ => {}
        }
    }

    fn reference(&mut self, found: &Reference, span: Span) -> Result<(), Box<Diagnostic>> {
        let unknown =
            |message: String, help: String| Box::new(Diagnostic::error(Code::UnknownVar, span, message).help(help));
        match (found.path[0].as_str(), found.path.get(1).map(String::as_str)) {
            ("env", _) => self.environment = true,
            ("vars", None) => {}
            ("vars", Some(name)) if self.settled.vars.contains_key(name) => {}
            ("vars", Some(name)) if self.settled.unsettled.iter().any(|lost| lost == name) => self.lost = true,
            ("vars", Some(name)) if name == self.name => {
                let help = "write its value, or use a var that is above it";
                return Err(unknown(format!("the var `{name}` uses itself"), help.to_owned()));
            }
            ("vars", Some(name)) if self.trees.contains_key(name) => {
                let message = format!("the var `{}` uses `{name}`, which is below it", self.name);
                let help = format!("write `{name}` above `{}`: a var sees only the vars above it", self.name);
                return Err(unknown(message, help));
            }
            ("vars", Some(name)) => {
                let others = self.trees.keys().map(String::as_str).filter(|other| *other != self.name);
                let help = closest(name, others).map(|close| format!("did you mean \"{close}\"?"));
                let help = help.unwrap_or_else(|| format!("add `{name}: …` above `{}`", self.name));
                return Err(unknown(format!("there is no var `{name}`"), help));
            }
            (other, _) => {
                let message = format!("a var cannot use `{other}`: its value is known before the run");
                let help = "vars see the vars above them and `env`; put this where it is used";
                return Err(Box::new(Diagnostic::error(Code::UnknownName, span, message).help(help)));
            }
        }
        Ok(())
    }
}
