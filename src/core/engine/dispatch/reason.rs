//! The scheduler's reason for not running a node, as the record states it.

use super::Dispatch;
use crate::core::engine::scheduler::Why;
use crate::core::model::event::{NodeId, Reason};

impl Dispatch {
    pub(super) fn because(&self, why: Why, node: NodeId) -> Reason {
        let plan = &self.parts.plan;
        match why {
            Why::Failed(root) => Reason::Failed { node: plan.node(root).outline.name.clone() },
            Why::When => {
                let own = plan.node(node);
                let around = plan.parts_around(own).find(|part| self.known.is_left_out(*part));
                let part = around.and_then(|part| plan.part(part).when.as_ref());
                let when = part.or(own.when.as_ref()).or(plan.stages()[own.stage.index()].when.as_ref());
                Reason::When { expression: when.map(|when| when.text().to_owned()).unwrap_or_default() }
            }
            Why::NotHere => Reason::NotHere { reason: String::new() },
            Why::NotSelected => Reason::NotSelected,
            Why::NotNeeded => Reason::NotNeeded,
            Why::Kept => Reason::Pending,
            Why::Interrupted => Reason::Interrupted,
            Why::Stopped => Reason::Stopped { reason: self.stopped.clone().unwrap_or_default() },
        }
    }
}
