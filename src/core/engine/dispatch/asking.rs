//! Nodes and stages whose expressions ask something of the environment: it is found out beside the run, and they go on
//! when it is known.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::super::{facts, scope};
use super::Dispatch;
use crate::core::expr::Fact;
use crate::core::model::event::NodeId;
use crate::core::model::outcome::Fault;
use crate::core::plan::StageId;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asking {
    Node(NodeId),
    Stage(StageId),
}

impl Dispatch {
    /// Finds out what is asked; the answer comes as a turn of its own.
    pub(super) fn find(&self, asking: Asking, asked: Vec<Fact>) {
        let (services, project) = (Arc::clone(&self.parts.services), Arc::clone(&self.common.project));
        let desk = self.desk.clone();
        self.home.spawn(async move {
            let found = facts::find(&services, &project, &asked).await;
            if let Some(desk) = desk.upgrade() {
                desk.found(asking, found);
            }
        });
    }

    /// What a node asks: all of its own, and what its stage could not ask before it. A stage of which nothing but its
    /// `finally` runs has not asked.
    pub(super) fn asked_by(&self, node: NodeId) -> Vec<Fact> {
        let node = self.parts.plan.node(node);
        let of_stage = &self.parts.plan.stages()[node.stage.index()].facts;
        let unknown = of_stage.iter().filter(|fact| !node.facts.contains(fact) && !self.known.knows(fact));
        node.facts.iter().chain(unknown).cloned().collect()
    }

    /// What was asked is known, or cannot be found out.
    pub(super) fn found(&mut self, asking: Asking, found: Result<Map<String, Value>, Fault>) {
        match found {
            Ok(found) => {
                self.known.learn(found);
                self.ask(asking);
            }
            Err(fault) => self.answer(asking, Err(fault)),
        }
        self.obey();
    }

    /// Evaluates a `when:` whose facts are known.
    pub(super) fn ask(&mut self, asking: Asking) {
        let holds = match asking {
            Asking::Node(node) => self.node_holds(node),
            Asking::Stage(stage) => self.stage_holds(stage),
        };
        self.answer(asking, holds);
    }

    fn node_holds(&mut self, id: NodeId) -> Result<bool, Fault> {
        let plan = Arc::clone(&self.parts.plan);
        match (self.known.parts_hold(&plan, id), &plan.node(id).when) {
            (Ok(true), Some(when)) => {
                let ground = self.known.ground_of(&plan, id)?;
                scope::holds(when, &self.known.view(&plan, id, &ground).full)
            }
            (answer, _) => answer,
        }
    }

    fn stage_holds(&mut self, stage: StageId) -> Result<bool, Fault> {
        let plan = Arc::clone(&self.parts.plan);
        match &plan.stages()[stage.index()].when {
            None => Ok(true),
            Some(when) => scope::holds(when, &self.known.ground(&plan, stage)?.full),
        }
    }

    /// Gives the scheduler its answer. A fault is that of the node, or of the first node of the stage that waits.
    fn answer(&mut self, asking: Asking, holds: Result<bool, Fault>) {
        let holds = holds.unwrap_or_else(|fault| {
            let nodes = match &asking {
                Asking::Node(node) => std::slice::from_ref(node),
                Asking::Stage(stage) => self.parts.plan.stages()[stage.index()].nodes.as_slice(),
            };
            let faulty = nodes.iter().copied().find(|node| self.scheduler.is_waiting(*node));
            if let Some(node) = faulty {
                self.cannot_start(node, fault);
            }
            false
        });
        match asking {
            Asking::Node(node) => self.scheduler.answer(node, holds),
            Asking::Stage(stage) => self.scheduler.answer_stage(stage, holds),
        }
    }
}
