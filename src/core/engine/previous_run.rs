//! What the record of an earlier run says of its nodes: done, ended badly, in doubt, not started; and what it still owes.
//! Reads events; decides nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::core::model::event::{
    Continues, Event, NodeId, NodeOutline, Ran, Reason, Record, ResumeMode, Role, Runner, State,
};
use crate::core::model::outcome::Outputs;
use crate::core::spec::StageNames;

/// An earlier run.
#[derive(Debug, Clone, Default)]
pub struct PreviousRun {
    /// Its id.
    pub run: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// The process that carried it out.
    pub runner: Option<Runner>,
    /// The namespace that it had for itself.
    pub namespace: Option<String>,
    /// How it ended; `None` if that was not recorded.
    pub ended: Option<State>,
    /// Another run has taken over what it left.
    pub taken_over: bool,
    /// Its stages' names, and how they ended.
    pub(super) stages: Vec<(String, Option<State>)>,
    nodes: Vec<PastNode>,
    by_name: BTreeMap<String, usize>,
    /// The run that it went on with itself, and how.
    continues: Option<(String, ResumeMode)>,
    /// Nodes that an earlier run still owed when this one began.
    owed: Vec<NodeId>,
    /// The run whose `finally` it did, and how that one ended.
    settled: Option<(String, Option<State>)>,
    /// When it began, since the Unix epoch.
    began: Option<Duration>,
}

/// One of its nodes.
#[derive(Debug, Clone)]
pub struct PastNode {
    /// What it was.
    pub outline: NodeOutline,
    /// How far it came.
    pub stand: NodeStatus,
    /// The run that ran it, where it is another.
    pub from: Option<String>,
    /// What it handed on.
    pub outputs: Outputs,
    /// What it depended on.
    pub fingerprint: Option<String>,
    /// The files that it made, as a keyed digest.
    pub made: Option<String>,
    /// When it ran.
    pub ran: Option<Ran>,
    /// It was left undone for its user to see what failed.
    pending: bool,
    /// The run was asked for other stages: it says nothing of this node.
    left_out: bool,
}

/// How far a node came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeStatus {
    /// It did not start.
    NotStarted,
    /// It started, and its end is not known.
    InDoubt,
    /// It ended so. Stopped, timed out and without an answer count as in doubt for what must not run twice.
    Over(State),
    /// It ended because its time was over.
    TimedOut,
}

impl PreviousRun {
    /// What these records say.
    pub fn of<'r>(records: impl IntoIterator<Item = &'r Record>) -> Self {
        let mut past = PreviousRun::default();
        records.into_iter().for_each(|record| past.apply(record.at, &record.event));
        past
    }

    /// Takes the next event in; `at` is the time since the run's start.
    pub fn apply(&mut self, at: Duration, event: &Event) {
        let now = self.began.map(|began| began + at);
        match event {
            Event::RunStarted { run, pipeline, time, stages, nodes, runner, namespace, continues, .. } => {
                self.began = time.parse::<Timestamp>().ok().and_then(|time| time.as_duration().try_into().ok());
                self.run.clone_from(run);
                self.pipeline.clone_from(pipeline);
                self.runner.clone_from(runner);
                self.namespace.clone_from(namespace);
                self.stages = stages.iter().map(|stage| (stage.name.clone(), None)).collect();
                self.nodes = nodes.iter().map(PastNode::new).collect();
                self.by_name = nodes.iter().enumerate().map(|(at, node)| (node.name.clone(), at)).collect();
                if let Some(continues) = continues {
                    self.take_over(continues);
                }
            }
            Event::NodeStarted { node, attempt } => self.with(*node, |node| {
                if *attempt == 1 {
                    node.ran = now.map(|from| Ran { from, to: None });
                }
                // A gate that held and is measured once more holds until the new result says otherwise.
                if node.outline.role != Role::Gate || node.from.is_none() {
                    node.stand = NodeStatus::InDoubt;
                }
            }),
            Event::NodeFinished { node, state, because, outputs, fingerprint, made, .. } => self.with(*node, |node| {
                if node.stays(*state) {
                    return;
                }
                node.pending = *because == Some(Reason::Pending);
                if node.pending {
                    return;
                }
                node.left_out = matches!(because, Some(Reason::NotSelected | Reason::NotNeeded));
                let timed_out = matches!(because, Some(Reason::TimedOut { .. }));
                node.stand = if timed_out { NodeStatus::TimedOut } else { NodeStatus::Over(*state) };
                node.from = None;
                node.ran = node.ran.map(|ran| Ran { to: now, ..ran });
                node.outputs.clone_from(outputs);
                node.fingerprint.clone_from(fingerprint);
                node.made.clone_from(made);
            }),
            Event::StageFinished { stage, state, .. } => {
                if let Some(stage) = self.stages.get_mut(*stage as usize) {
                    stage.1 = Some(*state);
                }
            }
            Event::TakenOver { .. } => self.taken_over = true,
            Event::RunFinished { state, .. } => self.ended = Some(*state),
            _ => {}
        }
    }

    fn take_over(&mut self, continues: &Continues) {
        for kept in &continues.kept {
            self.with(kept.node, |node| {
                node.stand = NodeStatus::Over(State::Passed);
                node.from = Some(kept.from.clone());
                node.outputs.clone_from(&kept.outputs);
                node.fingerprint = Some(kept.fingerprint.clone());
                node.made.clone_from(&kept.made);
                node.ran = kept.ran;
            });
        }
        self.owed.clone_from(&continues.owes);
        self.continues = Some((continues.run.clone(), continues.how));
    }

    /// Takes over what the run before it knew of nodes that it was not asked for.
    pub fn recall(&mut self, earlier: &PreviousRun) {
        for node in self.nodes.iter_mut().filter(|node| node.left_out) {
            if let Some(known) = earlier.node(&node.outline.name) {
                let from = known.from.clone().unwrap_or_else(|| earlier.run.clone());
                *node = PastNode { outline: node.outline.clone(), from: Some(from), ..known.clone() };
            }
        }
        if self.how() == Some(ResumeMode::Settle) {
            let (run, ended) = earlier.owner();
            self.settled = Some((run.to_owned(), ended));
        }
        let skipped = self.stages.iter_mut().filter(|(_, state)| *state == Some(State::Skipped));
        for (name, state) in skipped {
            let known = earlier.stages.iter().find(|(other, _)| other == name);
            *state = known.map_or(*state, |(_, state)| *state);
        }
    }

    fn with(&mut self, node: NodeId, change: impl FnOnce(&mut PastNode)) {
        if let Some(node) = self.nodes.get_mut(node.index()) {
            change(node);
        }
    }

    /// The node of this name.
    pub fn node(&self, name: &str) -> Option<&PastNode> {
        self.by_name.get(name).map(|at| &self.nodes[*at])
    }

    /// The node of this index.
    pub fn node_at(&self, index: u32) -> Option<&PastNode> {
        self.nodes.get(index as usize)
    }

    /// Whether it was killed: it has no end, and no run has taken it over.
    pub fn is_open(&self) -> bool {
        self.ended.is_none() && !self.taken_over && !self.run.is_empty()
    }

    /// Its record breaks off before its end: what it does not say may have been done.
    pub fn doubts_the_rest(&mut self) {
        for node in self.nodes.iter_mut().filter(|node| node.stand == NodeStatus::NotStarted) {
            node.stand = NodeStatus::InDoubt;
        }
    }

    /// The run that it went on with itself.
    pub fn continued(&self) -> Option<&str> {
        self.continues.as_ref().map(|(run, _)| run.as_str())
    }

    /// What it did with that run.
    pub fn how(&self) -> Option<ResumeMode> {
        self.continues.as_ref().map(|(_, how)| *how)
    }

    /// Whether a step or the gate of this stage had started.
    pub fn entered(&self, stage: &str) -> bool {
        self.of_stage(stage).any(|node| matches!(node.outline.role, Role::Step | Role::Gate) && node.began())
    }

    /// Whether one of this stage's `finally` steps had started.
    pub fn finally_began(&self, stage: &str) -> bool {
        self.of_stage(stage).any(|node| node.outline.role == Role::Finally && node.began())
    }

    fn of_stage<'s>(&'s self, stage: &'s str) -> impl Iterator<Item = &'s PastNode> {
        let named =
            move |node: &&PastNode| self.stages.get(node.outline.stage as usize).is_some_and(|(name, _)| name == stage);
        self.nodes.iter().filter(named)
    }

    /// The run whose `finally` it owes, and how that one ended: itself, but where it only did what another one owed.
    pub fn owner(&self) -> (&str, Option<State>) {
        self.settled.as_ref().map_or((&self.run, self.ended), |(run, ended)| (run, *ended))
    }

    /// Names of the `finally` steps that are still to be done: those that it left for its user to see what failed, and
    /// those of an earlier run that it tried in vain.
    pub fn pending(&self) -> Vec<&str> {
        let settles = self.how() == Some(ResumeMode::Settle);
        let in_vain = |at: usize, node: &PastNode| {
            let failed = match node.stand {
                NodeStatus::Over(state) => state.is_unfinished(),
                NodeStatus::TimedOut => true,
                NodeStatus::NotStarted | NodeStatus::InDoubt => false,
            };
            settles && failed && self.owed.iter().any(|owed| owed.index() == at)
        };
        let nodes = self.nodes.iter().enumerate().filter(|_| !self.taken_over);
        let pending = nodes.filter(|(at, node)| node.pending || in_vain(*at, node)).map(|(_, node)| node);
        pending.map(|node| node.outline.name.as_str()).collect()
    }

    /// Names of the `finally` steps that it owes: those of stages that were entered and the pipeline's own, as far as they
    /// are not over, and those that it had taken over itself.
    pub fn owes(&self) -> Vec<&str> {
        if !self.is_open() {
            return self.pending();
        }
        let due = |at: usize, node: &PastNode| {
            let stage = self.stages.get(node.outline.stage as usize).map_or("", |(name, _)| name.as_str());
            let reached = stage == StageNames::FINALLY || self.entered(stage);
            node.outline.role == Role::Finally && (reached || self.owed.iter().any(|owed| owed.index() == at))
        };
        let open = |node: &PastNode| matches!(node.stand, NodeStatus::NotStarted | NodeStatus::InDoubt);
        let owed = self.nodes.iter().enumerate().filter(|(at, node)| due(*at, node) && open(node));
        owed.map(|(_, node)| node.outline.name.as_str()).collect()
    }
}

impl PastNode {
    fn new(outline: &NodeOutline) -> Self {
        PastNode {
            outline: outline.clone(),
            stand: NodeStatus::NotStarted,
            from: None,
            outputs: Outputs::new(),
            fingerprint: None,
            made: None,
            ran: None,
            pending: false,
            left_out: false,
        }
    }

    /// Whether what an earlier run did of it is still valid when it is over like this: what was kept is known from the
    /// start of the run, with more, and what did not run undid nothing.
    fn stays(&self, ends: State) -> bool {
        let did_not_run = ends == State::Skipped || self.outline.role != Role::Gate;
        self.from.is_some() && self.stand == NodeStatus::Over(State::Passed) && did_not_run
    }

    /// Whether it was started, however it ended.
    pub(super) fn began(&self) -> bool {
        !matches!(self.stand, NodeStatus::NotStarted | NodeStatus::Over(State::Skipped))
    }

    /// Whether its outputs were masked in the record: they cannot be handed on again.
    pub fn hides_outputs(&self) -> bool {
        fn hidden(value: &serde_json::Value) -> bool {
            match value {
                serde_json::Value::String(text) => text.contains(crate::core::mask::MASK),
                serde_json::Value::Array(items) => items.iter().any(hidden),
                serde_json::Value::Object(fields) => {
                    fields.iter().any(|(key, value)| key.contains(crate::core::mask::MASK) || hidden(value))
                }
                _ => false,
            }
        }
        self.outputs.values().any(hidden)
    }
}
