//! What nodes of a part see, and what its caller sees of it.

use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use serde_json::{Map, Value, json};

use crate::core::expr::{FACTS, Scope, render};
use crate::core::model::event::{NodeId, State};
use crate::core::model::outcome::Fault;
use crate::core::plan::{PartId, Plan, PlanPart, StageId};

use super::super::args::Values;
use super::super::env;
use super::{Known, Shown, StageScope, holds, namespace};

impl Known {
    /// What a node has in common with its neighbours: those of its part, else of its stage.
    ///
    /// # Errors
    /// A fault of kind invalid where an `env:` or a value of a parameter cannot be rendered.
    pub fn ground_of(&mut self, plan: &Plan, id: NodeId) -> Result<StageScope, Fault> {
        let node = plan.node(id);
        let stage = self.ground(plan, node.stage)?;
        match node.part {
            None => Ok(stage),
            Some(part) => self.part_ground(plan, part, &stage),
        }
    }

    /// Whether the `when:` of every part around a node holds.
    ///
    /// # Errors
    /// A fault of kind invalid where one cannot be evaluated.
    pub fn parts_hold(&mut self, plan: &Plan, id: NodeId) -> Result<bool, Fault> {
        let mut around: Vec<PartId> = plan.parts_around(plan.node(id)).collect();
        around.reverse();
        for part in around {
            let Some(when) = &plan.part(part).when else { continue };
            if self.held[part.index()].is_none() {
                let stage = self.ground(plan, plan.node(id).stage)?;
                let caller = self.caller(plan, plan.part(part), &stage);
                self.held[part.index()] = Some(caller.and_then(|(_, scope)| holds(when, &scope)));
            }
            match &self.held[part.index()] {
                Some(Ok(true)) | None => {}
                Some(answer) => return answer.clone(),
            }
        }
        Ok(true)
    }

    /// Whether the `when:` of a part was false.
    pub fn is_left_out(&self, part: PartId) -> bool {
        matches!(self.held[part.index()], Some(Ok(false)))
    }

    fn part_ground(&self, plan: &Plan, id: PartId, stage: &StageScope) -> Result<StageScope, Fault> {
        self.parts[id.index()].get_or_init(|| self.lay_part(plan, plan.part(id), stage)).clone()
    }

    fn lay_part(&self, plan: &Plan, part: &PlanPart, stage: &StageScope) -> Result<StageScope, Fault> {
        let (outer, caller) = self.caller(plan, part, stage)?;
        let env = env::over(&outer.env, &part.env, &caller)?;
        let values = Values::of(&part.args, &caller)
            .map_err(|fault| Fault { message: format!("{}: {}", part.name, fault.message), ..fault })?;
        let (mut full, mut plain) = (values.seen_all(&outer.full), values.seen_shown(&outer.plain));
        for scope in [&mut full, &mut plain] {
            if !part.env.is_empty() {
                scope.roots.insert("env".to_owned(), env::as_value(&env));
            }
            scope.roots.insert("steps".to_owned(), Value::Object(Map::new()));
        }
        let namespace = namespace(part.namespace.as_ref(), &caller)?.or(outer.namespace);
        Ok(StageScope { env, full: Arc::new(full), plain: Arc::new(plain), namespace })
    }

    /// What the step that uses a part sees: the ground that it has, and a scope with the outputs that it refers to.
    fn caller(&self, plan: &Plan, part: &PlanPart, stage: &StageScope) -> Result<(StageScope, Scope), Fault> {
        let outer = match part.outer {
            None => stage.clone(),
            Some(outer) => self.part_ground(plan, outer, stage)?,
        };
        let mut scope = Scope::clone(&outer.full);
        if let Some(facts) = self.roots.get(FACTS) {
            scope.roots.insert(FACTS.to_owned(), facts.clone());
        }
        if !part.refers.is_empty() {
            let steps = self.steps(plan, &part.refers, part.outer, Shown::All);
            scope.roots.insert("steps".to_owned(), Value::Object(steps));
        }
        if let Some(item) = &part.item {
            scope.roots.insert("item".to_owned(), item.value.clone());
            scope.spell("item", &item.spelled);
        }
        Ok((outer, scope))
    }

    /// The parts used in `scope` to which nodes of `nodes` belong, by the id of the step that uses them.
    pub(super) fn parts_of_scope(
        &self,
        plan: &Plan,
        nodes: &[NodeId],
        scope: Option<PartId>,
        shown: Shown,
    ) -> Map<String, Value> {
        let of_scope = |id: &NodeId| plan.parts_around(plan.node(*id)).find(|part| plan.part(*part).outer == scope);
        let parts: IndexSet<PartId> = nodes.iter().filter_map(of_scope).collect();
        let mut by_step: IndexMap<&str, Vec<PartId>> = IndexMap::new();
        for part in parts {
            by_step.entry(plan.part(part).step.as_str()).or_default().push(part);
        }
        let seen = by_step.into_iter().map(|(step, parts)| {
            let states = parts.iter().flat_map(|part| &plan.part(*part).nodes).map(|node| self.states[node.index()]);
            let outputs: Vec<Map<String, Value>> =
                parts.iter().map(|part| self.part_outputs(plan, *part, shown)).collect();
            let each = parts.iter().any(|part| plan.part(*part).item.is_some());
            (step.to_owned(), json!({ "state": together(states), "outputs": joined(outputs, each) }))
        });
        seen.collect()
    }

    /// The outputs of a part; one that cannot be rendered is not there.
    fn part_outputs(&self, plan: &Plan, id: PartId, shown: Shown) -> Map<String, Value> {
        let part = plan.part(id);
        let Some(ground) = self.ground_behind(plan, id, part.stage) else { return Map::new() };
        let mut scope = Scope::clone(&ground.full);
        let over: Vec<NodeId> = part.nodes.iter().copied().filter(|node| self.states[node.index()].is_over()).collect();
        let steps = self.steps(plan, &over, Some(id), Shown::All);
        scope.roots.insert("steps".to_owned(), Value::Object(steps));
        let outputs = part.outputs.iter().filter(|output| shown == Shown::All || !output.secret);
        let rendered = outputs.filter_map(|output| {
            let value = render(&output.value, &scope).ok()?;
            Some((output.name.clone(), value.to_json()))
        });
        rendered.collect()
    }

    fn ground_behind(&self, plan: &Plan, id: PartId, stage: StageId) -> Option<StageScope> {
        let stage = self.grounds[stage.index()].as_ref()?.as_ref().ok()?;
        self.part_ground(plan, id, stage).ok()
    }
}

/// The state of a part: that of the first of its nodes that did not end well, else whether any of them did anything.
fn together(states: impl Iterator<Item = State>) -> State {
    let mut whole = State::Skipped;
    for state in states {
        match state {
            State::Passed => whole = State::Passed,
            State::Skipped => {}
            other => return other,
        }
    }
    whole
}

/// The outputs of one part; with `for_each` each is a list, in the order of the items.
fn joined(mut outputs: Vec<Map<String, Value>>, each: bool) -> Map<String, Value> {
    if !each {
        return outputs.pop().unwrap_or_default();
    }
    let names: IndexSet<String> = outputs.iter().flat_map(|outputs| outputs.keys().cloned()).collect();
    let list = |name: &String| outputs.iter().map(|one| one.get(name).cloned().unwrap_or(Value::Null)).collect();
    names.iter().map(|name| (name.clone(), Value::Array(list(name)))).collect()
}
