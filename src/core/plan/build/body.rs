//! What is under a kind's key: checked against its schema, and decoded when nothing in it waits for the run.

use crate::core::plan::decode::as_written;

use super::PlanBuilder;
use crate::core::expr::{Part, Scope, Template};
use crate::core::kind::{CheckContext, Kind, StepKind, Usage};
use crate::core::plan::decode::{render_static, undecoded};
use crate::core::plan::names::Site;
use crate::core::plan::node::Body;
use crate::core::plan::scalar_validator::{Found, ScalarValidator};
use crate::core::yaml::{CompiledSchema, Entry, Found as Fit, Node, Value};

/// Where a tree is and with which values it is read.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub site: Site<'a>,
    /// What messages call the tree: ``the `image` step `build-backend` ``; nothing for one without a name.
    pub whole: &'a str,
    pub statics: &'a Scope,
    /// The kind of step that `of:` must name.
    pub of: Option<&'static str>,
    /// How it is used.
    pub usage: Usage,
    /// What baselines.yaml knows it by, for an assertion.
    pub identity: Option<&'a str>,
    /// The step that it is of, by its id.
    pub own: Option<&'a str>,
}

impl<'a> Place<'a> {
    /// A tree without a name.
    pub fn new(site: Site<'a>, statics: &'a Scope) -> Self {
        Place { site, whole: "", statics, of: None, usage: Usage::default(), identity: None, own: None }
    }
}

impl PlanBuilder<'_> {
    /// Holds `node` against `shape`; what it refers to, when it fits.
    pub fn inspect(&mut self, node: &Node, shape: &CompiledSchema, place: Place<'_>) -> Option<Found> {
        let mut judge = ScalarValidator {
            names: &self.names,
            sources: &self.files.sources,
            root: &self.files.root,
            site: place.site,
            statics: place.statics,
            of: place.of,
            own: place.own,
            baselines: place.identity.is_some(),
            found: Found::default(),
        };
        let before = self.out.len();
        let fit = shape.check_as(place.whole, node, &mut judge, self.out);
        (fit == Fit::Fits && self.out.len() == before).then_some(judge.found)
    }

    /// A kind's body: decoded where it can be, checked in any case.
    pub fn body<T: ?Sized + 'static>(
        &mut self,
        kind: &'static Kind<T>,
        node: &Node,
        place: Place<'_>,
    ) -> Option<(Body<T>, Found)> {
        let before = self.out.len();
        let body = self.decoded(kind, node, Place { of: kind.of, ..place });
        for problem in self.out.since(before).iter_mut().filter(|problem| problem.help.is_none()) {
            problem.help = Some(as_written(kind.name));
        }
        body
    }

    fn decoded<T: ?Sized + 'static>(
        &mut self,
        kind: &'static Kind<T>,
        node: &Node,
        place: Place<'_>,
    ) -> Option<(Body<T>, Found)> {
        let shape = self.shapes.kind(kind);
        let node = &*shape.expand(node);
        let Some(mut found) = self.inspect(node, &shape, place) else {
            if crate::core::expr::has_template(node) {
                // One fault must not hide what values do not fit: those that are known are put in all the same.
                let known = self.with_known_values(node, place.statics);
                self.inspect(&known, &shape, place);
            }
            return None;
        };
        // Expressions that the kind evaluates itself wait for nothing: only templates do.
        if found.lost || found.made || (found.dynamic && crate::core::expr::has_template(node)) {
            return Some((Body::Template(node.clone()), found));
        }
        let (rendered, rendered_long);
        let node = if found.templates || crate::core::expr::has_template(node) {
            rendered = render_static(node, place.statics, self.out)?;
            rendered_long = shape.expand(&rendered);
            found.add(self.inspect_rendered(&rendered_long, &shape, place)?);
            if found.made {
                return Some((Body::Template(node.clone()), found));
            }
            &*rendered_long
        } else {
            node
        };
        let decoded = match place.identity {
            Some(identity) => kind.decode(&self.baselines.bind(kind, node, identity)),
            None => kind.decode(node),
        };
        match decoded {
            Ok(body) => {
                let (project, Usage { during, on_runner }) = (self.files.root.as_path(), place.usage);
                kind.check(&body, &mut CheckContext { body: node, project, during, on_runner, out: self.out });
                Some((Body::Ready(body), found))
            }
            Err(error) => {
                self.out.push(undecoded(node, &error, Some(kind.name)));
                None
            }
        }
    }

    /// The tree with every value put in that is known and has no reported fault.
    fn with_known_values(&self, node: &Node, statics: &Scope) -> Node {
        let value = match &node.value {
            Value::Text(text) if Template::is_in(text) && !self.out.covers(node.span) => {
                let known = Template::parse(text).and_then(|template| template.node(statics, node.span));
                return known.unwrap_or_else(|_| node.clone());
            }
            Value::List(items) => Value::List(items.iter().map(|item| self.with_known_values(item, statics)).collect()),
            Value::Map(entries) => {
                let known =
                    |entry: &Entry| Entry { node: self.with_known_values(&entry.node, statics), ..entry.clone() };
                Value::Map(entries.iter().map(known).collect())
            }
            other => other.clone(),
        };
        Node { span: node.span, value, spelling: node.spelling.clone() }
    }

    /// What a step will do, with `…` for what only the run knows; nothing where that is no text.
    pub fn title_so_far(&self, kind: &'static StepKind, body: &Node, statics: &Scope) -> Option<String> {
        let known = unknown_as_dots(&self.with_known_values(body, statics));
        kind.decode(&known).ok().map(|step| step.title())
    }

    /// A rendered tree holds no templates any more: text that still looks like one was escaped.
    fn inspect_rendered(&mut self, node: &Node, shape: &CompiledSchema, place: Place<'_>) -> Option<Found> {
        if crate::core::expr::has_template(node) {
            return Some(Found::default());
        }
        self.inspect(node, shape, place)
    }

    /// The templates of an `env:` mapping, and what they refer to. Shape and names were checked.
    pub fn env(node: Option<&Node>) -> Vec<(String, Template)> {
        let entries = node.map(Node::entries).unwrap_or_default();
        entries
            .iter()
            .filter_map(|entry| Some((entry.key.clone(), Template::parse(&entry.node.scalar_text()?).ok()?)))
            .collect()
    }
}

/// The tree with `…` in the place of every `${{ }}`.
fn unknown_as_dots(node: &Node) -> Node {
    let dots = |template: &Template| -> String {
        let part = |part: &Part| match part {
            Part::Literal(text) => text.clone(),
            Part::Expr { .. } => "…".to_owned(),
        };
        template.parts.iter().map(part).collect()
    };
    let value = match &node.value {
        Value::Text(text) if Template::is_in(text) => match Template::parse(text) {
            Ok(template) => Value::Text(dots(&template)),
            Err(_) => node.value.clone(),
        },
        Value::List(items) => Value::List(items.iter().map(unknown_as_dots).collect()),
        Value::Map(entries) => {
            let entry = |entry: &Entry| Entry { node: unknown_as_dots(&entry.node), ..entry.clone() };
            Value::Map(entries.iter().map(entry).collect())
        }
        other => other.clone(),
    };
    Node { span: node.span, value, spelling: None }
}
