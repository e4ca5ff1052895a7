//! How a run goes on with an earlier one: all of it, only the `finally` that it owes, or one measurement of its gates.

use crate::core::model::event::{Continues, NodeId, RerunReason, ResumeMode, Role, State};
use crate::core::plan::Plan;

use super::previous_run::{NodeStatus, PreviousRun};
use super::scope::KnownNode;

/// How a run goes on with an earlier one.
#[derive(Debug, Clone, PartialEq)]
pub struct ResumePlan {
    /// What is recorded of it.
    pub continues: Continues,
    /// Gates that are looked at once, and only warn: stages were built on them since, and may have changed what they see.
    pub(super) looks: Vec<NodeId>,
    /// Gates that held, of stages that are kept whole and that nothing was built on: worth a look before the run, since
    /// where one does not hold any more its steps must run again.
    pub verifies: Vec<NodeId>,
    /// States and outputs that expressions see from the start.
    pub(super) known: Vec<KnownNode>,
    /// The run whose `finally` is done, as they see it.
    pub(super) settled: Option<SettledRun>,
}

/// A run whose `finally` a later one does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SettledRun {
    /// Its id: what is to be removed may bear it.
    pub run: String,
    /// How it ended: what `finally` steps see as `run.result`.
    pub ended: State,
}

impl ResumePlan {
    /// Only what a run owes: its `finally`, with what they may know of it. Also the names of steps that are not in the
    /// files any more.
    pub fn settle(plan: &Plan, past: &PreviousRun) -> (Self, Vec<String>) {
        let (owes, lost) = owed(plan, past);
        let continues =
            Continues { run: past.run.clone(), how: ResumeMode::Settle, kept: Vec::new(), again: Vec::new(), owes };
        let mut known = ended(plan, past);
        known.extend(cut_short(plan, past));
        let (run, ended) = past.owner();
        let settled = Some(SettledRun { run: run.to_owned(), ended: ended.unwrap_or(State::Cancelled) });
        (ResumePlan { continues, looks: Vec::new(), verifies: Vec::new(), known, settled }, lost)
    }

    /// Nothing but one measurement of these gates, with what the earlier run knew of their steps.
    pub fn look(plan: &Plan, past: &PreviousRun, gates: &[NodeId]) -> Self {
        let (run, owes) = (past.run.clone(), gates.to_vec());
        let continues = Continues { run, how: ResumeMode::Settle, kept: Vec::new(), again: Vec::new(), owes };
        ResumePlan { continues, looks: gates.to_vec(), verifies: Vec::new(), known: ended(plan, past), settled: None }
    }

    /// Nodes that must not run twice and would, or might, with the reason.
    pub fn in_doubt<'c>(&'c self, plan: &'c Plan) -> impl Iterator<Item = (&'c str, &'c RerunReason)> {
        let once = self.continues.again.iter().filter(|again| plan.node(again.node).once && again.why.may_be_done());
        once.map(|again| (plan.node(again.node).outline.name.as_str(), &again.why))
    }
}

/// The nodes of a plan that an earlier run owes, and the names of those that the plan does not have.
pub(super) fn owed(plan: &Plan, past: &PreviousRun) -> (Vec<NodeId>, Vec<String>) {
    let (mut nodes, mut lost) = (Vec::new(), Vec::new());
    for name in past.owes() {
        let found = plan.nodes().iter().position(|node| node.role == Role::Finally && node.outline.name == name);
        match found {
            Some(at) => nodes.push(node_id(at)),
            None => lost.push(name.to_owned()),
        }
    }
    (nodes, lost)
}

/// What ended in an earlier run, by the nodes of this plan.
pub(super) fn ended(plan: &Plan, past: &PreviousRun) -> Vec<KnownNode> {
    known(plan, past, |status| match status {
        NodeStatus::Over(state) => Some(state),
        _ => None,
    })
}

/// What began in an earlier run and did not come to an end of its own.
fn cut_short(plan: &Plan, past: &PreviousRun) -> Vec<KnownNode> {
    known(plan, past, |status| match status {
        NodeStatus::TimedOut => Some(State::Failed),
        NodeStatus::InDoubt => Some(State::Cancelled),
        NodeStatus::NotStarted | NodeStatus::Over(_) => None,
    })
}

fn known(plan: &Plan, past: &PreviousRun, state: impl Fn(NodeStatus) -> Option<State>) -> Vec<KnownNode> {
    let known = plan.nodes().iter().enumerate().filter_map(|(at, node)| {
        let past = past.node(&node.outline.name)?;
        let state = state(past.stand)?;
        Some(KnownNode { node: node_id(at), state, outputs: past.outputs.clone(), ran: past.ran })
    });
    known.collect()
}

/// The node at a place of the plan.
pub(super) fn node_id(at: usize) -> NodeId {
    NodeId(u32::try_from(at).unwrap_or(u32::MAX))
}
