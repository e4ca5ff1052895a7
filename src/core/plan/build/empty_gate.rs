//! Gates that would measure nothing: an empty list is an error, and a `for_each` without items is reported by the run.

use super::PlanBuilder;
use super::gate::Reading;
use crate::core::model::diagnostic::{Code, Diagnostic};
use crate::core::model::source::Span;
use crate::core::plan::gate_item::FOR_EACH;
use crate::core::plan::keys::{GATE, USE};
use crate::core::plan::no_items::NoItems;
use crate::core::yaml::{Node, Value};

impl PlanBuilder<'_> {
    /// The assertions under the `gate` of a file. One that is written and has none would pass without a measurement.
    pub(super) fn gate_list<'n>(&mut self, node: &'n Node) -> Option<&'n Node> {
        let gate = node.entry(GATE)?;
        match &gate.node.value {
            Value::List(entries) if entries.is_empty() => self.out.push(no_assertion(gate.node.span, "this gate")),
            Value::Null => self.out.push(no_assertion(gate.key_span, "this gate")),
            _ => {}
        }
        Some(&gate.node).filter(|list| !list.items().is_empty())
    }

    /// Whether the items of an entry are written as an empty list; reported if they are.
    pub(super) fn has_no_items(&mut self, written: &Node) -> bool {
        let empty = matches!(&written.value, Value::List(items) if items.is_empty());
        if empty {
            let message = "the list of this `for_each` is empty, so nothing is measured";
            let help = "add a value: `for_each: [a]`, or leave the assertion out";
            self.out.push(Diagnostic::error(Code::InvalidValue, written.span, message).help(help));
        }
        empty
    }

    /// An entry whose `for_each` has turned out to be empty: the gate reports that nothing was measured for it.
    pub(super) fn without_items(&self, entry: &Node, reading: &mut Reading<'_>) {
        let kind = entry.entries().iter().map(|field| field.key.as_str());
        let kind = kind.clone().find(|key| *key == USE || self.shapes.registry.assertion(key).is_some()).unwrap_or(USE);
        let text = |key: &str| entry.get(key).and_then(Node::as_text).map(str::to_owned);
        let name = text("name").or_else(|| text(USE)).unwrap_or_else(|| kind.to_owned());
        let list = text(FOR_EACH);
        reading.without.push(NoItems { name, kind: kind.to_owned(), list });
    }
}

/// The error for a gate that has no assertion.
pub(crate) fn no_assertion(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error(Code::MissingKey, span, format!("{what} has no assertion"))
        .help("add one, for example `- file: { path: out.txt }`, or leave the gate out")
}
