//! The `traffic` step: load on a server, around other steps or for a time, with the outcome of every request.

mod check;
mod reach;
mod reported;
mod response_check;
mod spec;
mod why;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;

use crate::core::kind::{CheckContext, Context, OutputRow, Step, StepKind, until_fatal};
use crate::core::model::outcome::{Failure, Fault, Finding, Outcome};
use crate::core::model::units::TimeSpan;
use crate::http::load::{self, Broken, Cause, Load, PATIENCE, Pace, Protocol, Report, Running, Until};
use crate::process::command_context::CommandError;
use response_check::ExpectJudge;
use spec::{Arrivals, Stale, Traffic};

/// The row of `traffic`.
pub const KIND: StepKind = StepKind::step::<Traffic>(
    "traffic",
    "sends requests at a steady rate, during other steps or for a time, and measures how each of them ends",
    "url: http://127.0.0.1:30080/api/health\nrate: 200/s\nconnections: 16\nfor: 30s\n",
)
.outputs(OUTPUTS)
.during()
.cluster();

const OUTPUTS: &[OutputRow] = &[
    OutputRow { name: "requests", summary: "measured requests; those of the warm-up do not count" },
    OutputRow { name: "ok", summary: "answered as expected" },
    OutputRow { name: "failed", summary: "all that follow, `stale_connection` only where that is asked for" },
    OutputRow { name: "wrong_status", summary: "answered with another status" },
    OutputRow { name: "wrong_body", summary: "answered with another body or other headers" },
    OutputRow { name: "refused", summary: "no process listened" },
    OutputRow { name: "reset", summary: "the connection was reset" },
    OutputRow { name: "timed_out", summary: "no whole answer in time" },
    OutputRow { name: "closed", summary: "the server closed the connection before the whole answer" },
    OutputRow { name: "dns", summary: "the name led nowhere" },
    OutputRow { name: "tls", summary: "no secure connection" },
    OutputRow { name: "unreachable", summary: "no way to the host, or no ready endpoint" },
    OutputRow { name: "malformed", summary: "what came was not HTTP" },
    OutputRow { name: "unmeasured", summary: "the body was larger than 1 MiB; always 0, the step errors otherwise" },
    OutputRow { name: "unsent", summary: "no connection was free in time" },
    OutputRow {
        name: "stale_connection",
        summary: "met a kept connection that the server had just closed without reading the request; counted apart",
    },
    OutputRow { name: "late", summary: "had to wait for a free connection; the wait is part of the latency" },
    OutputRow { name: "rate", summary: "requests per second" },
    OutputRow { name: "p50", summary: "latency in milliseconds from when the request was due; half took at most this" },
    OutputRow { name: "p90", summary: "the same for 90 of 100 requests" },
    OutputRow { name: "p95", summary: "the same for 95 of 100 requests" },
    OutputRow { name: "p99", summary: "the same for 99 of 100 requests" },
    OutputRow { name: "max", summary: "the longest latency, in milliseconds" },
    OutputRow { name: "blamed", summary: "p50 to max without what the generator itself was late" },
    OutputRow { name: "own_lag_p99", summary: "how late the generator was by its own doing, in milliseconds" },
    OutputRow { name: "seconds", summary: "how long was measured" },
    OutputRow { name: "namespace", summary: "the namespace of `service`" },
    OutputRow { name: "first_failures", summary: "the first 20: at (s), time, cause, endpoint, detail" },
];

/// For one request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Before the measurement, and after the last covered step.
const AROUND: Duration = Duration::from_secs(1);
/// Connections of a load with a rate.
const CONNECTIONS: u32 = 16;

#[async_trait]
impl Step for Traffic {
    fn check(&self, cx: &mut CheckContext<'_>) {
        check::check(self, cx);
    }

    fn title(&self) -> String {
        let whom = match (&self.service, self.url.as_deref(), self.targets.as_slice()) {
            (Some(service), ..) => format!("service/{service}{}", self.path.as_deref().unwrap_or("")),
            (_, Some(url), _) => url.to_owned(),
            (_, _, [one]) => one.url.clone(),
            (_, _, many) => format!("{} targets", many.len()),
        };
        match self.rate {
            Some(rate) => format!("{rate} on {whom}"),
            None => format!("{} connections on {whom}", self.connections()),
        }
    }

    fn touches_cluster(&self) -> bool {
        self.service.is_some()
    }

    async fn run(&self, cx: &Context) -> Result<Outcome, Fault> {
        if self.until() == Until::Stopped && !cx.signals.during {
            return Err(Fault::invalid("nothing says how long `traffic` lasts")
                .help("write `for: 30s` or `requests: 10000`; or `during: [STEP]` beside `traffic:`"));
        }
        let reached = match cx.unless_cancelled(reach::targets(self, cx)).await? {
            Ok(reached) => reached,
            Err(CommandError::Fault(fault)) => return Err(fault),
            Err(CommandError::Failed(failure)) => return Ok(Outcome::Failed(failure)),
        };
        let _kept_up_to_date = reached.keeper;
        let mut running = load::start(Load {
            targets: reached.targets,
            pace: self.pace(),
            connections: self.connections() as usize,
            protocol: self.protocol(),
            timeout: self.timeout.map_or(TIMEOUT, |timeout| timeout.0),
            keep_alive: self.keep_alive.unwrap_or(true),
            stale_fails: self.stale_connection == Some(Stale::Failed),
            warmup: self.warmup.map_or(AROUND, |warmup| warmup.0),
            patience: PATIENCE,
            until: self.until(),
            judge: Arc::new(ExpectJudge::new(self.expect.clone(), cx)?),
        })?;
        let cool_down = self.cool_down.map_or(AROUND, |time| time.0);
        let begun = std::time::Instant::now();
        let followed = match follow(&mut running, cool_down, self, cx).await? {
            Followed::Over(report) => *report,
            Followed::StoppedBefore => {
                let failure = Failure::new("stopped before the warm-up came clean");
                return Ok(Outcome::Failed(failure.because(self.explain(cx).await)));
            }
            Followed::Hopeless(cause) => return Ok(Outcome::Failed(self.ended_early(begun, cause, cx).await)),
        };
        match followed {
            Ok(report) => {
                reported::keep(&report, cx);
                if let Some(fault) = report.behind() {
                    return Err(fault);
                }
                let unmeasured = report.counts.of(Cause::Unmeasured);
                if unmeasured > 0 {
                    let message = format!("not measured: {unmeasured} answers have a body of more than 1 MiB");
                    return Err(Fault::unknown(message).help("ask for a smaller page, or expect only its status"));
                }
                if report.counts.requests == 0 {
                    return Err(Fault::unknown("nothing was measured: no request was due in the time")
                        .help("raise `rate`, or the time that is covered"));
                }
                cx.say(reported::summary(&report));
                Ok(Outcome::Passed(reported::outputs(&report, reached.namespace.as_deref(), cx)))
            }
            Err(Broken::NotClean(report)) => {
                reported::keep(&report, cx);
                let words = reported::counted(&report.warmup);
                let summary = format!("the warm-up never came clean within {}: {words}", TimeSpan(PATIENCE));
                let causes = self.explain(cx).await;
                Ok(Outcome::Failed(Failure::new(summary).because(causes).because(reported::findings(&report, cx))))
            }
            Err(broken) => Err(broken.fault()),
        }
    }
}

impl Traffic {
    fn connections(&self) -> u32 {
        self.connections.unwrap_or(CONNECTIONS)
    }

    fn protocol(&self) -> Protocol {
        if self.http2 { Protocol::Http2 { streams: self.streams.unwrap_or(1) as usize } } else { Protocol::Http1 }
    }

    fn pace(&self) -> Pace {
        match self.rate {
            None => Pace::Closed,
            Some(rate) => {
                let poisson = (self.arrivals == Some(Arrivals::Poisson)).then(seed);
                Pace::Open { rate: rate.0, poisson }
            }
        }
    }

    fn until(&self) -> Until {
        match (self.lasts, self.requests) {
            (_, Some(requests)) => Until::Requests(requests),
            (Some(time), None) => Until::Elapsed(time.0),
            (None, None) => Until::Stopped,
        }
    }
}

/// How a load was over.
enum Followed {
    Over(Box<Result<Report, Broken>>),
    /// The attempt must stop, and the load was not up yet.
    StoppedBefore,
    /// It was not up yet, and a cause that waiting cannot fix was seen.
    Hopeless(Finding),
}

/// Watches a load until it is over; reports its state.
async fn follow(running: &mut Running, cool_down: Duration, step: &Traffic, cx: &Context) -> Result<Followed, Fault> {
    let mut live = running.live();
    let mut up = false;
    let mut hopeless = std::pin::pin!(until_fatal(&cx.waits.tolerate, || step.fatal(cx).boxed()));
    let (mut covered_over, mut ends_at) = (false, None);
    loop {
        let cooled = async {
            match ends_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = cx.cancelled() => {
                return if up { Err(Fault::unknown("stopped")) } else { Ok(Followed::StoppedBefore) };
            }
            report = running.report() => return Ok(Followed::Over(Box::new(report))),
            cause = &mut hopeless, if !up => return Ok(Followed::Hopeless(cause)),
            () = cooled => {
                running.stop();
                ends_at = None;
            }
            () = cx.stopped(), if !covered_over => {
                covered_over = true;
                ends_at = Some(tokio::time::Instant::now() + cool_down);
            }
            Ok(()) = live.changed() => {
                let now = live.borrow_and_update().clone();
                if now.up {
                    up = true;
                    cx.up();
                }
                cx.pass(now.to_string());
            }
        }
    }
}

/// Something that differs from run to run.
fn seed() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos() & u128::from(u64::MAX)).unwrap_or(1)
}

#[cfg(test)]
mod tests;
