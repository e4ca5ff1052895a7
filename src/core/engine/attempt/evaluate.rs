//! A gate: its assertions side by side, each looked at until it holds, or until its time is over.

mod no_items;
mod seen;

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;

use crate::core::clock;
use crate::core::expr::Ended;
use crate::core::kind::{Assertion, Context, MACHINE_LOAD, Tolerate, Watch, machine_load, until_fatal};
use crate::core::mask::Masker;
use crate::core::model::event::{AssertionResult, EndedEarly, Live, NodeId, State};
use crate::core::model::outcome::{BaselineValue, Fault, Finding, Verdict};
use crate::core::model::units::TimeSpan;
use crate::core::plan::{Body, Gate, PlanAssertion, PlanNode, decode_rendered};

use super::Job;
use crate::core::engine::baselines::compared;
use crate::core::engine::ending::Ending;
use crate::core::engine::evidence::{Names, OfAssertion};
use crate::core::engine::masked;
use crate::core::engine::node_event::NodeEvent;
use crate::core::engine::notice::NoticeSender;
use crate::core::engine::panicked;
use crate::core::engine::scope;
use no_items::without_items;
use seen::seen;

/// Assertions that are measured at the same time.
const SIDE_BY_SIDE: usize = 16;
/// Time to explain an unmet assertion.
const EXPLAIN: Duration = Duration::from_secs(10);
/// A look that began in time may take this long, even past the end of `within`.
const LAST_LOOK: Duration = Duration::from_secs(10);
/// Between two looks, however often something changes.
const GAP: Duration = Duration::from_millis(5);
/// Before something that could not be watched is tried again.
const WATCH_AGAIN: Duration = Duration::from_millis(250);

/// Measures a gate to its end. Tells the run every assertion's last word; none after a cancellation.
pub(crate) async fn gate(job: &Job, node: &PlanNode, gate: &Gate) -> Ending {
    let limit = node.timeout.map(|timeout| clock::now() + timeout);
    let mut waiting = (0..).zip(&gate.assertions);
    let names = Names::default();
    let mut open = FuturesUnordered::new();
    let mut results: Vec<AssertionResult> = Vec::new();
    loop {
        while open.len() < SIDE_BY_SIDE
            && let Some((index, assertion)) = waiting.next()
        {
            open.push(assertion_of(job, index, assertion, limit, &names));
        }
        let next = tokio::select! {
            biased;
            () = job.cx.cancelled() => return Ending::of(State::Cancelled),
            next = open.next() => next,
        };
        let Some(result) = next else { break };
        job.events.take(NodeEvent::Settled(job.node, Box::new(result.clone())));
        results.push(result);
    }
    for result in without_items(gate) {
        job.events.take(NodeEvent::Settled(job.node, Box::new(result.clone())));
        results.push(result);
    }
    let timed_out = node.timeout.filter(|_| limit.is_some_and(|limit| clock::now() >= limit));
    Ending::of_gate(&results, timed_out)
}

async fn assertion_of(
    job: &Job,
    index: u32,
    written: &PlanAssertion,
    limit: Option<Instant>,
    names: &Names,
) -> AssertionResult {
    let started = clock::now();
    let evidence = OfAssertion::new(&job.cx.evidence, names, index);
    let caught = AssertUnwindSafe(settled(job, index, written, limit, &evidence)).catch_unwind().await;
    let (title, settled) = caught.unwrap_or_else(|panic| {
        (written.kind.name.to_owned(), Settled::at_once(Err(panicked::kind(written.kind.name, panic.as_ref()))))
    });
    AssertionResult {
        index,
        name: written.name.clone().unwrap_or(title),
        kind: written.kind.name.to_owned(),
        warning: written.warning || job.only_looks,
        verdict: settled.verdict,
        findings: settled.findings,
        elapsed: clock::now() - started,
        looks: settled.looks,
        ended: settled.ended,
        baselines: settled.baselines,
        evidence: evidence.kept(),
    }
}

struct Settled {
    verdict: Result<Verdict, Fault>,
    findings: Vec<Finding>,
    looks: u32,
    ended: Option<EndedEarly>,
    baselines: Vec<BaselineValue>,
}

impl Settled {
    fn at_once(verdict: Result<Verdict, Fault>) -> Self {
        Settled { verdict, findings: Vec::new(), looks: 0, ended: None, baselines: Vec::new() }
    }
}

/// An evaluation ends with the last look: when the time for it is over, or the run is cancelled. Without a limit in time
/// the cost limit of an evaluation is enough.
fn ends_with(job: &Job, written: &PlanAssertion, limit: Option<Instant>) -> Option<Ended> {
    let within = written.within.filter(|_| !job.only_looks).map(|within| clock::now() + within);
    let deadline = [within, limit].into_iter().flatten().min()? + LAST_LOOK;
    let cancel = job.cx.signals.cancel.clone();
    Some(Arc::new(move || cancel.is_cancelled() || clock::now() >= deadline))
}

async fn settled(
    job: &Job,
    index: u32,
    written: &PlanAssertion,
    limit: Option<Instant>,
    evidence: &Arc<OfAssertion>,
) -> (String, Settled) {
    let name = || written.body.ready().map_or_else(|| written.kind.name.to_owned(), Assertion::title);
    let (mut scope, mut cx) = match seen(job, written) {
        Ok(seen) => seen,
        Err(fault) => return (name(), Settled::at_once(Err(fault))),
    };
    cx.to_mut().evidence = Arc::clone(evidence) as _;
    job.choose_executor(index, cx.to_mut());
    if let Some(ended) = ends_with(job, written, limit) {
        for scope in [&mut scope, &mut cx.to_mut().scope] {
            Arc::make_mut(scope).limits.ended = Some(Arc::clone(&ended));
        }
    }
    match written.when.as_ref().map(|when| (when, scope::holds(when, &scope))) {
        Some((_, Err(fault))) => return (name(), Settled::at_once(Err(fault))),
        Some((when, Ok(false))) => {
            let reason = written.otherwise.clone().unwrap_or_else(|| format!("`{}` is false", when.text()));
            return (name(), Settled::at_once(Ok(Verdict::Skipped { reason })));
        }
        Some((_, Ok(true))) | None => {}
    }
    let rendered;
    let body = match &written.body {
        Body::Ready(body) => body.as_ref(),
        Body::Template(tree) => {
            let decoded = crate::core::expr::render(tree, &scope)
                .map_err(|error| Fault::invalid(format!("{}: {error}", written.kind.name)))
                .and_then(|tree| {
                    let tree = job.plan.baselines().bind(written.kind, &tree, &written.identity);
                    decode_rendered(written.kind, &tree, &job.cx.project, written.usage())
                });
            match decoded {
                Ok(body) => {
                    rendered = body;
                    rendered.as_ref()
                }
                Err(fault) => return (name(), Settled::at_once(Err(fault))),
            }
        }
    };
    let (notices, masker) = (&job.notices, &job.masker);
    let (identity, tolerate) = (&written.identity, tolerate(job, written));
    let watching = Watching { cx: &cx, node: job.node, index, identity, notices, masker, tolerate };
    let (within, hold) = if job.only_looks { (None, None) } else { (written.within, written.hold) };
    let begun = std::time::Instant::now();
    let mut settled = watching.settle(body, within, hold, limit).await;
    if matches!(settled.verdict, Ok(Verdict::Unmet { .. })) {
        // The cause that ended the wait is shown, even if it is over by now.
        let ended = std::mem::take(&mut settled.findings);
        settled.findings = clock::timeout(EXPLAIN, body.explain(&cx)).await.unwrap_or_default();
        let is_shown = |one: &Finding| settled.findings.iter().any(|it| it.fatal == one.fatal);
        let hidden: Vec<Finding> = ended.into_iter().filter(|one| !is_shown(one)).collect();
        settled.findings.splice(0..0, hidden);
        add_machine(&mut settled, begun.elapsed());
    }
    (body.title(), settled)
}

/// Adds how busy the machine was if a time or a rate is not as expected. A kind may have added it for the time of its step.
fn add_machine(settled: &mut Settled, began: Duration) {
    let measures = settled.verdict.as_ref().map(Verdict::measures).unwrap_or_default();
    if !measures.iter().any(|measure| measure.timing && !measure.holds) {
        settled.findings.retain(|finding| finding.cause != MACHINE_LOAD);
    } else if !settled.findings.iter().any(|finding| finding.cause == MACHINE_LOAD) {
        settled.findings.extend(machine_load(began, Duration::ZERO).map(|load| load.finding()));
    }
}

/// The causes that do not end the wait: the assertion's own, else its step's.
fn tolerate<'j>(job: &'j Job, written: &'j PlanAssertion) -> &'j Tolerate {
    if written.tolerate == Tolerate::Nothing { &job.cx.waits.tolerate } else { &written.tolerate }
}

/// One assertion being looked at.
struct Watching<'a> {
    cx: &'a Context,
    node: NodeId,
    index: u32,
    /// What baselines.yaml knows it by.
    identity: &'a str,
    notices: &'a NoticeSender,
    masker: &'a Masker,
    tolerate: &'a Tolerate,
}

/// What the looks so far say.
struct Looks {
    last: Option<Result<Verdict, Fault>>,
    count: u32,
    /// Of the newest look that measured any.
    baselines: Vec<BaselineValue>,
}

impl Looks {
    /// The newest verdict, if it is unmet.
    fn unmet(&self) -> Option<&Verdict> {
        self.last.as_ref()?.as_ref().ok().filter(|verdict| matches!(verdict, Verdict::Unmet { .. }))
    }
}

impl Watching<'_> {
    /// Looks until it is clear. Without `within` the first look says it; with `hold` it must stay so.
    ///
    /// An unmet look while it should hold starts over as long as `within` lasts. Where a time ends, one last look is
    /// taken: a watch tells that something *may* have changed, and a poll may have missed it.
    async fn settle(
        &self,
        body: &dyn Assertion,
        within: Option<Duration>,
        hold: Option<Duration>,
        limit: Option<Instant>,
    ) -> Settled {
        let begun = clock::now();
        let earlier = |at: Instant| limit.map_or(at, |limit| limit.min(at));
        let deadline = within.map(|within| earlier(begun + within)).or(limit.filter(|_| hold.is_some()));
        let patient = |now: Instant| within.is_some() && deadline.is_some_and(|deadline| now < deadline);
        let mut looks = Looks { last: None, count: 0, baselines: Vec::new() };
        let mut watch = None;
        if within.is_some() || hold.is_some() {
            match self.watch(body, deadline).await {
                Ok(made) => watch = Some(made),
                Err(fault) => return Settled::at_once(Err(fault)),
            }
        }
        let mut holds_since: Option<Instant> = None;
        // What the newest look found unmet: what ends the wait is asked beside the looks.
        let unmet = Mutex::new(None);
        let blocked = || until_fatal(self.tolerate, || self.blockers(body, &unmet).boxed());
        let mut blocking = std::pin::pin!(blocked());
        let mut cause: Option<Finding> = None;
        loop {
            let holds = self.look(body, &mut looks, deadline.or(limit)).await;
            let now = clock::now();
            let seen = looks.unmet().cloned();
            cause = seen.as_ref().and_then(|verdict| body.refuted(verdict)).or(cause);
            *unmet.lock().unwrap_or_else(PoisonError::into_inner) = seen;
            match cause.take() {
                Some(found) if holds == Look::Unclear && patient(now) => {
                    cause = Some(found);
                    break;
                }
                Some(_) => blocking.set(blocked()),
                None => {}
            }
            match (holds, hold) {
                (Look::Holds, None) | (Look::Final, _) => break,
                (Look::Holds, Some(hold)) => {
                    let since = *holds_since.get_or_insert(now);
                    if now >= since + hold {
                        break;
                    }
                    if limit.is_some_and(|limit| now >= limit) {
                        looks.last = Some(Err(not_long_enough(now - since, hold)));
                        break;
                    }
                }
                (Look::Unclear, _) if !patient(now) => break,
                (Look::Unclear, _) => holds_since = None,
            }
            let until = match (holds_since, hold) {
                (Some(since), Some(hold)) => earlier(since + hold),
                _ => deadline.unwrap_or(now),
            };
            if let Some(watch) = &mut watch {
                tokio::select! {
                    biased;
                    () = async {
                        watch.changed().await;
                        clock::sleep_until(now + GAP).await;
                    } => {}
                    () = clock::sleep_until(until) => {}
                    found = &mut blocking => cause = Some(found),
                }
            }
        }
        let ended = cause.as_ref().map(|cause| EndedEarly {
            after: begun.elapsed(),
            of: deadline.map(|deadline| deadline - begun),
            cause: cause.cause.clone(),
        });
        let verdict = looks.last.unwrap_or_else(|| Err(Fault::unknown("it was never looked at")));
        let (looks, baselines) = (looks.count, looks.baselines);
        Settled { verdict, findings: cause.into_iter().collect(), looks, ended, baselines }
    }

    /// The causes that waiting cannot fix, while the newest look is unmet.
    async fn blockers(&self, body: &dyn Assertion, unmet: &Mutex<Option<Verdict>>) -> Vec<Finding> {
        let verdict = unmet.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match verdict {
            Some(verdict) => body.blockers(self.cx, &verdict).await,
            None => Vec::new(),
        }
    }

    /// Starts to watch; what cannot be reached yet is tried again while there is time.
    async fn watch(&self, body: &dyn Assertion, deadline: Option<Instant>) -> Result<Box<dyn Watch>, Fault> {
        loop {
            let made = match deadline {
                None => body.watch(self.cx).await,
                Some(deadline) => {
                    let begun = clock::now();
                    clock::timeout_at(deadline.max(begun + LAST_LOOK), body.watch(self.cx))
                        .await
                        .unwrap_or_else(|_| Err(no_answer(clock::now() - begun)))
                }
            };
            match made {
                Err(fault) if fault.transient && deadline.is_some_and(|at| clock::now() + WATCH_AGAIN < at) => {
                    clock::sleep(WATCH_AGAIN).await;
                }
                other => return other,
            }
        }
    }

    async fn look(&self, body: &dyn Assertion, looks: &mut Looks, deadline: Option<Instant>) -> Look {
        let begun = clock::now();
        looks.count += 1;
        let found = match deadline {
            None => body.measure(self.cx).await,
            Some(deadline) => {
                let limit = deadline.max(begun + LAST_LOOK);
                match clock::timeout_at(limit, body.measure(self.cx)).await {
                    Ok(found) => found,
                    // What was seen before says more than that this look did not come to its end.
                    Err(_) if matches!(looks.last, Some(Ok(Verdict::Unmet { .. }))) => return Look::Unclear,
                    Err(_) => Err(no_answer(clock::now() - begun)),
                }
            }
        };
        let (found, values) = compared(found, self.identity);
        if !values.is_empty() {
            looks.baselines = values;
        }
        if looks.last.as_ref() != Some(&found) {
            let mut live = Live::Measured { node: self.node, index: self.index, verdict: found.clone() };
            masked::live(self.masker, &mut live);
            self.notices.live(live);
        }
        let look = match &found {
            Ok(Verdict::Holds { .. }) => Look::Holds,
            Ok(Verdict::Unmet { .. }) => Look::Unclear,
            Err(fault) if fault.transient => Look::Unclear,
            Ok(Verdict::Skipped { .. }) | Err(_) => Look::Final,
        };
        looks.last = Some(found);
        look
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Holds,
    /// Unmet, or no answer that a later look may give.
    Unclear,
    Final,
}

fn not_long_enough(held: Duration, hold: Duration) -> Fault {
    Fault::unknown(format!("it held for {} of {} when the gate's time was over", TimeSpan(held), TimeSpan(hold)))
        .help("give the gate a longer `timeout:`")
}

fn no_answer(after: Duration) -> Fault {
    Fault::unknown(format!("no answer in {}", TimeSpan(after))).transient()
}
