//! What a load leaves: outputs, a summary in words, and files in the run's evidence.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};

use crate::core::kind::{Context, Mark, excerpt};
use crate::core::model::outcome::{Finding, Outputs};
use crate::core::model::units::{Rate, TimeSpan};
use crate::http::load::{Cause, Counts, Failed, Quantiles, Report};

/// Failures that are handed on with all that is known of them.
const HANDED_ON: usize = 20;
/// Failures that are shown.
const SHOWN: usize = 5;

/// `2000 requests in 10s: 200/s, 3 failed (2 refused, 1 timed_out)`.
pub fn summary(report: &Report) -> String {
    let latency = report.latency.named().map(|(name, time)| format!("{name} {}", TimeSpan(time)));
    format!(
        "{} in {}, {}; {}; own lag p99 {}",
        counted(&report.counts),
        TimeSpan(report.took),
        Rate(report.rate),
        latency.join(", "),
        TimeSpan(report.own.p99),
    )
}

/// `2000 requests, 3 failed (2 refused, 1 timed_out)`.
pub fn counted(counts: &Counts) -> String {
    let causes: Vec<String> = Cause::ALL
        .iter()
        .filter(|cause| counts.of(**cause) > 0)
        .map(|cause| format!("{} {}", counts.of(*cause), cause.key()))
        .collect();
    let why = if causes.is_empty() { String::new() } else { format!(" ({})", causes.join(", ")) };
    format!("{}, {} failed{why}", crate::core::model::units::counted(counts.requests, "request"), counts.failed())
}

/// What the step hands on.
pub fn outputs(report: &Report, namespace: Option<&str>, cx: &Context) -> Outputs {
    let counts = &report.counts;
    let mut outputs = Outputs::from([
        ("requests".to_owned(), counts.requests.into()),
        ("ok".to_owned(), counts.ok().into()),
        ("failed".to_owned(), counts.failed().into()),
        ("late".to_owned(), counts.late.into()),
        ("rate".to_owned(), json!(report.rate)),
        ("seconds".to_owned(), json!(report.took.as_secs_f64())),
        ("own_lag_p99".to_owned(), millis(report.own.p99)),
        ("blamed".to_owned(), Value::Object(quantiles(&report.blamed).collect())),
    ]);
    outputs.extend(Cause::ALL.map(|cause| (cause.key().to_owned(), counts.of(cause).into())));
    outputs.extend(quantiles(&report.latency));
    outputs.extend(namespace.map(|namespace| ("namespace".to_owned(), namespace.into())));
    let first = report.failures.iter().take(HANDED_ON).map(|failed| failure(failed, report, cx));
    outputs.insert("first_failures".to_owned(), first.collect());
    outputs
}

fn quantiles(quantiles: &Quantiles) -> impl Iterator<Item = (String, Value)> + use<> {
    quantiles.named().into_iter().map(|(name, time)| (name.to_owned(), millis(time)))
}

/// Milliseconds, to the microsecond.
fn millis(time: Duration) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "times of a run are far below 2^53 µs")]
    let micros = time.as_micros() as f64;
    json!(micros / 1000.0)
}

fn failure(failed: &Failed, report: &Report, cx: &Context) -> Value {
    json!({
        "at": rounded(failed.due),
        "time": wall_clock(report.began + failed.ended),
        "cause": failed.cause.key(),
        "endpoint": failed.endpoint.map(|endpoint| endpoint.to_string()),
        "detail": excerpt(&failed.detail, cx),
    })
}

/// Seconds, to the millisecond.
fn rounded(time: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "times of a run are far below 2^53 ms")]
    let millis = time.as_millis() as f64;
    millis / 1000.0
}

fn wall_clock(since_epoch: Duration) -> String {
    let nanos = i128::try_from(since_epoch.as_nanos()).unwrap_or(0);
    jiff::Timestamp::from_nanosecond(nanos).map(|time| format!("{time:.3}")).unwrap_or_default()
}

/// The first failures, as findings.
pub fn findings(report: &Report, cx: &Context) -> Vec<Finding> {
    let first = report.failures.iter().take(SHOWN).map(|failed| {
        let message = format!("at {}: {}", TimeSpan(failed.due), excerpt(&failed.detail, cx));
        Finding::new(failed.whom(), failed.cause.key(), message)
    });
    first.collect()
}

/// Keeps the histogram, the series and the failures.
pub fn keep(report: &Report, cx: &Context) {
    cx.evidence.keep("latency.hlog", &report.log);
    let marks = cx.signals.covered.marks();
    cx.evidence.keep("seconds.csv", &seconds(report, &marks));
    if !marks.is_empty() {
        let lines: Vec<String> = marks.iter().map(|mark| moment(mark, report).to_string()).collect();
        cx.evidence.keep("marks.ndjson", &(lines.join("\n") + "\n"));
    }
    if !report.failures.is_empty() {
        let lines: Vec<String> = report.failures.iter().map(|failed| failure(failed, report, cx).to_string()).collect();
        cx.evidence.keep("failures.ndjson", &(lines.join("\n") + "\n"));
    }
}

/// The span of a second since the epoch.
fn mark_second(at: Duration, began: Duration) -> std::ops::Range<Duration> {
    began + at..began + at + Duration::from_secs(1)
}

/// What happened to a covered step, in a word.
fn what(mark: &Mark) -> Value {
    mark.ended.map_or_else(|| "began".into(), |state| json!(state))
}

/// A mark beside the measurement: `at` is negative before it began.
fn moment(mark: &Mark, report: &Report) -> Value {
    let at = rounded(mark.at.saturating_sub(report.began)) - rounded(report.began.saturating_sub(mark.at));
    json!({ "at": at, "time": wall_clock(mark.at), "step": mark.step, "what": what(mark) })
}

fn seconds(report: &Report, marks: &[Mark]) -> String {
    let mut csv = "second,time,requests,ok,failed,late".to_owned();
    for cause in Cause::ALL {
        let _ = write!(csv, ",{}", cause.key());
    }
    csv.push_str(",p50_ms,p95_ms,max_ms,own_lag_ms,marks\n");
    for second in &report.seconds {
        let counts = &second.counts;
        let time = wall_clock(report.began + second.at);
        let (ok, failed) = (counts.ok(), counts.failed());
        let _ = write!(csv, "{},{time},{},{ok},{failed},{}", second.at.as_secs(), counts.requests, counts.late);
        for cause in Cause::ALL {
            let _ = write!(csv, ",{}", counts.of(cause));
        }
        let latency = &second.latency;
        for time in [latency.p50, latency.p95, latency.max, second.own] {
            let _ = write!(csv, ",{}", millis(time));
        }
        let since = mark_second(second.at, report.began);
        let here = marks.iter().filter(|mark| since.contains(&mark.at));
        let words: Vec<String> =
            here.map(|mark| format!("{} {}", mark.step, what(mark).as_str().unwrap_or_default())).collect();
        let _ = writeln!(csv, ",{}", words.join("; "));
    }
    csv
}
