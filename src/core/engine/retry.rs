//! Whether and when a step is tried again. Pure.

use std::time::Duration;

use crate::core::plan::Retry;
use crate::core::spec::RetryOn;

use super::ending::Ending;

/// Whether a bad end is one after which the step is tried again.
pub(super) fn is_retried(on: RetryOn, ending: &Ending) -> bool {
    match on {
        RetryOn::Any => true,
        RetryOn::Fault => ending.fault.is_some(),
        RetryOn::Failure => ending.fault.is_none(),
    }
}

/// The time before the attempt after this one.
pub(super) fn backoff(retry: Retry, attempt: u32) -> Duration {
    let factor = 2_u32.saturating_pow(attempt.saturating_sub(1).min(30));
    retry.backoff.saturating_mul(factor).min(retry.max_backoff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_limit() {
        let retry = Retry {
            attempts: 9,
            backoff: Duration::from_secs(2),
            max_backoff: Duration::from_secs(10),
            on: RetryOn::Any,
        };
        let waits: Vec<u64> = (1..6).map(|attempt| backoff(retry, attempt).as_secs()).collect();
        assert_eq!(waits, [2, 4, 8, 10, 10]);
        assert_eq!(backoff(retry, 4_000_000_000).as_secs(), 10);
    }
}
