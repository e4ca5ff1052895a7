//! What is counted while a load runs: totals, a histogram, a line for each second, the first failures. Pure.

pub(super) mod lag;

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};

use super::tally::lag::Lag;
use super::{Cause, Counts, Failed, Live, Quantiles, Report, Second};

/// Failures that are kept with all that is known of them.
const FAILURES: usize = 1000;

/// A request that is over.
#[derive(Debug)]
pub(super) struct Ended {
    /// When it was due.
    pub due: Instant,
    /// When the generator got to it: later than due by its own doing only.
    pub seen: Instant,
    /// When it was over.
    pub over: Instant,
    /// Whether it had to wait for a free connection.
    pub waited: bool,
    /// Whom it was sent to.
    pub endpoint: Option<SocketAddr>,
    /// How it ended.
    pub result: Result<(), (Cause, String)>,
}

/// Everything that is counted.
pub(super) struct Tally {
    begun: Instant,
    began: Duration,
    counts: Counts,
    warmup: Counts,
    latency: Histogram<u64>,
    blamed: Histogram<u64>,
    /// How late the generator was.
    pub lag: Lag,
    failures: Vec<Failed>,
    seconds: Vec<Second>,
    second: Second,
    second_latency: Histogram<u64>,
    log: String,
    last_rate: u64,
}

/// 1 µs to an hour, three figures.
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("the bounds are well formed")
}

pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

pub(super) fn quantiles(histogram: &Histogram<u64>) -> Quantiles {
    let at = |quantile| Duration::from_micros(histogram.value_at_quantile(quantile));
    if histogram.is_empty() {
        return Quantiles::default();
    }
    Quantiles { p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99), max: at(1.0) }
}

impl Tally {
    pub fn new(now: Instant, stale_fails: bool) -> Self {
        let counts = Counts { stale_fails, ..Counts::default() };
        Tally {
            begun: now,
            began: since_epoch(),
            counts,
            warmup: counts,
            latency: histogram(),
            blamed: histogram(),
            lag: Lag::new(now),
            failures: Vec::new(),
            seconds: Vec::new(),
            second: Second { counts, ..Second::default() },
            second_latency: histogram(),
            log: String::new(),
            last_rate: 0,
        }
    }

    /// The warm-up starts over: what failed before does not count against it.
    pub fn warm_again(&mut self) {
        self.failures.clear();
        self.warmup = self.fresh();
    }

    /// The measurement begins.
    pub fn begin(&mut self, now: Instant) {
        self.begun = now;
        self.began = since_epoch();
        self.failures.clear();
        self.lag.begin();
        self.second = Second { counts: self.fresh(), ..Second::default() };
    }

    /// A request of the warm-up is over.
    pub fn warmed(&mut self, ended: Ended) {
        count(&mut self.warmup, &ended);
        self.keep(ended);
    }

    /// The state of the warm-up.
    pub fn warmup(&self) -> &Counts {
        &self.warmup
    }

    /// A measured request is over.
    pub fn measure(&mut self, ended: Ended) {
        self.turn_page(ended.over);
        count(&mut self.counts, &ended);
        count(&mut self.second.counts, &ended);
        if ended.result.as_ref().err().is_none_or(|(cause, _)| cause.is_timed()) {
            let latency = micros(ended.over.saturating_duration_since(ended.due));
            let blamed = micros(ended.over.saturating_duration_since(ended.seen));
            self.latency.saturating_record(latency);
            self.blamed.saturating_record(blamed);
            self.second_latency.saturating_record(latency);
        }
        if ended.result.is_err() {
            self.keep(ended);
        }
    }

    fn keep(&mut self, ended: Ended) {
        let Err((cause, detail)) = ended.result else { return };
        let counts_as_failure = cause != Cause::StaleConnection || self.counts.stale_fails;
        if counts_as_failure && self.failures.len() < FAILURES {
            let since = |time: Instant| time.saturating_duration_since(self.begun);
            let (due, ended_at) = (since(ended.due), since(ended.over));
            self.failures.push(Failed { due, ended: ended_at, cause, endpoint: ended.endpoint, detail });
        }
    }

    /// Ends the seconds that are over.
    pub fn turn_page(&mut self, now: Instant) {
        while now.saturating_duration_since(self.begun) >= self.second.at + Duration::from_secs(1) {
            let next = self.second.at + Duration::from_secs(1);
            self.close_second();
            self.second = Second { at: next, counts: self.fresh(), ..Second::default() };
        }
        self.second.own = self.second.own.max(self.lag.worst(now));
    }

    fn fresh(&self) -> Counts {
        Counts { stale_fails: self.counts.stale_fails, ..Counts::default() }
    }

    fn close_second(&mut self) {
        let mut second = std::mem::take(&mut self.second);
        second.latency = quantiles(&self.second_latency);
        self.last_rate = second.counts.requests;
        write_interval(&mut self.log, second.at, &self.second_latency);
        self.second_latency.reset();
        self.seconds.push(second);
    }

    /// Its state.
    pub fn live(&self, up: bool) -> Live {
        let counts = if up { &self.counts } else { &self.warmup };
        Live {
            up,
            rate: self.last_rate,
            requests: counts.requests,
            failed: counts.failed(),
            p95: quantiles(&self.latency).p95,
        }
    }

    /// All of it; `took` is from the beginning of the measurement to its end.
    pub fn report(mut self, took: Duration) -> Report {
        if self.second.counts.requests > 0 {
            self.close_second();
        }
        let seconds = took.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate has a few figures")]
        let rate = if seconds > 0.0 { self.counts.requests as f64 / seconds } else { 0.0 };
        Report {
            began: self.began,
            took,
            counts: self.counts,
            warmup: self.warmup,
            rate,
            latency: quantiles(&self.latency),
            blamed: quantiles(&self.blamed),
            own: self.lag.quantiles(),
            failures: self.failures,
            seconds: self.seconds,
            log: head(self.began) + &self.log,
        }
    }
}

fn count(counts: &mut Counts, ended: &Ended) {
    counts.requests += 1;
    counts.late += u64::from(ended.waited);
    if let Err((cause, _)) = &ended.result {
        counts.bad[cause.index()] += 1;
    }
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The head of an interval log, as `HdrHistogram`'s tools read it.
fn head(began: Duration) -> String {
    let start = began.as_secs_f64();
    format!(
        "#[latencies in microseconds]\n#[Histogram log format version 1.3]\n#[StartTime: {start:.3} (seconds since epoch)]\n\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n"
    )
}

fn write_interval(log: &mut String, at: Duration, histogram: &Histogram<u64>) {
    let mut bytes = Vec::new();
    // Writing to memory cannot fail; a histogram that cannot be written leaves a second out.
    if V2DeflateSerializer::new().serialize(histogram, &mut bytes).is_err() {
        return;
    }
    #[expect(clippy::cast_precision_loss, reason = "the log has three figures")]
    let max = if histogram.is_empty() { 0.0 } else { histogram.max() as f64 / 1000.0 };
    log.push_str(&format!("{:.3},1.000,{max:.3},", at.as_secs_f64()));
    BASE64_STANDARD.encode_string(bytes, log);
    log.push('\n');
}

#[cfg(test)]
mod tests;
