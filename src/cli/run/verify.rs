//! Before a run continues another: the gates that held and that nothing was built on since are measured once. Runs no step
//! and keeps no record.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::signals;
use crate::cli::ephemeral_run::{self, EphemeralRun};
use crate::cli::run_context::RunContext;
use crate::core::engine::{self, Interrupt, Mode, Origin, PreviousRun, ResumePlan, Selection};
use crate::core::model::event::{Event, NodeId, Rerun, RerunReason};
use crate::core::model::outcome::{Fault, Measure, Verdict};
use crate::core::plan::Work;

/// For all looks together. What takes longer is not cheap: it is measured in its place, by the run itself.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between SIGTERM and SIGKILL for what an assertion has started.
const GRACE: Duration = Duration::from_secs(2);

/// The gates among these that do not hold any more, with what does not; `None` after Ctrl-C. What could not be
/// measured, or not in time, is not said to be gone.
pub(super) async fn gone(
    ready: &RunContext,
    past: &PreviousRun,
    gates: &[NodeId],
) -> Result<Option<Vec<Rerun>>, Fault> {
    if gates.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let (sender, interrupts, _listening) = signals::interrupts(None)?;
    let slow = Arc::new(AtomicBool::new(false));
    let late = Arc::clone(&slow);
    let limit = tokio::spawn(async move {
        tokio::time::sleep(PATIENCE).await;
        late.store(true, Ordering::Relaxed);
        // The second one ends what does not hear the first.
        for wait in [GRACE, Duration::ZERO] {
            let _ = sender.send(Interrupt::Signal(15));
            tokio::time::sleep(wait).await;
        }
    });
    let options = engine::Options {
        run: past.run.clone(),
        started: String::new(),
        jobs: 1,
        threads: 0,
        mode: Mode::KeepGoing,
        keep_failed: false,
        pause: None,
        selection: Selection::none(&ready.plan),
        grace: GRACE,
        env: ready.env.clone(),
        origin: Origin { course: Some(ResumePlan::look(&ready.plan, past, gates)), ..Origin::default() },
    };
    let of = EphemeralRun {
        plan: Arc::clone(&ready.plan),
        services: Arc::clone(&ready.services),
        secrets: Arc::clone(&ready.secrets),
        masker: ready.masker.clone(),
        interrupts,
    };
    let mut gone: Vec<Rerun> = Vec::new();
    let result = ephemeral_run::run(options, of, |record| {
        if let Some(again) = unmet(ready, record.event)
            && !gone.iter().any(|other| other.node == again.node)
        {
            gone.push(again);
        }
    })
    .await;
    limit.abort();
    let interrupted = result?.exit_code == 130 && !slow.load(Ordering::Relaxed);
    Ok((!interrupted).then_some(gone))
}

/// What an event says of a gate that does not hold. Assertions that only warn say nothing of it.
fn unmet(ready: &RunContext, event: Event) -> Option<Rerun> {
    let Event::AssertionSettled { node, result } = event else { return None };
    let Work::Gate(gate) = &ready.plan.node(node).work else { return None };
    let warns = gate.assertions.get(result.index as usize).is_none_or(|assertion| assertion.warning);
    match result.verdict {
        Ok(Verdict::Unmet { measures }) if !warns => {
            let measures: Vec<Measure> = measures.into_iter().filter(|measure| !measure.holds).collect();
            Some(Rerun { node, why: RerunReason::GateGone { assertion: result.name, measures } })
        }
        _ => None,
    }
}
