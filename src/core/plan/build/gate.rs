//! A gate, of a stage or in the place of a step's kind: its assertions, those of the gate files it uses included.

use crate::core::plan::keys::GATE;
use std::sync::Arc;

use super::PlanBuilder;
use super::body::Place;
use super::stage::{UNPLACED, condition};
use crate::core::expr::{Scope, Template};
use crate::core::kind::{AssertionKind, Tolerate};
use crate::core::model::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::core::model::event::{NodeOutline, Role};
use crate::core::model::source::{FileId, Span};
use crate::core::plan::args::Args;
use crate::core::plan::decode::only;
use crate::core::plan::decode::{decode_or_tell, render_static};
use crate::core::plan::definition::{Definer, shown};
use crate::core::plan::gate_item::{FOR_EACH, GateItem, named};
use crate::core::plan::given::Params;
use crate::core::plan::names::{Item, Site};
use crate::core::plan::no_items::NoItems;
use crate::core::plan::node::{Gate, PlanAssertion, PlanNode, Retry, Work};
use crate::core::plan::recovery::is_reported;
use crate::core::plan::scalar_validator::Found;
use crate::core::plan::statics::static_scope;
use crate::core::spec::{AssertionKeys, SeveritySpec};
use crate::core::yaml::{Node, Value};

/// What the assertions of a gate refer to.
#[derive(Debug, Default)]
pub(crate) struct Refers {
    /// Steps of its own stage.
    pub steps: Vec<(String, Span)>,
    /// Other stages.
    pub stages: Vec<(usize, Span)>,
}

impl Refers {
    pub fn add(&mut self, found: Found) {
        self.steps.extend(found.steps);
        self.stages.extend(found.stages);
    }
}

/// What baselines.yaml calls the gate of pipeline.yaml, which is measured twice.
const PIPELINE: &str = "pipeline";

/// What is found while the assertions of a gate are read, those of the files that it uses included.
pub(crate) struct Reading<'a> {
    pub site: Site<'a>,
    /// The gate files that are being read, the outermost first.
    pub open: Vec<OpenFile>,
    pub refers: Refers,
    pub definer: Definer,
    /// The values of the parameters of the innermost of them.
    pub args: Option<Arc<Args>>,
    /// The item of the entry that is read, with `for_each`.
    pub item: Option<GateItem>,
    /// What baselines.yaml calls the gate: `build.gate`.
    pub gate: String,
    /// Entries whose `for_each` has no items.
    pub without: Vec<NoItems>,
    /// How many assertions and uses may still come.
    pub left: usize,
}

impl<'a> Reading<'a> {
    /// Where an entry of the gate is. Items that are wrong hide what their use would say.
    pub fn at<'p>(&self, params: Option<&'p Params>, entry: &Node) -> Site<'p>
    where
        'a: 'p,
    {
        let item = match &self.item {
            Some(_) => Item::Known,
            None if entry.get(FOR_EACH).is_some() => Item::Lost,
            None => self.site.item,
        };
        Site { item, params, ..self.site }
    }
}

/// A gate file that is being read.
pub(crate) struct OpenFile {
    pub file: FileId,
    pub name: String,
    /// Where it is used.
    pub span: Span,
}

/// The most assertions that a gate may have, uses of gate files counted too.
pub(crate) const MOST: usize = 10_000;

impl PlanBuilder<'_> {
    /// The node of a gate, and what its expressions refer to.
    pub fn gate(&mut self, at: Site<'_>, role: Role, name: &str, list: &Node) -> (PlanNode, Refers) {
        let site = Site { role: Some(role), item: Item::Nothing, ..at };
        let (refers, mut definer) = (Refers::default(), Definer::default());
        if let Some(params) = at.params {
            params.define(&mut definer, list.span);
        }
        let of =
            at.stage.and_then(|stage| self.names.stages.get_index(stage)).map_or(PIPELINE, |(name, _)| name.as_str());
        let gate = format!("{of}.{name}");
        let (open, without) = (Vec::new(), Vec::new());
        let mut reading =
            Reading { site, open, refers, definer, args: None, item: None, gate, without, left: MOST + 1 };
        let assertions = self.assertions(list, at.params, &mut reading);
        let without = reading.without;
        let count = u32::try_from(assertions.len() + without.len()).unwrap_or(u32::MAX);
        let title = if count == 1 { "1 assertion".to_owned() } else { format!("{count} assertions") };
        let definition = reading.definer.finish();
        let outline = NodeOutline {
            name: GATE.into(),
            role,
            kind: GATE.into(),
            title,
            assertions: count,
            definition: shown(&definition),
            ..NodeOutline::default()
        };
        let node = PlanNode {
            outline,
            stage: UNPLACED,
            role,
            step: GATE.into(),
            item: None,
            each: None,
            needs: Vec::new(),
            after: Vec::new(),
            covers: Vec::new(),
            when: None,
            env: Vec::new(),
            timeout: None,
            tolerate: Tolerate::default(),
            retry: Retry::default(),
            retry_when: None,
            pool: None,
            runs_on: None,
            artifacts: Vec::new(),
            continue_on_error: false,
            definition,
            inputs: Vec::new(),
            cache: Vec::new(),
            makes: Vec::new(),
            once: false,
            part: None,
            facts: Vec::new(),
            work: Work::Gate(Gate { assertions, without }),
        };
        (node, reading.refers)
    }

    pub fn assertions(
        &mut self,
        list: &Node,
        params: Option<&Params>,
        reading: &mut Reading<'_>,
    ) -> Vec<PlanAssertion> {
        let mut assertions = Vec::new();
        for entry in list.items() {
            let before = self.out.len();
            let items = self.gate_items(entry, params, reading).unwrap_or_else(|| vec![None]);
            if items.is_empty() {
                self.without_items(entry, reading);
            }
            for item in items {
                if !self.has_room(entry, reading) {
                    return assertions;
                }
                reading.item = item;
                if entry.get("use").is_some() {
                    assertions.extend(self.used(entry, params, reading));
                } else {
                    assertions.extend(self.assertion(entry, params, reading));
                }
            }
            reading.item = None;
            if let Some(params) = params {
                self.blame(entry, params, before);
            }
        }
        assertions
    }

    /// Whether a gate may grow by another assertion; reported if it may not.
    fn has_room(&mut self, item: &Node, reading: &mut Reading<'_>) -> bool {
        let Some(left) = reading.left.checked_sub(1) else { return false };
        reading.left = left;
        if left == 0 {
            let span = reading.open.first().map_or(item.span, |outermost| outermost.span);
            let message =
                format!("this gate has more than {MOST} assertions, those of the gate files that it uses counted");
            let help = "use each gate file once, and write what differs as a parameter";
            self.out.push(Diagnostic::error(Code::InvalidValue, span, message).help(help));
        }
        left > 0
    }

    /// One assertion; `None` when it is wrong, which was reported.
    fn assertion(&mut self, item: &Node, params: Option<&Params>, reading: &mut Reading<'_>) -> Option<PlanAssertion> {
        if !matches!(item.value, Value::Map(_)) {
            if !is_reported(item, self.out) {
                let message = format!("an assertion is {}, expected a mapping with a kind", item.type_name());
                self.out.push(
                    Diagnostic::error(Code::WrongType, item.span, message)
                        .help("for example `- file: { path: out.txt }`"),
                );
            }
            return None;
        }
        let kinds = self.assertion_kinds(item);
        reading.definer.tree(item);
        let each = reading.item.clone();
        let statics = static_scope(&self.names.vars, &self.names.spelled, each.as_ref().map(|each| &each.item), params);
        let place = Place::new(reading.at(params, item), &statics);
        let shape = Arc::clone(&self.shapes.assertion_keys);
        let open = |key: &str| matches!(key, "when" | FOR_EACH);
        let fixed = only(item, |field| !open(&field.key) && shape.has_key(&field.key));
        let found_fixed = self.inspect(&fixed, &shape, place);
        let open = only(item, |field| field.key == "when");
        let found_when = self.inspect(&open, &shape, place);
        let mut built = None;
        for (kind, body) in &kinds {
            let whole = match item.get("name").and_then(Node::as_text) {
                Some(name) => format!("the `{}` assertion `{name}`", kind.name),
                None => format!("the `{}` assertion", kind.name),
            };
            let name = name_of(item, &statics).unwrap_or_else(|| kind.name.to_owned());
            let identity = format!("{}: {}", reading.gate, named(item.get("name"), name, each.as_ref()));
            let named = Place { whole: &whole, identity: Some(&identity), ..place };
            built = self.body(*kind, body, named).map(|(body, found)| (identity, body, found));
        }
        let fixed = self.fixed_assertion_keys(&fixed, found_fixed, &statics);
        let &[(kind, _)] = kinds.as_slice() else { return None };
        let (identity, body, found) = built?;
        if found.baseline {
            self.one_baseline(&identity, item, reading);
        }
        self.identities.insert(identity.clone());
        reading.refers.add(found);
        reading.refers.add(found_when?);
        let spec = fixed?;
        let (steps, stages) = self.names.makers_of_inputs(&spec.inputs, reading.at(params, item), None, item);
        reading.refers.steps.extend(steps);
        reading.refers.stages.extend(stages);
        let runs_on = self.assertion_runs_on(item, kind, &spec).map(Box::new);
        Some(PlanAssertion {
            name: spec.name.map(|name| named(item.get("name"), name, each.as_ref())),
            identity,
            kind,
            body,
            within: spec.within.map(|time| time.0),
            hold: spec.r#for.map(|time| time.0),
            when: item.get("when").and_then(condition),
            otherwise: spec.otherwise,
            tolerate: spec.tolerate,
            runs_on,
            inputs: spec.inputs,
            warning: spec.severity == SeveritySpec::Warning,
            params: reading.args.clone(),
            item: each.map(|each| each.item),
        })
    }

    /// Two assertions cannot share the name that their baselines are stored under. A part that is used twice has each of
    /// its assertions twice.
    fn one_baseline(&mut self, identity: &str, item: &Node, reading: &Reading<'_>) {
        let first = self.referring.insert(identity.to_owned(), item.span);
        let Some(first) = first.filter(|_| reading.site.stage.is_some()) else { return };
        let message = format!("two assertions store their baselines as `{identity}`");
        let problem = Diagnostic::error(Code::DuplicateName, item.span, message);
        let problem = if first == item.span { problem } else { problem.also(first, "the first one") };
        self.out.push(problem.help("give each a `name:` of its own; in a part it can hold `${{ params.NAME }}`"));
    }

    /// The keys of an assertion that are known before the run.
    fn fixed_assertion_keys(&mut self, keys: &Node, found: Option<Found>, statics: &Scope) -> Option<AssertionKeys> {
        let found = found?;
        for span in &found.waits {
            self.out.push(
                Diagnostic::error(Code::InvalidTemplate, *span, "this must be known before the run, and is not")
                    .help("use `vars.NAME`; what only the run knows can stand in `when:` and under the kind's key"),
            );
        }
        if found.dynamic || found.lost {
            return None;
        }
        decode_or_tell(&*render_static(keys, statics, self.out)?, self.out)
    }

    /// What it asserts: exactly one kind where nothing is wrong.
    fn assertion_kinds<'n>(&mut self, item: &'n Node) -> Vec<(&'static AssertionKind, &'n Node)> {
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
            [_] => {}
            [] => {
                if !strange {
                    let names: Vec<&str> = registry.assertions.iter().map(|kind| kind.name).collect();
                    self.out.push(
                        Diagnostic::error(Code::NotOneKind, item.span, "this assertion has no kind")
                            .help(format!("add one of: {}", names.join(", "))),
                    );
                }
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
            }
        }
        kinds.into_iter().map(|(kind, field)| (kind, &field.node)).collect()
    }
}

/// The `name:` of an assertion, with the values that are known before the run.
fn name_of(item: &Node, statics: &Scope) -> Option<String> {
    let written = item.get("name")?.scalar_text()?;
    let rendered = Template::parse(&written).and_then(|template| template.eval(statics));
    Some(match rendered {
        Ok(serde_json::Value::String(name)) => name,
        _ => written.into_owned(),
    })
}
