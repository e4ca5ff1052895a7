//! Items of `for_each` that only the run knows: outputs of other steps. Knows no kind.

use std::sync::Arc;

use super::PlanBuilder;
use super::body::Place;
use crate::core::model::diagnostic::{Code, Diagnostic};
use crate::core::plan::keys::GATE;
use crate::core::plan::keys::USE;
use crate::core::plan::scalar_validator::Found;
use crate::core::yaml::template::takes_value;
use crate::core::yaml::{Entry, Node};

/// What has no meaning for a step whose items the run finds out, and what to do instead.
const NOT_WITH_ITEMS_OF_THE_RUN: [(&str, &str); 4] = [
    (USE, "put the `for_each` at the steps of the part, and give the list by `with:`"),
    (GATE, "write an assertion over the list, such as `assert`"),
    ("during", "leave `during` out, or write the items out"),
    ("cache", "leave `cache` out, or write the items out"),
];

/// The items of a step.
#[derive(Debug)]
pub(crate) enum RunItems {
    /// They are known before the run, or there are none.
    Known,
    /// The list is this, rendered.
    Open(Node, Found),
    /// They are wrong, which was reported.
    Lost,
}

impl PlanBuilder<'_> {
    /// Whether the items of a step wait for the run.
    pub(crate) fn run_items(&mut self, entry: &Entry, place: Place<'_>) -> RunItems {
        let Some(each) = entry.node.get("for_each").filter(|each| each.as_text().is_some_and(takes_value)) else {
            return RunItems::Known;
        };
        let any = Arc::clone(&self.shapes.any);
        match self.inspect(each, &any, place) {
            None => RunItems::Lost,
            Some(found) if found.lost => RunItems::Lost,
            Some(found) if !found.dynamic => RunItems::Known,
            Some(found) => {
                let before = self.out.len();
                for (key, help) in NOT_WITH_ITEMS_OF_THE_RUN {
                    if let Some(field) = entry.node.entry(key) {
                        let message = format!("`{key}` needs the items of `for_each` before the run");
                        self.out.push(Diagnostic::error(Code::InvalidValue, field.key_span, message).help(help));
                    }
                }
                if self.out.len() > before { RunItems::Lost } else { RunItems::Open(each.clone(), found) }
            }
        }
    }
}
