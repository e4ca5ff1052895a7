//! The keys that every step has beside its kind: held against their shape, decoded, and whether they go together.

use std::sync::Arc;

use super::PlanBuilder;
use super::body::Place;
use super::each::RunItems;
use super::item_keys::{self, ItemKeys};
use crate::core::expr::{Scope, Template};
use crate::core::kind::StepKind;
use crate::core::model::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::core::model::namespace::refuse_system_namespace;
use crate::core::plan::decode::only;
use crate::core::plan::keys::GATE;
use crate::core::plan::keys::USE;
use crate::core::plan::matrix;
use crate::core::plan::names::{Item, Site};
use crate::core::plan::own_keys::{env_names, template_in, whole_template};
use crate::core::plan::scalar_validator::{Found, name_help};
use crate::core::spec::{ForEach, StepKeys};
use crate::core::yaml::template::takes_value;
use crate::core::yaml::{Entry, Node, Value, Written};

/// Keys that are read before any value is known: they name steps and outputs.
const PLAIN: [&str; 4] = ["needs", "during", "outputs", USE];

/// The common keys of a step, decoded.
#[derive(Default)]
pub(crate) struct DecodedKeys {
    pub keys: StepKeys,
    /// The items of `for_each`.
    pub items: Option<Vec<Written>>,
    /// The list of items that only the run knows, and what it refers to.
    pub each: Option<(Node, Found)>,
    /// Keys that differ from item to item.
    pub of_items: Option<ItemKeys>,
}

impl PlanBuilder<'_> {
    pub(crate) fn check_during(&mut self, entry: &Entry, kind: &str, able: bool) {
        let Some(during) = entry.node.entry("during").filter(|during| !during.node.items().is_empty()) else { return };
        if !able {
            let able: Vec<&str> =
                self.shapes.registry.steps.iter().filter(|kind| kind.during).map(|kind| kind.name).collect();
            let message = format!("a `{kind}` step cannot run during others");
            self.out.push(
                Diagnostic::error(Code::InvalidValue, during.key_span, message)
                    .help(format!("these can: {}", able.join(", "))),
            );
        }
    }

    /// A step that is left out must be one of which it is known what it depends on, and that is over by itself.
    pub(crate) fn check_cache(&mut self, entry: &Entry, kind: &StepKind) {
        let Some(cache) = entry.node.entry("cache") else { return };
        if kind.light && entry.node.get("inputs").is_none_or(|inputs| inputs.items().is_empty()) {
            let message = format!("step `{}` has `cache`, but no `inputs`", entry.key);
            self.out.push(
                Diagnostic::error(Code::MissingKey, cache.key_span, message)
                    .help("name what it depends on: `inputs: [src, \"*.lock\"]`; where that changes it runs again"),
            );
        }
        if entry.node.entry("during").is_some() {
            let message = "a step that runs `during` others cannot be left out";
            self.out.push(
                Diagnostic::error(Code::InvalidValue, cache.key_span, message).help("leave `cache` or `during` out"),
            );
        }
    }

    /// The common keys, decoded, and the items of `for_each`.
    pub(crate) fn step_keys(&mut self, at: Site<'_>, entry: &Entry) -> Option<DecodedKeys> {
        let shape = Arc::clone(&self.shapes.step_keys);
        // Most steps have none: nothing is copied, looked at and decoded for them.
        if !entry.node.entries().iter().any(|field| shape.has_key(&field.key)) {
            return Some(DecodedKeys::default());
        }
        env_names(entry.node.get("env"), self.out);
        let plain = self.plain_keys(entry);
        let statics = Arc::clone(&self.statics);
        let place = Place::new(at, &statics);
        let run_items = self.run_items(entry, place);
        let open_each = !matches!(run_items, RunItems::Known);
        let has_items = !open_each && entry.node.entry("for_each").is_some();
        let by_item = |field: &Entry| has_items && item_keys::uses_item(entry, field);
        let apart = |field: &Entry| {
            let key = field.key.as_str();
            (open_each && key == "for_each")
                || matches!(key, "env" | "when" | "with" | "namespace" | GATE)
                || (PLAIN.contains(&key) && template_in(&field.node).is_some())
        };
        let fixed = only(&entry.node, |field| shape.has_key(&field.key) && !apart(field) && !by_item(field));
        let fixed = without_retry_condition(fixed);
        let item = if open_each && entry.node.get(USE).is_none() { Item::Open } else { at.item };
        let place = Place { site: Site { item, ..at }, ..place };
        let found = self.known_before_the_run(&fixed, place)?;
        let rendered = crate::core::plan::decode::render_static(&fixed, &statics, self.out)?;
        if found.templates {
            self.inspect(&rendered, &shape, place)?;
        }
        let keys: StepKeys = crate::core::plan::decode::decode_or_tell(&rendered, self.out)?;
        if let Some(pool) = &keys.pool
            && !self.names.lost.pools
            && !self.declares_pool(pool)
        {
            let span = entry.node.get("pool").map_or(entry.key_span, |node| node.span);
            let help =
                did_you_mean(pool, self.pools.iter().map(|(name, _)| name.as_str()).filter(|name| !name.contains(' ')))
                    .unwrap_or_else(|| format!("add `pools: {{ {pool}: 1 }}` to pipeline.yaml"));
            self.out.push(Diagnostic::error(Code::UnknownName, span, format!("there is no pool `{pool}`")).help(help));
        }
        self.check_max_parallel(entry, &keys);
        self.check_use_keys(entry);
        if let Some(each) = entry.node.entry("for_each").filter(|_| keys.for_each.is_none() && !open_each) {
            let span = if each.node.value == Value::Null { each.key_span } else { each.node.span };
            self.out.push(
                Diagnostic::error(Code::WrongType, span, "`for_each` is empty, expected a list of values")
                    .help("write a list: `[a, b]`; with `[]` the step is left out"),
            );
        }
        self.check_patterns(entry, &keys);
        for (output, node) in keys.outputs.iter().zip(entry.node.get("outputs").map(Node::items).unwrap_or_default()) {
            if let Some(problem) = output_problem(output) {
                let fixed = name_help(output);
                let message = format!("the output name `{}` {problem}", output.escape_debug());
                self.out.push(Diagnostic::error(Code::InvalidName, node.span, message).help(fixed));
            }
        }
        if !plain {
            return None;
        }
        let items = match (rendered.get("for_each"), &keys.for_each) {
            (Some(each), Some(ForEach::List(_))) => Some(each.items().iter().map(Written::of).collect()),
            (Some(each), Some(ForEach::Matrix(_))) => Some(matrix::items(each, self.out)?),
            _ => None,
        };
        let each = match run_items {
            RunItems::Known => None,
            RunItems::Open(list, found) => Some((list, found)),
            RunItems::Lost => return None,
        };
        let own = only(&entry.node, by_item);
        let of_items = (!own.entries().is_empty()).then(|| ItemKeys { own, shared: rendered.into_owned() });
        Some(DecodedKeys { keys, items, each, of_items })
    }

    /// What keys refer to that must have a value before the run.
    pub(super) fn known_before_the_run(&mut self, keys: &Node, place: Place<'_>) -> Option<Found> {
        let shape = Arc::clone(&self.shapes.step_keys);
        let found = self.inspect(keys, &shape, place)?;
        for span in &found.waits {
            let message = "this key must be known before the run: only `vars` can stand in it";
            self.out.push(Diagnostic::error(Code::InvalidTemplate, *span, message).help(
                "use `vars.NAME`; what only the run knows can stand in `env`, in `when` and under the kind's key",
            ));
        }
        (!found.dynamic && !found.lost).then_some(found)
    }

    /// Patterns that name files below the project.
    pub(super) fn check_patterns(&mut self, entry: &Entry, keys: &StepKeys) {
        let paths =
            [("inputs", &keys.inputs), ("cache", &keys.cache), ("artifacts", &keys.artifacts), ("makes", &keys.makes)];
        for (key, patterns) in paths {
            for (index, pattern) in patterns.iter().enumerate() {
                if let Some(problem) = crate::core::files::inputs::problem(pattern) {
                    let span = entry.node.span_at(&[key.into(), index.into()]);
                    let help =
                        format!("write files, folders or patterns below the project: `{key}: [src, \"*.lock\"]`");
                    self.out.push(Diagnostic::error(Code::InvalidReference, span, problem).help(help));
                }
            }
        }
    }

    /// A `namespace:`, whose shape was checked; one that is known now must be one that may be touched.
    pub(crate) fn namespace(&mut self, keys: &Node, statics: &Scope) -> Option<Template> {
        let node = keys.get("namespace")?;
        let template = Template::parse(&node.scalar_text()?).ok()?;
        if let Ok(text) = template.text(statics)
            && let Err(fault) = refuse_system_namespace(&text)
        {
            let problem = Diagnostic::error(Code::InvalidName, node.span, fault.message);
            self.out.push(problem.maybe_help(fault.help));
        }
        Some(template)
    }

    /// What belongs only beside `use`.
    pub(crate) fn check_use_keys(&mut self, entry: &Entry) {
        if entry.node.get(USE).is_some() {
            return;
        }
        for (key, help) in [
            ("with", "values of a step's own go into `env`, or under its kind's key"),
            ("namespace", "write it under the kind's key, such as `kube: { namespace: … }`, or beside `stage:`"),
        ] {
            if let Some(field) = entry.node.entry(key) {
                let message = format!("`{key}` has a meaning only beside `{USE}`");
                self.out.push(Diagnostic::error(Code::InvalidValue, field.key_span, message).help(help));
            }
        }
    }

    /// That the limit of a `for_each` has one, and no other beside it.
    fn check_max_parallel(&mut self, entry: &Entry, keys: &StepKeys) {
        let Some(limit) = entry.node.entry("max_parallel").filter(|_| keys.max_parallel.is_some()) else { return };
        let has = |key: &str| entry.node.get(key).is_some();
        let (message, help) = match () {
            () if !has("for_each") => {
                ("`max_parallel` has a meaning only beside `for_each`", "add `for_each`, or leave it out")
            }
            () if has(USE) => ("`max_parallel` has no meaning beside `use`", "put the steps of the part into a pool"),
            () if has("pool") => ("`max_parallel` and `pool` both limit how many run", "keep one of them"),
            () => return,
        };
        self.out.push(Diagnostic::error(Code::InvalidValue, limit.key_span, message).help(help));
    }

    /// Whether pipeline.yaml has a pool of this name; those of runners have names that no user can write.
    fn declares_pool(&self, pool: &str) -> bool {
        !pool.contains(' ') && self.pools.iter().any(|(name, _)| name == pool)
    }

    /// Whether the keys that name other steps and outputs are written out; reported if they are not.
    fn plain_keys(&mut self, entry: &Entry) -> bool {
        let before = self.out.len();
        if let Some(env) = entry.node.get("env").filter(|env| env.as_text().is_some_and(takes_value)) {
            self.out.push(whole_template("env", env));
        }
        for field in entry.node.entries().iter().filter(|field| PLAIN.contains(&field.key.as_str())) {
            if let Some(template) = template_in(&field.node) {
                let message = format!("`{}` cannot hold `${{{{ }}}}`: it is read as it is written", field.key);
                let help = match field.key.as_str() {
                    USE => "write the path of the part's file, or its name under `parts:`".to_owned(),
                    key => format!("write the names out: `{key}: [NAME]`"),
                };
                self.out.push(Diagnostic::error(Code::InvalidTemplate, template.span, message).help(help));
            }
        }
        self.out.len() == before
    }

    /// The condition of `retry:`, which sees how the last attempt ended; what it refers to goes to `found`.
    fn retry_condition(&mut self, entry: &Entry, place: Place<'_>, found: &mut Found) -> Option<()> {
        let Some(when) = entry.node.get("retry").and_then(|retry| retry.get("when")) else { return Some(()) };
        let shape = Arc::clone(&self.shapes.condition);
        found.add(self.inspect(when, &shape, Place { site: Site { outcome: true, ..place.site }, ..place })?);
        Some(())
    }

    /// What of its common keys waits for the run, held against its shape.
    pub(crate) fn open_keys(&mut self, entry: &Entry, place: Place<'_>) -> Option<Found> {
        let open = only(&entry.node, |field| matches!(field.key.as_str(), "env" | "when" | "namespace"));
        let shape = Arc::clone(&self.shapes.step_keys);
        let mut found = if open.entries().is_empty() { Found::default() } else { self.inspect(&open, &shape, place)? };
        self.retry_condition(entry, place, &mut found)?;
        Some(found)
    }
}

/// The keys without what `retry:` evaluates after an attempt.
fn without_retry_condition(mut keys: Node) -> Node {
    if let Value::Map(entries) = &mut keys.value {
        for retry in entries.iter_mut().filter(|entry| entry.key == "retry") {
            if let Value::Map(own) = &mut retry.node.value {
                own.retain(|entry| entry.key != "when");
            }
        }
    }
    keys
}

/// What is wrong with the name of an output, which a step writes as a line `name=value`.
fn output_problem(name: &str) -> Option<&'static str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match name {
        "" => Some("is empty"),
        _ => (!name.chars().all(fits)).then_some("holds characters other than letters, digits, `-` and `_`"),
    }
}
