//! A gate among the steps of a stage: a step with `gate:` in the place of a kind.

use std::sync::Arc;

use super::build::PlanBuilder;
use super::build::body::Place;
use super::build::empty_gate::no_assertion;
use super::build::stage::condition;
use super::build::stage::step::StepParts;
use super::decode::only;
use super::keys::GATE;
use super::names::Site;
use super::node::PlanNode;
use crate::core::model::diagnostic::{Code, Diagnostic};
use crate::core::model::event::{NodeOutline, Role};
use crate::core::spec::StepKeys;
use crate::core::yaml::{Entry, Node, Value};

/// Common keys that say nothing of a gate, and what to do instead.
const NOT_FOR_GATES: [(&str, &str); 8] = [
    ("retry", "its assertions are looked at until they hold: give them `within: 30s`"),
    ("for_each", "put it at the assertions: `- for_each: [a, b]` beside the kind or `use`"),
    ("outputs", "a gate publishes nothing: put it into the step that does"),
    ("inputs", "leave it out: a gate is measured, and depends on no files"),
    ("cache", "leave it out: a gate is measured each time"),
    ("makes", "put it into the step that makes the files"),
    ("once", "leave it out: measuring twice does no harm"),
    ("pool", "leave it out: a gate takes no place"),
];

impl PlanBuilder<'_> {
    /// What may not stand beside it.
    pub fn check_gate(&mut self, at: Site<'_>, entry: &Entry, list: &Node) {
        self.check_during(entry, GATE, false);
        match &list.value {
            Value::List(items) if items.is_empty() => {
                self.out.push(no_assertion(list.span, &format!("the gate `{}`", entry.key)));
            }
            // each of its assertions is looked at by itself
            Value::List(_) => {}
            _ => {
                let (statics, shape) = (Arc::clone(&self.statics), Arc::clone(&self.shapes.step_keys));
                let place = Place::new(at, &statics);
                self.inspect(&only(&entry.node, |field| field.key == GATE), &shape, place);
            }
        }
        for (key, help) in NOT_FOR_GATES {
            if let Some(field) = entry.node.entry(key) {
                let message = format!("`{key}` has no meaning beside `{GATE}`");
                self.out.push(Diagnostic::error(Code::InvalidValue, field.key_span, message).help(help));
            }
        }
    }

    /// A gate among the steps.
    pub fn gate_step(
        &mut self,
        at: Site<'_>,
        entry: &Entry,
        list: &Node,
        keys: &StepKeys,
        parts: &mut StepParts,
    ) -> Option<PlanNode> {
        let statics = Arc::clone(&self.statics);
        let place = Place::new(at, &statics);
        let role = at.role.unwrap_or(Role::Step);
        let open = self.open_keys(entry, place);
        let (gate, refers) = self.gate(at, role, &entry.key, list);
        let open = open?;
        parts.uses.extend(open.steps.into_iter().chain(refers.steps));
        parts.refers.extend(open.stages.into_iter().chain(refers.stages));
        let title = keys.name.clone().unwrap_or(gate.outline.title);
        Some(PlanNode {
            outline: NodeOutline { name: entry.key.clone(), title, ..gate.outline },
            step: entry.key.clone(),
            when: entry.node.get("when").and_then(condition),
            env: PlanBuilder::env(entry.node.get("env")),
            timeout: keys.timeout.map(|time| time.0),
            tolerate: keys.tolerate.clone(),
            continue_on_error: keys.continue_on_error,
            ..gate
        })
    }
}
