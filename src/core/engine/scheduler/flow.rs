//! What follows from a change of state: places, dependents, covered nodes, the course of stages, the halt of a run.

use crate::core::model::event::State;
use crate::core::plan::StageId;

use super::super::graph::Phase;
use super::{Mode, Order, Pause, Scheduler, StageState, Task, Why, id};

impl Scheduler {
    /// The one place where a node's state changes.
    pub(super) fn transition(&mut self, node: usize, to: State, why: Option<Why>) {
        let from = std::mem::replace(&mut self.nodes[node].state, to);
        debug_assert!(may_follow(from, to), "{from:?} -> {to:?}");
        self.nodes[node].why = why;
        let ran = matches!(from, State::Running | State::Up);
        if to == State::Running {
            self.running += 1;
            self.take_places(node);
            let (stage, phase) = (self.graph.nodes[node].stage, self.graph.nodes[node].phase);
            self.stages[stage].entered |= phase == Phase::Main;
        }
        if to == State::Up {
            self.nodes[node].was_up = true;
        }
        if to.is_over() {
            if ran {
                self.running -= 1;
                self.free_places(node);
            } else {
                // The place it may have been woken for is the next one's.
                if let Some(pool) = self.graph.nodes[node].pool {
                    self.wake(pool);
                }
                if let (State::Skipped, Some(why)) = (to, why) {
                    self.orders.push_back(Order::Skipped(id(node), why));
                }
            }
            self.tasks.push_back(Task::Node(node));
        }
    }

    fn take_places(&mut self, node: usize) {
        if self.graph.nodes[node].place {
            self.free -= 1;
        }
        if let Some(pool) = self.graph.nodes[node].pool {
            self.pools[pool].free -= 1;
        }
    }

    fn free_places(&mut self, node: usize) {
        if self.graph.nodes[node].place {
            self.free += 1;
        }
        if let Some(pool) = self.graph.nodes[node].pool {
            self.pools[pool].free += 1;
            self.wake(pool);
        }
    }

    /// Lets the first that waits for a free place of the pool try again.
    fn wake(&mut self, pool: usize) {
        while self.pools[pool].free > 0
            && let Some(next) = self.pools[pool].waiting.pop_front()
        {
            if self.nodes[next].state == State::Ready {
                let queue = if self.graph.nodes[next].place { &mut self.ready } else { &mut self.beside };
                return queue.push_front(next);
            }
        }
    }

    pub(super) fn work_off(&mut self) {
        while let Some(task) = self.tasks.pop_front() {
            match task {
                Task::Node(node) => self.node_over(node),
                Task::Stage(stage) => self.advance(stage),
            }
        }
    }

    fn node_over(&mut self, node: usize) {
        let broken = self.broken_by(node);
        for index in 0..self.graph.nodes[node].dependents.len() {
            let dependent = self.graph.nodes[node].dependents[index];
            match broken {
                None => self.unblock(dependent),
                Some(why) => self.skip(dependent, why),
            }
        }
        let (stage, phase) = (self.graph.nodes[node].stage, self.graph.nodes[node].phase);
        let state = self.nodes[node].state;
        let failed = broken.is_some() && state.is_bad();
        if failed && phase == Phase::Main {
            self.stages[stage].failed = true;
            if self.pause == Pause::Armed && self.interrupts == 0 {
                self.pause = Pause::On;
                self.orders.push_back(Order::Pause(id(node)));
            }
        }
        self.covered_follow(node, broken);
        self.covering_follow(node);
        self.stages[stage].broken = self.stages[stage].broken.or(broken);
        if failed {
            self.stages[stage].bad = self.stages[stage].bad.or(Some(state));
            if self.mode != Mode::KeepGoing && !self.halted {
                self.halted = true;
                self.halt(Why::Failed(id(node)), self.mode == Mode::FailFast);
            }
        }
        self.stages[stage].left[phase as usize] -= 1;
        if self.stages[stage].left[phase as usize] == 0 {
            self.tasks.push_back(Task::Stage(stage));
        }
    }

    /// Why those that depend on a node that is over cannot run; `None` when they can.
    fn broken_by(&self, node: usize) -> Option<Why> {
        let over = &self.nodes[node];
        match over.state {
            State::Failed | State::Errored if !over.tolerated => Some(Why::Failed(id(node))),
            State::Skipped | State::Cancelled => over.why.filter(|why| why.spreads()),
            _ => None,
        }
    }

    /// A `during` node is over: before it was up, or with its covered nodes still to come.
    fn covered_follow(&mut self, node: usize, broken: Option<Why>) {
        for index in 0..self.graph.nodes[node].covers.len() {
            let covered = self.graph.nodes[node].covers[index];
            match broken {
                Some(why) => self.skip(covered, why),
                None if !self.nodes[node].was_up => self.unblock(covered),
                None => {}
            }
        }
    }

    /// A covered node is over: with the last of them the `during` node may end, or need not begin.
    fn covering_follow(&mut self, node: usize) {
        for index in 0..self.graph.nodes[node].covered_by.len() {
            let during = self.graph.nodes[node].covered_by[index];
            self.nodes[during].covers_left -= 1;
            if self.nodes[during].covers_left == 0 {
                match self.nodes[during].state {
                    State::Running | State::Up if self.is_held(self.graph.nodes[during].stage) => {
                        self.held.push(Order::Stop(id(during)));
                    }
                    State::Running | State::Up => self.orders.push_back(Order::Stop(id(during))),
                    _ => self.skip(during, self.nodes[node].why.unwrap_or(Why::NotNeeded)),
                }
            }
        }
    }

    pub(super) fn unblock(&mut self, node: usize) {
        if self.nodes[node].state != State::Waiting {
            return;
        }
        self.nodes[node].blockers -= 1;
        if self.nodes[node].blockers == 0 {
            self.transition(node, State::Ready, None);
            if self.graph.nodes[node].asks {
                self.asked += 1;
                self.orders.push_back(Order::Ask(id(node)));
            } else {
                self.enqueue(node);
            }
        }
    }

    pub(super) fn enqueue(&mut self, node: usize) {
        if self.graph.nodes[node].place { self.ready.push_back(node) } else { self.beside.push_back(node) }
    }

    pub(super) fn skip(&mut self, node: usize, why: Why) {
        if matches!(self.nodes[node].state, State::Waiting | State::Ready) {
            self.transition(node, State::Skipped, Some(why));
        }
    }

    pub(super) fn skip_phase(&mut self, stage: usize, phase: Phase, why: Why) {
        for index in 0..self.graph.stages[stage].nodes[phase as usize].len() {
            self.skip(self.graph.stages[stage].nodes[phase as usize][index], why);
        }
    }

    pub(super) fn release(&mut self, stage: usize, phase: Phase) {
        for index in 0..self.graph.stages[stage].nodes[phase as usize].len() {
            self.unblock(self.graph.stages[stage].nodes[phase as usize][index]);
        }
    }

    /// Takes a stage as far as it can go now.
    fn advance(&mut self, stage: usize) {
        loop {
            let here = &self.stages[stage];
            let (course, left) = (here.course, here.left);
            match course {
                StageState::Closed if left[0] == 0 && self.skipped_whole(stage) => {
                    self.stages[stage].course = StageState::In(Phase::Main);
                }
                StageState::Closed if here.waits == 0 => {
                    self.stages[stage].course = StageState::In(Phase::Main);
                    if self.graph.stages[stage].asks && left[0] > 0 {
                        self.asked += 1;
                        self.orders.push_back(Order::AskStage(stage_id(stage)));
                        return;
                    }
                    self.release(stage, Phase::Main);
                }
                StageState::In(Phase::Main) if left[0] == 0 && !self.is_held(stage) => {
                    self.stages[stage].course = StageState::In(Phase::OnFailure);
                    if self.stages[stage].failed {
                        self.release(stage, Phase::OnFailure);
                    } else {
                        self.skip_phase(stage, Phase::OnFailure, self.unneeded(stage));
                    }
                }
                StageState::In(Phase::OnFailure) if left[1] == 0 => {
                    self.stages[stage].course = StageState::In(Phase::Finally);
                    if self.keeps(stage) {
                        self.skip_phase(stage, Phase::Finally, Why::Kept);
                    } else if self.stages[stage].entered {
                        self.release(stage, Phase::Finally);
                    } else {
                        let why = self.stages[stage].broken.unwrap_or(self.unneeded(stage));
                        self.skip_phase(stage, Phase::Finally, why);
                    }
                }
                StageState::In(Phase::Finally) if left[2] == 0 => return self.stage_over(stage),
                _ => return,
            }
        }
    }

    /// Why `on_failure` or `finally` has nothing to do: no step of the stage was asked for, or none failed or started.
    fn unneeded(&self, stage: usize) -> Why {
        let steps = &self.graph.stages[stage].nodes[Phase::Main as usize];
        let asked_for = steps.is_empty() || steps.iter().any(|node| self.nodes[*node].why != Some(Why::NotSelected));
        if asked_for { Why::NotNeeded } else { Why::NotSelected }
    }

    /// All of its steps were skipped before it opened. One that is not selected waits all the same, so that the order
    /// of those around it stays.
    fn skipped_whole(&self, stage: usize) -> bool {
        self.graph.stages[stage].selected && !self.graph.stages[stage].nodes[0].is_empty()
    }

    fn stage_over(&mut self, stage: usize) {
        self.stages[stage].course = StageState::Over;
        self.stages_left -= 1;
        let over = &self.stages[stage];
        let broken = over.broken;
        let ran = self.graph.stages[stage].nodes.iter().flatten().any(|node| self.nodes[*node].state != State::Skipped);
        let empty = self.graph.stages[stage].nodes.iter().all(Vec::is_empty);
        let state = match (over.bad, broken) {
            (Some(bad), _) => bad,
            (None, Some(_)) if ran => State::Cancelled,
            (None, None) if ran || (empty && self.graph.stages[stage].selected) => State::Passed,
            _ => State::Skipped,
        };
        self.orders.push_back(Order::StageOver(stage_id(stage), state));
        for index in 0..self.graph.stages[stage].followers.len() {
            let follower = self.graph.stages[stage].followers[index];
            match broken {
                None => self.unblock(follower),
                Some(why) => self.skip(follower, why),
            }
        }
        for index in 0..self.graph.stages[stage].dependents.len() {
            let dependent = self.graph.stages[stage].dependents[index];
            self.stages[dependent].waits -= 1;
            if let Some(why) = broken.filter(|_| !self.graph.stages[dependent].always) {
                self.stages[dependent].broken = self.stages[dependent].broken.or(Some(why));
                self.skip_phase(dependent, Phase::Main, why);
            }
            self.tasks.push_back(Task::Stage(dependent));
        }
    }

    /// Nothing new starts but what must: `on_failure` after a failure, `finally` after that and an interrupt.
    pub(super) fn halt(&mut self, why: Why, cancel: bool) {
        for node in 0..self.nodes.len() {
            let (phase, stage) = (self.graph.nodes[node].phase, self.graph.nodes[node].stage);
            let spared = match (why, self.interrupts) {
                (Why::Interrupted | Why::Stopped, 2..) => false,
                (Why::Interrupted | Why::Stopped, _) => phase == Phase::Finally || self.graph.stages[stage].always,
                _ => phase != Phase::Main || self.graph.stages[stage].always,
            };
            if spared {
                continue;
            }
            // a pause keeps what runs beside the steps of its stage
            let is_kept = self.is_held(stage) && !self.graph.nodes[node].covers.is_empty();
            match self.nodes[node].state {
                State::Waiting | State::Ready => self.skip(node, why),
                State::Running | State::Up if cancel && !is_kept && !self.nodes[node].cancelling => {
                    self.nodes[node].cancelling = true;
                    self.orders.push_back(Order::Cancel(id(node), why));
                }
                _ => {}
            }
        }
    }
}

/// Whether a node may go from one state to the other.
fn may_follow(from: State, to: State) -> bool {
    use State::{Cancelled, Errored, Failed, Passed, Ready, Running, Skipped, Up, Waiting};
    match from {
        Waiting => matches!(to, Ready | Skipped | Errored),
        Ready => matches!(to, Running | Skipped | Errored),
        Running => matches!(to, Up | Passed | Failed | Errored | Skipped | Cancelled),
        Up => matches!(to, Passed | Failed | Errored | Skipped | Cancelled),
        Passed | Failed | Errored | Skipped | Cancelled => false,
    }
}

fn stage_id(stage: usize) -> StageId {
    StageId(u32::try_from(stage).unwrap_or(u32::MAX))
}
