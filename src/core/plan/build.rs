//! From files that could be read to the sealed graph: names first, then every stage, then the edges between them.

pub(super) mod body;
mod each;
pub(super) mod empty_gate;
pub(super) mod gate;
mod gate_each;
mod item_keys;
pub(super) mod params;
mod runs_on;
pub(super) mod stage;
mod step_keys;

use crate::core::plan::keys::GROUPS;
use crate::core::plan::stage_file::StageFile;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use indexmap::{IndexMap, IndexSet};

use super::Plan;
use super::baselines::Baselines;
use super::build::{runs_on::RunnerNames, stage::StageBuilder};
use super::cycles::{self, Wait};
use super::facts;
use super::files::Files;
use super::given::Params;
use super::names::{Item, Names, Site, UnresolvedNames};
use super::namespaces;
use super::node::{PlanNode, PlanPart, PlanStage, StageId};
use super::overlap;
use super::part_files::step_names::step_names;
use super::part_files::{PartFiles, Reader};
use super::recovery::LostStages;
use super::settings::{check_addresses, check_loaders, settings};
use super::shapes::Shapes;
use super::statics::static_scope;
use super::vars::{Settled, Vars};
use crate::core::expr::Scope;
use crate::core::kind::Registry;
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use crate::core::model::event::Role;
use crate::core::model::source::Span;
use crate::core::spec::{PipelineSpec, RunsOn, StageNames};
use crate::core::yaml::Node;
use crate::core::yaml::template::has_mark;

/// What a plan is built from.
pub(super) struct Input {
    pub spec: PipelineSpec,
    pub node: Node,
    pub stages: Vec<StageFile>,
    /// Names that stage files which could not be read may have.
    pub lost: LostStages,
    pub context: Option<String>,
    /// Runners that the command line puts in the place of others.
    pub placed: Vec<(String, String)>,
    pub profile: Option<String>,
    /// Vars with a value from the command line.
    pub set: Vec<(String, String)>,
    /// Vars with a value from a `--var-file`.
    pub from_files: IndexMap<String, Node>,
    /// Whether it is a gate file alone, whose parameters the command line gives.
    pub lone_gate: bool,
    pub registry: Registry,
}

/// What every part of the building needs.
pub(super) struct PlanBuilder<'a> {
    pub names: Names,
    pub statics: Arc<Scope>,
    pub files: &'a mut Files,
    pub shapes: Shapes,
    pub pools: Vec<(String, u32)>,
    pub runners: RunnerNames,
    /// The runner of the stage that is built, as its file names it.
    pub stage_runner: Option<RunsOn>,
    /// Whether the outermost gate file takes its parameters from the command line.
    pub lone_gate: bool,
    /// Uses of gate files that close a circle, which was reported.
    pub circular: HashSet<Span>,
    pub part_files: PartFiles,
    /// Values that are known outside of parts and gate files: vars.
    pub vars_only: Arc<Scope>,
    /// The parameters that files declare, by the file's place.
    pub declared: HashMap<Span, Arc<Params>>,
    /// How many uses of parts may still come.
    pub parts_left: usize,
    /// How many nodes may still come.
    pub nodes_left: usize,
    /// Stored values of the past.
    pub baselines: Baselines,
    /// What baselines.yaml may call the assertions.
    pub identities: BTreeSet<String>,
    /// Assertions that refer to a baseline, by what baselines.yaml calls them.
    pub referring: BTreeMap<String, Span>,
    pub out: &'a mut Diagnostics,
}

/// Builds the plan; `None` when something kept it from being built. Everything that is wrong goes to `out`.
#[allow(clippy::too_many_lines, reason = "one sequence: each part of the plan is built from those before it")]
pub(super) fn build(input: Input, files: &mut Files, out: &mut Diagnostics) -> Option<Plan> {
    let Input { spec, node, stages, lost, context, placed, profile, set, from_files, lone_gate, registry } = input;
    let (profile_name, sources) = (profile.as_deref(), &files.sources);
    let all = Vars { spec: &spec, node: &node, profile: profile_name, set: &set, from_files: &from_files, sources };
    let Settled { vars, spelled, unsettled } = all.settle(out);
    check_loaders(&spec, &node, out);
    check_addresses(&spec, &node, out);
    namespaces::check(&spec, &node, out);
    let shapes = Shapes::new(registry);
    let lost = UnresolvedNames::of(&node, lost, out);
    let mut reader = Reader { files: &mut *files, shapes: &shapes, out: &mut *out };
    let mut part_files = PartFiles::new(&node, &mut reader);
    for file in stages.iter().map(|stage| &*stage.node).chain([&node]) {
        part_files.gather(file, &GROUPS.map(|(key, _)| key), &mut reader);
    }
    let names = Names {
        vars: vars.clone(),
        spelled,
        unsettled,
        secrets: written(&node, "secrets")
            .chain(spec.secrets.keys().cloned())
            .collect::<IndexSet<_>>()
            .into_iter()
            .collect(),
        stages: stages
            .iter()
            .map(|stage| (stage.name.clone(), step_names(&stage.node, &shapes, &part_files, out)))
            .collect(),
        lost,
    };
    let statics = Arc::new(static_scope(&vars, &names.spelled, None, None));
    let mut pools: Vec<(String, u32)> =
        spec.pools.iter().map(|(name, places)| (name.clone(), (*places).max(1))).collect();
    // Those whose size is wrong are there all the same.
    pools.extend(written(&node, "pools").filter(|name| !spec.pools.contains_key(name)).map(|name| (name, 1)));
    runs_on::check(&spec, &node, registry, out);
    let runners = runs_on::declared(&spec, written(&node, "runners"), &placed, &mut pools);
    let spelled = Arc::clone(&statics.spelled);
    let (circular, declared, vars_only) = (HashSet::new(), HashMap::new(), Arc::clone(&statics));
    let baselines = Baselines::read(files, out);
    let mut shop = PlanBuilder {
        names,
        statics,
        files,
        shapes,
        pools,
        runners,
        stage_runner: None,
        lone_gate,
        circular,
        part_files,
        vars_only,
        declared,
        parts_left: MOST_PARTS + 1,
        nodes_left: MOST_NODES + 1,
        baselines,
        identities: BTreeSet::new(),
        referring: BTreeMap::new(),
        out,
    };
    // Gate files are kept from here on: each is read once, however often it is used.
    shop.files.let_go();
    let outer = StageBuilder::outer(&mut shop, &node);
    let mut graph = Graph::default();
    graph.open(outer.before);
    let mut waits: Vec<Wait> = Vec::new();
    let stage_names: Vec<String> = stages.iter().map(|stage| stage.name.clone()).collect();
    for (index, stage) in stages.into_iter().enumerate() {
        let needs = stage_needs(index, &stage, &shop.names, &mut waits, shop.out);
        let built = StageBuilder::new(&mut shop, index, &stage.node).build();
        let needs = with_implied(needs, index, &built, &mut waits);
        graph.add(stage.name, needs, built);
    }
    for problem in cycles::find(&stage_names, &waits, "stage") {
        shop.out.push(problem);
    }
    graph.close(outer.after, outer.finally, outer.parts);
    let PlanBuilder { pools, baselines, identities, runners, .. } = shop;
    if !out.has_errors() {
        overlap::check(&files.root, &graph.stages, &graph.nodes, &graph.parts, out);
    }
    if out.has_errors() {
        return None;
    }
    if !lone_gate {
        baselines.check_names(&identities, out);
    }
    let (pipeline, timeout) = (spec.pipeline.clone(), spec.timeout.map(|time| time.0));
    let settings = settings(spec, profile.as_deref(), context, &files.root);
    let mut plan = Plan {
        pipeline,
        profile,
        registry,
        vars,
        spelled,
        env: outer.env,
        timeout,
        pools,
        runners: runners.names,
        stages: graph.stages,
        nodes: graph.nodes,
        parts: graph.parts,
        baselines,
        settings,
    };
    if facts::may_ask(&files.sources) {
        facts::note(&mut plan);
    }
    Some(plan)
}

/// The names under a key of pipeline.yaml, those with a wrong value too.
fn written(pipeline: &Node, key: &str) -> impl Iterator<Item = String> {
    pipeline.get(key).map(Node::entries).unwrap_or_default().iter().map(|entry| entry.key.clone())
}

/// The needs of a stage by index; unknown ones are reported.
fn stage_needs(
    index: usize,
    stage: &StageFile,
    names: &Names,
    waits: &mut Vec<Wait>,
    out: &mut Diagnostics,
) -> Vec<usize> {
    let mut needs = Vec::new();
    for item in stage.node.get("needs").map(Node::items).unwrap_or_default() {
        let Some(name) = item.as_text() else { continue };
        match names.stages.get_index_of(name) {
            Some(other) => {
                waits.push(Wait { from: index, to: other, span: item.span, how: "needs" });
                needs.push(other);
            }
            // A template was reported with the stage's other keys.
            None if names.lost.stages.may_be(name) || has_mark(name) => {}
            None => {
                let others = names.stage_names().filter(|other| *other != stage.name);
                let step =
                    names.stage_of(name).map(|of| format!("`{name}` is a step of stage `{of}`: write `needs: [{of}]`"));
                let help = step
                    .or_else(|| did_you_mean(name, others))
                    .unwrap_or_else(|| format!("remove it, or add a stage file with `stage: {name}` to pipeline.yaml"));
                let message = format!("stage \"{}\" needs \"{name}\", which does not exist", stage.name);
                out.push(Diagnostic::error(Code::UnknownNeed, item.span, message).help(help));
            }
        }
    }
    needs
}

/// The needs of a stage with those that its expressions imply, sorted; what it waits for is added to `waits`.
fn with_implied(mut needs: Vec<usize>, index: usize, built: &Built, waits: &mut Vec<Wait>) -> Vec<usize> {
    for (other, span) in &built.refers {
        waits.push(Wait { from: index, to: *other, span: *span, how: "uses an output of" });
    }
    for (other, span) in &built.after {
        waits.push(Wait { from: index, to: *other, span: *span, how: "has a step that needs" });
    }
    needs.extend(built.refers.iter().map(|(other, _)| *other).filter(|other| *other != index));
    needs.sort_unstable();
    needs.dedup();
    needs
}

/// The most uses of parts that a pipeline may have, those within parts counted.
pub(super) const MOST_PARTS: usize = 20_000;
/// The most steps and gates that a pipeline may have, each item of a `for_each` and each use of a part counted.
pub(super) const MOST_NODES: usize = 500_000;

/// What a stage builder hands back.
#[derive(Default)]
pub(super) struct Built {
    pub nodes: Vec<PlanNode>,
    /// The parts that its steps use, an outer one before those within.
    pub parts: Vec<PlanPart>,
    pub when: Option<crate::core::expr::Expr>,
    pub env: Vec<(String, crate::core::expr::Template)>,
    pub timeout: Option<Duration>,
    pub namespace: Option<crate::core::expr::Template>,
    /// Other stages that its expressions refer to.
    pub refers: Vec<(usize, Span)>,
    /// Other stages that single steps of it wait for.
    pub after: Vec<(usize, Span)>,
}

/// What a pipeline's own gate, env and `finally` were built to.
#[derive(Default)]
pub(super) struct Outer {
    pub env: Vec<(String, crate::core::expr::Template)>,
    pub before: Vec<PlanNode>,
    pub after: Vec<PlanNode>,
    pub finally: Vec<PlanNode>,
    /// The parts that `finally` uses.
    pub parts: Vec<PlanPart>,
}

/// The graph while it grows. Nodes of a stage count from 0 until they are added.
#[derive(Default)]
struct Graph {
    /// Where the stages of the file begin: behind the pipeline's own gate.
    first: usize,
    stages: Vec<PlanStage>,
    nodes: Vec<PlanNode>,
    parts: Vec<PlanPart>,
}

impl Graph {
    fn add(&mut self, name: String, needs: Vec<usize>, built: Built) {
        // Stages without needs wait for the pipeline's own gate, where there is one.
        let own = (0..self.first).filter(|_| needs.is_empty());
        let needs = own.chain(needs.iter().map(|need| need + self.first)).map(stage_id).collect();
        self.push(name, needs, built, false);
    }

    fn push(&mut self, name: String, needs: Vec<StageId>, mut built: Built, always: bool) {
        use crate::core::model::event::NodeId;
        let stage = stage_id(self.stages.len());
        let base = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let first = self.nodes.len();
        let first_part = u32::try_from(self.parts.len()).unwrap_or(u32::MAX);
        for mut part in std::mem::take(&mut built.parts) {
            part.stage = stage;
            part.refers.iter_mut().chain(&mut part.nodes).for_each(|id| id.0 += base);
            part.outer.iter_mut().for_each(|outer| outer.0 += first_part);
            self.parts.push(part);
        }
        for node in &mut built.nodes {
            node.stage = stage;
            node.outline.stage = stage.0;
            node.outline.name = format!("{name}.{}", node.outline.name);
            for id in node.needs.iter_mut().chain(&mut node.covers) {
                id.0 += base;
            }
            node.part.iter_mut().for_each(|part| part.0 += first_part);
            for id in &mut node.after {
                *id = stage_id(id.index() + self.first);
            }
        }
        // the nodes of a large stage are not there twice
        if self.nodes.is_empty() {
            self.nodes = std::mem::take(&mut built.nodes);
        } else {
            self.nodes.reserve_exact(built.nodes.len());
            self.nodes.append(&mut built.nodes);
        }
        let ids = (first..self.nodes.len()).map(|at| NodeId(u32::try_from(at).unwrap_or(u32::MAX))).collect();
        let Built { when, env, timeout, namespace, .. } = built;
        self.stages.push(PlanStage {
            name,
            needs,
            always,
            when,
            env,
            timeout,
            namespace,
            facts: Vec::new(),
            nodes: ids,
        });
    }

    /// Puts the pipeline's own gate before the stages. Called first of all.
    fn open(&mut self, before: Vec<PlanNode>) {
        if !before.is_empty() {
            self.push(StageNames::BEFORE.to_owned(), Vec::new(), Built { nodes: before, ..Built::default() }, false);
        }
        self.first = self.stages.len();
    }

    /// Puts the pipeline's own gate and its `finally` behind the stages. Called last of all.
    fn close(&mut self, after: Vec<PlanNode>, finally: Vec<PlanNode>, finally_parts: Vec<PlanPart>) {
        let count = self.stages.len();
        if !after.is_empty() {
            let first = if self.first < count { self.first } else { 0 };
            let needs = (first..count).map(stage_id).collect();
            self.push(StageNames::AFTER.to_owned(), needs, Built { nodes: after, ..Built::default() }, false);
        }
        if !finally.is_empty() {
            self.push(
                StageNames::FINALLY.to_owned(),
                Vec::new(),
                Built { nodes: finally, parts: finally_parts, ..Built::default() },
                true,
            );
        }
    }
}

fn stage_id(index: usize) -> StageId {
    StageId(u32::try_from(index).unwrap_or(u32::MAX))
}

/// The site of a node of a stage.
pub(super) fn site(stage: Option<usize>, role: Option<Role>) -> Site<'static> {
    Site { stage, role, item: Item::Nothing, params: None, part: None, outcome: false }
}
