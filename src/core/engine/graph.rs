//! The scheduler's own view of a plan: indexes and counters, no names, no work. Pure.

use crate::core::model::event::{NodeId, Role};
use crate::core::plan::{Plan, PlanNode, Work};

use super::Selection;

/// When in its stage's life a node runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Steps and the gate.
    Main,
    /// `on_failure`.
    OnFailure,
    /// `finally`.
    Finally,
}

impl Phase {
    fn of(role: Role) -> Self {
        match role {
            Role::Step | Role::Gate => Phase::Main,
            Role::OnFailure => Phase::OnFailure,
            Role::Finally => Phase::Finally,
        }
    }
}

/// A node.
#[derive(Debug, Clone)]
pub(crate) struct GraphNode {
    pub stage: usize,
    pub phase: Phase,
    /// What must come first: its phase, each need, each other stage it waits for, each `during` node covering it; for a
    /// gate, each step.
    pub blockers: u32,
    /// Nodes that have this one among their blockers until it is over.
    pub dependents: Vec<usize>,
    /// Nodes that have it among their blockers until it is up.
    pub covers: Vec<usize>,
    pub covered_by: Vec<usize>,
    /// Named pool, or that of its runner; never for what runs beside others.
    pub pool: Option<usize>,
    /// Takes one of the `--jobs` places. Not what runs on another machine. Gates mostly wait, and a `during` node lives as long as others run: were
    /// they to hold places, a run with few places could not go on.
    pub place: bool,
    /// Has a `when:`, or asks something of the environment.
    pub asks: bool,
    /// Takes no part, whatever its stage does.
    pub left_out: bool,
}

/// A stage.
#[derive(Debug, Clone)]
pub(crate) struct GraphStage {
    /// By phase, in the order of the file.
    pub nodes: [Vec<usize>; 3],
    /// Stages that must be over before it opens.
    pub waits: u32,
    /// Stages that wait for it.
    pub dependents: Vec<usize>,
    /// Nodes of other stages that wait for it.
    pub followers: Vec<usize>,
    /// Runs whatever happened.
    pub always: bool,
    /// Takes part in this run.
    pub selected: bool,
    /// Its `finally` runs even where nothing of it was started: an earlier run began it.
    pub owed: bool,
    /// Has a `when:`.
    pub asks: bool,
}

/// Everything the scheduler knows of a plan.
#[derive(Debug, Clone, Default)]
pub(crate) struct Graph {
    pub nodes: Vec<GraphNode>,
    pub stages: Vec<GraphStage>,
    /// Places by pool.
    pub pools: Vec<u32>,
}

impl Graph {
    /// The graph of a plan and of what is to run of it.
    pub fn of(plan: &Plan, selection: &Selection) -> Self {
        let mut graph = Graph {
            nodes: plan.nodes().iter().map(|written| node(plan, written)).collect(),
            stages: (0u32..)
                .zip(plan.stages())
                .map(|(index, stage)| GraphStage {
                    nodes: [Phase::Main, Phase::OnFailure, Phase::Finally].map(|phase| {
                        let ids = stage.nodes.iter().map(|id| id.index());
                        ids.filter(|id| Phase::of(plan.nodes()[*id].role) == phase).collect()
                    }),
                    waits: 0,
                    dependents: Vec::new(),
                    followers: Vec::new(),
                    always: stage.always,
                    selected: selection.has(crate::core::plan::StageId(index)),
                    owed: false,
                    asks: stage.when.is_some() || !stage.facts.is_empty(),
                })
                .collect(),
            pools: plan.pools().iter().map(|(_, places)| (*places).max(1)).collect(),
        };
        for (index, id) in (0..).map(NodeId).take(graph.nodes.len()).enumerate() {
            graph.nodes[index].left_out = !selection.has_node(id);
        }
        for (index, node) in plan.nodes().iter().enumerate() {
            graph.order_node(plan, index, node);
        }
        graph.order_gates(plan);
        graph.order_stages(plan);
        graph
    }

    /// Lets these `finally` steps run, although their stages may not be selected, or not get that far.
    pub fn owe(&mut self, owed: &[NodeId]) {
        for node in owed {
            let stage = self.nodes[node.index()].stage;
            if !self.stages[stage].selected {
                self.stages[stage].selected = true;
                let of_stage: Vec<usize> = self.stages[stage].nodes.iter().flatten().copied().collect();
                for node in of_stage {
                    self.nodes[node].left_out = true;
                }
            }
            self.stages[stage].owed = true;
        }
        for node in owed {
            self.nodes[node.index()].left_out = false;
        }
        self.skip_unselected_finally();
    }

    /// A stage that always runs and takes no part is skipped from the start: a run that is killed leaves nothing of it to
    /// be done.
    fn skip_unselected_finally(&mut self) {
        let skipped: Vec<usize> =
            (0..self.stages.len()).filter(|at| self.stages[*at].always && !self.stages[*at].selected).collect();
        for stage in &mut self.stages {
            stage.dependents.retain(|dependent| !skipped.contains(dependent));
        }
        for stage in skipped {
            self.stages[stage].waits = 0;
        }
    }

    /// A need counts inside the same stage and phase. Any other is met by the order of phases already.
    fn order_node(&mut self, plan: &Plan, index: usize, node: &PlanNode) {
        let (stage, phase) = (self.nodes[index].stage, self.nodes[index].phase);
        let beside = |graph: &Graph, other: usize| {
            other != index && graph.nodes[other].stage == stage && graph.nodes[other].phase == phase
        };
        for covered in node.covers.iter().map(|id| id.index()).filter(|id| beside(self, *id)).collect::<Vec<_>>() {
            self.nodes[index].covers.push(covered);
            self.nodes[covered].covered_by.push(index);
            self.nodes[covered].blockers += 1;
        }
        for other in node.after.iter().map(|other| other.index()).filter(|other| *other != stage) {
            self.stages[other].followers.push(index);
            self.nodes[index].blockers += 1;
        }
        if node.role != Role::Gate {
            for need in node.needs.iter().map(|id| id.index()).filter(|id| beside(self, *id)).collect::<Vec<_>>() {
                // What is covered cannot wait for the end of what covers it: it waits until that is up.
                if plan.nodes()[need].covers.iter().any(|covered| covered.index() == index) {
                    continue;
                }
                self.nodes[need].dependents.push(index);
                self.nodes[index].blockers += 1;
            }
        }
    }

    fn order_gates(&mut self, plan: &Plan) {
        for gate in plan.nodes().iter().enumerate().filter(|(_, node)| node.role == Role::Gate).map(|(gate, _)| gate) {
            let steps = self.stages[self.nodes[gate].stage].nodes[Phase::Main as usize].clone();
            for step in steps.into_iter().filter(|step| plan.nodes()[*step].role == Role::Step) {
                if !self.nodes[step].covers.contains(&gate) {
                    self.nodes[step].dependents.push(gate);
                    self.nodes[gate].blockers += 1;
                }
            }
        }
    }

    /// A stage that always runs waits for every other one.
    fn order_stages(&mut self, plan: &Plan) {
        for (index, stage) in plan.stages().iter().enumerate() {
            let mut needs: Vec<usize> = stage.needs.iter().map(|need| need.index()).collect();
            if stage.always {
                needs.extend((0..self.stages.len()).filter(|other| !self.stages[*other].always));
                needs.sort_unstable();
                needs.dedup();
            }
            for need in needs.into_iter().filter(|need| *need != index) {
                self.stages[need].dependents.push(index);
                self.stages[index].waits += 1;
            }
        }
    }
}

fn node(plan: &Plan, node: &PlanNode) -> GraphNode {
    let pooled = matches!(node.work, Work::Step(_)) && node.covers.is_empty();
    // the stage asks for its steps and its gate; what comes after them may be all that runs of it
    let asks_for_stage = Phase::of(node.role) != Phase::Main && !plan.stages()[node.stage.index()].facts.is_empty();
    GraphNode {
        stage: node.stage.index(),
        phase: Phase::of(node.role),
        blockers: 1,
        dependents: Vec::new(),
        covers: Vec::new(),
        covered_by: Vec::new(),
        pool: node.pool.filter(|_| pooled),
        place: pooled && node.runs_on.is_none(),
        asks: node.when.is_some()
            || !node.facts.is_empty()
            || asks_for_stage
            || plan.parts_around(node).any(|part| plan.part(part).when.is_some()),
        left_out: false,
    }
}
