//! How busy this machine was in a span of time: what may be behind a time that is too long, or a rate that is too low. Linux
//! says it in /proc; other systems do not.

use std::collections::VecDeque;
use std::fs;
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use crate::core::model::outcome::Finding;
use crate::core::model::units::TimeSpan;

/// The cause under which it is shown.
pub const CAUSE: &str = "MachineLoad";

/// Between two samples.
const EVERY: Duration = Duration::from_secs(1);
/// Samples kept: those of two hours.
const KEPT: usize = 7200;

static SAMPLES: Mutex<VecDeque<Sample>> = Mutex::new(VecDeque::new());
static STARTED: Once = Once::new();

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sample {
    at: Instant,
    /// Processes that ran or waited for a CPU or a disk, averaged over a minute.
    load: f64,
    /// How long, since the machine started, a process waited for each; `None` if the kernel does not count it.
    waited: Waited<Option<Duration>>,
}

/// Of what processes waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Waited<T> {
    cpu: T,
    memory: T,
    disk: T,
}

/// How busy the machine was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MachineLoad {
    /// The highest load average of a minute.
    load: f64,
    cpus: usize,
    /// The share of the time in which a process waited, from 0 to 1.
    waited: Waited<Option<f64>>,
    /// How long the span is.
    span: Duration,
}

/// Begins to sample. A second call does nothing.
pub fn watch_machine() {
    STARTED.call_once(|| {
        // without the thread there is one finding less
        let _ = std::thread::Builder::new().name("machine".to_owned()).spawn(|| {
            while let Some(sample) = sample() {
                let mut samples = SAMPLES.lock().unwrap_or_else(PoisonError::into_inner);
                if samples.len() == KEPT {
                    samples.pop_front();
                }
                samples.push_back(sample);
                drop(samples);
                std::thread::sleep(EVERY);
            }
        });
    });
}

/// How busy it was from `began` ago until `ended` ago. `None` where it was not sampled.
pub fn machine_load(began: Duration, ended: Duration) -> Option<MachineLoad> {
    let now = Instant::now();
    let samples: Vec<Sample> = {
        let samples = SAMPLES.lock().unwrap_or_else(PoisonError::into_inner);
        samples.iter().copied().chain(sample().filter(|_| !samples.is_empty())).collect()
    };
    let (from, to) = (now.checked_sub(began)?, now.checked_sub(ended)?);
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    between(&samples, from, to, cpus)
}

/// From the last sample before the span to the first one behind it.
fn between(samples: &[Sample], from: Instant, to: Instant, cpus: usize) -> Option<MachineLoad> {
    let first = samples.iter().rposition(|sample| sample.at <= from).unwrap_or(0);
    let last = samples.iter().position(|sample| sample.at >= to).unwrap_or(samples.len().checked_sub(1)?);
    let (begin, end) = (samples.get(first)?, samples.get(last)?);
    let span = end.at.checked_duration_since(begin.at).filter(|span| !span.is_zero())?;
    let share = |before: Option<Duration>, after: Option<Duration>| {
        let waited = after?.checked_sub(before?)?;
        Some((waited.as_secs_f64() / span.as_secs_f64()).min(1.0))
    };
    Some(MachineLoad {
        load: samples[first..=last].iter().map(|sample| sample.load).fold(0.0, f64::max),
        cpus,
        waited: Waited {
            cpu: share(begin.waited.cpu, end.waited.cpu),
            memory: share(begin.waited.memory, end.waited.memory),
            disk: share(begin.waited.disk, end.waited.disk),
        },
        span,
    })
}

fn sample() -> Option<Sample> {
    let load = fs::read_to_string("/proc/loadavg").ok()?;
    let load = load.split_whitespace().next()?.parse().ok()?;
    let waited = |what: &str| pressure(&fs::read_to_string(format!("/proc/pressure/{what}")).ok()?);
    let waited = Waited { cpu: waited("cpu"), memory: waited("memory"), disk: waited("io") };
    Some(Sample { at: Instant::now(), load, waited })
}

/// The total of `some avg10=0.00 avg60=0.00 avg300=0.00 total=12345`, which counts microseconds.
fn pressure(text: &str) -> Option<Duration> {
    let some = text.lines().find(|line| line.starts_with("some "))?;
    let total = some.split_whitespace().find_map(|field| field.strip_prefix("total="))?;
    total.parse().ok().map(Duration::from_micros)
}

impl MachineLoad {
    /// As what may explain a time or a rate.
    pub fn finding(&self) -> Finding {
        let cpus = crate::core::model::units::counted(self.cpus as u64, "CPU");
        let share = |what: &str, share: Option<f64>| share.map(|share| format!("for {what} {:.0}%", share * 100.0));
        let waited = [("a CPU", self.waited.cpu), ("memory", self.waited.memory), ("the disk", self.waited.disk)];
        let waited: Vec<String> = waited.into_iter().filter_map(|(what, waited)| share(what, waited)).collect();
        let waited = if waited.is_empty() {
            String::new()
        } else {
            format!("; processes waited {} of the time", waited.join(", "))
        };
        let span = TimeSpan(Duration::from_secs(self.span.as_secs().max(1)));
        let message = format!("the load was {:.1} on {cpus}{waited} ({span} around the measurement)", self.load);
        Finding::new("this machine", CAUSE, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_counts_microseconds() {
        let text = "some avg10=98.37 avg60=98.88 avg300=97.12 total=2500000\nfull avg10=0.00 total=7\n";
        assert_eq!(pressure(text), Some(Duration::from_millis(2500)));
        assert_eq!(pressure("nothing"), None);
    }

    #[test]
    fn the_share_of_time_is_that_of_the_samples_around_the_span() {
        let start = Instant::now();
        let at = |second: u64, load: f64, cpu: u64| Sample {
            at: start + Duration::from_secs(second),
            load,
            waited: Waited { cpu: Some(Duration::from_secs(cpu)), memory: Some(Duration::ZERO), disk: None },
        };
        let samples = [at(0, 9.0, 0), at(10, 1.0, 10), at(12, 14.2, 11), at(14, 3.0, 12), at(20, 9.0, 12)];
        let span = |from: u64, to: u64| {
            let load = between(&samples, start + Duration::from_secs(from), start + Duration::from_secs(to), 2);
            load.map(|load| load.finding().message)
        };
        let expected = "the load was 14.2 on 2 CPUs; processes waited for a CPU 50%, for memory 0% of the time \
                        (4s around the measurement)";
        assert_eq!(span(11, 13).as_deref(), Some(expected));
        assert_eq!(between(&samples[..1], start, start, 2), None);
        assert_eq!(between(&[], start, start, 2), None);
    }
}
