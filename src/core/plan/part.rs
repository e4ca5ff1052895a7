//! A step that uses a part: the part's steps and gate become nodes of the caller's graph. Knows no kind.

use std::sync::Arc;

use super::build::body::Place;
use super::build::params::PART;
use super::build::stage::step::StepParts;
use super::build::stage::{StageBuilder, UNPLACED, condition};
use super::build::{Built, MOST_NODES, MOST_PARTS, PlanBuilder};
use super::decode::only;
use super::given::Owner;
use super::keys::USE;
use super::names::{Item, Site};
use super::node::{PartId, PartOutput, PlanPart};
use super::part_files::PartFile;
use super::statics::static_scope;
use crate::core::expr::{Fact, Part, Template};
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::core::model::event::{NodeId, Role};
use crate::core::model::source::Span;
use crate::core::spec::StepKeys;
use crate::core::yaml::{Entry, Node, Value, Written};

/// Common keys that have no meaning for a part as a whole, and what to do instead.
const NOT_FOR_PARTS: [(&str, &str); 8] = [
    ("during", "write it at the steps of the part"),
    ("retry", "write it at the steps of the part"),
    ("pool", "write it at the steps of the part"),
    ("outputs", "a part publishes what its own `outputs:` names"),
    ("inputs", "write it at the steps of the part"),
    ("cache", "write it at the steps of the part"),
    ("once", "write it at the steps of the part"),
    ("tolerate", "write it at the steps of the part"),
];

/// One use of a part, with what it is given.
struct Use<'a> {
    entry: &'a Entry,
    keys: &'a StepKeys,
    file: &'a PartFile,
    span: Span,
}

impl PlanBuilder<'_> {
    /// What may not be written beside `use`.
    pub fn check_part(&mut self, entry: &Entry) {
        for (key, help) in NOT_FOR_PARTS {
            if let Some(field) = entry.node.entry(key) {
                let message = format!("`{key}` has no meaning beside `{USE}`");
                self.out.push(Diagnostic::error(Code::InvalidValue, field.key_span, message).help(help));
            }
        }
    }

    /// The nodes of a part, for each item.
    #[expect(clippy::too_many_arguments, reason = "the parts of one step, named where it is called")]
    pub fn part_step(
        &mut self,
        at: Site<'_>,
        entry: &Entry,
        using: &Node,
        keys: &StepKeys,
        items: Option<Vec<Written>>,
        labels: Vec<String>,
        built: &mut Built,
        parts: &mut StepParts,
    ) {
        if let Some(with) =
            entry.node.entry("with").filter(|with| !matches!(with.node.value, Value::Map(_) | Value::Null))
        {
            let (statics, shape) = (Arc::clone(&self.statics), Arc::clone(&self.shapes.step_keys));
            self.inspect(&only(&entry.node, |field| field.key_span == with.key_span), &shape, Place::new(at, &statics));
        }
        let file = using.as_text().filter(|_| !self.part_files.circular.contains(&using.span));
        // What is wrong with the part itself was reported.
        let Some(file) = file.and_then(|reference| self.part_files.get(reference)) else { return };
        let using = Use { entry, keys, file: &file, span: using.span };
        let items: Vec<Option<Written>> =
            items.map_or_else(|| vec![None], |items| items.into_iter().map(Some).collect());
        let mut labels = labels.into_iter();
        for item in items {
            let name = labels.next().map_or_else(|| entry.key.clone(), |label| format!("{}[{label}]", entry.key));
            if !self.may_grow(using.span) {
                return;
            }
            self.one_part(at, &using, item, name, built, parts);
        }
    }

    /// Whether another step may be added; reported once where it may not.
    pub(super) fn may_add(&mut self, span: Span) -> bool {
        take_one(&mut self.nodes_left, self.out, || {
            let message = format!("this pipeline has more than {MOST_NODES} steps, those of parts and items counted");
            let help = "use a shorter `for_each`, or several pipelines";
            Diagnostic::error(Code::InvalidValue, span, message).help(help)
        })
    }

    /// Whether another part may be used; reported once where it may not.
    fn may_grow(&mut self, span: Span) -> bool {
        self.nodes_left > 0
            && take_one(&mut self.parts_left, self.out, || {
                let message = format!("this pipeline uses more than {MOST_PARTS} parts, those within parts counted");
                let help = "use fewer parts within parts, or a shorter `for_each`";
                Diagnostic::error(Code::InvalidValue, span, message).help(help)
            })
    }

    fn one_part(
        &mut self,
        at: Site<'_>,
        using: &Use<'_>,
        item: Option<Written>,
        name: String,
        built: &mut Built,
        parts: &mut StepParts,
    ) {
        let (entry, keys, file) = (using.entry, using.keys, using.file);
        let outside = Arc::new(static_scope(&self.names.vars, &self.names.spelled, item.as_ref(), at.params));
        let place = Place::new(Site { item: if item.is_some() { Item::Known } else { at.item }, ..at }, &outside);
        let open = self.open_keys(entry, place);
        let owner = Owner { what: PART, path: &file.path, file: &file.node, span: using.span, by_option: false };
        let with = entry.node.get("with").filter(|with| matches!(with.value, Value::Map(_)));
        let (params, found) = self.arguments(owner, with, place);
        for found in open.into_iter().chain([found]) {
            parts.uses.extend(found.steps);
            parts.refers.extend(found.stages);
        }
        let inside = Arc::new(static_scope(&self.names.vars, &self.names.spelled, None, Some(&params)));
        let caller = std::mem::replace(&mut self.statics, inside);
        let site = Site {
            stage: at.stage,
            role: at.role,
            item: Item::Nothing,
            params: Some(&params),
            part: Some(&file.names),
            outcome: false,
        };
        let (first_node, index) = (built.nodes.len(), built.parts.len());
        built.parts.push(PlanPart {
            name: name.clone(),
            path: file.path.clone(),
            step: entry.key.clone(),
            stage: UNPLACED,
            outer: None,
            item,
            args: params.args(None),
            when: entry.node.get("when").and_then(condition),
            env: PlanBuilder::env(entry.node.get("env")),
            timeout: keys.timeout.map(|time| time.0),
            namespace: self.namespace(&entry.node, &outside),
            outputs: self.part_outputs(file, site),
            refers: Vec::new(),
            nodes: Vec::new(),
        });
        let refers = std::mem::take(&mut built.refers);
        let inner = StageBuilder::at(self, site, &file.node);
        *built = inner.build_part(std::mem::take(built));
        parts.refers.append(&mut std::mem::replace(&mut built.refers, refers));
        self.statics = caller;
        let id = PartId(u32::try_from(index).unwrap_or(u32::MAX));
        for (at, node) in (first_node..).zip(&mut built.nodes[first_node..]) {
            node.outline.name = format!("{name}.{}", node.outline.name);
            node.part.get_or_insert(id);
            node.continue_on_error |= keys.continue_on_error;
            built.parts[index].nodes.push(NodeId(u32::try_from(at).unwrap_or(u32::MAX)));
        }
        for inner in &mut built.parts[index + 1..] {
            inner.name = format!("{name}.{}", inner.name);
            inner.outer.get_or_insert(id);
        }
        parts.parts.push(index);
    }

    /// The outputs of a part, checked with the values of its parameters.
    fn part_outputs(&mut self, file: &PartFile, site: Site<'_>) -> Vec<PartOutput> {
        let (statics, shape) = (Arc::clone(&self.statics), Arc::clone(&self.shapes.secret_text));
        let site = Site { role: Some(Role::Step), ..site };
        let entries = file.node.get("outputs").map(Node::entries).unwrap_or_default();
        for entry in entries {
            self.inspect(&entry.node, &shape, Place::new(site, &statics));
            self.refuse_facts(&entry.node);
        }
        let secret = |name: &str| file.outputs.get(name).copied().unwrap_or_default();
        let output = |entry: &Entry| PartOutput {
            name: entry.key.clone(),
            value: entry.node.clone(),
            secret: secret(&entry.key),
        };
        entries.iter().map(output).collect()
    }

    /// Outputs are put together where they are used: they ask nothing of the environment themselves.
    fn refuse_facts(&mut self, output: &Node) {
        let template = output.as_text().and_then(|text| Template::parse(text).ok());
        for part in template.iter().flat_map(|template| &template.parts) {
            let Part::Expr { expr, offset } = part else { continue };
            for reference in expr.references() {
                let Some(fact) = Fact::of(&reference.path) else { continue };
                let span = output.place_of(&self.files.sources, offset + reference.offset, reference.len);
                let message = format!("`{}` is not known in the outputs of a part", fact.name());
                let help = "ask in a step of the part, and hand on its output: `${{ steps.ID.outputs.NAME }}`";
                self.out.push(Diagnostic::error(Code::InvalidReference, span, message).help(help));
            }
        }
    }
}

/// Takes one of what is left; whether some was left after it. The last one is reported.
fn take_one(left: &mut usize, out: &mut Diagnostics, over: impl FnOnce() -> Diagnostic) -> bool {
    let last = *left == 1;
    *left = left.saturating_sub(1);
    if last {
        out.push(over());
    }
    *left > 0
}
