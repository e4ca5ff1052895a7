//! What may run now: a pure state machine over the graph. Knows no clock, no IO, no names and no kinds.
//!
//! Who drives it tells it what happened (`answer`, `up`, `finish`, `interrupt`) and then does what [`Scheduler::next`]
//! hands out until there is nothing more. Every change of a node's state goes through [`Scheduler::transition`].
//!
//! * A node starts when its stage is open, its needs are satisfied, the other stages it waits for are over, the `during` nodes covering it are up, its `when:`
//!   holds and a place is free. *Satisfied* is: passed, failed but tolerated, or skipped by its own choice (`when:`,
//!   nothing to do here, not selected), as with Argo's `Succeeded || Skipped`.
//! * A failure skips what depends on it. Unless [`Mode::KeepGoing`] it also halts the run: of steps and gates nothing
//!   new starts; [`Mode::FailFast`] cancels those that run. `on_failure` and `finally` are not concerned.
//! * A stage goes through steps and gate, `on_failure` (where one of those failed), `finally` (where one of those was
//!   started), and is over then.
//! * What failed can be left for its user to see: a stage whose steps or gate failed waits before its `on_failure`
//!   ([`AfterFailure::pause`]), or its `finally` and that of the pipeline are left undone ([`AfterFailure::keep`]).

mod flow;
mod pause;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use crate::core::model::event::{NodeId, State};
use crate::core::plan::StageId;

use super::graph::{Graph, Phase};
pub(crate) use pause::AfterFailure;
use pause::Pause;

/// What a failure means for the rest of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// What runs may finish, nothing new starts.
    #[default]
    Normal,
    /// Only what depends on it is skipped.
    KeepGoing,
    /// What runs is cancelled, nothing new starts.
    FailFast,
}

/// Why a node was skipped or cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// This node ended badly.
    Failed(NodeId),
    /// Its own `when:`, or its stage's.
    When,
    /// Nothing to do here.
    NotHere,
    /// Not asked for.
    NotSelected,
    /// Nothing that it is for has happened.
    NotNeeded,
    /// It would remove what a failure is to leave.
    Kept,
    /// Ctrl-C or SIGTERM.
    Interrupted,
    /// The run itself cannot go on.
    Stopped,
}

impl Why {
    /// Whether those that depend on a node skipped for this reason must be skipped too.
    pub(crate) fn spreads(self) -> bool {
        matches!(self, Why::Failed(_) | Why::Interrupted | Why::Stopped)
    }
}

/// How a node that was started ended, or one whose `when:` could not be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Passed,
    Failed,
    Errored,
    /// Failed or errored with `continue_on_error`.
    Tolerated(State),
    /// Had nothing to do here.
    Skipped,
    Cancelled(Why),
}

/// What the driver of the scheduler must do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Evaluate the node's `when:` and answer.
    Ask(NodeId),
    /// Evaluate the stage's `when:` and answer.
    AskStage(StageId),
    /// Start it.
    Start(NodeId),
    /// The nodes it covers are over: let it end well.
    Stop(NodeId),
    /// Cancel it.
    Cancel(NodeId, Why),
    /// Write down that it was skipped.
    Skipped(NodeId, Why),
    /// Write down that a stage is over.
    StageOver(StageId, State),
    /// Let the user see what this node's failure left.
    Pause(NodeId),
}

#[derive(Debug)]
struct Node {
    state: State,
    why: Option<Why>,
    blockers: u32,
    /// Covered nodes that are not over.
    covers_left: u32,
    was_up: bool,
    tolerated: bool,
    cancelling: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StageState {
    Closed,
    In(Phase),
    Over,
}

#[derive(Debug)]
struct Stage {
    waits: u32,
    course: StageState,
    /// Nodes that are not over, by phase.
    left: [u32; 3],
    /// One of its steps or its gate was started.
    entered: bool,
    /// How the first bad one of its steps or gate ended.
    failed: bool,
    /// How its first bad node ended.
    bad: Option<State>,
    /// The first reason for which something of it did not come to a good end.
    broken: Option<Why>,
}

#[derive(Debug)]
struct Pool {
    free: u32,
    waiting: VecDeque<usize>,
}

#[derive(Debug, Clone, Copy)]
enum Task {
    Node(usize),
    Stage(usize),
}

/// The state of a run.
#[derive(Debug)]
pub(crate) struct Scheduler {
    graph: Graph,
    mode: Mode,
    nodes: Vec<Node>,
    stages: Vec<Stage>,
    pools: Vec<Pool>,
    /// Places of `--jobs` that are free.
    free: u32,
    /// Ready and wanting a place, first come first served.
    ready: VecDeque<usize>,
    /// Ready and wanting none.
    beside: VecDeque<usize>,
    orders: VecDeque<Order>,
    /// What follows from what happened; worked off without recursion.
    tasks: VecDeque<Task>,
    running: usize,
    asked: usize,
    stages_left: usize,
    halted: bool,
    interrupts: u32,
    keep: bool,
    pause: Pause,
    /// Orders to stop what runs beside a stage that is held.
    held: Vec<Order>,
}

impl Scheduler {
    /// A run that has not begun, with `jobs` places (at least one).
    pub fn new(graph: Graph, mode: Mode, jobs: u32) -> Self {
        let count = |list: &Vec<usize>| u32::try_from(list.len()).unwrap_or(u32::MAX);
        let nodes = graph.nodes.iter().map(|node| Node {
            state: State::Waiting,
            why: None,
            blockers: node.blockers,
            covers_left: count(&node.covers),
            was_up: false,
            tolerated: false,
            cancelling: false,
        });
        let stages = graph.stages.iter().map(|stage| Stage {
            waits: stage.waits,
            course: StageState::Closed,
            left: [count(&stage.nodes[0]), count(&stage.nodes[1]), count(&stage.nodes[2])],
            entered: stage.always || stage.owed,
            failed: false,
            bad: None,
            broken: None,
        });
        Scheduler {
            nodes: nodes.collect(),
            stages: stages.collect(),
            pools: graph.pools.iter().map(|free| Pool { free: *free, waiting: VecDeque::new() }).collect(),
            free: jobs.max(1),
            ready: VecDeque::new(),
            beside: VecDeque::new(),
            orders: VecDeque::new(),
            tasks: VecDeque::new(),
            running: 0,
            asked: 0,
            stages_left: graph.stages.len(),
            halted: false,
            interrupts: 0,
            keep: false,
            pause: Pause::Off,
            held: Vec::new(),
            graph,
            mode,
        }
    }

    /// Opens the stages that wait for nothing.
    pub fn begin(&mut self) {
        for stage in 0..self.stages.len() {
            if !self.graph.stages[stage].selected {
                for phase in [Phase::Main, Phase::OnFailure, Phase::Finally] {
                    self.skip_phase(stage, phase, Why::NotSelected);
                }
            }
            self.tasks.push_back(Task::Stage(stage));
        }
        for node in (0..self.nodes.len()).filter(|node| self.graph.nodes[*node].left_out).collect::<Vec<_>>() {
            self.skip(node, Why::NotSelected);
        }
        self.work_off();
    }

    /// What to do next; `None` until something else happens.
    pub fn next(&mut self) -> Option<Order> {
        if let Some(order) = self.orders.pop_front() {
            return Some(order);
        }
        let node = self.beside_next().or_else(|| self.ready_next())?;
        self.transition(node, State::Running, None);
        Some(Order::Start(id(node)))
    }

    /// Whether the node's `when:` holds.
    pub fn answer(&mut self, node: NodeId, holds: bool) {
        let node = node.index();
        self.asked -= 1;
        if self.nodes[node].state == State::Ready {
            if holds {
                self.enqueue(node);
            } else {
                self.transition(node, State::Skipped, Some(Why::When));
                self.work_off();
            }
        }
    }

    /// Whether the stage's `when:` holds.
    pub fn answer_stage(&mut self, stage: StageId, holds: bool) {
        self.asked -= 1;
        let stage = stage.index();
        if holds {
            self.release(stage, Phase::Main);
        } else {
            self.skip_phase(stage, Phase::Main, Why::When);
        }
        self.tasks.push_back(Task::Stage(stage));
        self.work_off();
    }

    /// A `during` node is up.
    pub fn up(&mut self, node: NodeId) {
        let node = node.index();
        if self.nodes[node].state == State::Running {
            self.transition(node, State::Up, None);
            for index in 0..self.graph.nodes[node].covers.len() {
                self.unblock(self.graph.nodes[node].covers[index]);
            }
            self.work_off();
        }
    }

    /// A node ended. For one that is over already, it changes nothing.
    pub fn finish(&mut self, node: NodeId, end: End) {
        let index = node.index();
        if self.nodes[index].state.is_over() {
            return;
        }
        match end {
            End::Passed => self.transition(index, State::Passed, None),
            End::Failed => self.transition(index, State::Failed, None),
            End::Errored => self.transition(index, State::Errored, None),
            End::Tolerated(state) => {
                self.nodes[index].tolerated = true;
                self.transition(index, state, None);
            }
            End::Skipped => self.transition(index, State::Skipped, Some(Why::NotHere)),
            End::Cancelled(why) => self.transition(index, State::Cancelled, Some(why)),
        }
        self.work_off();
    }

    /// From outside: Ctrl-C, SIGTERM, a run that cannot go on. The first leaves `finally` (of stages and of the pipeline)
    /// to run, the second nothing.
    pub fn interrupt(&mut self, why: Why) {
        self.interrupts += 1;
        self.halted = true;
        self.proceed();
        self.halt(why, true);
        self.work_off();
    }

    /// Whether a node has not started, and may.
    pub fn is_waiting(&self, node: NodeId) -> bool {
        matches!(self.nodes[node.index()].state, State::Waiting | State::Ready)
    }

    /// Whether every node and every stage is over.
    pub fn is_over(&self) -> bool {
        self.stages_left == 0
    }

    /// The state of a node.
    #[cfg(test)]
    pub fn state(&self, node: NodeId) -> State {
        self.nodes[node.index()].state
    }

    /// A node that nothing will ever start, when nothing runs and nothing is left to do: a plan with a circle in it.
    pub fn stuck(&self) -> Option<NodeId> {
        let quiet = self.running == 0 && self.asked == 0 && self.orders.is_empty() && self.pause != Pause::On;
        if !quiet || self.is_over() {
            return None;
        }
        self.nodes.iter().position(|node| node.state == State::Waiting).map(id)
    }

    fn beside_next(&mut self) -> Option<usize> {
        while let Some(node) = self.beside.pop_front() {
            if let Some(node) = self.admitted(node) {
                return Some(node);
            }
        }
        None
    }

    fn ready_next(&mut self) -> Option<usize> {
        while self.free > 0 {
            let node = self.ready.pop_front()?;
            if let Some(node) = self.admitted(node) {
                return Some(node);
            }
        }
        None
    }

    /// The node, if it is still to start and its pool has a place for it.
    fn admitted(&mut self, node: usize) -> Option<usize> {
        if self.nodes[node].state != State::Ready {
            return None;
        }
        match self.graph.nodes[node].pool {
            Some(pool) if self.pools[pool].free == 0 => {
                self.pools[pool].waiting.push_back(node);
                None
            }
            _ => Some(node),
        }
    }
}

fn id(node: usize) -> NodeId {
    NodeId(u32::try_from(node).unwrap_or(u32::MAX))
}
