//! Carrying out the scheduler's orders: conditions are evaluated, contexts made, tokens cancelled, skips written down.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::core::clock;
use crate::core::kind::executor::{Assignment, Executor};
use crate::core::kind::{Context, Executors, Signals, Waits};
use crate::core::model::event::{Event, NodeId, Reason, RerunReason, ReusedNode, Role, State};
use crate::core::model::outcome::Fault;
use crate::core::plan::{Remote, Work};

use super::super::attempt::Job;
use super::super::ending::Ending;
use super::super::limit::Limit;
use super::super::scheduler::{End, Order};
use super::super::scope::StageScope;
use super::asking::Asking;
use super::{Dispatch, Running};

impl Dispatch {
    /// Does all that the scheduler wants now.
    pub(super) fn obey(&mut self) {
        loop {
            while let Some(order) = self.scheduler.next() {
                self.carry_out(order);
            }
            let Some(node) = self.scheduler.stuck() else { return };
            let fault = Fault::unknown("waits for something that never comes")
                .help("this is a mistake in pipeline itself: please report it");
            self.cannot_start(node, fault);
        }
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Ask(node) => match self.asked_by(node) {
                facts if facts.is_empty() => self.ask(Asking::Node(node)),
                facts => self.find(Asking::Node(node), facts),
            },
            Order::AskStage(stage) => match self.parts.plan.stages()[stage.index()].facts.clone() {
                facts if facts.is_empty() => self.ask(Asking::Stage(stage)),
                facts => self.find(Asking::Stage(stage), facts),
            },
            Order::Start(node) => self.prepare(node),
            Order::Stop(node) => {
                if let Some(running) = self.running.get(&node) {
                    running.stop.cancel();
                }
            }
            Order::Cancel(node, why) => {
                if let Some(running) = self.running.get_mut(&node) {
                    running.cancelled = Some(why);
                    running.cancel.cancel();
                }
            }
            Order::Skipped(node, why) if why.spreads() && self.kept.contains_key(&node) => {
                // What keeps others from running undoes nothing that an earlier run did.
                if let Some(kept) = self.kept.remove(&node) {
                    self.write_kept(node, kept);
                }
            }
            Order::Skipped(node, why) => {
                let because = self.because(why, node);
                let ending = Ending { because: Some(because), ..Ending::of(State::Skipped) };
                self.over(node, Duration::ZERO, false, ending);
            }
            Order::Pause(node) => {
                let inspect = self.options.pause.clone().unwrap_or_default();
                self.events.push(Event::Paused { node, inspect });
            }
            Order::StageOver(stage, state) => {
                self.known.stage_over(stage, state);
                let elapsed = self.stage_begun[stage.index()].map_or(Duration::ZERO, |begun| begun.elapsed());
                self.events.push(Event::StageFinished { stage: stage.0, state, elapsed });
            }
        }
    }

    /// A node that errored before it could start.
    pub(super) fn cannot_start(&mut self, node: NodeId, fault: Fault) {
        let tolerated = self.parts.plan.node(node).continue_on_error;
        self.over(node, Duration::ZERO, tolerated, Ending::errored(fault));
        self.scheduler.finish(node, if tolerated { End::Tolerated(State::Errored) } else { End::Errored });
    }

    /// Makes all that a node's task needs.
    fn prepare(&mut self, node: NodeId) {
        let plan = Arc::clone(&self.parts.plan);
        let stage = plan.node(node).stage;
        let now = Instant::now();
        self.stage_begun[stage.index()].get_or_insert(now);
        if let Some(kept) = self.kept.remove(&node) {
            return self.keep(node, kept);
        }
        self.events.push(Event::NodeStarted { node, attempt: 1 });
        self.known.node_began(node);
        self.mark(node, None);
        let during = !plan.node(node).covers.is_empty();
        let signals = self.common.signals(during, self.options.grace);
        let running = Running {
            since: now,
            cancel: signals.cancel.clone(),
            stop: signals.stop.clone(),
            task: None,
            place: None,
            cancelled: None,
            covered: during.then(|| Arc::clone(&signals.covered)),
        };
        self.running.insert(node, running);
        match self.known.ground_of(&plan, node) {
            Ok(ground) => match self.executor(node).and_then(|executor| Ok((executor, self.executors(node)?))) {
                Ok((executor, executors)) => {
                    let job = Job { executors, ..self.job(node, &ground, signals, executor) };
                    self.starting.push(job);
                }
                Err(fault) => self.ended(node, Ending::errored(fault)),
            },
            Err(fault) => self.ended(node, Ending::errored(fault)),
        }
    }

    /// The limit of what is around a node: of its parts, its stage and the run, the one that ends first. What runs after a
    /// failure or at the end has none.
    fn limit_of(&mut self, id: NodeId) -> Option<Limit> {
        let plan = Arc::clone(&self.parts.plan);
        let node = plan.node(id);
        if !matches!(node.role, Role::Step | Role::Gate) {
            return None;
        }
        let now = clock::now();
        let mut limits: Vec<Limit> = Vec::new();
        for part in plan.parts_around(node) {
            let begun = *self.part_begun[part.index()].get_or_insert(now);
            let part = plan.part(part);
            limits.extend(part.timeout.map(|after| Limit::new(begun, after, format!("the part `{}`", part.name))));
        }
        let stage = &plan.stages()[node.stage.index()];
        let begun = *self.stage_limit[node.stage.index()].get_or_insert(now);
        limits.extend(stage.timeout.map(|after| Limit::new(begun, after, format!("the stage `{}`", stage.name))));
        limits.extend(plan.timeout().map(|after| Limit::new(self.run_limit, after, "the run".to_owned())));
        limits.into_iter().min_by_key(|limit| limit.at)
    }

    /// An earlier run did it.
    fn keep(&mut self, node: NodeId, kept: ReusedNode) {
        self.write_kept(node, kept);
        self.scheduler.finish(node, End::Passed);
    }

    fn write_kept(&mut self, node: NodeId, kept: ReusedNode) {
        self.known.node_ran(node, kept.ran);
        let ending = Ending {
            because: Some(Reason::Kept { run: kept.from }),
            outputs: kept.outputs,
            fingerprint: Some(kept.fingerprint),
            made: kept.made,
            ..Ending::of(State::Passed)
        };
        self.over(node, Duration::ZERO, false, ending);
    }

    /// Whether this run goes on with one in which the node did not come to a good end, or had it asked for again: what
    /// runs before that one left is no answer then.
    fn must_run(&self, node: NodeId) -> bool {
        let mut again = self.options.origin.course.iter().flat_map(|course| &course.continues.again);
        let cached = !self.parts.plan.node(node).cache.is_empty();
        cached
            && again.any(|again| again.node == node && !matches!(again.why, RerunReason::NotStarted | RerunReason::New))
    }

    /// What runs the commands of a node.
    fn executor(&self, id: NodeId) -> Result<Arc<dyn Executor>, Fault> {
        let node = self.parts.plan.node(id);
        let Some(remote) = &node.runs_on else { return Ok(Arc::clone(&self.common.here)) };
        let assignment = Assignment {
            artifacts: node.artifacts.clone(),
            resumes: self.options.origin.course.is_some(),
            timeout: node.timeout,
            ..self.assignment(id, remote, &node.inputs)
        };
        let runner = self.parts.services.runner(&self.parts.plan.runners()[remote.runner])?;
        Ok(Arc::clone(runner).executor(assignment))
    }

    /// What runs the commands of a gate's assertions that do not run on this machine.
    fn executors(&self, id: NodeId) -> Result<Executors, Fault> {
        let plan = &self.parts.plan;
        let Work::Gate(gate) = &plan.node(id).work else { return Ok(Vec::new()) };
        let all = (0..).zip(&gate.assertions);
        let away = all.filter_map(|(index, assertion)| Some((index, assertion, assertion.runs_on.as_ref()?)));
        let executors = away.map(|(index, assertion, remote)| {
            let assignment = self.assignment(id, remote, &assertion.inputs);
            let runner = self.parts.services.runner(&plan.runners()[remote.runner])?;
            Ok((index, Arc::clone(runner).executor(assignment)))
        });
        executors.collect()
    }

    /// What a runner must know of a node.
    fn assignment(&self, id: NodeId, remote: &Remote, inputs: &[String]) -> Assignment {
        let (plan, node) = (&self.parts.plan, self.parts.plan.node(id));
        let stage = &plan.stages()[node.stage.index()];
        let of_parts = plan.parts_around(node).flat_map(|part| &plan.part(part).env);
        let written = [plan.env(), &stage.env, &node.env].into_iter().flatten().chain(of_parts);
        let written = written.map(|(name, _)| name.clone());
        let own = ["PIPELINE_RUN", "PIPELINE_STAGE"].map(str::to_owned);
        let names: BTreeSet<String> = written.chain(own).collect();
        Assignment {
            pipeline: plan.pipeline().to_owned(),
            run: Arc::clone(&self.common.run),
            step: node.outline.name.as_str().into(),
            project: Arc::clone(&self.common.project),
            image: remote.image.clone(),
            env: names.into_iter().collect(),
            inputs: inputs.to_vec(),
            artifacts: Vec::new(),
            key: self.options.origin.key,
            resumes: false,
            timeout: None,
        }
    }

    fn job(&mut self, node: NodeId, ground: &StageScope, signals: Signals, executor: Arc<dyn Executor>) -> Job {
        let limit = self.limit_of(node);
        let (plan, parts) = (&self.parts.plan, &self.parts);
        let name: Arc<str> = plan.node(node).outline.name.as_str().into();
        let view = self.known.view(plan, node, ground);
        let files = parts.files.of(node, &name, &parts.notices);
        let scratch = &self.common.scratch;
        let light = plan.node(node).is_light();
        let cx = Context {
            name,
            project: Arc::clone(&self.common.project),
            run: Arc::clone(&self.common.run),
            env: Arc::clone(&ground.env),
            own_env: Vec::new(),
            secrets: Arc::clone(&parts.secrets),
            scope: Arc::clone(&view.plain),
            log: Arc::clone(&files) as _,
            evidence: Arc::clone(&files) as _,
            scratch: if light { Arc::clone(scratch) } else { scratch.join(node.0.to_string()).into() },
            output_file: self.common.outputs.file(node),
            steps: Arc::clone(&view.steps),
            ran: Arc::clone(&view.ran),
            executor,
            patience: Duration::ZERO,
            namespace: ground.namespace.clone().unwrap_or_else(|| Arc::clone(&self.common.namespace)),
            waits: Waits { tolerate: plan.node(node).tolerate.clone(), timeout: plan.node(node).timeout },
            signals,
            services: Arc::clone(&parts.services),
        };
        Job {
            plan: Arc::clone(plan),
            node,
            cx,
            view,
            files,
            outputs: Arc::clone(&self.common.outputs),
            failing: match plan.node(node).role {
                Role::Step | Role::Gate => self.common.failing.clone(),
                Role::OnFailure | Role::Finally => CancellationToken::new(),
            },
            events: self.desk.upgrade().expect("a turn is carried out at the desk"),
            notices: parts.notices.clone(),
            masker: parts.masker.clone(),
            limit,
            key: self.options.origin.key,
            cached: self.options.origin.cached && !self.must_run(node),
            only_looks: self.options.origin.course.as_ref().is_some_and(|course| course.looks.contains(&node)),
            executors: Vec::new(),
        }
    }
}
