//! A gate, of a stage or in the place of a step's kind: its assertions, those of the gate files it uses included.

use std::sync::Arc;

use super::body::{Place, only};
use super::build::{Params, Workshop, site};
use super::definition::Definer;
use super::judge::Found;
use super::load::{decode_or_tell, render_static};
use super::names::{Site, static_scope};
use super::node::{Gate, PlanAssertion, PlanNode, Retry, Work};
use super::stage::{UNPLACED, condition};
use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::document::{Node, Value};
use crate::event::{NodeOutline, Role};
use crate::kind::AssertionKind;
use crate::source::Span;
use crate::spec::{AssertionKeys, GateSpec, SeveritySpec, UseSpec};

/// What stands as the kind of a gate's node, and as the key of one.
pub(super) const GATE: &str = "gate";

/// What the assertions of a gate refer to.
#[derive(Debug, Default)]
pub(super) struct Refers {
    /// Steps of its own stage.
    pub steps: Vec<(String, Span)>,
    /// Other stages.
    pub stages: Vec<(usize, Span)>,
}

impl Refers {
    fn add(&mut self, found: Found) {
        self.steps.extend(found.steps);
        self.stages.extend(found.stages);
    }
}

/// Where assertions are read, and what was found on the way.
struct Reading<'p> {
    site: Site<'static>,
    params: Option<&'p Params>,
    depth: usize,
    refers: Refers,
    definer: Definer,
}

impl<'p> Reading<'p> {
    /// For a gate file that this one uses; what is found goes on where this one is.
    fn inner<'q>(&mut self, params: Option<&'q Params>) -> Reading<'q> {
        let (refers, definer) = (std::mem::take(&mut self.refers), std::mem::take(&mut self.definer));
        Reading { site: self.site, params, depth: self.depth + 1, refers, definer }
    }

    fn back(&mut self, inner: Reading<'_>) {
        (self.refers, self.definer) = (inner.refers, inner.definer);
    }

    fn site(&self) -> Site<'p> {
        Site { params: self.params, ..self.site }
    }
}

impl Workshop<'_> {
    /// The node of a gate, and what its expressions refer to.
    pub fn gate(&mut self, stage: Option<usize>, role: Role, list: &Node) -> (PlanNode, Refers) {
        let site = site(stage, Some(role));
        let mut reading =
            Reading { site, params: None, depth: 0, refers: Refers::default(), definer: Definer::default() };
        let assertions = self.assertions(list, &mut reading);
        let count = u32::try_from(assertions.len()).unwrap_or(u32::MAX);
        let title = if count == 1 { "1 assertion".to_owned() } else { format!("{count} assertions") };
        let outline = NodeOutline { name: GATE.into(), stage: 0, role, kind: GATE.into(), title, assertions: count };
        let node = PlanNode {
            outline,
            stage: UNPLACED,
            role,
            step: GATE.into(),
            item: None,
            needs: Vec::new(),
            after: Vec::new(),
            covers: Vec::new(),
            when: None,
            env: Vec::new(),
            timeout: None,
            retry: Retry::default(),
            pool: None,
            continue_on_error: false,
            definition: reading.definer.finish(),
            inputs: Vec::new(),
            cache: Vec::new(),
            once: false,
            work: Work::Gate(Gate { assertions }),
        };
        (node, reading.refers)
    }

    fn assertions(&mut self, list: &Node, reading: &mut Reading<'_>) -> Vec<PlanAssertion> {
        let mut assertions = Vec::new();
        for item in list.items() {
            if item.get("use").is_some() {
                assertions.extend(self.used(item, reading));
            } else {
                assertions.extend(self.assertion(item, reading));
            }
        }
        assertions
    }

    /// The assertions of a gate file, with the parameters that `with:` gives.
    fn used(&mut self, item: &Node, reading: &mut Reading<'_>) -> Vec<PlanAssertion> {
        let statics = static_scope(&self.names.vars, None, reading.params);
        let shape = Arc::clone(&self.shapes.use_keys);
        let place = Place { site: reading.site(), whole: "", statics: &statics };
        let Some(found) = self.inspect(item, &shape, place) else { return Vec::new() };
        let dynamic = found.dynamic;
        reading.refers.add(found);
        if dynamic {
            self.out.push(
                Diagnostic::error(
                    Code::InvalidTemplate,
                    item.span,
                    "parameters of a gate file must be known before the run",
                )
                .help("use `vars.NAME`; outputs of steps can stand in the stage's own assertions"),
            );
            return Vec::new();
        }
        let Some(rendered) = render_static(item, &statics, self.out) else { return Vec::new() };
        let Some(spec) = decode_or_tell::<UseSpec>(&rendered, self.out) else { return Vec::new() };
        let span = item.get("use").map_or(item.span, |node| node.span);
        if reading.depth >= 8 {
            self.out.push(Diagnostic::error(Code::Cycle, span, "gate files use each other more than 8 deep"));
            return Vec::new();
        }
        let Some(file) = self.files.read(&spec.r#use, span, self.out) else { return Vec::new() };
        if matches!(file.value, Value::List(_)) {
            let mut inner = reading.inner(None);
            let assertions = self.assertions(&file, &mut inner);
            reading.back(inner);
            return assertions;
        }
        let Some(params) = self.params(&file, item, &spec, span) else { return Vec::new() };
        params.iter().for_each(|(name, value)| _ = reading.definer.word(name).word(&value.to_string()));
        let mut inner = reading.inner(Some(&params));
        let assertions = self.assertions(file.get("assertions").unwrap_or(&file), &mut inner);
        reading.back(inner);
        assertions
    }

    /// The values of a gate file's parameters.
    fn params(&mut self, file: &Node, item: &Node, spec: &UseSpec, span: Span) -> Option<Params> {
        let statics = Arc::clone(&self.statics);
        let keys = only(file, |entry| entry.key != "assertions" || !matches!(entry.node.value, Value::List(_)));
        let shape = crate::document::Shape::of::<GateSpec>();
        let list = file.entry("assertions").cloned();
        let mut whole = keys.clone();
        if let (Value::Map(entries), Some(list)) = (&mut whole.value, list) {
            let emptied = Node { span: list.node.span, value: Value::List(Vec::new()) };
            entries.retain(|entry| entry.key != "assertions");
            if matches!(list.node.value, Value::List(_)) {
                entries.push(crate::document::Entry { node: emptied, ..list });
            } else {
                entries.push(list);
            }
        }
        self.inspect(&whole, &shape, Place { site: site(None, None), whole: "", statics: &statics })?;
        let gate: GateSpec = decode_or_tell(&whole, self.out)?;
        let mut params: Params = gate.params.into_iter().map(|(name, value)| (name, value.0)).collect();
        for (name, value) in &spec.with {
            let at = item.get("with").and_then(|with| with.entry(name)).map_or(span, |entry| entry.key_span);
            if params.contains_key(name) {
                params.insert(name.clone(), value.0.clone());
            } else {
                self.out.push(
                    Diagnostic::error(
                        Code::UnknownName,
                        at,
                        format!("the gate file `{}` has no parameter `{name}`", spec.r#use),
                    )
                    .maybe_help(did_you_mean(name, params.keys().map(String::as_str))),
                );
            }
        }
        for (name, value) in &params {
            if value.is_null() {
                self.out.push(
                    Diagnostic::error(
                        Code::MissingKey,
                        span,
                        format!("the gate file `{}` needs the parameter `{name}`", spec.r#use),
                    )
                    .help(format!("add `with: {{ {name}: … }}`")),
                );
            }
        }
        Some(params)
    }

    /// One assertion; `None` when it is wrong, which was told.
    fn assertion(&mut self, item: &Node, reading: &mut Reading<'_>) -> Option<PlanAssertion> {
        let registry = self.shapes.registry;
        if !matches!(item.value, Value::Map(_)) {
            self.out.push(
                Diagnostic::error(
                    Code::WrongType,
                    item.span,
                    format!("an assertion is {}, expected a mapping with a kind", item.type_name()),
                )
                .help("for example `- file: { path: out.txt }`"),
            );
            return None;
        }
        let (kind, body) = self.assertion_kind(item)?;
        reading.definer.tree(item);
        let statics = static_scope(&self.names.vars, None, reading.params);
        let place = Place { site: reading.site(), whole: "", statics: &statics };
        let keys = only(item, |field| registry.assertion(&field.key).is_none());
        let fixed = only(&keys, |field| field.key != "when");
        let shape = Arc::clone(&self.shapes.assertion_keys);
        let found_keys = self.inspect(&keys, &shape, place);
        let whole = match item.get("name").and_then(Node::as_text) {
            Some(name) => format!("the `{}` assertion `{name}`", kind.name),
            None => format!("the `{}` assertion", kind.name),
        };
        let named = Place { whole: &whole, ..place };
        let (body, found) = self.body(kind, false, false, body, named, super::super::kind::Assertion::check)?;
        reading.refers.add(found);
        reading.refers.add(found_keys?);
        let fixed = render_static(&fixed, &statics, self.out)?;
        let spec: AssertionKeys = decode_or_tell(&fixed, self.out)?;
        Some(PlanAssertion {
            name: spec.name,
            kind,
            body,
            within: spec.within.map(|time| time.0),
            hold: spec.r#for.map(|time| time.0),
            when: item.get("when").and_then(condition),
            otherwise: spec.otherwise,
            warning: spec.severity == SeveritySpec::Warning,
            params: statics.roots.get("params").cloned().map(Arc::new),
        })
    }

    fn assertion_kind<'n>(&mut self, item: &'n Node) -> Option<(&'static AssertionKind, &'n Node)> {
        let registry = self.shapes.registry;
        let shape = Arc::clone(&self.shapes.assertion_keys);
        let common: Vec<&str> = shape.keys().collect();
        let kinds: Vec<_> =
            item.entries().iter().filter_map(|field| Some((registry.assertion(&field.key)?, field))).collect();
        let mut strange = false;
        for field in item.entries() {
            if registry.assertion(&field.key).is_none() && !common.contains(&field.key.as_str()) {
                strange = true;
                let known =
                    common.iter().copied().chain(["use"]).chain(registry.assertions.iter().map(|kind| kind.name));
                let help = match registry.step(&field.key) {
                    Some(_) => Some(format!("`{}` is a step: put it under `steps:`", field.key)),
                    None => did_you_mean(&field.key, known),
                };
                self.out.push(
                    Diagnostic::error(
                        Code::UnknownKey,
                        field.key_span,
                        format!("an assertion has no key `{}`", field.key),
                    )
                    .maybe_help(help),
                );
            }
        }
        match kinds.as_slice() {
            [(kind, field)] => Some((kind, &field.node)),
            [] => {
                if !strange {
                    let names: Vec<&str> = registry.assertions.iter().map(|kind| kind.name).collect();
                    self.out.push(
                        Diagnostic::error(Code::NotOneKind, item.span, "this assertion has no kind")
                            .help(format!("add one of: {}", names.join(", "))),
                    );
                }
                None
            }
            [(first, first_field), rest @ ..] => {
                let message = format!("this assertion has {} kinds, expected exactly one", kinds.len());
                let mut problem = Diagnostic::error(Code::NotOneKind, first_field.key_span, message)
                    .label(format!("`{}`", first.name))
                    .help("write an assertion for each");
                for (kind, field) in rest {
                    problem = problem.also(field.key_span, format!("and `{}`", kind.name));
                }
                self.out.push(problem);
                None
            }
        }
    }
}
