//! Nodes and stages whose expressions ask something of the environment: it is found out beside the run, and they go on
//! when it is known.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::super::facts;
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

    /// What was asked is known, or cannot be found out.
    pub(super) fn found(&mut self, asking: Asking, found: Result<Map<String, Value>, Fault>) {
        let fault = found.map(|found| self.known.learn(found)).err();
        match (asking, fault) {
            (Asking::Node(node), None) => self.ask(node),
            (Asking::Stage(stage), None) => self.ask_stage(stage),
            (Asking::Node(node), Some(fault)) => {
                if self.scheduler.is_waiting(node) {
                    self.cannot_start(node, fault);
                }
                self.scheduler.answer(node, false);
            }
            (Asking::Stage(stage), Some(fault)) => {
                let nodes = &self.parts.plan.stages()[stage.index()].nodes;
                let first = nodes.iter().copied().find(|node| self.scheduler.is_waiting(*node));
                if let Some(first) = first {
                    self.cannot_start(first, fault);
                }
                self.scheduler.answer_stage(stage, false);
            }
        }
        self.obey();
    }
}
