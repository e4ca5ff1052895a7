//! Load on HTTP servers: a generator with a thread of its own, that knows of each request how it ended, and of itself
//! whether it kept up. Knows no step and no cluster: addresses come to it, from a name or from a watch that follows them.

mod addresses;
mod cause;
mod connection;
mod generator;
mod load_state;
mod pace;
mod report;
mod response;
mod session;
mod tally;
mod target;
mod timer;
mod wire;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

pub use addresses::{Addresses, Endpoints};
pub use cause::Cause;
pub use report::{Counts, Failed, Quantiles, Report, Second};
pub use response::ResponseView;
pub use target::Target;

use crate::core::model::outcome::Fault;
use crate::core::model::units::{Count, Rate, TimeSpan};

/// What is to be sent, how fast, and what counts as a good answer.
pub struct Load {
    /// Whom to ask; chosen by weight, evenly mixed. At least one.
    pub targets: Vec<Target>,
    /// When requests start.
    pub pace: Pace,
    /// Connections, each with one request at a time, or with as many as the protocol says.
    pub connections: usize,
    /// What is spoken on them; the same that the targets were made for.
    pub protocol: Protocol,
    /// For one request, from the moment it was due.
    pub timeout: Duration,
    /// Whether connections are used again.
    pub keep_alive: bool,
    /// Whether a request that met a connection just being closed counts as failed.
    pub stale_fails: bool,
    /// Time without any failure, before the measurement begins; zero begins at once.
    pub warmup: Duration,
    /// How long the warm-up may take to come clean.
    pub patience: Duration,
    /// When it ends by itself.
    pub until: Until,
    /// What counts as a good answer.
    pub judge: Arc<dyn ResponseCheck>,
}

impl Load {
    /// Requests that can be under way at once.
    fn workers(&self) -> usize {
        self.connections * self.protocol.at_once()
    }
}

/// What is spoken on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2; in the clear without asking first.
    Http2 {
        /// Requests that are under way at once on one connection; at least 1.
        streams: usize,
    },
}

impl Protocol {
    /// Requests that are under way at once on one connection.
    fn at_once(self) -> usize {
        match self {
            Protocol::Http1 => 1,
            Protocol::Http2 { streams } => streams.max(1),
        }
    }
}

/// When requests start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// Each connection asks again when it has its answer: as fast as the server goes.
    Closed,
    /// At this rate per second, whatever the server does; evenly, or as a Poisson process with this seed.
    Open {
        /// Requests per second.
        rate: f64,
        /// A seed makes the times between requests random, exponentially distributed.
        poisson: Option<u64>,
    },
}

/// When the load ends by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Until {
    /// Only on request.
    Stopped,
    /// This long after the measurement began.
    Elapsed(Duration),
    /// After this many measured requests.
    Requests(u64),
}

/// What counts as a good answer. Called in the generator's thread: a slow check blocks the load.
pub trait ResponseCheck: Send + Sync {
    /// Whether it checks more than the status.
    fn reads_body(&self) -> bool;

    /// Whether an answer is as expected; else the cause (wrong status or body) and words for it.
    ///
    /// # Errors
    /// The cause and what was found.
    fn judge(&self, answer: &ResponseView<'_>) -> Result<(), (Cause, String)>;
}

/// The state of a load.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Live {
    /// Whether the warm-up came clean: the measurement runs.
    pub up: bool,
    /// Requests that ended in the last second.
    pub rate: u64,
    /// Measured so far; before, those of the warm-up.
    pub requests: u64,
    /// Failures among them.
    pub failed: u64,
    /// The 95th percentile so far.
    pub p95: Duration,
}

impl fmt::Display for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let warming = if self.up { "" } else { "warming up: " };
        let Live { rate, requests, failed, p95, .. } = self;
        write!(f, "{warming}{requests} requests, {rate}/s, {failed} failed, p95 {}", TimeSpan(*p95))
    }
}

/// How long a warm-up may take to come clean, unless the step says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What is wrong with a rate.
pub fn problem(rate: Rate) -> Option<String> {
    let possible = rate.0 > 0.0 && rate.0 <= 200_000.0;
    (!possible).then(|| format!("a rate of {rate} is not between 1/m and 200000/s"))
}

/// The input of the generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Go,
    Stop,
}

/// A load that runs. Dropped, it stops at once and forgets what it measured.
pub struct Running {
    orders: watch::Sender<Order>,
    live: watch::Receiver<Live>,
    done: oneshot::Receiver<Result<Report, Broken>>,
    thread: Option<JoinHandle<()>>,
}

/// Why there is no report.
#[derive(Debug, Clone, PartialEq)]
pub enum Broken {
    /// The warm-up never came clean; its counts and first failures.
    NotClean(Box<Report>),
    /// The machine would not carry the load.
    Machine(String),
}

/// Starts the generator.
///
/// # Errors
/// [`Fault`] when the machine has no thread for it.
pub fn start(load: Load) -> Result<Running, Fault> {
    let (orders, orders_here) = watch::channel(Order::Go);
    let (live_there, live) = watch::channel(Live::default());
    let (tell, done) = oneshot::channel();
    let work = move || {
        // Dropped without a word if the receiver is gone.
        let _ = tell.send(generator::run(load, orders_here, &live_there));
    };
    let thread = std::thread::Builder::new()
        .name("traffic".to_owned())
        .spawn(work)
        .map_err(|error| Fault::environment(format!("cannot start a thread for the load: {error}")))?;
    Ok(Running { orders, live, done, thread: Some(thread) })
}

impl Running {
    /// Ends the load well: what is under way is waited for.
    pub fn stop(&self) {
        let _ = self.orders.send(Order::Stop);
    }

    /// Its state, twice a second.
    pub fn live(&self) -> watch::Receiver<Live> {
        self.live.clone()
    }

    /// What was measured, once it is over.
    ///
    /// # Errors
    /// [`Broken`] when there is nothing to report.
    pub async fn report(&mut self) -> Result<Report, Broken> {
        let reported = (&mut self.done).await;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        reported.unwrap_or_else(|_| Err(Broken::Machine("the generator broke".to_owned())))
    }
}

impl Broken {
    /// As a fault, for a caller that cannot explain it better.
    pub fn fault(&self) -> Fault {
        match self {
            Broken::NotClean(report) => Fault::unknown(format!(
                "the warm-up never came clean: {} of {} requests failed",
                Count(i64::try_from(report.counts.failed()).unwrap_or(i64::MAX)),
                report.counts.requests
            )),
            Broken::Machine(words) => Fault::environment(format!("the load could not be made: {words}")),
        }
    }
}

impl Report {
    /// Why this report says nothing about the server: the generator itself fell behind.
    pub fn behind(&self) -> Option<Fault> {
        let (p99, max) = (TimeSpan(self.own.p99), TimeSpan(self.own.max));
        let words = if self.own.p99 > tally::lag::TYPICAL {
            format!(
                "1 of 100 requests started {p99} late or more, at most {} is allowed",
                TimeSpan(tally::lag::TYPICAL)
            )
        } else if self.own.max > tally::lag::LONGEST {
            format!("it stood still for {max} once, at most {} is allowed", TimeSpan(tally::lag::LONGEST))
        } else {
            return None;
        };
        let fault = Fault::environment(format!("the load generator itself fell behind: {words}"));
        Some(fault.help("this machine is too busy to measure: lower `rate`, or run less beside it").transient())
    }
}

#[cfg(test)]
pub(crate) mod tests;
