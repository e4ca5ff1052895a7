//! What was skipped, in one line for each cause: after an early failure there may be very many.

use super::run_state::{NodeStory, RunState, StageStory};
use super::words::{self, style, tame};
use crate::core::model::event::{NodeId, Reason, State};
use style::{DIM, OFF};

/// Whether the end of a node is reported together with others of the same cause.
pub(super) fn is_folded(state: State, because: Option<&Reason>) -> bool {
    let of_others = matches!(
        because,
        Some(Reason::NotSelected | Reason::Failed { .. } | Reason::Interrupted | Reason::Stopped { .. })
    );
    state == State::Skipped && of_others
}

/// Nodes that were skipped for one cause, in the order in which they ended.
pub(super) fn by_cause(story: &RunState, nodes: &[NodeId]) -> Vec<Vec<NodeId>> {
    let mut causes: Vec<(Option<&Reason>, Vec<NodeId>)> = Vec::new();
    for id in nodes {
        let cause = story.node(*id).and_then(|node| node.because.as_ref());
        match causes.iter_mut().find(|(other, _)| *other == cause) {
            Some((_, together)) => together.push(*id),
            None => causes.push((cause, vec![*id])),
        }
    }
    causes.into_iter().map(|(_, together)| together).collect()
}

/// `37 steps and gates of 5 stages skipped: before.gate failed`.
pub(super) fn line(story: &RunState, nodes: &[NodeId]) -> String {
    let all: Vec<&NodeStory> = nodes.iter().filter_map(|id| story.node(*id)).collect();
    let cause = all.iter().find_map(|node| node.because.as_ref());
    if cause == Some(&Reason::NotSelected) {
        return format!("{} steps and gates not selected", all.len());
    }
    let mut stages: Vec<u32> = all.iter().map(|node| node.outline.stage).collect();
    stages.sort_unstable();
    stages.dedup();
    let of = match *stages {
        [one] => story.stages.get(one as usize).map_or_else(|| "1 stage".to_owned(), |stage| tame(&stage.name)),
        _ => format!("{} stages", stages.len()),
    };
    let why = cause.map(|cause| format!(": {}", words::because(cause))).unwrap_or_default();
    format!("{} steps and gates of {of} skipped{why}", all.len())
}

/// How a stage is reported among those that were skipped for the same cause.
pub(super) enum OfStages {
    /// It has a line of its own.
    Alone,
    /// The first of several, and the line for all of them.
    First(String),
    /// Reported at the first.
    Later,
}

/// How `stage` is reported.
pub(super) fn stages(story: &RunState, stage: &StageStory) -> OfStages {
    let cause = |stage: &StageStory| {
        let mut nodes = stage.nodes.iter().filter_map(|id| story.node(*id));
        nodes.find_map(|node| node.because.as_ref()).filter(|_| stage.state == State::Skipped)
    };
    let Some(own) = cause(stage) else { return OfStages::Alone };
    let same: Vec<&StageStory> = story.stages.iter().filter(|other| cause(other) == Some(own)).collect();
    match same.as_slice() {
        [] | [_] => OfStages::Alone,
        [first, ..] if first.name != stage.name => OfStages::Later,
        several => {
            let nodes: Vec<NodeId> = several.iter().flat_map(|stage| &stage.nodes).copied().collect();
            OfStages::First(format!("{DIM}{}{OFF}", line(story, &nodes)))
        }
    }
}
