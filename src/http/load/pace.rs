//! When requests are due, and which target each goes to. Pure: counts in, times out.

use std::time::Duration;

/// The times at which requests are due, from a start.
#[derive(Debug, Clone)]
pub(super) struct Arrivals {
    rate: f64,
    count: u64,
    /// For a Poisson process: its generator and the time of the next request, in seconds.
    random: Option<(Random, f64)>,
}

impl Arrivals {
    pub fn new(rate: f64, poisson: Option<u64>) -> Self {
        let random = poisson.map(|seed| {
            let mut random = Random(seed);
            let first = random.exponential() / rate;
            (random, first)
        });
        Arrivals { rate, count: 0, random }
    }

    /// When the next one is due.
    pub fn next(&self) -> Duration {
        #[expect(clippy::cast_precision_loss, reason = "exact for the first 2^53 requests")]
        let seconds = self.random.as_ref().map_or(self.count as f64 / self.rate, |(_, at)| *at);
        Duration::from_secs_f64(seconds)
    }

    /// Goes on to the one after it.
    pub fn advance(&mut self) {
        self.count += 1;
        if let Some((random, at)) = &mut self.random {
            *at += random.exponential() / self.rate;
        }
    }
}

/// A small generator of random numbers (splitmix64): good enough for times between requests.
#[derive(Debug, Clone)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Exponentially distributed, with a mean of 1.
    fn exponential(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are taken")]
        let uniform = ((self.next() >> 11) as f64 + 1.0) / 9_007_199_254_740_992.0;
        -uniform.ln()
    }
}

/// Indexes of targets in the order they take turns: each as often as its weight says, spread evenly.
pub(super) fn turns(weights: &[u32]) -> Vec<usize> {
    let divisor = weights.iter().copied().fold(0, gcd).max(1);
    let weights: Vec<i64> = weights.iter().map(|weight| i64::from(weight / divisor)).collect();
    let total: i64 = weights.iter().sum();
    let mut credit = vec![0; weights.len()];
    let mut turns = Vec::new();
    for _ in 0..total {
        let mut best = 0;
        for (at, weight) in weights.iter().enumerate() {
            credit[at] += weight;
            if credit[at] > credit[best] {
                best = at;
            }
        }
        credit[best] -= total;
        turns.push(best);
    }
    turns
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_arrivals_never_drift() {
        let mut arrivals = Arrivals::new(3.0, None);
        let times: Vec<u128> = (0..7)
            .map(|_| {
                let at = arrivals.next().as_millis();
                arrivals.advance();
                at
            })
            .collect();
        assert_eq!(times, [0, 333, 666, 1000, 1333, 1666, 2000]);
    }

    #[test]
    fn poisson_arrivals_have_the_rate_and_the_spread_of_one() {
        let mut arrivals = Arrivals::new(100.0, Some(7));
        let mut gaps = Vec::new();
        let mut before = 0.0;
        for _ in 0..20_000 {
            let at = arrivals.next().as_secs_f64();
            gaps.push(at - before);
            before = at;
            arrivals.advance();
        }
        let mean = gaps.iter().sum::<f64>() / 20_000.0;
        let spread = (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / 20_000.0).sqrt();
        assert!((mean - 0.01).abs() < 0.0003 && (spread - 0.01).abs() < 0.0005, "{mean} {spread}");
    }

    #[test]
    fn targets_take_turns_by_weight_spread_evenly() {
        assert_eq!(turns(&[1]), [0]);
        assert_eq!(turns(&[3, 1]), [0, 0, 1, 0]);
        assert_eq!(turns(&[20, 10, 10]), [0, 1, 2, 0]);
    }
}
