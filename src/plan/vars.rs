//! The values of vars, found before anything else: each sees the vars above it and the environment, nothing more.

use indexmap::IndexMap;

use super::judge::broken;
use super::names::static_scope;
use super::salvage::is_torn;
use super::typed::typed;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, closest};
use crate::document::{Node, Spelled, Value};
use crate::expr::{Reference, Scope, Template, has_template, render};
use crate::source::{SourceMap, Span};
use crate::spec::PipelineSpec;

/// The vars with a value, and those without one, of which was told why.
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
    pub sources: &'a SourceMap,
}

impl Vars<'_> {
    /// The vars as this run has them. The values of profiles that were not chosen are looked at too.
    pub fn settle(&self, out: &mut Diagnostics) -> Settled {
        let environment = environment();
        let own = self.spec.vars.keys().map(|name| (name.clone(), self.tree(name, self.profile)));
        let settled = self.each(own.collect(), self.set, &environment, true, out);
        let others = self.node.get("profiles").map(Node::entries).unwrap_or_default();
        for other in others.iter().filter(|other| Some(other.key.as_str()) != self.profile) {
            let Some(over) = other.node.get("vars").filter(|vars| !vars.entries().is_empty()) else { continue };
            let base = self.node.get("vars").map(Node::entries).unwrap_or_default().iter();
            let mut trees: IndexMap<String, Node> = base.map(|entry| (entry.key.clone(), entry.node.clone())).collect();
            trees.extend(over.entries().iter().map(|entry| (entry.key.clone(), entry.node.clone())));
            // The environment here need not be that of where the profile is used.
            self.each(trees, &[], &environment, false, out);
        }
        settled
    }

    /// The value of a var as it is written: of the profile, or of `vars:`.
    fn tree(&self, name: &str, profile: Option<&str>) -> Node {
        let base = self.node.get("vars").and_then(|vars| vars.get(name));
        let over = profile.and_then(|profile| self.node.get("profiles")?.get(profile)?.get("vars")?.get(name));
        if let Some(node) = over.or(base) {
            return node.clone();
        }
        let value = self.spec.vars.get(name).map(|value| value.0.clone()).unwrap_or_default();
        Node::from_json(&value, self.node.span)
    }

    /// The value that the command line gives a var, of the type of the value that it overrides.
    fn typed(
        &self,
        name: &str,
        text: &str,
        tree: &Node,
        above: &Settled,
        environment: &serde_json::Value,
    ) -> Result<Node, Box<Diagnostic>> {
        // Of a profile's value and the pipeline's own, the latter is the declaration.
        let base = self.node.get("vars").and_then(|vars| vars.get(name)).filter(|base| base.value != Value::Null);
        let declared = base.unwrap_or(tree);
        // A value that cannot be computed here (it may need the environment) is text.
        let known = render(declared, &above.scope(environment)).map_or(Value::Null, |node| node.value);
        typed(text, &known, declared.span).map_err(|misfit| {
            let message = format!("`--var {name}` gives {}, but the var `{name}` is {}", misfit.given, misfit.declared);
            let help = format!("give {}, or change the value in `vars:`", misfit.declared);
            Box::new(Diagnostic::error(Code::WrongType, declared.span, message).label("declared here").help(help))
        })
    }

    fn each(
        &self,
        trees: IndexMap<String, Node>,
        set: &[(String, String)],
        environment: &serde_json::Value,
        here: bool,
        out: &mut Diagnostics,
    ) -> Settled {
        let mut settled = Settled::default();
        for (name, tree) in &trees {
            if let Some((_, text)) = set.iter().rev().find(|(set, _)| set == name) {
                match self.typed(name, text, tree, &settled, environment) {
                    Ok(value) => settled.add(name, &value),
                    Err(problem) => {
                        out.push(*problem);
                        settled.unsettled.push(name.clone());
                    }
                }
                continue;
            }
            let mut seen = Seen { name, trees: &trees, settled: &settled, environment: false, lost: false };
            let before = out.len();
            seen.tree(tree, self.sources, out);
            let (uses_environment, lost) = (seen.environment, seen.lost);
            let sound = out.len() == before && !lost && !(tree.value == Value::Null && is_torn(tree.span, out));
            let mut scope = Scope::default();
            if sound && has_template(tree) {
                scope = settled.scope(environment);
            }
            match render(tree, &scope) {
                Ok(tree) if sound => settled.add(name, &tree),
                Err(error) if sound && (here || !uses_environment) => {
                    out.push(broken(&error.error, Code::InvalidExpression, error.span));
                    settled.unsettled.push(name.clone());
                }
                _ => settled.unsettled.push(name.clone()),
            }
        }
        settled
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
                            out.push(problem);
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

    fn reference(&mut self, found: &Reference, span: Span) -> Result<(), Diagnostic> {
        let unknown = |message: String| Diagnostic::error(Code::UnknownVar, span, message);
        match (found.path[0].as_str(), found.path.get(1).map(String::as_str)) {
            ("env", _) => self.environment = true,
            ("vars", None) => {}
            ("vars", Some(name)) if self.settled.vars.contains_key(name) => {}
            ("vars", Some(name)) if self.settled.unsettled.iter().any(|lost| lost == name) => self.lost = true,
            ("vars", Some(name)) if name == self.name => {
                return Err(unknown(format!("the var `{name}` uses itself"))
                    .help("write its value, or use a var that stands above it"));
            }
            ("vars", Some(name)) if self.trees.contains_key(name) => {
                return Err(unknown(format!("the var `{}` uses `{name}`, which stands below it", self.name))
                    .help(format!("write `{name}` above `{}`: a var sees only the vars above it", self.name)));
            }
            ("vars", Some(name)) => {
                let others = self.trees.keys().map(String::as_str).filter(|other| *other != self.name);
                let help = closest(name, others).map(|close| format!("did you mean \"{close}\"?"));
                let problem = unknown(format!("there is no var `{name}`"));
                return Err(problem.help(help.unwrap_or_else(|| format!("add `{name}: …` above `{}`", self.name))));
            }
            (other, _) => {
                let message = format!("a var cannot use `{other}`: its value is known before the run");
                return Err(Diagnostic::error(Code::UnknownName, span, message)
                    .help("vars see the vars above them and `env`; put this where it is used"));
            }
        }
        Ok(())
    }
}
