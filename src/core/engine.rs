//! Runs a plan: decides what may start (`scheduler`), starts it (`dispatch`), tells what happened (`notice`). Knows no
//! kind and no reporter; what it decides is in the journal before anything acts on it.

mod args;
mod attempt;
mod baselines;
mod cache;
mod dispatch;
mod ending;
mod env;
mod evidence;
mod facts;
mod fingerprint;
mod finish;
mod graph;
mod item_prints;
mod limit;
mod makes;
mod masked;
mod node_event;
mod notice;
mod outputs;
mod panicked;
mod previous_run;
mod record;
mod resume;
mod resume_plan;
mod retry;
mod scheduler;
mod scope;
mod selection;
#[cfg(test)]
mod tests;
mod watched;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::core::expr::Fact;
use crate::core::kind::services::Services;
use crate::core::mask::{Masker, SecretText};
use crate::core::model::event::Runner;
use crate::core::model::outcome::Fault;
use crate::core::plan::{Plan, PlanAssertion, PlanNode, Work};

use outputs::OutputFolder;

pub use finish::RunResult;
pub use notice::{Notice, NoticeSender, Notices, notices};
pub use previous_run::{NodeStatus, PastNode, PreviousRun};
pub use record::{NodeFiles, Recorder, RunFiles};
pub use resume::Resumption;
pub use resume_plan::ResumePlan;
pub use scheduler::Mode;
pub use selection::{Selection, UnknownStage, Wanted};

/// How a plan is to be run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The run's id.
    pub run: String,
    /// When it starts, RFC 3339 in UTC.
    pub started: String,
    /// Steps that run at the same time, at least 1. Gates and `during` steps take no place.
    pub jobs: u32,
    /// Threads that light steps may run on, beside the caller's own; 0: none.
    pub threads: usize,
    /// What a failure means for the rest.
    pub mode: Mode,
    /// `finally` of a stage that failed, and of the pipeline then, is left undone.
    pub keep_failed: bool,
    /// The first failure pauses the run; what is said of where to look.
    pub pause: Option<Vec<String>>,
    /// The stages to run.
    pub selection: Selection,
    /// Between SIGTERM and SIGKILL; 10 s is usual.
    pub grace: Duration,
    /// The environment that steps start from.
    pub env: BTreeMap<String, String>,
    /// Where it comes from.
    pub origin: Origin,
}

/// Who carries a run out, and which one it goes on with.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The process, for who finds the record of a run that was killed.
    pub runner: Option<Runner>,
    /// The earlier run.
    pub course: Option<ResumePlan>,
    /// Keys the fingerprints of what passed; without it none are taken.
    pub key: Option<[u8; 32]>,
    /// The results of earlier runs are used for steps with `cache:`.
    pub cached: bool,
}

/// What a run works with.
pub struct Parts {
    /// What is to run.
    pub plan: Arc<Plan>,
    /// The drivers.
    pub services: Arc<Services>,
    /// The secrets, by name.
    pub secrets: Arc<BTreeMap<String, SecretText>>,
    /// Masks them, in events and measurements: made of the values of `secrets`, in their order.
    pub masker: Masker,
    /// The journal.
    pub recorder: Box<dyn Recorder>,
    /// Logs, evidence, scratch.
    pub files: Arc<dyn RunFiles>,
    /// To the reporters.
    pub notices: NoticeSender,
}

/// What reaches a run from outside: what ends it early, or its pause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interrupt {
    /// SIGINT or SIGTERM, by number.
    Signal(i32),
    /// What the run needs to be alone was taken from it: nothing more may be touched, `finally` neither.
    Lost(Fault),
    /// The user has seen enough of what failed: a paused run goes on.
    Continue,
}

/// Whether anything selected may touch the cluster, so that the guard must be asked before the run.
pub fn touches_cluster(plan: &Plan, selection: &Selection) -> bool {
    // The scripts of a run with a namespace of its own find it in their kubeconfig.
    let fresh = plan.settings().cluster.fresh.is_some();
    let asks = |node: &PlanNode| {
        let stage = &plan.stages()[node.stage.index()];
        node.facts.iter().chain(&stage.facts).any(Fact::is_of_cluster)
    };
    let mut nodes = plan.nodes().iter().filter(|node| selection.has(node.stage));
    nodes.any(|node| {
        asks(node)
            || match &node.work {
                Work::Step(step) => fresh || step.touches_cluster(),
                Work::Gate(gate) => gate.assertions.iter().any(PlanAssertion::touches_cluster),
            }
    })
}

/// The runners that something selected runs on.
pub fn runners<'p>(plan: &'p Plan, selection: &Selection) -> BTreeSet<&'p str> {
    let nodes = plan.nodes().iter().filter(|node| selection.has(node.stage));
    let of_node = |node: &crate::core::plan::PlanNode| {
        let of_gate = match &node.work {
            Work::Gate(gate) => gate.assertions.iter().filter_map(|assertion| assertion.runs_on.clone()).collect(),
            Work::Step(_) => Vec::new(),
        };
        node.runs_on.clone().into_iter().chain(of_gate)
    };
    nodes.flat_map(of_node).map(|remote| plan.runners()[remote.runner].as_str()).collect()
}

/// Writes the end of the record of this process's run at once, whatever its thread waits for: the program ends next.
pub fn end_record_now() {
    dispatch::end_now();
}

/// Runs a plan to its end, or to the one that `interrupts` brings.
///
/// # Errors
/// A fault of kind environment when the plan may not touch the cluster that kubeconfig points at: nothing ran, nothing
/// was recorded; one of kind unknown when the scratch folder cannot be written. Everything later is part of the
/// [`RunResult`].
pub async fn run(options: Options, parts: Parts, interrupts: UnboundedReceiver<Interrupt>) -> Result<RunResult, Fault> {
    if touches_cluster(&parts.plan, &options.selection) {
        parts.services.preflight()?;
    }
    for runner in runners(&parts.plan, &options.selection) {
        parts.services.runner(runner)?.guard()?;
    }
    let outputs = OutputFolder::make(parts.files.scratch())
        .map_err(|error| Fault::unknown(format!("the folder for outputs cannot be made: {error}")))?;
    Ok(dispatch::run(options, parts, outputs, interrupts).await)
}
