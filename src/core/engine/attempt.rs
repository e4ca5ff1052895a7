//! One node's way from its start to its end: environment, body, attempts, timeout, retry, outputs. Knows no other node.

mod evaluate;
mod fan_out;
mod labelled;

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::core::clock;
use crate::core::expr;
use crate::core::kind::{Context, Executors, Step};
use crate::core::mask::Masker;
use crate::core::model::event::{NodeId, Reason, State};
use crate::core::model::outcome::{Failure, Fault, FaultKind, Outcome, Outputs};
use crate::core::model::units::TimeSpan;
use crate::core::plan::{Body, Plan, PlanNode, StepPlan, Work, decode_rendered};
use crate::core::yaml::Node;

use super::cache::Cache;
use super::ending::{Ending, as_failure, not_again, timed_out};
use super::env;

use super::fingerprint::{self, Made};
use super::limit::{self, Limit};
use super::makes;
use super::node_event::{EventSink, NodeEvent};
use super::notice::NoticeSender;
use super::outputs::{self, OutputFolder};
use super::panicked;
use super::record::NodeFiles;
use super::retry::{backoff, is_retried};
use super::scope::{self, View};
use super::watched::{Cut, STOP_LIMIT, Watched};

/// How long an interrupt takes at most until the nodes hear of it.
const HEARD: Duration = Duration::from_millis(500);

/// Everything a node's task works with.
pub(crate) struct Job {
    pub plan: Arc<Plan>,
    pub node: NodeId,
    /// Its environment is that of the stage still; its signals are the node's, not yet an attempt's.
    pub cx: Context,
    pub view: View,
    pub files: Arc<dyn NodeFiles>,
    pub outputs: Arc<OutputFolder>,
    pub events: Arc<dyn EventSink>,
    pub notices: NoticeSender,
    pub masker: Masker,
    /// Keys its fingerprint.
    pub key: Option<[u8; 32]>,
    /// What earlier runs made may stand for it.
    pub cached: bool,
    /// Cancelled when the run has failed: no further attempt begins then.
    pub failing: CancellationToken,
    /// The limit of the part, stage or run around it.
    pub limit: Option<Limit>,
    /// A gate that is looked at once, and only warns.
    pub only_looks: bool,
    /// Of a gate: what runs the commands of assertions that do not run on this machine, by their index.
    pub executors: Executors,
}

impl Job {
    /// Whether it is a step of a [light](crate::core::kind::Kind::light) kind.
    pub fn is_light(&self) -> bool {
        self.plan.node(self.node).is_light()
    }

    /// Gives an assertion what runs its commands, where that is not this machine.
    pub fn choose_executor(&self, assertion: u32, cx: &mut Context) {
        if let Some((_, executor)) = self.executors.iter().find(|(of, _)| *of == assertion) {
            cx.executor = Arc::clone(executor);
        }
    }

    /// Whether its command runs on this machine.
    pub fn runs_here(&self) -> bool {
        self.plan.node(self.node).runs_on.is_none()
    }

    /// Runs the node to its end and says so. It is large, and handed on and on before it begins: hence the box.
    pub fn run(mut self) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let plan = Arc::clone(&self.plan);
            let node = plan.node(self.node);
            let interrupts = expr::interrupts();
            let (limit, cancel) = (self.limit.take(), self.cx.signals.cancel.clone());
            let work = AssertUnwindSafe(self.ending(node)).catch_unwind();
            let (caught, reached) = limit::around(limit, &cancel, work).await;
            let mut ending =
                caught.unwrap_or_else(|panic| Ending::errored(panicked::kind(&node.outline.kind, panic.as_ref())));
            if let Some(limit) = reached.filter(|_| ending.state != State::Passed) {
                ending = limit.ending(ending);
            }
            let errored = ending.state == State::Errored;
            if errored && interrupts != expr::interrupts() && self.is_cancelled_soon().await {
                ending = Ending::of(State::Cancelled);
            }
            ending.log = self.files.close();
            self.events.take(NodeEvent::Ended(self.node, Box::new(ending)));
        })
    }

    /// An interrupt ends an evaluation before the run hears of it.
    async fn is_cancelled_soon(&self) -> bool {
        clock::timeout(HEARD, self.cx.signals.cancel.cancelled()).await.is_ok()
    }

    async fn ending(&mut self, node: &PlanNode) -> Ending {
        if let (Work::Step(step), Some(each)) = (&node.work, &node.each) {
            let ending = Box::pin(fan_out::each(self, node, step, each)).await;
            return self.with_files(makes::checked(ending, node, &self.cx.project).await, node).await;
        }
        if let Err(fault) = self.make_ready(node) {
            return Ending::errored(fault);
        }
        let mut ending = match &node.work {
            Work::Gate(gate) => {
                let print = self.fingerprint(node, None, Vec::new()).await;
                // boxed: a step's task need not have room for a gate
                Ending { fingerprint: print, ..Box::pin(evaluate::gate(self, node, gate)).await }
            }
            Work::Step(step) => match &step.body {
                Body::Ready(body) => {
                    let print = self.fingerprint(node, None, body.reads()).await;
                    self.made(node, step, body.as_ref(), print).await
                }
                Body::Template(written) => match self.render(step, written) {
                    Ok((rendered, body)) => {
                        let print = self.fingerprint(node, Some(rendered), body.reads()).await;
                        self.made(node, step, body.as_ref(), print).await
                    }
                    Err(fault) => Ending::errored(fault),
                },
            },
        };
        ending.fingerprint = ending.fingerprint.filter(|_| ending.state == State::Passed);
        self.with_files(ending, node).await
    }

    /// The ending, with a digest of the files that the step made. Where they cannot be read it is empty: a run that goes
    /// on with this one runs the step again.
    async fn with_files(&self, ending: Ending, node: &PlanNode) -> Ending {
        let unread = ending.state == State::Passed && makes::any(node) && ending.made.is_none();
        let Some(key) = self.key.filter(|_| unread) else { return ending };
        let (plan, id, project) = (Arc::clone(&self.plan), self.node, Arc::clone(&self.cx.project));
        let reading = tokio::task::spawn_blocking(move || makes::digest(&key, &project, plan.node(id)));
        // what no digest is equal to: `None` is what records of before have
        let made = Some(reading.await.ok().and_then(Result::ok).unwrap_or_default());
        Ending { made, ..ending }
    }

    /// The step's work with the values that it has now, without a fingerprint.
    pub(super) async fn once(mut self, node: &PlanNode, step: &StepPlan) -> Ending {
        if let Err(fault) = self.make_ready(node) {
            return Ending::errored(fault);
        }
        match &step.body {
            Body::Ready(body) => self.attempts(node, step, body.as_ref()).await,
            Body::Template(written) => match self.render(step, written) {
                Ok((_, body)) => self.attempts(node, step, body.as_ref()).await,
                Err(fault) => Ending::errored(fault),
            },
        }
    }

    /// Runs it, unless what it makes is there already.
    async fn made(&self, node: &PlanNode, step: &StepPlan, body: &dyn Step, print: Option<String>) -> Ending {
        let cache = match print {
            Some(print) if !node.cache.is_empty() => Cache::of(&self.plan, self.node, print),
            fingerprint => {
                let ending = makes::checked(self.attempts(node, step, body).await, node, &self.cx.project).await;
                return Ending { fingerprint, ..ending };
            }
        };
        if self.cached
            && let Some((left, made)) = cache.find(self.key).await
        {
            let because = Some(Reason::Unchanged { since: left.run });
            let fingerprint = Some(cache.fingerprint);
            return Ending { because, outputs: left.outputs, fingerprint, made, ..Ending::of(State::Passed) };
        }
        let mut ending = makes::checked(self.attempts(node, step, body).await, node, &self.cx.project).await;
        if ending.state == State::Passed {
            ending.made = cache.keep(&self.cx, &ending.outputs, self.key).await;
        }
        Ending { fingerprint: Some(cache.fingerprint), ..ending }
    }

    /// What it depends on, before it runs. If that cannot be read, the step runs: its result is only never kept.
    async fn fingerprint(&self, node: &PlanNode, rendered: Option<Node>, reads: Vec<String>) -> Option<String> {
        let key = self.key?;
        if node.inputs.is_empty() && reads.is_empty() {
            let made = Made { plan: &self.plan, node, env: &self.cx.env, rendered: rendered.as_ref(), reads: &reads };
            return fingerprint::of(&key, &made).ok();
        }
        let (plan, id, env) = (Arc::clone(&self.plan), self.node, Arc::clone(&self.cx.env));
        let reading = tokio::task::spawn_blocking(move || {
            let made = Made { plan: &plan, node: plan.node(id), env: &env, rendered: rendered.as_ref(), reads: &reads };
            fingerprint::of(&key, &made)
        });
        match reading.await.ok()? {
            Ok(print) => Some(print),
            Err(fault) => {
                if !(node.inputs.is_empty() && node.cache.is_empty()) {
                    self.cx.say(format!("{}, so it runs", fault.message));
                }
                None
            }
        }
    }

    /// Renders the node's own environment and makes its private folder.
    fn make_ready(&mut self, node: &PlanNode) -> Result<(), Fault> {
        let mut env = env::over(&self.cx.env, &node.env, &self.view.full)?;
        if !node.env.is_empty() {
            self.see_env(&env);
        }
        let output = &self.cx.output_file;
        if node.is_light() {
            let own = [("PIPELINE_STEP", node.step.clone().into()), ("PIPELINE_OUTPUT", output.clone().into())];
            self.cx.own_env = Vec::from(own);
            self.cx.env = env;
            return Ok(());
        }
        let own = [("PIPELINE_STEP", node.step.clone()), ("PIPELINE_OUTPUT", output.display().to_string())];
        Arc::make_mut(&mut env).extend(own.map(|(name, value)| (name.to_owned(), value)));
        self.cx.env = env;
        std::fs::create_dir_all(&self.cx.scratch).map_err(|error| {
            Fault::unknown(format!("the folder {} cannot be made: {error}", self.cx.scratch.display()))
        })
    }

    fn see_env(&mut self, env: &env::Env) {
        for scope in [&mut self.view.full, &mut self.view.plain] {
            *scope = env::seen(scope, env);
        }
        self.cx.scope = Arc::clone(&self.view.plain);
    }

    fn render(&self, step: &StepPlan, written: &Node) -> Result<(Node, Box<dyn Step>), Fault> {
        let rendered = expr::render(written, &self.view.full)
            .map_err(|error| Fault::invalid(format!("{}: {error}", step.kind.name)))?;
        let usage = self.plan.node(self.node).usage();
        let body = decode_rendered(step.kind, &rendered, &self.cx.project, usage)?;
        Ok((rendered, body))
    }

    async fn attempts(&self, node: &PlanNode, step: &StepPlan, body: &dyn Step) -> Ending {
        let mut attempt = 1;
        loop {
            let (ending, was_up) = self.attempt(node, step, body, attempt > 1).await;
            let last = attempt >= node.retry.attempts || was_up || self.cx.signals.cancel.is_cancelled();
            let invalid = ending.fault.as_ref().is_some_and(|fault| fault.kind == FaultKind::Invalid);
            if last || invalid || !ending.state.is_bad() || !is_retried(node.retry.on, &ending) {
                return ending;
            }
            match self.is_worth_another(node, &ending, attempt) {
                Ok(true) => {}
                Ok(false) => return ending,
                Err(fault) => return Ending::errored(fault),
            }
            if self.failing.is_cancelled() {
                return Ending::failed(not_again(as_failure(ending)));
            }
            let retry_in = backoff(node.retry, attempt);
            let failure = as_failure(ending);
            let last = failure.clone();
            self.events.take(NodeEvent::AttemptFailed { node: self.node, attempt, failure, retry_in });
            tokio::select! {
                biased;
                () = self.cx.signals.cancel.cancelled() => return Ending::of(State::Cancelled),
                () = self.cx.signals.stop.cancelled() => return Ending::of(State::Passed),
                () = self.failing.cancelled() => return Ending::failed(not_again(last)),
                () = clock::sleep(retry_in) => {}
            }
            attempt += 1;
            self.events.take(NodeEvent::Again(self.node, attempt));
        }
    }

    /// Whether the condition of `retry:` holds for how an attempt ended.
    fn is_worth_another(&self, node: &PlanNode, ending: &Ending, attempt: u32) -> Result<bool, Fault> {
        let Some(when) = &node.retry_when else { return Ok(true) };
        let failure = ending.failure.as_ref().map(|failure| failure.summary.as_str());
        let fault = ending.fault.as_ref().map(|fault| fault.message.as_str());
        let outcome = serde_json::json!({
            "state": ending.state,
            "message": failure.or(fault).unwrap_or_default(),
            "timed_out": matches!(ending.because, Some(Reason::TimedOut { .. })),
            "attempt": attempt,
        });
        let mut scope = expr::Scope::clone(&self.view.full);
        scope.roots.insert("outcome".to_owned(), outcome);
        scope::holds(when, &scope)
    }

    /// One attempt, and whether the step came up in it.
    async fn attempt(&self, node: &PlanNode, step: &StepPlan, body: &dyn Step, again: bool) -> (Ending, bool) {
        let mut cx = Cow::Borrowed(&self.cx);
        if node.timeout.is_some() || node.retry.attempts > 1 {
            cx.to_mut().signals.cancel = self.cx.signals.cancel.child_token();
        }
        let begun = clock::now();
        let deadline = node.timeout.map(|timeout| begun + timeout);
        if let Some(deadline) = deadline.filter(|_| !node.is_light()) {
            // its evaluations end with it
            let ended: expr::Ended = Arc::new(move || clock::now() >= deadline);
            Arc::make_mut(&mut cx.to_mut().scope).limits.ended = Some(ended);
        }
        if again {
            cx.to_mut().signals.up = CancellationToken::new();
            cx.to_mut().signals.up_outputs = Arc::default();
            let _ = std::fs::remove_file(&cx.output_file);
        }
        let watched = Watched { signals: &cx.signals, during: !node.covers.is_empty(), timeout: node.timeout };
        let work = AssertUnwindSafe(body.run(&cx)).catch_unwind();
        let up = || self.events.take(NodeEvent::Up(self.node, self.outputs_when_up(&cx)));
        let (result, cut, was_up) = watched.run(work, up).await;
        let result =
            result.map(|caught| caught.unwrap_or_else(|panic| Err(panicked::kind(step.kind.name, panic.as_ref()))));
        let ending = match cut {
            Some(Cut::TimedOut(after)) => match result {
                // a process that was stopped gives no answer: this one had ended by itself
                Some(Ok(Outcome::Passed(outputs))) if ends_itself(node) => self.passed(step, &cx.output_file, outputs),
                Some(Ok(Outcome::Failed(failure))) if ends_itself(node) => Ending::failed(failure),
                result => timed_out(after, result),
            },
            Some(Cut::NotStopped) => Ending::failed(
                Failure::new(format!("did not end in {} after the steps it covers", TimeSpan(STOP_LIMIT)))
                    .help("a `during` step must end when it is stopped"),
            ),
            Some(Cut::Cancelled) => match result {
                Some(Ok(Outcome::Passed(outputs))) => self.passed(step, &cx.output_file, outputs),
                _ => Ending::of(State::Cancelled),
            },
            None if matches!(result, Some(Err(_))) && deadline.is_some_and(|deadline| clock::now() >= deadline) => {
                timed_out(node.timeout.unwrap_or_default(), result)
            }
            None => match result.unwrap_or_else(|| Err(Fault::unknown("it gave no answer"))) {
                Ok(Outcome::Passed(outputs)) => self.passed(step, &cx.output_file, outputs),
                Ok(Outcome::Failed(failure)) => Ending::failed(failure),
                Ok(Outcome::Skipped(reason)) => {
                    Ending { because: Some(Reason::NotHere { reason }), ..Ending::of(State::Skipped) }
                }
                Err(fault) => Ending::errored(fault),
            },
        };
        (ending, was_up)
    }

    /// What the steps that a `during` step covers may use of it. What is wrong with it is reported when it ends.
    fn outputs_when_up(&self, cx: &Context) -> Outputs {
        let mut outputs = cx.signals.up_outputs.get().cloned().unwrap_or_default();
        if outputs::refuse_secrets(&outputs, &self.cx.secrets, &self.masker).is_err() {
            outputs = Outputs::new();
        }
        if self.outputs.may_hold_some() {
            outputs.extend(outputs::peek(&cx.output_file, &self.cx.secrets, &self.masker).unwrap_or_default());
        }
        outputs
    }

    fn passed(&self, step: &StepPlan, file: &Path, mut outputs: Outputs) -> Ending {
        let written = if self.outputs.may_hold_some() {
            outputs::take(file, &self.cx.secrets, &self.masker)
        } else {
            Ok(Outputs::new())
        };
        let written = written.and_then(|written| {
            outputs::refuse_secrets(&outputs, &self.cx.secrets, &self.masker)?;
            outputs.extend(written);
            outputs::require(&step.outputs, &outputs)
        });
        match written {
            Ok(()) => Ending { outputs, ..Ending::of(State::Passed) },
            Err(failure) => Ending::failed(failure),
        }
    }
}

/// Whether an answer after a cancellation means that the process had ended before.
fn ends_itself(node: &PlanNode) -> bool {
    node.is_light() && node.covers.is_empty()
}
