//! A step whose items the run found out: its body is run for each, some side by side. Knows no kind.

use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use serde_json::Value;

use crate::core::expr::Scope;
use crate::core::model::event::State;
use crate::core::model::outcome::{Failure, Fault, Outputs};
use crate::core::plan::{Each, PlanNode, StepPlan, item_labels};
use crate::core::yaml::Written;

use super::Job;
use super::labelled::Labelled;
use crate::core::engine::ending::{Ending, as_failure};
use crate::core::engine::item_prints;
use crate::core::engine::node_event::{EventSink, NodeEvent};

/// Runs the step for each of its items, and ends as they did together.
pub(crate) async fn each(job: &Job, node: &PlanNode, step: &StepPlan, each: &Each) -> Ending {
    let items = match item_prints::items(each, &job.view.full) {
        Ok(items) => items,
        Err(fault) => return Ending::errored(fault),
    };
    let print = match item_prints::of(&job.plan, node, (step, each), &items, &job.cx.env, &job.view.full) {
        Ok((tree, reads)) => job.fingerprint(node, Some(tree), reads).await,
        // the item says so when its turn comes
        Err(_) => None,
    };
    if items.is_empty() {
        job.cx.say("for_each: the list is empty, so there is nothing to do");
    }
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let width = each.max_parallel.map_or(cores, |count| usize::try_from(count).unwrap_or(1)).max(1);
    let labels = item_labels(&items);
    let jobs: Vec<Job> =
        items.iter().zip(&labels).enumerate().map(|(index, (item, label))| job.of_item(index, item, label)).collect();
    let mut work: Vec<BoxFuture<'_, Ending>> = Vec::with_capacity(jobs.len());
    for one in jobs {
        work.push(Box::pin(async move {
            if one.failing.is_cancelled() {
                return Ending::of(State::Cancelled);
            }
            one.once(node, step).await
        }));
    }
    let endings: Vec<Ending> = stream::iter(work).buffered(width).collect().await;
    let ending = together(&labels, endings);
    Ending { fingerprint: print.filter(|_| ending.state == State::Passed), ..ending }
}

/// How the items ended together; each output is the list of what the items published.
fn together(labels: &[String], endings: Vec<Ending>) -> Ending {
    let count = endings.len();
    let bad = endings.iter().filter(|ending| ending.state.is_bad()).count();
    let names: std::collections::BTreeSet<String> =
        endings.iter().flat_map(|ending| ending.outputs.keys().cloned()).collect();
    let of_all = |name: &String| -> Value {
        endings.iter().map(|ending| ending.outputs.get(name).cloned().unwrap_or(Value::Null)).collect()
    };
    let outputs: Outputs = names.iter().map(|name| (name.clone(), of_all(name))).collect();
    let first = labels.iter().zip(endings.iter()).position(|(_, ending)| ending.state.is_bad());
    let cancelled = endings.iter().any(|ending| ending.state == State::Cancelled);
    let Some(first) = first else {
        return if cancelled { Ending::of(State::Cancelled) } else { Ending { outputs, ..Ending::of(State::Passed) } };
    };
    let label = labels[first].clone();
    let whose = if count == 1 { format!("item {label}") } else { format!("{bad} of {count} items failed: {label}") };
    let Some(ending) = endings.into_iter().nth(first) else { return Ending::of(State::Failed) };
    if let Some(fault) = ending.fault {
        return Ending::errored(Fault { message: format!("{whose}: {}", fault.message), ..fault });
    }
    let because = ending.because.clone();
    let failure = as_failure(ending);
    let summary = format!("{whose}: {}", failure.summary);
    Ending { because, ..Ending::failed(Failure { summary, ..failure }) }
}

impl Job {
    /// The same work for one item: with a log of its own within the step's, and files of its own.
    fn of_item(&self, index: usize, item: &Written, label: &str) -> Job {
        let with = |scope: &Scope| {
            let mut scope = scope.clone();
            scope.see_item(item);
            Arc::new(scope)
        };
        let mut cx = self.cx.clone();
        let mut view = self.view.clone();
        (view.full, view.plain) = (with(&view.full), with(&view.plain));
        cx.scope = Arc::clone(&view.plain);
        cx.log = Arc::new(Labelled::new(&self.cx.log, label, &self.masker));
        cx.scratch = self.cx.scratch.join(index.to_string()).into();
        cx.output_file = PathBuf::from(format!("{}.{index}", self.cx.output_file.display()));
        cx.signals.cancel = self.cx.signals.cancel.child_token();
        Job {
            plan: Arc::clone(&self.plan),
            node: self.node,
            cx,
            view,
            files: Arc::clone(&self.files),
            outputs: Arc::clone(&self.outputs),
            events: Arc::new(Unheard),
            notices: self.notices.clone(),
            masker: self.masker.clone(),
            key: None,
            cached: false,
            failing: self.failing.clone(),
            limit: None,
            only_looks: false,
            executors: Vec::new(),
        }
    }
}

/// Attempts of items are in the log alone: the record knows the step.
struct Unheard;

impl EventSink for Unheard {
    fn take(&self, _: NodeEvent) {}
}
