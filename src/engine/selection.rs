//! Which stages a run takes in: all, some by name (`--stage`), or all up to one (`--until`). Knows no command line.

use crate::diagnostic::did_you_mean;
use crate::plan::{Plan, StageId};

/// The stages of a plan that a run takes in. A stage left out counts as passed for those that need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    chosen: Vec<bool>,
}

/// A stage was asked for that the plan does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no stage \"{name}\" in this pipeline")]
pub struct UnknownStage {
    /// The name asked for.
    pub name: String,
    /// What to type.
    pub help: Option<String>,
}

impl Selection {
    /// Every stage.
    pub fn all(plan: &Plan) -> Self {
        Selection { chosen: vec![true; plan.stages().len()] }
    }

    /// No stage: only what an earlier run owes.
    pub fn none(plan: &Plan) -> Self {
        Selection { chosen: vec![false; plan.stages().len()] }
    }

    /// The stages named, alone, and `until` with all that it needs. The pipeline's own gate belongs to every run, its
    /// `finally` to those that take in every stage, and to others where `finally` is set: a run that stops early leaves what
    /// it made for its user to see. Nothing asked for is everything.
    ///
    /// # Errors
    /// [`UnknownStage`] for the first name that the plan does not have.
    pub fn of(plan: &Plan, stages: &[String], until: Option<&str>, finally: bool) -> Result<Self, UnknownStage> {
        if stages.is_empty() && until.is_none() {
            return Ok(Selection::all(plan));
        }
        let own = |name: &str| matches!(name, "before" | "after");
        let mut chosen: Vec<bool> = plan.stages().iter().map(|stage| own(stage.name.as_str())).collect();
        for name in stages {
            chosen[find(plan, name)?] = true;
        }
        let mut wanted: Vec<usize> = until.map(|name| find(plan, name)).transpose()?.into_iter().collect();
        let mut seen = vec![false; chosen.len()];
        while let Some(stage) = wanted.pop() {
            if !std::mem::replace(&mut seen[stage], true) {
                chosen[stage] = true;
                let nodes = plan.stages()[stage].nodes.iter().flat_map(|id| &plan.node(*id).after);
                wanted.extend(plan.stages()[stage].needs.iter().chain(nodes).map(|need| need.index()));
            }
        }
        let whole = plan.stages().iter().zip(&chosen).all(|(stage, chosen)| stage.always || *chosen);
        for (stage, chosen) in plan.stages().iter().zip(&mut chosen) {
            *chosen |= stage.always && (whole || finally);
        }
        Ok(Selection { chosen })
    }

    /// Whether it leaves out the pipeline's own `finally`.
    pub fn leaves_out_finally(&self, plan: &Plan) -> bool {
        plan.stages().iter().zip(&self.chosen).any(|(stage, chosen)| stage.always && !chosen)
    }

    /// Whether a stage takes part.
    pub fn has(&self, stage: StageId) -> bool {
        self.chosen.get(stage.index()).copied().unwrap_or(false)
    }
}

fn find(plan: &Plan, name: &str) -> Result<usize, UnknownStage> {
    plan.stages().iter().position(|stage| stage.name == name).ok_or_else(|| UnknownStage {
        name: name.to_owned(),
        help: did_you_mean(name, plan.stages().iter().map(|stage| stage.name.as_str())),
    })
}
