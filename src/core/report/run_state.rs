//! A run as its events describe it so far: the one model that every report is built from, live or replayed.

use std::time::Duration;

use crate::core::model::event::{
    AssertionResult, Continues, Event, LogSize, NodeId, NodeOutline, Reason, Record, Runner, State,
};
use crate::core::model::outcome::{Failure, Fault, Outputs};

/// A run, folded from its records.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunState {
    /// The run's id.
    pub run: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// When it began, RFC 3339 in UTC.
    pub time: String,
    /// The profile chosen.
    pub profile: Option<String>,
    /// Its stages, in the order of the file.
    pub stages: Vec<StageStory>,
    /// Its nodes; [`NodeId`] is the index.
    pub nodes: Vec<NodeStory>,
    /// The signal that interrupted it.
    pub interrupted: Option<i32>,
    /// How often it was interrupted.
    pub interrupts: u32,
    /// The process that carries it out.
    pub runner: Option<Runner>,
    /// The namespace that it has for itself.
    pub namespace: Option<String>,
    /// The earlier run that it goes on with.
    pub continues: Option<Box<Continues>>,
    /// It was killed, and what it left was taken over: by this run, where there was something to do.
    pub taken_over: Option<Option<String>>,
    /// Since the run's start, the last thing known of it.
    pub last: Duration,
    /// What was worth saying on the way.
    pub warnings: Vec<String>,
    /// How it ended; `None` while it runs, and for a run that was killed.
    pub end: Option<End>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct End {
    /// Passed, failed, errored or cancelled.
    pub state: State,
    /// What the command returned.
    pub exit_code: u8,
    /// From the start.
    pub elapsed: Duration,
}

/// A stage, as far as it has come.
#[derive(Debug, Clone, PartialEq)]
pub struct StageStory {
    /// Its name.
    pub name: String,
    /// Names of the stages it needs.
    pub needs: Vec<String>,
    /// Names of other stages that single steps of it need.
    pub steps_need: Vec<String>,
    /// Its state.
    pub state: State,
    /// From its first start; zero until it is over.
    pub elapsed: Duration,
    /// Its nodes.
    pub nodes: Vec<NodeId>,
}

/// A node, as far as it has come.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeStory {
    /// What was known before it started.
    pub outline: NodeOutline,
    /// Its state.
    pub state: State,
    /// Since the run's start, when it first started.
    pub started: Option<Duration>,
    /// Whether it served others, and was up.
    pub was_up: bool,
    /// Attempts begun.
    pub attempts: u32,
    /// Attempts that failed before the last one.
    pub earlier: Vec<Failure>,
    /// Why it did not run or was stopped.
    pub because: Option<Reason>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Why we could not find out.
    pub fault: Option<Fault>,
    /// Failed, but does not count.
    pub tolerated: bool,
    /// What it handed on.
    pub outputs: Outputs,
    /// From its first start; zero until it is over.
    pub elapsed: Duration,
    /// The state of its log.
    pub log: Option<LogSize>,
    /// Last words of its assertions, by their position.
    pub assertions: Vec<AssertionResult>,
}

impl RunState {
    /// The story of a whole record.
    pub fn of<'r>(records: impl IntoIterator<Item = &'r Record>) -> Self {
        let mut story = RunState::default();
        for record in records {
            story.apply(record);
        }
        story
    }

    /// One node.
    pub fn node(&self, id: NodeId) -> Option<&NodeStory> {
        self.nodes.get(id.index())
    }

    /// Nodes over, and nodes in all.
    pub fn progress(&self) -> (usize, usize) {
        (self.nodes.iter().filter(|node| node.state.is_over()).count(), self.nodes.len())
    }

    /// The name of the first step that did not pass and has a log.
    pub fn failed_with_log(&self) -> Option<&str> {
        let bad = |node: &&NodeStory| matches!(node.state, State::Failed | State::Errored) && !node.tolerated;
        let logged = self.nodes.iter().filter(bad).find(|node| node.log.is_some());
        logged.map(|node| node.outline.name.as_str())
    }

    /// Takes the next record in. A record that names an unknown node changes nothing.
    pub fn apply(&mut self, record: &Record) {
        self.last = record.at;
        match &record.event {
            Event::RunStarted { run, pipeline, time, profile, stages, nodes, runner, namespace, continues, .. } => {
                self.runner.clone_from(runner);
                self.namespace.clone_from(namespace);
                self.continues.clone_from(continues);
                self.run.clone_from(run);
                self.pipeline.clone_from(pipeline);
                self.time.clone_from(time);
                self.profile.clone_from(profile);
                self.nodes = nodes.iter().cloned().map(NodeStory::new).collect();
                self.stages = stages
                    .iter()
                    .map(|stage| StageStory {
                        name: stage.name.clone(),
                        needs: stage.needs.clone(),
                        steps_need: stage.steps_need.clone(),
                        state: State::Waiting,
                        elapsed: Duration::ZERO,
                        nodes: Vec::new(),
                    })
                    .collect();
                for (at, node) in nodes.iter().enumerate() {
                    if let Some(stage) = self.stages.get_mut(node.stage as usize) {
                        stage.nodes.push(NodeId(u32::try_from(at).unwrap_or(u32::MAX)));
                    }
                }
            }
            Event::StageFinished { stage, state, elapsed } => {
                if let Some(stage) = self.stages.get_mut(*stage as usize) {
                    stage.state = *state;
                    stage.elapsed = *elapsed;
                }
            }
            Event::Interrupted { signal } => {
                self.interrupted = Some(*signal);
                self.interrupts += 1;
            }
            Event::Warned { message } => self.warnings.push(message.clone()),
            Event::Paused { .. } => {}
            Event::TakenOver { by } => self.taken_over = Some(by.clone()),
            Event::RunFinished { state, exit_code, elapsed } => {
                self.end = Some(End { state: *state, exit_code: *exit_code, elapsed: *elapsed });
            }
            Event::NodeStarted { node, .. }
            | Event::NodeUp { node }
            | Event::AttemptFailed { node, .. }
            | Event::AssertionSettled { node, .. }
            | Event::NodeFinished { node, .. } => {
                let started = self.nodes.get_mut(node.index()).map(|reported| {
                    reported.apply(record);
                    reported.outline.stage
                });
                let stage = started.and_then(|stage| self.stages.get_mut(stage as usize));
                if let (Some(stage), Event::NodeStarted { .. }) = (stage, &record.event) {
                    stage.state = State::Running;
                }
            }
        }
    }
}

impl NodeStory {
    /// It has started, and its end is not reported.
    pub fn is_in_doubt(&self) -> bool {
        matches!(self.state, State::Running | State::Up)
    }

    pub(super) fn new(outline: NodeOutline) -> Self {
        NodeStory {
            outline,
            state: State::Waiting,
            started: None,
            was_up: false,
            attempts: 0,
            earlier: Vec::new(),
            because: None,
            failure: None,
            fault: None,
            tolerated: false,
            outputs: Outputs::new(),
            elapsed: Duration::ZERO,
            log: None,
            assertions: Vec::new(),
        }
    }

    fn apply(&mut self, record: &Record) {
        match &record.event {
            Event::NodeStarted { attempt, .. } => {
                self.state = State::Running;
                self.attempts = *attempt;
                self.started.get_or_insert(record.at);
            }
            Event::NodeUp { .. } => {
                self.state = State::Up;
                self.was_up = true;
            }
            Event::AttemptFailed { failure, .. } => self.earlier.push(failure.clone()),
            Event::AssertionSettled { result, .. } => {
                let at = self.assertions.partition_point(|other| other.index < result.index);
                self.assertions.insert(at, result.clone());
            }
            Event::NodeFinished { state, because, failure, fault, tolerated, outputs, elapsed, log, .. } => {
                self.state = *state;
                self.because.clone_from(because);
                self.failure.clone_from(failure);
                self.fault.clone_from(fault);
                self.tolerated = *tolerated;
                self.outputs.clone_from(outputs);
                self.elapsed = *elapsed;
                self.log = *log;
            }
            _ => {}
        }
    }
}
