//! What was measured, as numbers.

use std::net::SocketAddr;
use std::time::Duration;

use super::Cause;

/// How many requests ended in which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub requests: u64,
    /// Those that had to wait for a free connection: their waiting counts as the server's time.
    pub late: u64,
    /// Those that ended badly, by cause, in the order of [`Cause::ALL`].
    pub bad: [u64; Cause::ALL.len()],
    /// Whether a stale connection counts as a failure.
    pub stale_fails: bool,
}

impl Counts {
    /// Those of one cause.
    pub fn of(&self, cause: Cause) -> u64 {
        self.bad[cause.index()]
    }

    /// Those that failed.
    pub fn failed(&self) -> u64 {
        let stale = if self.stale_fails { 0 } else { self.of(Cause::StaleConnection) };
        self.bad.iter().sum::<u64>() - stale
    }

    /// Those that were answered as expected.
    pub fn ok(&self) -> u64 {
        self.requests - self.bad.iter().sum::<u64>()
    }
}

/// A distribution of times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quantiles {
    /// Half took at most this long.
    pub p50: Duration,
    /// 90 of 100.
    pub p90: Duration,
    /// 95 of 100.
    pub p95: Duration,
    /// 99 of 100.
    pub p99: Duration,
    /// All.
    pub max: Duration,
}

impl Quantiles {
    /// Each with its name.
    pub fn named(&self) -> [(&'static str, Duration); 5] {
        [("p50", self.p50), ("p90", self.p90), ("p95", self.p95), ("p99", self.p99), ("max", self.max)]
    }
}

/// A request that ended badly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// When it was due, from the beginning of the measurement.
    pub due: Duration,
    /// When it ended, from the same beginning.
    pub ended: Duration,
    /// Why.
    pub cause: Cause,
    /// The address it was sent to; `None` if it was not sent.
    pub endpoint: Option<SocketAddr>,
    /// What was found, in words.
    pub detail: String,
}

impl Failed {
    /// Whom it was sent to, in words.
    pub fn whom(&self) -> String {
        self.endpoint.map_or_else(|| "nobody".to_owned(), |endpoint| endpoint.to_string())
    }
}

/// What ended within one second.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Second {
    /// From the beginning of the measurement.
    pub at: Duration,
    /// How many, and how.
    pub counts: Counts,
    /// How long they took.
    pub latency: Quantiles,
    /// The most that the generator was late by its own doing.
    pub own: Duration,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// When the measurement began, from the epoch.
    pub began: Duration,
    /// From the beginning of the measurement to its end; what was under way then is waited for beyond it.
    pub took: Duration,
    /// Requests, and how they ended.
    pub counts: Counts,
    /// Requests of the warm-up, and how they ended.
    pub warmup: Counts,
    /// Requests per second.
    pub rate: f64,
    /// From when a request was due to the last byte of its answer. Of requests that were answered, or ran out of time.
    pub latency: Quantiles,
    /// The same without what the generator itself was late: what the server can be blamed for.
    pub blamed: Quantiles,
    /// How late the generator was by its own doing.
    pub own: Quantiles,
    /// The first that failed.
    pub failures: Vec<Failed>,
    /// What ended in each second.
    pub seconds: Vec<Second>,
    /// The latencies of each second as an `HdrHistogram` log (version 1.3, compressed V2), in microseconds.
    pub log: String,
}
