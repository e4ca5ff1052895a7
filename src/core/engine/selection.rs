//! Which stages a run takes in: all, some by name (`--stage`), or all up to one (`--until`). Knows no command line.

use std::collections::BTreeSet;

use crate::core::model::diagnostic::did_you_mean;
use crate::core::model::event::{NodeId, Role};
use crate::core::plan::{Plan, PlanNode, StageId};

/// The stages of a plan that a run takes in. A stage left out counts as passed for those that need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    chosen: Vec<bool>,
    /// With `--step`: the nodes that take part, of the stages that are chosen.
    nodes: Option<Vec<bool>>,
}

/// What `--stage`, `--until` and `--step` ask for. Nothing is everything.
#[derive(Debug, Clone, Default)]
pub struct Wanted<'a> {
    /// Stages, alone.
    pub stages: &'a [String],
    /// A stage, with all that it needs.
    pub until: Option<&'a str>,
    /// Steps as `stage.step`, with all that they need.
    pub steps: &'a [String],
    /// Whether the pipeline's own `finally` runs all the same.
    pub finally: bool,
}

/// A stage or a step was asked for that the plan does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} \"{name}\" in this pipeline")]
pub struct UnknownStage {
    /// `stage` or `step`.
    pub what: &'static str,
    /// The name asked for.
    pub name: String,
    /// What to type.
    pub help: Option<String>,
}

impl Selection {
    /// Every stage.
    pub fn all(plan: &Plan) -> Self {
        Selection { chosen: vec![true; plan.stages().len()], nodes: None }
    }

    /// No stage: only what an earlier run owes.
    pub fn none(plan: &Plan) -> Self {
        Selection { chosen: vec![false; plan.stages().len()], nodes: None }
    }

    /// The stages named, alone, `until` and steps with all that they need. The pipeline's own gate belongs to every run, its
    /// `finally` to those that take in every stage, and to others where `finally` is set: a run that stops early leaves what
    /// it made for its user to see. Nothing asked for is everything.
    ///
    /// # Errors
    /// [`UnknownStage`] for the first name that the plan does not have.
    pub fn of(plan: &Plan, asked: &Wanted<'_>) -> Result<Self, UnknownStage> {
        let Wanted { stages, until, steps, finally } = *asked;
        if stages.is_empty() && until.is_none() && steps.is_empty() {
            return Ok(Selection::all(plan));
        }
        let own = |name: &str| matches!(name, "before" | "after");
        let mut chosen: Vec<bool> = plan.stages().iter().map(|stage| own(stage.name.as_str())).collect();
        for name in stages {
            chosen[find(plan, name)?] = true;
        }
        let mut wanted: Vec<usize> = until.map(|name| find(plan, name)).transpose()?.into_iter().collect();
        let closure = if steps.is_empty() { None } else { Some(closure(plan, steps)?) };
        wanted.extend(closure.iter().flatten().map(|id| plan.node(*id).stage.index()));
        let mut seen = vec![false; chosen.len()];
        while let Some(stage) = wanted.pop() {
            if !std::mem::replace(&mut seen[stage], true) {
                chosen[stage] = true;
                let nodes = plan.stages()[stage].nodes.iter().flat_map(|id| &plan.node(*id).after);
                wanted.extend(plan.stages()[stage].needs.iter().chain(nodes).map(|need| need.index()));
            }
        }
        let nodes = closure.map(|steps| with_steps(plan, &steps));
        let whole = plan.stages().iter().zip(&chosen).all(|(stage, chosen)| stage.always || *chosen);
        for (stage, chosen) in plan.stages().iter().zip(&mut chosen) {
            *chosen |= stage.always && ((whole && nodes.is_none()) || finally);
        }
        Ok(Selection { chosen, nodes })
    }

    /// Whether it leaves out the pipeline's own `finally`.
    pub fn leaves_out_finally(&self, plan: &Plan) -> bool {
        plan.stages().iter().zip(&self.chosen).any(|(stage, chosen)| stage.always && !chosen)
    }

    /// Whether a node takes part, if its stage does.
    pub fn has_node(&self, id: NodeId) -> bool {
        self.nodes.as_ref().is_none_or(|nodes| nodes.get(id.index()).copied().unwrap_or(false))
    }

    /// Whether a stage takes part.
    pub fn has(&self, stage: StageId) -> bool {
        self.chosen.get(stage.index()).copied().unwrap_or(false)
    }
}

/// The steps that are asked for by name, with all that they need in their stages, what runs around them included.
fn closure(plan: &Plan, steps: &[String]) -> Result<BTreeSet<NodeId>, UnknownStage> {
    let ids = || (0..).zip(plan.nodes()).map(|(index, node)| (NodeId(index), node));
    let mut open: Vec<NodeId> = Vec::new();
    for step in steps {
        // A part and a step with `for_each` are named as a whole as well.
        let named = |name: &str| {
            name.strip_prefix(step.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let before = open.len();
        open.extend(ids().filter(|(_, node)| named(&node.outline.name)).map(|(id, _)| id));
        if open.len() == before {
            let help = did_you_mean(step, plan.nodes().iter().map(|node| node.outline.name.as_str()));
            return Err(UnknownStage { what: "step", name: step.clone(), help });
        }
    }
    let mut found = BTreeSet::new();
    while let Some(id) = open.pop() {
        if found.insert(id) {
            let node = plan.node(id);
            open.extend(&node.needs);
            open.extend(
                ids().filter(|(_, other)| other.stage == node.stage && other.covers.contains(&id)).map(|(id, _)| id),
            );
            if node.role == Role::Gate {
                open.extend(&plan.stages()[node.stage.index()].nodes);
            }
        }
    }
    Ok(found)
}

/// The nodes that take part: of the stages of the steps these alone and what runs after a failure or at the end, of all
/// other stages every one.
fn with_steps(plan: &Plan, steps: &BTreeSet<NodeId>) -> Vec<bool> {
    let of_steps: BTreeSet<StageId> = steps.iter().map(|id| plan.node(*id).stage).collect();
    let takes_part = |(index, node): (u32, &PlanNode)| {
        !of_steps.contains(&node.stage)
            || steps.contains(&NodeId(index))
            || matches!(node.role, Role::OnFailure | Role::Finally)
    };
    (0..).zip(plan.nodes()).map(takes_part).collect()
}

fn find(plan: &Plan, name: &str) -> Result<usize, UnknownStage> {
    plan.stages().iter().position(|stage| stage.name == name).ok_or_else(|| UnknownStage {
        what: "stage",
        name: name.to_owned(),
        help: did_you_mean(name, plan.stages().iter().map(|stage| stage.name.as_str())),
    })
}
