//! `pipeline traffic`: load on a URL, without a pipeline: how it goes on stderr, the figures on stdout.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::args::Traffic;
use super::out;
use crate::core::model::exit_code::Exit;
use crate::core::model::expect::Expect;
use crate::core::model::outcome::Fault;
use crate::core::model::units::{Count, Rate, TimeSpan};
use crate::http::load::{
    self, Broken, Cause, Load, PATIENCE, Pace, Protocol, Report, ResponseCheck, ResponseView, Running, Target, Until,
};
use crate::http::{Request, Trust};

/// Failures that are shown.
const SHOWN: usize = 5;

/// Makes the load and prints what was measured. Fails where a request failed.
pub(super) fn run(wanted: &Traffic) -> Result<Exit, Fault> {
    let runtime = super::runtime()?;
    let running = load::start(load(wanted)?)?;
    let (report, interrupted) = runtime.block_on(follow(running))?;
    let report = match report {
        Ok(report) => report,
        Err(Broken::NotClean(report)) => {
            out::data(&shown(&report));
            return Err(Broken::NotClean(report).fault());
        }
        Err(broken) => return Err(broken.fault()),
    };
    out::data(&if wanted.json { format!("{:#}\n", as_json(&report)) } else { shown(&report) });
    if let Some(file) = &wanted.histogram {
        std::fs::write(file, &report.log)
            .map_err(|error| Fault::unknown(format!("cannot write {}: {error}", file.display())))?;
    }
    match report.behind() {
        _ if interrupted => Ok(Exit::Interrupted),
        Some(fault) => Err(fault),
        None if report.counts.failed() > 0 => Ok(Exit::Failed),
        None => Ok(Exit::Passed),
    }
}

fn load(wanted: &Traffic) -> Result<Load, Fault> {
    let method = wanted.method.clone().unwrap_or_else(|| if wanted.body.is_some() { "POST" } else { "GET" }.to_owned());
    let request = Request {
        method,
        headers: wanted.headers.iter().cloned().collect(),
        body: wanted.body.clone().unwrap_or_default().into_bytes(),
        ..Request::get(&wanted.url)
    };
    let trust = Trust { ca: wanted.ca.clone(), insecure: wanted.insecure };
    let protocol = if wanted.http2 { Protocol::Http2 { streams: wanted.streams as usize } } else { Protocol::Http1 };
    let target = Target::new(&request, &trust, protocol, !wanted.no_keep_alive)
        .map_err(|error| Fault::invalid(error.to_string()))?;
    let pace = match wanted.rate {
        None => Pace::Closed,
        Some(rate) => {
            if let Some(problem) = load::problem(rate) {
                return Err(Fault::invalid(problem));
            }
            Pace::Open { rate: rate.0, poisson: wanted.poisson.then(|| u64::from(std::process::id())) }
        }
    };
    Ok(Load {
        targets: vec![target],
        pace,
        connections: wanted.connections as usize,
        protocol,
        timeout: wanted.timeout.0,
        keep_alive: !wanted.no_keep_alive,
        stale_fails: wanted.stale_fails,
        warmup: wanted.warmup.0,
        patience: PATIENCE,
        until: wanted.requests.map_or(Until::Elapsed(wanted.lasts.0), Until::Requests),
        judge: Arc::new(Expected { status: wanted.status.clone(), contains: wanted.contains.clone() }),
    })
}

/// What every answer must be.
struct Expected {
    status: Expect<Count>,
    contains: Option<String>,
}

impl ResponseCheck for Expected {
    fn reads_body(&self) -> bool {
        self.contains.is_some()
    }

    fn judge(&self, response: &ResponseView<'_>) -> Result<(), (Cause, String)> {
        if !self.status.holds(&Count(response.status.into())) {
            return Err((Cause::WrongStatus, response.status.to_string()));
        }
        match &self.contains {
            Some(part) if memchr::memmem::find(response.body, part.as_bytes()).is_none() => {
                if response.cut {
                    let message = format!("the body is larger than 1 MiB, and its beginning does not contain `{part}`");
                    return Err((Cause::Unmeasured, message));
                }
                Err((Cause::WrongBody, format!("the body does not contain `{part}`")))
            }
            _ => Ok(()),
        }
    }
}

/// Waits for the end, and shows the state on a terminal. Ctrl-C ends it well, a second one at once; whether there was
/// one.
async fn follow(mut running: Running) -> Result<(Result<Report, Broken>, bool), Fault> {
    let mut live = running.live();
    let terminal = std::io::stderr().is_terminal();
    let mut interrupted = false;
    loop {
        tokio::select! {
            biased;
            report = running.report() => {
                if terminal {
                    out::say_again("");
                }
                return Ok((report, interrupted));
            }
            _ = tokio::signal::ctrl_c() => {
                if interrupted {
                    return Err(Fault::unknown("interrupted"));
                }
                interrupted = true;
                running.stop();
            }
            Ok(()) = live.changed() => {
                let now = live.borrow_and_update().clone();
                if terminal {
                    out::say_again(&now.to_string());
                }
            }
        }
    }
}

fn shown(report: &Report) -> String {
    let counts = &report.counts;
    let mut lines = vec![
        format!("requests  {} in {}, {}", counts.requests, TimeSpan(report.took), Rate(report.rate)),
        format!("failed    {}", counts.failed()),
    ];
    for cause in Cause::ALL.into_iter().filter(|cause| counts.of(*cause) > 0) {
        lines.push(format!("  {:16} {}", cause.key(), counts.of(cause)));
    }
    if counts.late > 0 {
        lines.push(format!("late      {} had to wait for a free connection", counts.late));
    }
    lines.extend(report.latency.named().map(|(name, time)| format!("{name:9} {}", TimeSpan(time))));
    lines.push(format!("own lag   p99 {}, max {}", TimeSpan(report.own.p99), TimeSpan(report.own.max)));
    for failed in report.failures.iter().take(SHOWN) {
        let (at, whom) = (TimeSpan(failed.due), failed.whom());
        lines.push(format!("at {at}: {} from {whom}: {}", failed.cause.key(), failed.detail));
    }
    lines.join("\n") + "\n"
}

fn as_json(report: &Report) -> Value {
    let micros = |time: Duration| json!(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    let counts = &report.counts;
    let causes: Map<String, Value> =
        Cause::ALL.into_iter().map(|cause| (cause.key().to_owned(), counts.of(cause).into())).collect();
    let quantiles =
        |of: &load::Quantiles| Value::from_iter(of.named().map(|(name, time)| (name.to_owned(), micros(time))));
    json!({
        "requests": counts.requests,
        "ok": counts.ok(),
        "failed": counts.failed(),
        "causes": causes,
        "late": counts.late,
        "seconds": report.took.as_secs_f64(),
        "rate": report.rate,
        "latency_us": quantiles(&report.latency),
        "own_lag_us": quantiles(&report.own),
    })
}
