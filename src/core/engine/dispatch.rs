//! What happens around the scheduler: starts tasks, hears their words, writes events down, passes them on.
//!
//! In every turn the scheduler's orders are carried out, then the turn's events go to the recorder in one piece, then to
//! the reporters, and only then are the new tasks started: nothing runs that the journal does not know of. A turn is
//! carried out by the thread that produces an event (`desk`), one at a time.

mod asking;
mod common;
mod interrupts;
mod perform;
mod reason;
mod run_handle;
mod worker_pool;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::attempt::Job;
use super::ending::Ending;
use super::finish::{Facts, RunResult};
use super::graph::Graph;
use super::masked;
use super::node_event::NodeEvent;
use super::outputs::OutputFolder;
use super::scheduler::{AfterFailure, End, Scheduler, Why};
use super::scope::{Known, RunPlace};
use super::{Mode, Options, Parts};
use crate::core::clock;
use crate::core::kind::CoveredSteps;
use crate::core::model::event::{
    Event, FORMAT_VERSION, NodeId, Ran, Reason, Record, ReusedNode, Role, State, run_time,
};
use crate::core::model::outcome::{Fault, Verdict};
use crate::core::plan::Work;
use common::Common;
use run_handle::RunHandle;
pub(super) use run_handle::{end_now, run};
use worker_pool::{Place, WorkerPool};

/// The longest that the end of an aborted task is waited for.
const DROPPED: Duration = Duration::from_secs(2);

/// A run under way.
struct Dispatch {
    options: Options,
    parts: Parts,
    /// What the contexts of all nodes have in common.
    common: Common,
    scheduler: Scheduler,
    known: Known,
    /// Where tasks have their say.
    desk: Weak<RunHandle>,
    /// The thread of the run itself.
    home: Handle,
    /// Those of light steps.
    crew: WorkerPool,
    /// Events of this turn.
    events: Vec<Event>,
    /// Tasks of this turn.
    starting: Vec<Job>,
    running: BTreeMap<NodeId, Running>,
    /// Nodes whose result is taken over from an earlier run.
    kept: HashMap<NodeId, ReusedNode>,
    /// Tasks that were aborted: their processes are killed when they are gone.
    dropped: Vec<JoinHandle<()>>,
    begun: Instant,
    stage_begun: Vec<Option<Instant>>,
    /// When the time of the run, of each stage and of each part began, as [`clock`] counts.
    run_limit: Instant,
    stage_limit: Vec<Option<Instant>>,
    part_begun: Vec<Option<Instant>>,
    interrupts: u32,
    first_fault: Option<(State, Option<Fault>)>,
    /// A node has done something.
    did_something: bool,
    /// Records that were handed on, to number those that a broken journal cannot.
    recorded: u64,
    journal_error: Option<String>,
    /// Why the run cannot go on: its end was not requested.
    stopped: Option<String>,
}

/// A node that runs.
struct Running {
    since: Instant,
    cancel: CancellationToken,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
    /// Where, if not at home.
    place: Option<Place>,
    /// Set when it is ordered to stop now.
    cancelled: Option<Why>,
    /// Where it hears of what it covers.
    covered: Option<Arc<CoveredSteps>>,
}

impl Dispatch {
    fn new(options: Options, parts: Parts, outputs: OutputFolder, desk: Weak<RunHandle>) -> Self {
        let mut graph = Graph::of(&parts.plan, &options.selection);
        graph.owe(options.origin.course.as_ref().map_or(&[], |course| &course.continues.owes));
        let after = AfterFailure { pause: options.pause.is_some(), keep: options.keep_failed };
        let scheduler = Scheduler::new(graph, options.mode, options.jobs).leaving(after);
        let course = options.origin.course.as_ref();
        // What a `finally` is to remove bears the id of the run that made it.
        let settled = course.and_then(|course| course.settled.as_ref());
        let run = settled.map_or(&options.run, |settled| &settled.run);
        let place = RunPlace { run, namespace: parts.services.namespace() };
        let mut known = Known::new(&parts.plan, place, &Arc::new(options.env.clone()), &parts.secrets);
        options.origin.course.iter().flat_map(|course| &course.known).for_each(|node| known.recall(node));
        known.settles(settled.map(|settled| settled.ended));
        let kept = options.origin.course.iter().flat_map(|course| &course.continues.kept);
        let kept = kept.filter(|kept| parts.plan.node(kept.node).role != Role::Gate);
        let kept = kept.map(|kept| (kept.node, kept.clone())).collect();
        Dispatch {
            common: Common::new(&options, &parts, outputs),
            kept,
            stage_begun: vec![None; parts.plan.stages().len()],
            run_limit: clock::now(),
            stage_limit: vec![None; parts.plan.stages().len()],
            part_begun: vec![None; parts.plan.parts().len()],
            home: Handle::current(),
            crew: WorkerPool::new(options.threads),
            options,
            parts,
            scheduler,
            known,
            desk,
            events: Vec::new(),
            starting: Vec::new(),
            running: BTreeMap::new(),
            dropped: Vec::new(),
            begun: Instant::now(),
            interrupts: 0,
            first_fault: None,
            did_something: false,
            recorded: 0,
            journal_error: None,
            stopped: None,
        }
    }

    /// Tells assertions that watch the whole run that it begins.
    fn attend(&self) {
        let nodes = self.parts.plan.nodes().iter().filter(|node| self.options.selection.has(node.stage));
        let gates = nodes.filter_map(|node| if let Work::Gate(gate) = &node.work { Some(gate) } else { None });
        for body in gates.flat_map(|gate| &gate.assertions).filter_map(|assertion| assertion.body.ready()) {
            body.attend(&self.parts.services, &self.parts.secrets);
        }
    }

    fn begin(&mut self) {
        self.attend();
        self.events.push(self.opening());
        self.scheduler.begin();
    }

    /// What follows from what has happened: orders, the record, new tasks.
    fn follow(&mut self) {
        self.obey();
        self.flush();
        // A journal that breaks in this turn gives new orders.
        self.obey();
        self.start();
    }

    fn is_over(&self) -> bool {
        self.scheduler.is_over() && self.running.is_empty()
    }

    fn opening(&self) -> Event {
        let plan = &self.parts.plan;
        Event::RunStarted {
            format: FORMAT_VERSION,
            run: self.options.run.clone(),
            pipeline: plan.pipeline().to_owned(),
            time: self.options.started.clone(),
            profile: plan.profile().map(str::to_owned),
            stages: plan.stage_outlines(),
            nodes: plan.nodes().iter().map(|node| node.outline.clone()).collect(),
            runner: self.options.origin.runner.clone(),
            namespace: self.parts.services.fresh_namespace().map(str::to_owned),
            continues: self.options.origin.course.as_ref().map(|course| Box::new(course.continues.clone())),
        }
    }

    fn take(&mut self, event: NodeEvent) {
        // a task that was dropped may finish its last step: the record says already how the node ended
        if !self.running.contains_key(&event.node()) {
            return;
        }
        match event {
            NodeEvent::Again(node, attempt) => self.events.push(Event::NodeStarted { node, attempt }),
            NodeEvent::AttemptFailed { node, attempt, failure, retry_in } => {
                self.did_something = true;
                self.events.push(Event::AttemptFailed { node, attempt, failure, retry_in });
            }
            NodeEvent::Up(node, outputs) => {
                self.known.node_up(node, outputs);
                self.events.push(Event::NodeUp { node });
                self.scheduler.up(node);
            }
            NodeEvent::Settled(node, result) => {
                self.did_something |= matches!(result.verdict, Ok(Verdict::Holds { .. } | Verdict::Unmet { .. }));
                self.events.push(Event::AssertionSettled { node, result: *result });
            }
            NodeEvent::Ended(node, ending) => self.ended(node, *ending),
        }
        self.obey();
    }

    fn ended(&mut self, node: NodeId, mut ending: Ending) {
        let Some(running) = self.running.remove(&node) else { return };
        if let Some(place) = running.place {
            self.crew.leave(place);
        }
        let tolerated = self.parts.plan.node(node).continue_on_error && ending.state.is_bad();
        let stopped = if self.stopped.is_some() { Why::Stopped } else { Why::Interrupted };
        let why = running.cancelled.unwrap_or(stopped);
        if ending.state == State::Cancelled {
            ending.because = Some(self.because(why, node));
        }
        let end = match ending.state {
            State::Passed => End::Passed,
            State::Skipped => End::Skipped,
            State::Cancelled => End::Cancelled(why),
            bad if tolerated => End::Tolerated(bad),
            State::Failed => End::Failed,
            _ => End::Errored,
        };
        self.over(node, running.since.elapsed(), tolerated, ending);
        self.scheduler.finish(node, end);
    }

    /// Lets those who cover a node know that it begins, or ends like this.
    fn mark(&self, node: NodeId, ended: Option<State>) {
        let plan = &self.parts.plan;
        for (during, running) in &self.running {
            if let Some(covered) = running.covered.as_ref().filter(|_| plan.node(*during).covers.contains(&node)) {
                covered.mark(&plan.node(node).outline.name, ended);
            }
        }
    }

    /// Writes down that a node is over.
    fn over(&mut self, node: NodeId, elapsed: Duration, tolerated: bool, ending: Ending) {
        self.mark(node, Some(ending.state));
        self.did_something |= ending.did_something();
        if let Some(Reason::Unchanged { since }) = &ending.because {
            // what it made is as old as the run that made it
            self.known.node_ran(node, run_time(since).map(|from| Ran { from, to: None }));
        }
        match ending.because {
            Some(Reason::NotSelected) => self.known.left_out(node),
            _ => self.known.node_over(node, ending.state, &ending.outputs),
        }
        if ending.state.is_bad() && !tolerated && self.first_fault.is_none() {
            self.first_fault = Some((ending.state, ending.fault.clone()));
            if self.options.mode != Mode::KeepGoing {
                self.common.failing.cancel();
            }
        }
        self.events.push(Event::NodeFinished {
            node,
            state: ending.state,
            because: ending.because,
            failure: ending.failure,
            fault: ending.fault,
            tolerated,
            outputs: ending.outputs,
            elapsed,
            log: ending.log,
            fingerprint: ending.fingerprint,
            made: ending.made,
        });
    }

    fn flush(&mut self) {
        if self.events.is_empty() {
            return;
        }
        let mut events = std::mem::take(&mut self.events);
        for event in &mut events {
            masked::event(&self.parts.masker, event);
        }
        let records = match &self.journal_error {
            None => self.parts.recorder.record(events),
            Some(_) => Ok(self.unrecorded(events)),
        };
        match records {
            Ok(records) => {
                self.recorded += records.len() as u64;
                for record in records {
                    self.parts.notices.record(record);
                }
            }
            Err(error) => {
                self.journal_error = Some(error.to_string());
                self.stopped.get_or_insert_with(|| "its journal cannot be written".to_owned());
                let message = format!("the journal cannot be written: {error}; the run is stopped");
                for record in self.unrecorded(vec![Event::Warned { message }]) {
                    self.parts.notices.record(record);
                }
                self.scheduler.interrupt(Why::Stopped);
                // What this turn was to start is not in the record: it must not run.
                for job in std::mem::take(&mut self.starting) {
                    self.ended(job.node, Ending::of(State::Cancelled));
                }
            }
        }
    }

    /// Records for the reporters alone, once the journal is broken.
    fn unrecorded(&self, events: Vec<Event>) -> Vec<Record> {
        let at = self.begun.elapsed();
        (self.recorded..).zip(events).map(|(seq, event)| Record { seq, at, event }).collect()
    }

    fn start(&mut self) {
        for mut job in self.starting.drain(..) {
            let Some(running) = self.running.get_mut(&job.node) else { continue };
            // a `during` step takes no place of `--jobs`: it would count as work for its thread as long as it runs
            let started = if job.is_light() && job.runs_here() && running.covered.is_none() {
                job.cx.patience = self.crew.patience();
                self.crew.start(job.run())
            } else {
                Err(job.run())
            };
            let task = match started {
                Ok((place, task)) => {
                    running.place = Some(place);
                    task
                }
                Err(task) => self.home.spawn(task),
            };
            running.task = Some(task);
        }
    }

    /// Ends all that runs and the record, and waits for nothing.
    fn end_now(mut self) {
        self.interrupts = self.interrupts.max(1);
        self.scheduler.interrupt(Why::Interrupted);
        self.scheduler.interrupt(Why::Interrupted);
        self.obey();
        self.drop_all();
        self.close();
        // its threads may be waiting for something: they are not waited for
        std::mem::forget(self);
    }

    /// The result of a run whose record another thread has ended.
    fn ended_already() -> RunResult {
        RunResult { state: State::Cancelled, exit_code: 130, elapsed: Duration::ZERO, journal_error: None }
    }

    /// Writes the end of the record.
    fn close(&mut self) -> RunResult {
        let facts = Facts {
            interrupted: self.interrupts > 0,
            journal_broke: self.journal_error.is_some(),
            did_something: self.did_something,
            first_bad: self.first_fault.as_ref().map(|(state, fault)| (*state, fault.as_ref())),
        };
        let (state, exit_code) = (facts.state(), facts.exit_code());
        let elapsed = self.begun.elapsed();
        self.events.push(Event::RunFinished { state, exit_code, elapsed });
        self.flush();
        let exit_code = if self.journal_error.is_some() && exit_code != 130 { 4 } else { exit_code };
        RunResult { state, exit_code, elapsed, journal_error: self.journal_error.take() }
    }
}
