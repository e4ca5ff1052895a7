//! Laws that hold for every graph, every order of events and every mode, tried on random ones.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::core::engine::graph::{GraphNode, GraphStage};

/// A random run: its graph, and a stream of choices that says what happens.
#[derive(Debug, Clone)]
struct Case {
    graph: Graph,
    /// Edges of needs: (before, behind).
    needs: Vec<(usize, usize)>,
    mode: Mode,
    jobs: u32,
    choices: Vec<u8>,
}

#[derive(Debug, Clone)]
struct StageSketch {
    steps: usize,
    on_failure: usize,
    finally: usize,
    gate: bool,
    selected: bool,
    asks: bool,
    during: bool,
}

fn sketch() -> impl Strategy<Value = StageSketch> {
    (0..5_usize, 0..2_usize, 0..3_usize, any::<bool>(), 0..8_u8, 0..6_u8, any::<bool>()).prop_map(
        |(steps, on_failure, finally, gate, unselected, asks, during)| StageSketch {
            steps,
            on_failure,
            finally,
            gate,
            selected: unselected > 0,
            asks: asks == 0,
            during,
        },
    )
}

fn case() -> impl Strategy<Value = Case> {
    let mode = prop_oneof![Just(Mode::Normal), Just(Mode::KeepGoing), Just(Mode::FailFast)];
    let bits = || prop::collection::vec(any::<u8>(), 64);
    (
        prop::collection::vec(sketch(), 1..6),
        bits(),
        any::<bool>(),
        mode,
        1..4_u32,
        prop::collection::vec(any::<u8>(), 0..200),
    )
        .prop_map(|(sketches, bits, always, mode, jobs, choices)| {
            let (graph, needs) = build(&sketches, &bits, always);
            Case { graph, needs, mode, jobs, choices }
        })
}

/// Nodes of one stage stand together: steps, gate, `on_failure`, `finally`. Edges lead forward only.
fn build(sketches: &[StageSketch], bits: &[u8], always: bool) -> (Graph, Vec<(usize, usize)>) {
    let mut bits = bits.iter().copied().cycle();
    let mut bit = move || bits.next().unwrap_or(0);
    let mut graph = Graph { pools: vec![1, 2], ..Graph::default() };
    let mut needs = Vec::new();
    for (stage, sketch) in sketches.iter().enumerate() {
        let is_always = always && stage + 1 == sketches.len();
        let mut phases: [Vec<usize>; 3] = Default::default();
        let counts = [sketch.steps, sketch.on_failure, sketch.finally];
        for (phase, count) in [Phase::Main, Phase::OnFailure, Phase::Finally].into_iter().zip(counts) {
            for position in 0..count {
                let index = graph.nodes.len();
                let during = phase == Phase::Main && sketch.during && position == 0 && count > 1;
                let pool = (!during && bit() % 4 == 0).then(|| usize::from(bit() % 2));
                // a step on a runner has the runner's pool, and takes no place of this machine
                let elsewhere = pool.is_some() && bit() % 2 == 0;
                graph.nodes.push(GraphNode {
                    stage,
                    phase,
                    blockers: 1,
                    dependents: Vec::new(),
                    covers: Vec::new(),
                    covered_by: Vec::new(),
                    pool,
                    place: !during && !elsewhere,
                    asks: bit() % 8 == 0,
                    left_out: false,
                });
                for before in phases[phase as usize].clone() {
                    let covering = phase == Phase::Main && sketch.during && before == phases[0][0];
                    if covering {
                        if bit() % 2 == 0 || position + 1 == count {
                            graph.nodes[before].covers.push(index);
                            graph.nodes[index].covered_by.push(before);
                            graph.nodes[index].blockers += 1;
                        }
                    } else if bit() % 3 == 0 {
                        graph.nodes[before].dependents.push(index);
                        graph.nodes[index].blockers += 1;
                        needs.push((before, index));
                    }
                }
                for other in graph.stages.iter_mut().filter(|_| phase == Phase::Main && !is_always) {
                    if bit() % 6 == 0 {
                        other.followers.push(index);
                        graph.nodes[index].blockers += 1;
                    }
                }
                phases[phase as usize].push(index);
            }
            if phase == Phase::Main && sketch.gate {
                let gate = graph.nodes.len();
                let steps = phases[0].clone();
                graph.nodes.push(GraphNode {
                    stage,
                    phase,
                    blockers: 1 + u32::try_from(steps.len()).expect("few"),
                    dependents: Vec::new(),
                    covers: Vec::new(),
                    covered_by: Vec::new(),
                    pool: None,
                    place: false,
                    asks: false,
                    left_out: false,
                });
                for step in steps {
                    graph.nodes[step].dependents.push(gate);
                    needs.push((step, gate));
                }
                phases[0].push(gate);
            }
        }
        let before: Vec<usize> = (0..stage).filter(|_| is_always || bit() % 3 == 0).collect();
        for other in &before {
            graph.stages[*other].dependents.push(stage);
        }
        graph.stages.push(GraphStage {
            nodes: phases,
            waits: u32::try_from(before.len()).expect("few"),
            dependents: Vec::new(),
            followers: Vec::new(),
            always: is_always,
            selected: sketch.selected || is_always,
            owed: false,
            asks: sketch.asks && !is_always,
        });
    }
    (graph, needs)
}

/// Drives a case to its end and holds the laws at every step.
struct Driver {
    case: Case,
    scheduler: Scheduler,
    running: BTreeSet<usize>,
    started: Vec<usize>,
    over: Vec<bool>,
    stages_over: Vec<bool>,
    ended_badly: bool,
    interrupts: u32,
}

impl Driver {
    fn new(case: Case) -> Self {
        let scheduler = Scheduler::new(case.graph.clone(), case.mode, case.jobs);
        let (nodes, stages) = (case.graph.nodes.len(), case.graph.stages.len());
        Driver {
            case,
            scheduler,
            running: BTreeSet::new(),
            started: Vec::new(),
            over: vec![false; nodes],
            stages_over: vec![false; stages],
            ended_badly: false,
            interrupts: 0,
        }
    }

    fn drive(mut self) {
        self.scheduler.begin();
        let mut choices = self.case.choices.clone().into_iter();
        loop {
            while let Some(order) = self.scheduler.next() {
                self.obey(order, choices.next().unwrap_or(1));
            }
            if self.scheduler.is_over() {
                break;
            }
            assert!(!self.running.is_empty(), "nothing runs and the run is not over: {self:?}");
            self.happen(choices.next().unwrap_or(1), choices.next().unwrap_or(0));
        }
        self.at_the_end();
    }

    fn obey(&mut self, order: Order, choice: u8) {
        match order {
            Order::Ask(node) => self.scheduler.answer(node, choice % 4 != 0),
            Order::AskStage(stage) => self.scheduler.answer_stage(stage, choice % 4 != 0),
            Order::Start(node) => self.start(node.index()),
            Order::Stop(node) => {
                let all = self.case.graph.nodes[node.index()].covers.iter().all(|covered| self.over[*covered]);
                assert!(all, "stopped before all it covers is over");
                if choice % 2 == 0 && self.running.contains(&node.index()) {
                    self.end(node.index(), End::Passed);
                }
            }
            Order::Cancel(node, why) => {
                if choice % 2 == 0 && self.running.contains(&node.index()) {
                    self.end(node.index(), End::Cancelled(why));
                }
            }
            Order::Skipped(node, _) => self.is_over(node.index()),
            Order::Pause(_) => self.scheduler.proceed(),
            Order::StageOver(stage, _) => {
                let stage = stage.index();
                assert!(!self.stages_over[stage], "a stage is over once");
                assert!(self.case.graph.stages[stage].nodes.iter().flatten().all(|node| self.over[*node]));
                self.stages_over[stage] = true;
            }
        }
    }

    fn start(&mut self, node: usize) {
        let graph = &self.case.graph;
        let (phase, stage) = (graph.nodes[node].phase, graph.nodes[node].stage);
        let spared = phase != Phase::Main || graph.stages[stage].always;
        assert!(!self.started.contains(&node) && !self.over[node], "a node starts once");
        for (before, _) in self.case.needs.iter().filter(|(_, behind)| *behind == node) {
            assert!(self.over[*before], "{node} starts before {before} is over");
        }
        for covering in &graph.nodes[node].covered_by {
            let state = self.scheduler.state(id(*covering));
            assert!(state == State::Up || self.over[*covering], "{node} starts before {covering} is up");
        }
        let open = graph.stages.iter().enumerate().filter(|(_, other)| other.dependents.contains(&stage));
        assert!(open.map(|(other, _)| other).all(|other| self.stages_over[other]), "its stage is not open");
        let followed = graph.stages.iter().zip(&self.stages_over).filter(|(other, _)| other.followers.contains(&node));
        assert!(followed.into_iter().all(|(_, over)| *over), "{node} starts before a stage it waits for is over");
        assert!(graph.stages[stage].selected, "not selected");
        if self.ended_badly && self.case.mode != Mode::KeepGoing {
            assert!(spared, "{node} starts after a failure");
        }
        if self.interrupts > 0 {
            assert!(phase == Phase::Finally || graph.stages[stage].always, "{node} starts after an interrupt");
        }
        assert!(self.interrupts < 2, "{node} starts after two interrupts");
        if phase != Phase::Main {
            let main = &graph.stages[stage].nodes[0];
            assert!(main.iter().all(|node| self.over[*node]), "{phase:?} before the steps are over");
        }
        self.running.insert(node);
        self.started.push(node);
        let places = self.running.iter().filter(|node| graph.nodes[**node].place).count();
        assert!(places <= self.case.jobs as usize, "more than --jobs");
        for (pool, limit) in graph.pools.iter().enumerate() {
            let held = self.running.iter().filter(|node| graph.nodes[**node].pool == Some(pool)).count();
            assert!(held <= *limit as usize, "more than the pool has");
        }
    }

    fn happen(&mut self, choice: u8, how: u8) {
        if choice % 41 == 0 && self.interrupts < 2 {
            self.interrupts += 1;
            self.scheduler.interrupt(Why::Interrupted);
            return;
        }
        let node = *self.running.iter().nth(usize::from(choice) % self.running.len()).expect("some run");
        let during = !self.case.graph.nodes[node].covers.is_empty();
        let waits = during && !self.case.graph.nodes[node].covers.iter().all(|covered| self.over[*covered]);
        if during && self.scheduler.state(id(node)) == State::Running && how % 5 != 0 {
            self.scheduler.up(id(node));
        } else if waits && how % 16 != 0 && self.running.len() > 1 {
            // It lives on while others end.
        } else {
            self.end(
                node,
                match how % 16 {
                    0 => End::Failed,
                    1 => End::Errored,
                    2 => End::Tolerated(State::Failed),
                    3 => End::Skipped,
                    _ => End::Passed,
                },
            );
        }
    }

    fn end(&mut self, node: usize, end: End) {
        self.running.remove(&node);
        self.is_over(node);
        self.ended_badly |= matches!(end, End::Failed | End::Errored);
        self.scheduler.finish(id(node), end);
    }

    fn is_over(&mut self, node: usize) {
        assert!(!std::mem::replace(&mut self.over[node], true), "{node} is over twice");
    }

    fn at_the_end(&self) {
        assert!(
            self.running.is_empty() && self.over.iter().all(|over| *over) && self.stages_over.iter().all(|over| *over)
        );
        for (index, node) in self.case.graph.nodes.iter().enumerate() {
            assert!(self.scheduler.state(id(index)).is_over());
            let stage = &self.case.graph.stages[node.stage];
            let entered = stage.always || stage.nodes[0].iter().any(|main| self.started.contains(main));
            let first = node.blockers == 1 && !node.asks;
            if node.phase == Phase::Finally && entered && first && stage.selected && self.interrupts < 2 {
                assert!(self.started.contains(&index), "finally {index} is owed");
            }
        }
    }
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "started {:?}, over {:?}, {:?}", self.started, self.over, self.scheduler)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn every_run_ends_and_keeps_its_promises(case in case()) {
        Driver::new(case).drive();
    }
}
