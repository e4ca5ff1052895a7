//! One step: exactly one kind (or a gate) beside the common keys; one node, or several with `for_each`.

use std::ops::Range;
use std::sync::Arc;

use super::{UNPLACED, condition};
use crate::core::kind::{StepKind, Usage};
use crate::core::model::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::core::model::event::{NodeOutline, Role};
use crate::core::model::source::Span;
use crate::core::plan::build::body::Place;
use crate::core::plan::build::step_keys::DecodedKeys;
use crate::core::plan::build::{Built, PlanBuilder};
use crate::core::plan::definition::{Definer, Definition, shown};
use crate::core::plan::keys::GATE;
use crate::core::plan::keys::USE;
use crate::core::plan::names::{Item, Site};
use crate::core::plan::node::{Body, Each, PlanNode, Retry, StepPlan, Work};
use crate::core::plan::own_keys::template_in;
use crate::core::plan::recovery::{is_cut_off, is_reported, is_torn};
use crate::core::plan::scalar_validator::name_help;
use crate::core::plan::statics::static_scope;
use crate::core::plan::step_labels::{Items, labels};
use crate::core::spec::{StepKeys, name_problem};
use crate::core::yaml::{Entry, Node, Value, Written};

/// A step before names become edges: what can be said of it even when something in it is wrong.
pub(crate) struct StepParts {
    pub id: String,
    pub role: Role,
    /// Its node, or several with `for_each`, by index; none when something in it is wrong.
    pub nodes: Range<usize>,
    pub needs: Vec<(String, Span)>,
    pub during: Vec<(String, Span)>,
    /// Steps whose outputs it uses.
    pub uses: Vec<(String, Span)>,
    /// Other stages it refers to.
    pub refers: Vec<(usize, Span)>,
    /// The parts that it uses itself, by index: several with `for_each`.
    pub parts: Vec<usize>,
}

/// What a step is: a kind and what is under it, or a gate.
#[derive(Clone, Copy)]
enum Stands<'n> {
    Kind(&'static StepKind, &'n Node),
    Gate(&'n Node),
    Part(&'n Node),
}

impl Stands<'_> {
    fn name(self) -> &'static str {
        match self {
            Stands::Kind(kind, _) => kind.name,
            Stands::Gate(_) => GATE,
            Stands::Part(_) => USE,
        }
    }
}

impl PlanBuilder<'_> {
    /// The step at `entry`, its nodes added to `built`. What is wrong was reported.
    pub fn step(&mut self, at: Site<'_>, entry: &Entry, built: &mut Built) -> StepParts {
        let role = at.role.unwrap_or(Role::Step);
        let names = |key: &str| -> Vec<(String, Span)> {
            let items = entry.node.get(key).map(Node::items).unwrap_or_default();
            let names = items.iter().filter(|item| template_in(item).is_none());
            names.filter_map(|item| Some((item.as_text()?.to_owned(), item.span))).collect()
        };
        let mut parts = StepParts {
            id: entry.key.clone(),
            role,
            nodes: built.nodes.len()..built.nodes.len(),
            needs: names("needs"),
            during: names("during"),
            uses: Vec::new(),
            refers: Vec::new(),
            parts: Vec::new(),
        };
        // What a syntax error left of a step says nothing that its user wrote.
        if is_reported(&entry.node, self.out)
            || is_cut_off(entry, &self.files.sources, self.out)
            || is_torn(entry.key_span, self.out)
        {
            return StepParts { needs: Vec::new(), during: Vec::new(), ..parts };
        }
        self.step_name(entry);
        if !matches!(entry.node.value, Value::Map(_)) {
            let message = format!("step `{}` is {}, expected a mapping with a kind", entry.key, entry.node.type_name());
            let help = format!("for example `{}: {{ shell: {{ run: make }} }}`", entry.key);
            self.out.push(Diagnostic::error(Code::WrongType, entry.node.span, message).help(help));
            return parts;
        }
        let kinds = self.step_kinds(entry);
        let keys = self.step_keys(at, entry);
        let sound = keys.is_some() && kinds.len() == 1;
        let keys_are_sound = keys.is_some();
        let DecodedKeys { keys, items, each, of_items } = keys.unwrap_or_default();
        let each = each.map(|(list, found)| {
            parts.uses.extend(found.steps);
            parts.refers.extend(found.stages);
            Each { list, max_parallel: keys.max_parallel }
        });
        match kinds.as_slice() {
            [Stands::Kind(kind, _)] => {
                self.check_during(entry, kind.name, kind.during);
                self.check_cache(entry, kind);
            }
            [Stands::Gate(list)] => self.check_gate(at, entry, list),
            [Stands::Part(_)] => self.check_part(entry),
            _ => {}
        }
        let own_pool = keys.max_parallel.filter(|_| each.is_none()).map(|places| self.own_pool(&entry.key, places));
        let matrix = entry.node.get("for_each").is_some_and(|each| matches!(each.value, Value::Map(_)));
        let of = if matrix { Items::Matrix } else { Items::List };
        let mut labels = items.as_deref().map(|items| labels(items, of)).unwrap_or_default().into_iter();
        if let ([Stands::Part(using)], true) = (kinds.as_slice(), keys_are_sound) {
            let labels = labels.collect();
            self.part_step(at, entry, using, &keys, items, labels, built, &mut parts);
            parts.nodes.end = built.nodes.len();
            return parts;
        }
        let items: Vec<Option<Written>> =
            items.map_or_else(|| vec![None], |items| items.into_iter().map(Some).collect());
        for item in items {
            let label = labels.next();
            if !self.may_add(entry.key_span) {
                break;
            }
            let own = match (&of_items, &item) {
                (Some(of_items), Some(item)) => match self.keys_of_item(at, entry, of_items, item) {
                    Some(keys) => Some(keys),
                    None => continue,
                },
                _ => None,
            };
            let keys = own.as_ref().unwrap_or(&keys);
            for stands in &kinds {
                let node = match stands {
                    Stands::Kind(kind, body) => {
                        let node = self.one(
                            at,
                            entry,
                            kind,
                            body,
                            keys,
                            item.clone(),
                            label.clone(),
                            each.is_some(),
                            &mut parts,
                        );
                        node.map(|node| PlanNode { pool: own_pool.or(node.pool), each: each.clone(), ..node })
                    }
                    Stands::Gate(list) => self.gate_step(at, entry, list, keys, &mut parts),
                    Stands::Part(_) => None,
                };
                built.nodes.extend(node.filter(|_| sound));
            }
        }
        parts.nodes.end = built.nodes.len();
        parts
    }

    /// A pool for the items of one step.
    fn own_pool(&mut self, step: &str, places: u32) -> usize {
        self.pools.push((format!("of {step}"), places.max(1)));
        self.pools.len() - 1
    }

    fn step_name(&mut self, entry: &Entry) {
        if let Some(problem) = name_problem(&entry.key) {
            self.out.push(
                Diagnostic::error(
                    Code::InvalidName,
                    entry.key_span,
                    format!("the step name `{}` {problem}", entry.key),
                )
                .help(name_help(&entry.key)),
            );
        } else if entry.key == GATE {
            self.out.push(
                Diagnostic::error(
                    Code::InvalidName,
                    entry.key_span,
                    "the step name `gate` is taken by the stage's gate",
                )
                .help("choose another name"),
            );
        }
    }

    /// The keys that say what it is: exactly one where nothing is wrong. Every other key is a common one.
    fn step_kinds<'n>(&mut self, entry: &'n Entry) -> Vec<Stands<'n>> {
        let registry = self.shapes.registry;
        let shape = Arc::clone(&self.shapes.step_keys);
        let mut kinds = Vec::with_capacity(1);
        let mut strange = false;
        for field in entry.node.entries() {
            if field.key == GATE {
                kinds.push((Stands::Gate(&field.node), field));
            } else if field.key == USE {
                kinds.push((Stands::Part(&field.node), field));
            } else if let Some(kind) = registry.step(&field.key) {
                kinds.push((Stands::Kind(kind, &field.node), field));
            } else if !shape.has_key(&field.key) {
                strange = true;
                let known = shape.keys().chain(registry.steps.iter().map(|kind| kind.name));
                self.out.push(
                    Diagnostic::error(
                        Code::UnknownKey,
                        field.key_span,
                        format!("step `{}` has no key `{}`", entry.key, field.key),
                    )
                    .maybe_help(did_you_mean(&field.key, known)),
                );
            }
        }
        match kinds.as_slice() {
            [_] => {}
            [] => {
                if !strange {
                    let names: Vec<&str> = registry.steps.iter().map(|kind| kind.name).collect();
                    self.out.push(
                        Diagnostic::error(
                            Code::NotOneKind,
                            entry.key_span,
                            format!("step `{}` has no kind", entry.key),
                        )
                        .help(format!("add one of: {}; or `{GATE}: [assertions]`, or `{USE}: PART`", names.join(", "))),
                    );
                }
            }
            [(first, first_field), rest @ ..] => {
                let mut problem = Diagnostic::error(
                    Code::NotOneKind,
                    first_field.key_span,
                    format!("step `{}` has {} kinds, expected exactly one", entry.key, kinds.len()),
                )
                .label(format!("`{}`", first.name()))
                .help("write a step for each");
                for (other, field) in rest {
                    problem = problem.also(field.key_span, format!("and `{}`", other.name()));
                }
                self.out.push(problem);
            }
        }
        kinds.into_iter().map(|(stands, _)| stands).collect()
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one step, named where it is called")]
    fn one(
        &mut self,
        at: Site<'_>,
        entry: &Entry,
        kind: &'static StepKind,
        body: &Node,
        keys: &StepKeys,
        item: Option<Written>,
        label: Option<String>,
        open: bool,
        parts: &mut StepParts,
    ) -> Option<PlanNode> {
        let role = at.role.unwrap_or(Role::Step);
        let statics = if item.is_some() {
            Arc::new(static_scope(&self.names.vars, &self.names.spelled, item.as_ref(), at.params))
        } else {
            Arc::clone(&self.statics)
        };
        let item_is = match &item {
            Some(_) => Item::Known,
            None if open => Item::Open,
            None if entry.node.entry("for_each").is_some() => Item::Lost,
            None => Item::Nothing,
        };
        let at = Site { item: item_is, ..at };
        let place = Place { own: Some(&entry.key), ..Place::new(at, &statics) };
        let open_found = self.open_keys(entry, place);
        // As it is written, also where something is wrong with it.
        let during = entry.node.get("during").is_some_and(|node| match &node.value {
            Value::Null => false,
            Value::List(steps) => !steps.is_empty(),
            _ => true,
        });
        let runner = self.runs_on(entry, kind, keys);
        let usage = Usage { during, on_runner: runner.remote.is_some() };
        let written = body;
        let whole = format!("the `{}` step `{}`", kind.name, entry.key);
        let body = self.body(kind, body, Place { whole: &whole, usage, ..place });
        for found in open_found.iter().chain(body.as_ref().map(|(_, found)| found)) {
            parts.uses.extend(found.steps.iter().cloned());
            parts.refers.extend(found.stages.iter().copied());
        }
        let (steps, stages) = self.names.makers_of_inputs(&keys.inputs, at, Some(&entry.key), &entry.node);
        parts.uses.extend(steps);
        parts.refers.extend(stages);
        let ((body, _), _) = (body?, open_found?);
        // With the values of vars in place; what only the run knows joins them when its turn comes.
        let known = matches!(body, Body::Ready(_)) && crate::core::expr::has_template(written);
        let settled = known.then(|| crate::core::plan::decode::render_static(written, &statics, self.out)).flatten();
        let definition = defined(kind, settled.as_deref().unwrap_or(written), keys, item.as_ref());
        let title = keys.name.clone().unwrap_or_else(|| match &body {
            Body::Ready(step) => step.title(),
            // What it will do in full is known when it is rendered.
            Body::Template(body) => self.title_so_far(kind, body, &statics).unwrap_or_else(|| {
                body.entries().first().map_or_else(|| kind.name.to_owned(), |verb| verb.key.clone())
            }),
        });
        let name = label.map_or_else(|| entry.key.clone(), |label| format!("{}[{label}]", entry.key));
        let retry = keys.retry.as_ref().map_or_else(Retry::default, Retry::of);
        let pool = keys.pool.as_ref().and_then(|pool| self.pools.iter().position(|(name, _)| name == pool));
        Some(PlanNode {
            outline: NodeOutline {
                name,
                role,
                kind: kind.name.to_owned(),
                title,
                once: keys.once,
                definition: shown(&definition),
                ..NodeOutline::default()
            },
            stage: UNPLACED,
            role,
            step: entry.key.clone(),
            item,
            each: None,
            needs: Vec::new(),
            after: Vec::new(),
            covers: Vec::new(),
            when: entry.node.get("when").and_then(condition),
            env: PlanBuilder::env(entry.node.get("env")),
            timeout: keys.timeout.map(|time| time.0),
            tolerate: keys.tolerate.clone(),
            retry,
            retry_when: entry.node.get("retry").and_then(|retry| retry.get("when")).and_then(condition),
            pool: runner.pool.or(pool),
            runs_on: runner.remote.map(Box::new),
            artifacts: keys.artifacts.clone(),
            continue_on_error: keys.continue_on_error,
            definition,
            inputs: keys.inputs.clone(),
            cache: keys.cache.clone(),
            makes: keys.makes.clone(),
            once: keys.once,
            part: None,
            facts: Vec::new(),
            work: Work::Step(StepPlan { kind, body, outputs: keys.outputs.clone(), span: entry.key_span }),
        })
    }
}

/// What a step was written as: that which decides what it does. When, how often and how long it is tried does not.
fn defined(kind: &StepKind, body: &Node, keys: &StepKeys, item: Option<&Written>) -> Definition {
    let mut definer = Definer::default();
    definer.word(kind.name).tree(body);
    keys.outputs.iter().for_each(|output| _ = definer.word(output));
    if let Some(item) = item {
        definer.word("item").tree(&item.node(body.span));
    }
    definer.finish()
}
