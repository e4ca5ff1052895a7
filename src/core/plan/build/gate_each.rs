//! `for_each` of assertions and of uses of gate files: each item is an assertion of its own. Knows no kind.

use std::sync::Arc;

use super::PlanBuilder;
use super::body::Place;
use super::gate::Reading;
use crate::core::model::diagnostic::{Code, Diagnostic};
use crate::core::plan::decode::{decode_or_tell, only, render_static};
use crate::core::plan::gate_item::{FOR_EACH, GateItem};
use crate::core::plan::given::Params;
use crate::core::plan::matrix::{self, MOST_ITEMS};
use crate::core::plan::names::Site;
use crate::core::plan::statics::static_scope;
use crate::core::plan::step_labels::{Items, labels};
use crate::core::spec::{AssertionKeys, ForEach};
use crate::core::yaml::{Node, Value, Written};

impl PlanBuilder<'_> {
    /// The items of one entry of a gate; one without a value where it has no `for_each`. `None` when they are wrong, which
    /// was reported.
    pub fn gate_items(
        &mut self,
        entry: &Node,
        params: Option<&Params>,
        reading: &Reading<'_>,
    ) -> Option<Vec<Option<GateItem>>> {
        let Some(each) = entry.entry(FOR_EACH) else { return Some(vec![None]) };
        if self.has_no_items(&each.node) {
            return None;
        }
        let statics = static_scope(&self.names.vars, &self.names.spelled, None, params);
        let place = Place::new(Site { params, ..reading.site }, &statics);
        let shape = Arc::clone(&self.shapes.assertion_keys);
        let keys = only(entry, |field| field.key == FOR_EACH);
        let found = self.inspect(&keys, &shape, place)?;
        for span in &found.waits {
            let message = "the items of an assertion must be known before the run";
            let help = "use `vars.NAME`; a list that the run finds is measured as a whole, such as by `assert`";
            self.out.push(Diagnostic::error(Code::InvalidTemplate, *span, message).help(help));
        }
        if found.dynamic || found.lost {
            return None;
        }
        let rendered = render_static(&keys, &statics, self.out)?;
        if found.templates {
            self.inspect(&rendered, &shape, place)?;
        }
        let spec: AssertionKeys = decode_or_tell(&rendered, self.out)?;
        let node = rendered.get(FOR_EACH)?;
        let (items, of) = match spec.for_each {
            Some(ForEach::List(items)) if items.len() > MOST_ITEMS => {
                let message = format!("the list has {} items, expected at most {MOST_ITEMS}", items.len());
                let problem = Diagnostic::error(Code::InvalidValue, each.node.span, message);
                self.out.push(problem.help("use a shorter list"));
                return None;
            }
            Some(ForEach::List(_)) => (node.items().iter().map(Written::of).collect(), Items::List),
            Some(ForEach::Matrix(_)) => (matrix::items(node, self.out)?, Items::Matrix),
            None => {
                let span = if each.node.value == Value::Null { each.key_span } else { each.node.span };
                let message = "`for_each` is empty, expected a list of values";
                self.out.push(Diagnostic::error(Code::WrongType, span, message).help("write a list: `[a, b]`"));
                return None;
            }
        };
        let labels = labels(&items, of);
        Some(items.into_iter().zip(labels).map(|(item, label)| Some(GateItem { item, label })).collect())
    }
}
