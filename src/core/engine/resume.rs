//! What of an earlier run need not be done again. A step is kept when it passed, depends on the same, and builds on
//! nothing that runs again. Decided before anything runs; each decision has its reason.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::core::mask::SecretText;
use crate::core::model::event::{Continues, NodeId, Rerun, RerunReason, ResumeMode, ReusedNode, Role, State};
use crate::core::model::outcome::{Fault, Outputs};
use crate::core::plan::{Body, Plan, StageId, Work, decode_rendered};
use crate::core::spec::StageNames;

use super::Selection;
use super::env::{self, Env};
use super::facts;
use super::fingerprint::{self, Made};
use super::item_prints;
use super::makes;
use super::previous_run::{NodeStatus, PastNode, PreviousRun};
use super::resume_plan::{ResumePlan, ended, node_id as id, owed};
use super::scope::{Known, RunPlace};

/// What is known when a run is to go on with another.
#[derive(Debug, Clone, Copy)]
pub struct Resumption<'a> {
    /// What is to run now.
    pub plan: &'a Plan,
    /// Which stages of it.
    pub selection: &'a Selection,
    /// The earlier run.
    pub past: &'a PreviousRun,
    /// The new run's id.
    pub run: &'a str,
    /// The namespace for what names none.
    pub namespace: &'a str,
    /// The environment that steps start from.
    pub env: &'a BTreeMap<String, String>,
    /// The secrets by name.
    pub secrets: &'a BTreeMap<String, SecretText>,
    /// The key of the project's fingerprints.
    pub key: &'a [u8; 32],
    /// Steps that the user says are done, by name.
    pub done: &'a [String],
    /// Steps that are to run again whatever is known of them, by name.
    pub again: &'a [String],
    /// Gates that were looked at, and do not hold any more: what [`ResumePlan::verifies`] asked for.
    pub gone: &'a [Rerun],
}

/// What is decided of a node.
#[derive(Debug, Clone, PartialEq)]
enum Decision {
    /// It takes its course: not known to the earlier run in a way that matters.
    Runs,
    Keeps(ReusedNode),
    Again(RerunReason),
}

impl Resumption<'_> {
    /// Decides about every node.
    ///
    /// # Errors
    /// A fault of kind invalid when a step that is said to be done, or to run again, does not exist.
    pub fn decide(&self) -> Result<ResumePlan, Fault> {
        for name in self.done.iter().chain(self.again) {
            if !self.plan.nodes().iter().any(|node| node.role == Role::Step && node.outline.name == *name) {
                let names = self.plan.nodes().iter().map(|node| node.outline.name.as_str());
                let fault = Fault::invalid(format!("there is no step `{name}`"));
                return Err(match crate::core::model::diagnostic::did_you_mean(name, names) {
                    Some(help) => fault.help(help),
                    None => fault,
                });
            }
        }
        let mut known = self.known();
        let mut turns: Vec<Decision> =
            (0..self.plan.nodes().len()).map(|at| self.by_itself(id(at), &mut known)).collect();
        self.spread(&mut turns);
        self.finallies(&mut turns);
        let (looks, verifies) = self.looks(&turns, &mut known);
        self.gates(&mut turns);
        let mut continues = Continues {
            run: self.past.run.clone(),
            how: ResumeMode::Resume,
            kept: Vec::new(),
            again: Vec::new(),
            owes: owed(self.plan, self.past).0,
        };
        for (at, turn) in turns.into_iter().enumerate() {
            match turn {
                Decision::Runs => {}
                Decision::Keeps(kept) => continues.kept.push(kept),
                Decision::Again(why) => continues.again.push(Rerun { node: id(at), why }),
            }
        }
        Ok(ResumePlan { continues, looks, verifies, known: Vec::new(), settled: None })
    }

    /// What expressions would see if all that passed were kept.
    fn known(&self) -> Known {
        let place = RunPlace { run: self.run, namespace: self.namespace };
        let mut known = Known::new(self.plan, place, &Arc::new(self.env.clone()), self.secrets);
        for node in ended(self.plan, self.past) {
            known.recall(&node);
        }
        for (at, stage) in (0..).zip(self.plan.stages()) {
            let state = self.past.stages.iter().find(|(name, _)| *name == stage.name).and_then(|(_, state)| *state);
            if let Some(state) = state {
                known.stage_over(StageId(at), state);
            }
        }
        known
    }

    /// What is to be said of a node before others are looked at.
    fn by_itself(&self, node: NodeId, known: &mut Known) -> Decision {
        let planned = self.plan.node(node);
        let stage = &self.plan.stages()[planned.stage.index()];
        if planned.role != Role::Step || !self.selection.has(planned.stage) {
            return Decision::Runs;
        }
        let name = &planned.outline.name;
        if self.again.contains(name) {
            return Decision::Again(RerunReason::Asked);
        }
        let mut print = || self.fingerprint(node, known);
        if self.done.contains(name) {
            let outputs = self.past.node(name).map(|past| past.outputs.clone()).unwrap_or_default();
            let made = makes::any(planned).then(|| makes::digest(self.key, self.project(), planned).ok()).flatten();
            let kept = self.kept(node, None, outputs, print().unwrap_or_default());
            return Decision::Keeps(ReusedNode { made, ..kept });
        }
        let Some(past) = self.past.node(name) else { return Decision::Again(RerunReason::New) };
        match past.stand {
            NodeStatus::NotStarted => return Decision::Again(RerunReason::NotStarted),
            NodeStatus::InDoubt => return Decision::Again(RerunReason::InDoubt),
            NodeStatus::TimedOut => return Decision::Again(RerunReason::TimedOut),
            NodeStatus::Over(State::Skipped) => return Decision::Runs,
            NodeStatus::Over(State::Passed) => {}
            NodeStatus::Over(state) => return Decision::Again(RerunReason::Ended(state)),
        }
        if past.hides_outputs() {
            return Decision::Again(RerunReason::OutputsHidden);
        }
        if self.past.finally_began(&stage.name) && !self.was_whole(planned.stage) {
            return Decision::Again(RerunReason::FinallyRan);
        }
        match print() {
            Ok(now) if past.fingerprint.as_ref() == Some(&now) => {
                let gone = self.gone.iter().find(|gone| self.plan.node(gone.node).stage == planned.stage);
                match gone {
                    Some(gone) => Decision::Again(gone.why.clone()),
                    None => match makes::lost(self.key, self.project(), planned, past.made.as_deref()) {
                        Some(why) => Decision::Again(why),
                        None => Decision::Keeps(self.kept(node, past.from.as_deref(), past.outputs.clone(), now)),
                    },
                }
            }
            Ok(_) => Decision::Again(RerunReason::Changed),
            Err(fault) => Decision::Again(RerunReason::NotCompared { reason: fault.message }),
        }
    }

    fn kept(&self, node: NodeId, from: Option<&str>, outputs: Outputs, fingerprint: String) -> ReusedNode {
        let past = self.past.node(&self.plan.node(node).outline.name);
        let ran = past.and_then(|past| past.ran);
        let made = past.and_then(|past| past.made.clone());
        ReusedNode { node, from: from.unwrap_or(&self.past.run).to_owned(), outputs, fingerprint, made, ran }
    }

    fn project(&self) -> &Path {
        &self.plan.settings().project
    }

    /// The fingerprint that a node would have now.
    fn fingerprint(&self, node: NodeId, known: &mut Known) -> Result<String, Fault> {
        let planned = self.plan.node(node);
        let asked = planned.facts.iter().chain(&self.plan.stages()[planned.stage.index()].facts);
        let (found, without) = facts::before_the_run(self.project(), asked.filter(|fact| !known.knows(fact)));
        known.learn(found);
        // What has no answer yet matters only where an expression needs it.
        self.fingerprint_with(node, known).map_err(|fault| without.unwrap_or(fault))
    }

    fn fingerprint_with(&self, node: NodeId, known: &mut Known) -> Result<String, Fault> {
        let planned = self.plan.node(node);
        let ground = known.ground_of(self.plan, node)?;
        let view = known.view(self.plan, node, &ground);
        if let (Work::Step(step), Some(each)) = (&planned.work, &planned.each) {
            let items = item_prints::items(each, &view.full)?;
            let (tree, reads) = item_prints::of(self.plan, planned, (step, each), &items, &ground.env, &view.full)?;
            let made = Made { plan: self.plan, node: planned, env: &ground.env, rendered: Some(&tree), reads: &reads };
            return fingerprint::of(self.key, &made);
        }
        let env: Arc<Env> = env::over(&ground.env, &planned.env, &view.full)?;
        let full = if planned.env.is_empty() { view.full } else { env::seen(&view.full, &env) };
        let (rendered, reads) = match &planned.work {
            Work::Gate(_) => (None, Vec::new()),
            Work::Step(step) => match &step.body {
                Body::Ready(body) => (None, body.reads()),
                Body::Template(written) => {
                    let rendered =
                        crate::core::expr::render(written, &full).map_err(|e| Fault::invalid(e.to_string()))?;
                    let project = &self.plan.settings().project;
                    let reads = decode_rendered(step.kind, &rendered, project, planned.usage())?.reads();
                    (Some(rendered), reads)
                }
            },
        };
        let made = Made { plan: self.plan, node: planned, env: &env, rendered: rendered.as_ref(), reads: &reads };
        fingerprint::of(self.key, &made)
    }

    /// Whether every step of the stage and its gate ended well.
    fn was_whole(&self, stage: StageId) -> bool {
        let nodes = self.plan.stages()[stage.index()].nodes.iter().map(|node| self.plan.node(*node));
        nodes.filter(|node| matches!(node.role, Role::Step | Role::Gate)).all(|node| {
            let past = self.past.node(&node.outline.name);
            past.is_some_and(|past| matches!(past.stand, NodeStatus::Over(State::Passed | State::Skipped)))
        })
    }

    /// Whatever builds on a node that runs again runs again too.
    fn spread(&self, turns: &mut [Decision]) {
        loop {
            let mut changed = false;
            let again: Vec<bool> = turns.iter().map(|turn| matches!(turn, Decision::Again(_))).collect();
            let kept = turns.iter_mut().enumerate().filter(|(_, turn)| matches!(turn, Decision::Keeps(_)));
            for (at, turn) in kept {
                if let Some(root) = self.again_below(at, &again) {
                    *turn = Decision::Again(RerunReason::Follows(self.plan.node(id(root)).outline.name.clone()));
                    changed = true;
                }
            }
            if !changed {
                return;
            }
        }
    }

    /// A node that runs again and that `at` builds on: a need, a step of a stage that its own needs, a step running
    /// during it or that it runs during.
    fn again_below(&self, at: usize, again: &[bool]) -> Option<usize> {
        let planned = self.plan.node(id(at));
        let needs = planned.needs.iter().chain(&planned.covers).map(|need| need.index());
        if let Some(root) = needs.into_iter().find(|need| again[*need]) {
            return Some(root);
        }
        let covering = self.plan.stages()[planned.stage.index()].nodes.iter().map(|node| node.index());
        let covers = |other: &usize| self.plan.node(id(*other)).covers.contains(&id(at));
        if let Some(root) = covering.into_iter().find(|other| again[*other] && covers(other)) {
            return Some(root);
        }
        let stages = self.plan.stages()[planned.stage.index()].needs.iter().chain(&planned.after);
        let below = stages.flat_map(|stage| &self.plan.stages()[stage.index()].nodes);
        below.map(|node| node.index()).find(|node| again[*node])
    }

    /// A stage's `finally` that passed stays done where nothing of the stage runs again.
    fn finallies(&self, turns: &mut [Decision]) {
        for at in 0..turns.len() {
            let planned = self.plan.node(id(at));
            if planned.role != Role::Finally || self.plan.stages()[planned.stage.index()].always {
                continue;
            }
            let of_stage = &self.plan.stages()[planned.stage.index()].nodes;
            let nothing_runs = of_stage.iter().all(|node| !matches!(turns[node.index()], Decision::Again(_)));
            let Some(past) = self.past.node(&planned.outline.name) else { continue };
            if past.stand == NodeStatus::Over(State::Passed) && nothing_runs && self.was_whole(planned.stage) {
                let print = past.fingerprint.clone().unwrap_or_default();
                turns[at] = Decision::Keeps(self.kept(id(at), past.from.as_deref(), past.outputs.clone(), print));
            }
        }
    }

    /// Gates that held, where nothing of their stage runs again. They are looked at again all the same; but who goes on
    /// with this run must know it.
    fn gates(&self, turns: &mut [Decision]) {
        for (at, gate) in self.plan.nodes().iter().enumerate().filter(|(_, node)| node.role == Role::Gate) {
            let of_stage = &self.plan.stages()[gate.stage.index()].nodes;
            let whole = of_stage.iter().all(|node| !matches!(turns[node.index()], Decision::Again(_)));
            if let Some(past) = self.past.node(&gate.outline.name).filter(|past| whole && held(past)) {
                let print = past.fingerprint.clone().unwrap_or_default();
                turns[at] = Decision::Keeps(self.kept(id(at), past.from.as_deref(), Outputs::new(), print));
            }
        }
    }

    /// Gates that held, of stages of which nothing runs again: those that others have been built on since, and those
    /// that still speak for the steps of their stage.
    fn looks(&self, turns: &[Decision], known: &mut Known) -> (Vec<NodeId>, Vec<NodeId>) {
        let (mut looks, mut verifies) = (Vec::new(), Vec::new());
        for (at, gate) in self.plan.nodes().iter().enumerate().filter(|(_, node)| node.role == Role::Gate) {
            let stage = &self.plan.stages()[gate.stage.index()];
            let any = |wanted: fn(&Decision) -> bool| stage.nodes.iter().any(|node| wanted(&turns[node.index()]));
            let held = self.past.node(&gate.outline.name).filter(|past| held(past));
            let whole = !any(|turn| matches!(turn, Decision::Again(_))) && !StageNames::is_reserved(&stage.name);
            let Some(held) = held.filter(|_| whole) else { continue };
            if self.fingerprint(id(at), known).ok() != held.fingerprint {
                continue;
            }
            if self.overtaken(gate.stage) || self.past.finally_began(&stage.name) {
                looks.push(id(at));
            } else if any(|turn| matches!(turn, Decision::Keeps(_))) {
                verifies.push(id(at));
            }
        }
        (looks, verifies)
    }

    /// Whether a stage that needs this one had been entered.
    fn overtaken(&self, stage: StageId) -> bool {
        let after = self.plan.stages().iter().filter(|other| other.needs.contains(&stage));
        let began = |name: &str| self.past.node(name).is_some_and(PastNode::began);
        let mut nodes = self.plan.nodes().iter().filter(|node| node.after.contains(&stage));
        after.into_iter().any(|other| !StageNames::is_reserved(&other.name) && self.past.entered(&other.name))
            || nodes.any(|node| began(&node.outline.name))
    }
}

fn held(past: &PastNode) -> bool {
    past.stand == NodeStatus::Over(State::Passed)
}
