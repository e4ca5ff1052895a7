//! What an earlier run knew, and how the run went so far.

use super::Known;
use crate::core::model::event::{NodeId, Ran, State};
use crate::core::model::outcome::Outputs;
use crate::core::plan::{Plan, PlanNode};

/// What an earlier run knew of a node that is over.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::core::engine) struct KnownNode {
    pub node: NodeId,
    pub state: State,
    pub outputs: Outputs,
    pub ran: Option<Ran>,
}

impl Known {
    /// An earlier run knew this of a node.
    pub fn recall(&mut self, known: &KnownNode) {
        self.node_ran(known.node, known.ran);
        self.node_over(known.node, known.state, &known.outputs);
    }

    /// This run was not asked for a node. What an earlier one knew of it stays true.
    pub fn left_out(&mut self, node: NodeId) {
        if !self.states[node.index()].is_over() {
            self.states[node.index()] = State::Skipped;
        }
    }

    /// What is done now is the `finally` of an earlier run, which ended so.
    pub fn settles(&mut self, ended: Option<State>) {
        self.settled = ended;
    }

    /// How the run went so far, and the first node that did not end well; empty where there is none.
    pub(super) fn result<'p>(&self, plan: &'p Plan) -> (&'static str, &'p str) {
        let counts = |(state, node): (&State, &PlanNode)| state.is_bad() && !node.continue_on_error;
        let bad = self.states.iter().zip(plan.nodes()).position(counts);
        let name = bad.map_or("", |index| plan.nodes()[index].outline.name.as_str());
        match (bad, self.settled) {
            (Some(_), _) => ("failed", name),
            (None, Some(state)) if state.is_bad() => ("failed", name),
            (None, Some(State::Cancelled)) => ("cancelled", name),
            (None, _) if self.states.contains(&State::Cancelled) => ("cancelled", name),
            (None, _) => ("passed", name),
        }
    }
}
