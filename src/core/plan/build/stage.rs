//! One stage: its keys, its steps, their edges, its gate.

pub(in crate::core::plan) mod step;

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;

use super::body::Place;
use super::stage::step::StepParts;
use super::{Built, Outer, PlanBuilder, site};
use crate::core::expr::Expr;
use crate::core::model::diagnostic::{Code, Diagnostic, closest, did_you_mean};
use crate::core::model::event::{NodeId, Role};
use crate::core::model::source::Span;
use crate::core::model::units::TimeSpan;
use crate::core::plan::cycles::{self, Wait};
use crate::core::plan::decode::only;
use crate::core::plan::ends::{Ends, Placed};
use crate::core::plan::keys::GATE;
use crate::core::plan::keys::GROUPS;
use crate::core::plan::names::Site;
use crate::core::plan::node::{PlanNode, StageId};
use crate::core::spec::{RunsOn, When};
use crate::core::yaml::{Entry, Node, decode};

/// Builds the nodes of one stage.
pub(crate) struct StageBuilder<'w, 'a> {
    shop: &'w mut PlanBuilder<'a>,
    /// Where its steps are: of a stage, of a part, or of the pipeline.
    at: Site<'w>,
    node: &'w Node,
    built: Built,
    /// The steps by id.
    steps: IndexMap<String, Placed>,
    /// The gate of a part, by index into `built.nodes`.
    part_gate: Option<usize>,
    /// Between steps, by their index in `steps`.
    waits: Vec<Wait>,
}

impl<'w, 'a> StageBuilder<'w, 'a> {
    /// For the stage file `node`, the `index`th of the pipeline.
    pub fn new(shop: &'w mut PlanBuilder<'a>, index: usize, node: &'w Node) -> Self {
        StageBuilder::at(shop, site(Some(index), None), node)
    }

    pub fn at(shop: &'w mut PlanBuilder<'a>, at: Site<'w>, node: &'w Node) -> Self {
        let (built, steps, waits) = (Built::default(), IndexMap::new(), Vec::new());
        StageBuilder { shop, at, node, built, steps, part_gate: None, waits }
    }

    /// Builds everything; what is wrong was reported.
    pub fn build(mut self) -> Built {
        self.keys();
        self.shop.stage_runner = self.stage_runner();
        self.steps(&GROUPS);
        if let Some(gate) = self.shop.gate_list(self.node) {
            let (gate, refers) = self.shop.gate(self.at, Role::Gate, GATE, gate);
            self.built.refers.extend(refers.stages);
            self.built.nodes.push(gate);
        }
        self.cover();
        self.knots();
        self.built
    }

    /// Builds the steps and gate of a part, whose nodes are added to those of its stage. What is wrong was reported.
    pub fn build_part(mut self, mut built: Built) -> Built {
        std::mem::swap(&mut self.built, &mut built);
        let role = self.at.role.unwrap_or(Role::Step);
        self.steps(&[("steps", role)]);
        if let Some(gate) = self.shop.gate_list(self.node) {
            self.gate_of_part(gate, role);
        }
        self.cover();
        self.knots();
        self.built
    }

    /// The gate of a part: it waits for all its steps.
    fn gate_of_part(&mut self, gate: &Node, role: Role) {
        let (gate, refers) = self.shop.gate(self.at, role, GATE, gate);
        self.built.refers.extend(refers.stages);
        let needs = self.steps.values().flat_map(|step| step.ends().iter().map(|index| node_id(*index))).collect();
        self.part_gate = Some(self.built.nodes.len());
        self.built.nodes.push(PlanNode { needs, ..gate });
    }

    /// Builds the steps of these groups.
    fn steps(&mut self, groups: &[(&str, Role)]) {
        let count = groups.iter().map(|(key, _)| self.node.get(key).map_or(0, |steps| steps.entries().len())).sum();
        let mut parts: Vec<StepParts> = Vec::with_capacity(count);
        // The gate's too.
        self.built.nodes.reserve_exact(count + 1);
        let mut seen: HashMap<&str, Span> = HashMap::with_capacity(count);
        let node = self.node;
        for (key, role) in groups {
            for entry in node.get(key).map(Node::entries).unwrap_or_default() {
                if let Some(first) = seen.insert(&entry.key, entry.key_span) {
                    self.shop.out.push(
                        Diagnostic::error(
                            Code::DuplicateName,
                            entry.key_span,
                            format!("two steps of this stage are called `{}`", entry.key),
                        )
                        .label("the second one")
                        .also(first, "the first one")
                        .help("steps, on_failure and finally share one set of names"),
                    );
                }
                let at = Site { role: Some(*role), ..self.at };
                let before = self.shop.out.len();
                parts.push(self.shop.step(at, entry, &mut self.built));
                if let Some(params) = at.params.filter(|_| at.part.is_some()) {
                    self.shop.blame(&entry.node, params, before);
                }
            }
        }
        self.place(parts);
    }

    /// The runner that the stage's file names, where there is one of that name.
    fn stage_runner(&mut self) -> Option<RunsOn> {
        let written = self.node.get("runs_on").filter(|_| self.at.stage.is_some())?;
        let runs_on: RunsOn = decode(written).ok()?;
        self.shop.runner(runs_on.runner(), written.span)?;
        Some(runs_on)
    }

    /// `when` and `env` of the stage itself.
    fn keys(&mut self) {
        let keys = only(self.node, |entry| matches!(entry.key.as_str(), "when" | "env" | "timeout" | "namespace"));
        let shape = Arc::clone(&self.shop.shapes.step_keys);
        let statics = Arc::clone(&self.shop.statics);
        let namespace = self.shop.namespace(&keys, &statics);
        let Some(found) = self.shop.inspect(&keys, &shape, Place::new(self.at, &statics)) else {
            return;
        };
        self.built.refers.extend(found.stages);
        self.built.env = PlanBuilder::env(keys.get("env"));
        self.built.when = keys.get("when").and_then(condition);
        self.built.timeout = keys.get("timeout").and_then(|node| decode::<TimeSpan>(node).ok()).map(|time| time.0);
        self.built.namespace = namespace;
    }

    /// Gives every step its nodes and turns names into edges.
    fn place(&mut self, mut parts: Vec<StepParts>) {
        self.steps.reserve_exact(parts.len());
        for part in &mut parts {
            let is_part = !part.parts.is_empty();
            let ends = is_part.then(|| Ends::of(&self.built.nodes, part.nodes.clone()));
            let placed = self.steps.entry(part.id.clone()).or_insert_with(|| Placed::new(part.role));
            placed.nodes.extend(part.nodes.clone());
            placed.ends = ends.map(Box::new);
            self.built.refers.append(&mut part.refers);
        }
        for part in parts {
            for (name, span) in &part.needs {
                if !self.after(&part, name, *span) {
                    self.edge(&part, name, *span, "needs");
                }
            }
            for (name, span) in &part.uses {
                // A step that is over before this group begins needs no edge.
                if self.role_of(name) == Some(part.role) {
                    self.edge(&part, name, *span, "uses an output of");
                }
            }
            for (name, span) in &part.during {
                self.covers(&part, name, *span);
            }
            if !part.parts.is_empty() {
                let steps = part.uses.iter().filter_map(|(name, _)| self.steps.get(name));
                let mut refers: Vec<NodeId> =
                    steps.flat_map(|step| step.nodes.iter().map(|index| node_id(*index))).collect();
                refers.sort_unstable();
                refers.dedup();
                part.parts.iter().for_each(|index| self.built.parts[*index].refers.clone_from(&refers));
            }
        }
    }

    fn role_of(&self, id: &str) -> Option<Role> {
        self.steps.get(id).map(|step| step.role)
    }

    /// A need that names another stage: only this step waits for it. `false` where the name means a step.
    fn after(&mut self, part: &StepParts, name: &str, span: Span) -> bool {
        if part.role != Role::Step || self.at.part.is_some() || self.steps.contains_key(name) {
            return false;
        }
        let Some(other) = self.shop.names.stages.get_index_of(name).filter(|other| Some(*other) != self.at.stage)
        else {
            return false;
        };
        self.built.after.push((other, span));
        for index in self.steps.get(&part.id).map(|step| step.begins().to_vec()).unwrap_or_default() {
            // Counted from the first stage of the file, until it is added to the plan.
            self.built.nodes[index].after.push(StageId(u32::try_from(other).unwrap_or(u32::MAX)));
        }
        true
    }

    fn edge(&mut self, part: &StepParts, name: &str, span: Span, how: &'static str) {
        let (Some((to, _, target)), Some(from)) = (self.steps.get_full(name), self.steps.get_index_of(&part.id)) else {
            return self.unknown(part, name, span, "needs");
        };
        if target.role != part.role {
            return self.unknown(part, name, span, "needs");
        }
        self.waits.push(Wait { from, to, span, how });
        for index in self.steps[from].begins() {
            let needs = &mut self.built.nodes[*index].needs;
            needs.extend(target.ends().iter().map(|target| node_id(*target)));
            needs.sort_unstable();
            needs.dedup();
        }
    }

    fn covers(&mut self, part: &StepParts, name: &str, span: Span) {
        if name == "gate" && part.role == Role::Step {
            return;
        }
        let (Some((covered, _, target)), Some(own)) = (self.steps.get_full(name), self.steps.get_index_of(&part.id))
        else {
            return self.unknown(part, name, span, "runs during");
        };
        if target.role != part.role {
            return self.unknown(part, name, span, "runs during");
        }
        self.waits.push(Wait { from: covered, to: own, span, how: "starts only when up:" });
        for index in &self.steps[own].nodes {
            self.built.nodes[*index].covers.extend(target.nodes.iter().map(|target| node_id(*target)));
        }
    }

    fn unknown(&mut self, part: &StepParts, name: &str, span: Span, verb: &str) {
        let elsewhere = self.role_of(name).is_some();
        let names = &self.shop.names;
        let among_stages = verb == "needs" && part.role == Role::Step && self.at.part.is_none();
        if !elsewhere && (self.is_partial() || (among_stages && names.lost.stages.may_be(name))) {
            return;
        }
        let own = self.at.stage.and_then(|stage| names.stages.get_index(stage)).map(|(name, _)| name.as_str());
        let same: Vec<&str> = self
            .steps
            .iter()
            .filter(|(other, step)| **other != part.id && step.role == part.role)
            .map(|(other, _)| other.as_str())
            .collect();
        let help = if elsewhere {
            "steps, on_failure and finally run one after the other: remove it".to_owned()
        } else if self.at.part.is_some() {
            did_you_mean(name, same).unwrap_or_else(|| "a part's steps need only each other: remove it".to_owned())
        } else if own == Some(name) {
            let some = same.first().copied().unwrap_or("STEP");
            format!("`{name}` is this stage itself: name one of its steps, such as `{some}`")
        } else if names.stages.contains_key(name) && verb != "needs" {
            format!(
                "`{name}` is a stage: name steps of this one, such as `{}`",
                same.first().copied().unwrap_or("STEP")
            )
        } else if names.stages.contains_key(name) {
            format!("`{name}` is a stage: write `needs: [{name}]` beside `stage:`")
        } else if let Some(close) = closest(name, same.iter().copied()) {
            format!("did you mean \"{close}\"?")
        } else if let Some(other) = names.stage_of(name).filter(|_| among_stages) {
            format!("`{name}` is a step of stage `{other}`: write `{other}` to wait for all of that stage")
        } else {
            did_you_mean(name, same).unwrap_or_else(|| "remove it: there is no other step here".to_owned())
        };
        let what = if elsewhere { "which is not in the same group" } else { "which does not exist" };
        let message = format!("step \"{}\" {verb} \"{name}\", {what}", part.id);
        self.shop.out.push(Diagnostic::error(Code::UnknownNeed, span, message).help(help));
    }

    /// Whether there may be steps here that could not be read.
    fn is_partial(&self) -> bool {
        let names = &self.shop.names;
        match self.at.stage {
            _ if self.at.part.is_some() => self.at.part.is_some_and(|names| names.partial),
            Some(stage) => names.stages.get_index(stage).is_some_and(|(_, names)| names.partial),
            None => names.lost.finally,
        }
    }

    /// Steps that run during the gate, now that the gate has its place.
    fn cover(&mut self) {
        let stage_gate = || self.built.nodes.iter().position(|node| node.role == Role::Gate);
        let gate = if self.at.part.is_some() { self.part_gate } else { stage_gate() };
        let entries: Vec<&Entry> = self.node.get("steps").map(Node::entries).unwrap_or_default().iter().collect();
        for entry in entries {
            for item in entry.node.get("during").map(Node::items).unwrap_or_default() {
                if item.as_text() != Some("gate") {
                    continue;
                }
                match gate {
                    Some(gate) => {
                        for index in self.steps.get(&entry.key).map(|step| step.nodes.clone()).unwrap_or_default() {
                            self.built.nodes[index].covers.push(node_id(gate));
                        }
                    }
                    None => self.shop.out.push(
                        Diagnostic::error(
                            Code::UnknownNeed,
                            item.span,
                            format!("step \"{}\" runs during \"gate\", but there is no gate here", entry.key),
                        )
                        .help("add `gate:` with at least one assertion"),
                    ),
                }
            }
        }
    }

    fn knots(&mut self) {
        let names: Vec<String> = self.steps.keys().cloned().collect();
        for problem in cycles::find(&names, &self.waits, "step") {
            self.shop.out.push(problem);
        }
    }

    /// The pipeline's own parts: `env`, the gate around everything, `finally`.
    pub fn outer(shop: &'w mut PlanBuilder<'a>, node: &'w Node) -> Outer {
        let mut builder = StageBuilder::at(shop, site(None, None), node);
        builder.outer_keys();
        let env = std::mem::take(&mut builder.built.env);
        let mut parts = Vec::new();
        for entry in node.get("finally").map(Node::entries).unwrap_or_default() {
            parts.push(builder.shop.step(site(None, Some(Role::Finally)), entry, &mut builder.built));
        }
        builder.place(parts);
        builder.knots();
        let finally = std::mem::take(&mut builder.built.nodes);
        let parts = std::mem::take(&mut builder.built.parts);
        let mut gates = Vec::new();
        if let Some(gate) = builder.shop.gate_list(node) {
            // Built twice, because a gate's decoded assertions belong to one node; complaints are reported once.
            gates.push(builder.shop.gate(site(None, None), Role::Gate, GATE, gate).0);
            gates.push(builder.shop.gate(site(None, None), Role::Gate, GATE, gate).0);
        }
        let after = gates.pop().into_iter().collect();
        Outer { env, before: gates, after, finally, parts }
    }

    /// `env` of the pipeline.
    fn outer_keys(&mut self) {
        let keys = only(self.node, |entry| entry.key == "env");
        let shape = Arc::clone(&self.shop.shapes.step_keys);
        let statics = Arc::clone(&self.shop.statics);
        if self.shop.inspect(&keys, &shape, Place::new(site(None, None), &statics)).is_some() {
            self.built.env = PlanBuilder::env(keys.get("env"));
        }
        // What is wrong in a profile is wrong whether it was chosen or not.
        for profile in self.node.get("profiles").map(Node::entries).unwrap_or_default() {
            let env = only(&profile.node, |entry| entry.key == "env");
            self.shop.inspect(&env, &shape, Place::new(site(None, None), &statics));
        }
    }
}

/// A `when:` scalar as an expression; whether it parses was checked.
pub(crate) fn condition(node: &Node) -> Option<Expr> {
    let text = match &node.value {
        crate::core::yaml::Value::Bool(value) => value.to_string(),
        _ => node.as_text()?.to_owned(),
    };
    Expr::parse(When::bare(&text).1).ok()
}

fn node_id(index: usize) -> NodeId {
    NodeId(u32::try_from(index).unwrap_or(u32::MAX))
}

/// A stage id that the stage's place in the plan takes later.
pub(crate) const UNPLACED: StageId = StageId(0);
