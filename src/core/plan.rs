//! What will run: a checked, sealed graph of stages, steps and gates. Built only by `plan::build`; knows no engine.

mod args;
mod baselines;
mod build;
mod cycles;
mod declared;
mod decode;
mod definition;
mod ends;
mod facts;
mod files;
mod foreign;
mod gate_file;
mod gate_item;
mod gate_step;
mod given;
mod indent_fix;
mod keys;
mod load;
mod makers;
mod matrix;
mod names;
mod namespaces;
mod no_items;
mod node;
mod overlap;
mod own_keys;
mod part;
mod part_files;
mod paths;
mod pushed;
mod recovery;
mod scalar_validator;
mod settings;
mod shapes;
mod single;
mod stage_file;
mod stage_files;
mod stage_list;
mod statics;
mod step_labels;
mod typed;
mod var_files;
mod vars;

pub use baselines::{BASELINES, Baselines};
pub(crate) use definition::Definer;
pub use definition::Definition;
pub use load::{Loaded, Options, load};
pub(crate) use matrix::MOST_ITEMS;
pub use single::GateFile;
pub(crate) use step_labels::item_labels;

pub use args::{Args, OpenArg};
pub use no_items::NoItems;
pub use node::{
    Body, Each, Gate, PartId, PartOutput, PlanAssertion, PlanNode, PlanPart, PlanStage, Remote, Retry, StageId,
    StepPlan, Work, decode_rendered,
};

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use crate::core::expr::{Spelled, Template};
use crate::core::kind::Registry;
use crate::core::kind::settings::Settings;
use crate::core::model::event::{NodeId, StageOutline};

/// A plan: everything in it was checked, every name in it resolves, the graph has no cycle.
#[derive(Debug)]
pub struct Plan {
    pub(crate) pipeline: String,
    pub(crate) profile: Option<String>,
    pub(crate) registry: Registry,
    pub(crate) settings: Settings,
    pub(crate) vars: IndexMap<String, serde_json::Value>,
    pub(crate) spelled: Arc<Spelled>,
    pub(crate) env: Vec<(String, Template)>,
    /// The limit for all stages together.
    pub(crate) timeout: Option<Duration>,
    pub(crate) pools: Vec<(String, u32)>,
    pub(crate) runners: Vec<String>,
    pub(crate) stages: Vec<PlanStage>,
    pub(crate) nodes: Vec<PlanNode>,
    pub(crate) parts: Vec<PlanPart>,
    pub(crate) baselines: Baselines,
}

impl Plan {
    /// The pipeline's name.
    pub fn pipeline(&self) -> &str {
        &self.pipeline
    }

    /// The profile it was built for.
    pub fn profile(&self) -> Option<&str> {
        self.profile.as_deref()
    }

    /// The kinds it was built with.
    pub fn registry(&self) -> Registry {
        self.registry
    }

    /// What the drivers must know.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The vars, after profile and `--var`.
    pub fn vars(&self) -> &IndexMap<String, serde_json::Value> {
        &self.vars
    }

    /// How numbers in vars are written: paths start with `vars`.
    pub fn spelled(&self) -> &Arc<Spelled> {
        &self.spelled
    }

    /// The stages, as events tell them.
    pub fn stage_outlines(&self) -> Vec<StageOutline> {
        let names = |ids: &mut dyn Iterator<Item = &StageId>| -> Vec<String> {
            ids.map(|id| self.stages[id.index()].name.clone()).collect()
        };
        let outline = |stage: &PlanStage| {
            let single = stage.nodes.iter().flat_map(|node| &self.node(*node).after);
            let single: BTreeSet<StageId> = single.filter(|id| !stage.needs.contains(id)).copied().collect();
            StageOutline {
                name: stage.name.clone(),
                needs: names(&mut stage.needs.iter()),
                steps_need: names(&mut single.iter()),
            }
        };
        self.stages.iter().map(outline).collect()
    }

    /// The pipeline's own `env:`, for every step.
    pub fn env(&self) -> &[(String, Template)] {
        &self.env
    }

    /// The limit for all stages together; what runs always has none.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// Pools by index: name and number of places.
    pub fn pools(&self) -> &[(String, u32)] {
        &self.pools
    }

    /// Runners by index.
    pub fn runners(&self) -> &[String] {
        &self.runners
    }

    /// The stages; [`StageId`] is the index. `before` and `after` hold the pipeline's own gate, `finally` its own
    /// `finally` steps; they stand in this list like any other stage, with the needs that put them first and last.
    pub fn stages(&self) -> &[PlanStage] {
        &self.stages
    }

    /// The nodes; [`NodeId`] is the index.
    pub fn nodes(&self) -> &[PlanNode] {
        &self.nodes
    }

    /// The parts that stages use; [`PartId`] is the index.
    pub fn parts(&self) -> &[PlanPart] {
        &self.parts
    }

    /// One part.
    pub fn part(&self, id: PartId) -> &PlanPart {
        &self.parts[id.index()]
    }

    /// The parts that a node belongs to, the innermost first.
    pub fn parts_around(&self, node: &PlanNode) -> impl Iterator<Item = PartId> + '_ {
        std::iter::successors(node.part, |part| self.part(*part).outer)
    }

    /// The stored values that expectations refer to.
    pub fn baselines(&self) -> &Baselines {
        &self.baselines
    }

    /// One node.
    pub fn node(&self, id: NodeId) -> &PlanNode {
        &self.nodes[id.index()]
    }
}
