//! Time in which this program runs: while it is suspended (Ctrl-Z, SIGSTOP), no timeout goes on. Knows no process.
//!
//! A thread ([`beat`]) notices that it was not scheduled for a while; with a SIGCONT, that was a suspension.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::time::Instant;
pub use tokio::time::error::Elapsed;

/// Between two beats.
pub const BEAT: Duration = Duration::from_millis(250);
/// A beat this late is looked into. A busy machine may delay it too: then no SIGCONT came.
const LATE: Duration = Duration::from_millis(500);
/// Between two checks whether a late beat was accounted for, and how many there are at most.
const RECHECK: Duration = Duration::from_millis(20);
const RECHECKS: u32 = 30;

/// Milliseconds of all suspensions so far.
static SUSPENDED: AtomicU64 = AtomicU64::new(0);
/// When the last beat was, in milliseconds since [`START`] and one more; 0 before the first.
static LAST: AtomicU64 = AtomicU64::new(0);
static START: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);
/// A SIGCONT came since the last beat.
static CONTINUED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// The flag that a handler of SIGCONT sets.
pub fn continued() -> Arc<AtomicBool> {
    Arc::clone(&CONTINUED)
}

/// Takes note that the program is running now: to be called every [`BEAT`].
pub fn beat() {
    let now = millis();
    let last = LAST.load(Ordering::SeqCst);
    if last > 0 && is_late(last, now) {
        // the handler may run a moment later than this thread
        let came = (0..5).any(|_| {
            let came = CONTINUED.swap(false, Ordering::SeqCst);
            if !came {
                std::thread::sleep(Duration::from_millis(5));
            }
            came
        });
        if came {
            SUSPENDED.fetch_add(now - last - in_millis(BEAT), Ordering::SeqCst);
        }
    } else {
        CONTINUED.store(false, Ordering::SeqCst);
    }
    LAST.store(millis(), Ordering::SeqCst);
}

/// The moment on this clock; only to be compared with others of it.
pub fn now() -> Instant {
    let now = Instant::now();
    now.checked_sub(Duration::from_millis(SUSPENDED.load(Ordering::SeqCst))).unwrap_or(now)
}

/// Waits until this moment of [`now`].
pub async fn sleep_until(deadline: Instant) {
    let mut rechecks = 0;
    loop {
        let now = now();
        if now < deadline {
            tokio::time::sleep(deadline - now).await;
        } else if rechecks < RECHECKS && is_late(LAST.load(Ordering::SeqCst), millis()) {
            // just resumed: the suspension is not accounted for yet
            rechecks += 1;
            tokio::time::sleep(RECHECK).await;
        } else {
            return;
        }
    }
}

/// Waits for this long.
pub async fn sleep(time: Duration) {
    sleep_until(now() + time).await;
}

/// The value of `future`, unless it takes longer.
///
/// # Errors
/// [`Elapsed`] when the time is over. A value that is there by then counts.
pub async fn timeout<T>(limit: Duration, future: impl Future<Output = T>) -> Result<T, Elapsed> {
    timeout_at(now() + limit, future).await
}

/// The same until a moment of [`now`].
///
/// # Errors
/// As [`timeout`].
pub async fn timeout_at<T>(deadline: Instant, future: impl Future<Output = T>) -> Result<T, Elapsed> {
    tokio::select! {
        biased;
        value = future => Ok(value),
        () = sleep_until(deadline) => Err(elapsed().await),
    }
}

/// The one value of a type that only tokio can make.
async fn elapsed() -> Elapsed {
    match tokio::time::timeout(Duration::ZERO, std::future::pending::<std::convert::Infallible>()).await {
        Err(elapsed) => elapsed,
        Ok(never) => match never {},
    }
}

fn is_late(last: u64, now: u64) -> bool {
    last > 0 && now.saturating_sub(last) > in_millis(BEAT + LATE)
}

fn millis() -> u64 {
    in_millis(START.elapsed()) + 1
}

fn in_millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_and_times_out_like_the_runtime_where_nothing_is_suspended() {
        let begun = Instant::now();
        sleep(Duration::from_secs(3)).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(3));
        assert!(timeout(Duration::from_secs(2), std::future::pending::<()>()).await.is_err());
        assert_eq!(begun.elapsed(), Duration::from_secs(5));
        assert_eq!(timeout(Duration::ZERO, std::future::ready(1)).await, Ok(1));
    }
}
