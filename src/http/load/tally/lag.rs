//! Whether the generator itself kept up: how late it was by its own doing, kept apart from what a slow server causes.
//! Pure: times in, a judgement out.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// What 99 of 100 requests may at most be late by the generator's own doing.
pub(crate) const TYPICAL: Duration = Duration::from_millis(250);
/// What the generator may at most stand still once.
pub(crate) const LONGEST: Duration = Duration::from_secs(1);
/// How long a moment of standing still explains what is seen late.
const LATELY: Duration = Duration::from_secs(1);

/// How late the generator was.
#[derive(Debug)]
pub(crate) struct Lag {
    errors: Histogram<u64>,
    last_beat: Instant,
    /// The worst of late, and when.
    lately: (Duration, Instant),
    longest: Duration,
}

impl Lag {
    pub fn new(now: Instant) -> Self {
        Lag { errors: super::histogram(), last_beat: now, lately: (Duration::ZERO, now), longest: Duration::ZERO }
    }

    /// Forgets what was before the measurement.
    pub fn begin(&mut self) {
        self.errors.reset();
        self.longest = Duration::ZERO;
    }

    /// Something that was to happen at `due` happens only now.
    pub fn late(&mut self, due: Instant, now: Instant) {
        let error = now.saturating_duration_since(due);
        self.errors.saturating_record(super::micros(error));
        self.note(error, now);
    }

    /// The regular beat of the generator's thread, due at `due`.
    pub fn beat(&mut self, due: Instant, now: Instant) {
        self.last_beat = now;
        self.note(now.saturating_duration_since(due), now);
    }

    fn note(&mut self, error: Duration, now: Instant) {
        self.longest = self.longest.max(error);
        if error >= self.lately.0 || now.saturating_duration_since(self.lately.1) > LATELY {
            self.lately = (error, now);
        }
    }

    /// By how much what is seen now may be late by the generator's own doing.
    pub fn lately(&self, now: Instant) -> Duration {
        self.worst(now).max(now.saturating_duration_since(self.last_beat))
    }

    /// The most that anything was late within the last second.
    pub fn worst(&self, now: Instant) -> Duration {
        if now.saturating_duration_since(self.lately.1) > LATELY { Duration::ZERO } else { self.lately.0 }
    }

    /// What is known of it in the end.
    pub fn quantiles(&self) -> crate::http::load::Quantiles {
        let reported = super::quantiles(&self.errors);
        crate::http::load::Quantiles { max: reported.max.max(self.longest), ..reported }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn a_long_stand_still_is_known_even_where_no_request_was_due() {
        let start = Instant::now();
        let mut lag = Lag::new(start);
        lag.beat(at(start, 10), at(start, 11));
        lag.beat(at(start, 21), at(start, 1521));
        assert_eq!(lag.quantiles().max, Duration::from_millis(1500));
    }

    #[test]
    fn what_was_late_lately_explains_what_is_seen_late_for_a_second() {
        let start = Instant::now();
        let mut lag = Lag::new(start);
        lag.late(at(start, 100), at(start, 400));
        lag.beat(at(start, 400), at(start, 400));
        assert_eq!(lag.lately(at(start, 900)), Duration::from_millis(500));
        lag.beat(at(start, 1600), at(start, 1600));
        assert_eq!(lag.lately(at(start, 1601)), Duration::from_millis(1));
    }
}
