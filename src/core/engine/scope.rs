//! What expressions see: one ground for a stage, made when it opens, and on it what a single node may know.

mod condition;
mod facts;
mod parts;
mod place;
mod recalled;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::core::expr::{FACTS, Scope, Spelled};
use crate::core::mask::SecretText;
use crate::core::model::event::{NodeId, Ran, Role, State};
use crate::core::model::outcome::{Fault, Outputs};
use crate::core::plan::{Body, PartId, Plan, PlanNode, StageId, Work};

use super::env::{self, Env};
pub(crate) use condition::holds;
pub(super) use place::RunPlace;
use place::namespace;
pub(super) use recalled::KnownNode;

/// What all nodes of a stage share.
#[derive(Debug, Clone)]
pub(crate) struct StageScope {
    /// Process, pipeline and stage.
    pub env: Arc<Env>,
    /// For templates: secrets included.
    pub full: Arc<Scope>,
    /// For what kinds evaluate themselves: without secrets.
    pub plain: Arc<Scope>,
    /// Its own namespace, if it has one.
    pub namespace: Option<Arc<str>>,
}

/// What one node may know.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub full: Arc<Scope>,
    pub plain: Arc<Scope>,
    /// Outputs by step id, for `of:`.
    pub steps: Arc<BTreeMap<String, Outputs>>,
    /// When the steps of the stage ran, by id.
    pub ran: Arc<BTreeMap<String, Ran>>,
}

/// Which outputs of parts a scope holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// Those that carry a secret too.
    All,
    /// Only those that may be shown.
    Plain,
}

/// What is known of the nodes and stages so far.
#[derive(Debug)]
pub(crate) struct Known {
    roots: BTreeMap<String, Value>,
    /// How the numbers of vars are written.
    spelled: Arc<Spelled>,
    env: Result<Arc<Env>, Fault>,
    states: Vec<State>,
    /// Only of nodes that have some.
    outputs: BTreeMap<NodeId, Outputs>,
    /// Only of nodes that have begun.
    ran: BTreeMap<NodeId, Ran>,
    /// Of stages that are over.
    stages: Vec<Option<State>>,
    grounds: Vec<Option<Result<StageScope, Fault>>>,
    /// What all nodes of a part share, made on first use.
    parts: Vec<OnceCell<Result<StageScope, Fault>>>,
    /// Whether a part's `when:` holds, once it was evaluated.
    held: Vec<Option<Result<bool, Fault>>>,
    /// Stages whose ground is needed after their end: outputs of their parts are rendered with it.
    lasting: Vec<bool>,
    none: Arc<BTreeMap<String, Outputs>>,
    /// How the run ended whose `finally` this one does.
    settled: Option<State>,
}

impl Known {
    /// Nothing but what is there before a run.
    pub fn new(
        plan: &Plan,
        place: RunPlace<'_>,
        process_env: &Arc<Env>,
        secrets: &BTreeMap<String, SecretText>,
    ) -> Self {
        let RunPlace { run, .. } = place;
        let project = plan.settings().project.display().to_string();
        let secrets: Map<String, Value> =
            secrets.iter().map(|(name, secret)| (name.clone(), secret.expose().into())).collect();
        let vars: Map<String, Value> = plan.vars().iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let roots = BTreeMap::from([
            ("vars".to_owned(), Value::Object(vars)),
            ("secrets".to_owned(), Value::Object(secrets)),
            (
                "run".to_owned(),
                json!({
                    "id": run, "namespace": place.namespace, "pipeline": plan.pipeline(), "profile": plan.profile(),
                    "project": project
                }),
            ),
            ("steps".to_owned(), Value::Object(Map::new())),
            ("env".to_owned(), env::as_value(process_env)),
        ]);
        let mut base = Env::clone(process_env);
        base.insert("PIPELINE_RUN".to_owned(), run.to_owned());
        base.insert("PIPELINE_PROJECT".to_owned(), project);
        let scope = Scope { roots: roots.clone(), spelled: plan.spelled().clone(), ..Scope::default() };
        let env = env::over(&Arc::new(base), plan.env(), &scope);
        Known {
            roots,
            spelled: Arc::clone(plan.spelled()),
            env,
            states: vec![State::Waiting; plan.nodes().len()],
            outputs: BTreeMap::new(),
            ran: BTreeMap::new(),
            stages: vec![None; plan.stages().len()],
            grounds: vec![None; plan.stages().len()],
            parts: plan.parts().iter().map(|_| OnceCell::new()).collect(),
            held: vec![None; plan.parts().len()],
            lasting: lasting(plan),
            none: Arc::default(),
            settled: None,
        }
    }

    /// A `during` node is up: what it covers may use these outputs.
    pub fn node_up(&mut self, node: NodeId, outputs: Outputs) {
        if !outputs.is_empty() {
            self.outputs.insert(node, outputs);
        }
    }

    /// A node begins.
    pub fn node_began(&mut self, node: NodeId) {
        self.ran.insert(node, Ran { from: now(), to: None });
    }

    /// An earlier run did it, at this time.
    pub fn node_ran(&mut self, node: NodeId, ran: Option<Ran>) {
        self.ran.extend(ran.map(|ran| (node, ran)));
    }

    /// A node is over.
    pub fn node_over(&mut self, node: NodeId, state: State, outputs: &Outputs) {
        self.states[node.index()] = state;
        if let Some(ran) = self.ran.get_mut(&node) {
            ran.to.get_or_insert_with(now);
        }
        if !outputs.is_empty() {
            self.outputs.insert(node, outputs.clone());
        }
    }

    /// A stage is over: what it hands on is known to those that need it.
    pub fn stage_over(&mut self, stage: StageId, state: State) {
        if !self.lasting[stage.index()] {
            self.grounds[stage.index()] = None;
        }
        self.stages[stage.index()] = Some(state);
    }

    /// The ground of a stage, made on first use, when all that it needs is over.
    ///
    /// # Errors
    /// A fault of kind invalid where its `env:` or the pipeline's cannot be rendered.
    pub fn ground(&mut self, plan: &Plan, stage: StageId) -> Result<StageScope, Fault> {
        if self.grounds[stage.index()].is_none() {
            self.grounds[stage.index()] = Some(self.lay(plan, stage));
        }
        self.grounds[stage.index()].clone().expect("it was laid just now")
    }

    fn lay(&self, plan: &Plan, stage: StageId) -> Result<StageScope, Fault> {
        let written = &plan.stages()[stage.index()];
        let base = self.env.clone()?;
        let mut scope = Scope { roots: self.roots.clone(), spelled: Arc::clone(&self.spelled), ..Scope::default() };
        scope.roots.insert("env".to_owned(), env::as_value(&base));
        scope.roots.insert("stages".to_owned(), self.behind(plan, stage, Shown::All));
        let mut env = Env::clone(&*env::over(&base, &written.env, &scope)?);
        env.insert("PIPELINE_STAGE".to_owned(), written.name.clone());
        scope.roots.insert("env".to_owned(), env::as_value(&env));
        let mut plain = scope.clone();
        plain.roots.remove("secrets");
        if plan.parts().iter().any(|part| part.outputs.iter().any(|output| output.secret)) {
            plain.roots.insert("stages".to_owned(), self.behind(plan, stage, Shown::Plain));
        }
        let namespace = namespace(written.namespace.as_ref(), &scope)?;
        Ok(StageScope { env: Arc::new(env), full: Arc::new(scope), plain: Arc::new(plain), namespace })
    }

    /// The stages that this one needs (a reference to another stage makes it a need), with their steps; for one that
    /// always runs all that are over.
    fn behind(&self, plan: &Plan, stage: StageId, shown: Shown) -> Value {
        let here = &plan.stages()[stage.index()];
        let all: Vec<usize> = if here.always {
            (0..self.stages.len()).collect()
        } else {
            here.needs.iter().map(|need| need.index()).collect()
        };
        let known = all.into_iter().filter_map(|other| Some((&plan.stages()[other], self.stages[other]?)));
        let reported = known.map(|(other, state)| {
            (other.name.clone(), json!({ "state": state, "steps": self.steps(plan, &other.nodes, None, shown) }))
        });
        Value::Object(reported.collect())
    }

    /// Steps by id, with what is known of them: those of `scope`, a part or the stage itself, and the parts used there.
    pub(super) fn steps(
        &self,
        plan: &Plan,
        nodes: &[NodeId],
        scope: Option<PartId>,
        shown: Shown,
    ) -> Map<String, Value> {
        let own = |id: &&NodeId| plan.node(**id).role != Role::Gate && plan.node(**id).part == scope;
        let mut states: IndexMap<&str, State> = IndexMap::new();
        for id in nodes.iter().filter(own) {
            let state = self.states[id.index()];
            let of_step = states.entry(plan.node(*id).step.as_str()).or_insert(state);
            // With `for_each` the first item that did not pass speaks for all.
            if *of_step == State::Passed {
                *of_step = state;
            }
        }
        let mut outputs = self.by_step(plan, nodes, scope);
        let known = states.into_iter().map(|(step, state)| {
            let outputs = outputs.remove(step).unwrap_or_default();
            (step.to_owned(), json!({ "state": state, "outputs": outputs }))
        });
        let mut steps: Map<String, Value> = known.collect();
        steps.extend(self.parts_of_scope(plan, nodes, scope, shown));
        steps
    }

    /// What a node may know: of its stage's steps those that it needs; a gate, `on_failure` and `finally` all of them.
    pub fn view(&self, plan: &Plan, id: NodeId, ground: &StageScope) -> View {
        let node = plan.node(id);
        let waits = waits_for_the_run(node);
        let nothing = || {
            let (full, plain) = (Arc::clone(&ground.full), Arc::clone(&ground.plain));
            View { full, plain, steps: Arc::clone(&self.none), ran: Arc::default() }
        };
        if !waits && node.is_light() {
            return nothing();
        }
        let visible = self.visible(plan, node);
        let of_others = |id: &NodeId| self.outputs.contains_key(id) || plan.node(*id).part != node.part;
        let spoken = || node.item.is_some() || !node.facts.is_empty() || visible.iter().any(of_others);
        if !waits && !spoken() {
            return nothing();
        }
        let with = |scope: &Scope, shown: Shown| {
            let mut scope = scope.clone();
            let steps = self.steps(plan, &visible, node.part, shown);
            scope.roots.insert("steps".to_owned(), Value::Object(steps));
            if let Some(facts) = self.roots.get(FACTS).filter(|_| !node.facts.is_empty()) {
                scope.roots.insert(FACTS.to_owned(), facts.clone());
            }
            if let Some(item) = &node.item {
                scope.roots.insert("item".to_owned(), item.value.clone());
                scope.spell("item", &item.spelled);
            }
            if let (Role::OnFailure | Role::Finally, Some(Value::Object(run))) = (node.role, scope.roots.get_mut("run"))
            {
                let (result, failed) = self.result(plan);
                run.insert("result".to_owned(), result.into());
                run.insert("failed_step".to_owned(), failed.into());
            }
            Arc::new(scope)
        };
        View {
            full: with(&ground.full, Shown::All),
            plain: with(&ground.plain, Shown::Plain),
            steps: Arc::new(self.by_step(plan, &visible, node.part)),
            ran: Arc::new(self.ran(plan, node.stage, node.part)),
        }
    }

    /// When the steps of a stage ran, by id; with `for_each` from the first item's start to the last one's end.
    fn ran(&self, plan: &Plan, stage: StageId, part: Option<PartId>) -> BTreeMap<String, Ran> {
        let mut found: BTreeMap<String, Ran> = BTreeMap::new();
        let nodes = plan.stages()[stage.index()].nodes.iter();
        for (id, ran) in nodes.filter_map(|id| Some((id, *self.ran.get(id)?))) {
            if plan.node(*id).part != part {
                continue;
            }
            let step = &plan.node(*id).step;
            let whole = found.get(step).map_or(ran, |other| other.and(ran));
            found.insert(step.clone(), whole);
        }
        found
    }

    fn visible(&self, plan: &Plan, node: &PlanNode) -> Vec<NodeId> {
        let mut visible = node.needs.clone();
        if node.role != Role::Step {
            let all = plan.stages()[node.stage.index()].nodes.iter().copied();
            visible.extend(all.filter(|id| self.states[id.index()].is_over() && plan.node(*id).role == Role::Step));
        }
        visible.sort_unstable();
        visible.dedup();
        visible
    }

    /// Outputs by step id; with `for_each` every output is the list of what the items say, in their order.
    fn by_step(&self, plan: &Plan, nodes: &[NodeId], scope: Option<PartId>) -> BTreeMap<String, Outputs> {
        let mut found: BTreeMap<String, Outputs> = BTreeMap::new();
        for id in nodes {
            let node = plan.node(*id);
            if node.part != scope {
                continue;
            }
            let Some(outputs) = self.outputs.get(id) else { continue };
            let of_step = found.entry(node.step.clone()).or_default();
            if node.item.is_none() {
                of_step.clone_from(outputs);
                continue;
            }
            let names: Vec<String> = outputs.keys().filter(|name| !of_step.contains_key(name)).cloned().collect();
            if names.is_empty() {
                continue;
            }
            let same = |other: &&NodeId| plan.node(**other).step == node.step && plan.node(**other).part == scope;
            let items: Vec<&NodeId> = nodes.iter().filter(same).collect();
            for name in names {
                let value = |id: &&NodeId| self.outputs.get(id).and_then(|outputs| outputs.get(&name)).cloned();
                let list = items.iter().map(|id| value(id).unwrap_or(Value::Null)).collect();
                of_step.insert(name, Value::Array(list));
            }
        }
        found
    }
}

/// The stages in which parts with outputs are used.
fn lasting(plan: &Plan) -> Vec<bool> {
    let mut lasting = vec![false; plan.stages().len()];
    for part in plan.parts().iter().filter(|part| !part.outputs.is_empty()) {
        lasting[part.stage.index()] = true;
    }
    lasting
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Whether anything of a node is evaluated when its turn comes.
fn waits_for_the_run(node: &PlanNode) -> bool {
    node.when.is_some()
        || node.each.is_some()
        || node.retry_when.is_some()
        || env::is_templated(&node.env)
        || match &node.work {
            Work::Gate(_) => true,
            Work::Step(step) => matches!(step.body, Body::Template(_)),
        }
}
