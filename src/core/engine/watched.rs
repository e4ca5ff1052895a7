//! The signals and limits around one attempt: what cuts it short, and how long it may take to end then. Knows no kind.

use std::time::Duration;

use tokio::time::Instant;

use crate::core::clock;
use crate::core::kind::Signals;

/// What a cancelled kind may take beyond the grace before it is dropped.
const GIVE_UP: Duration = Duration::from_secs(5);
/// What a `during` step may take to end once nothing is left to cover.
pub(super) const STOP_LIMIT: Duration = Duration::from_secs(60);

/// Why an attempt did not end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    Cancelled,
    TimedOut(Duration),
    NotStopped,
}

/// The signals and limits around one attempt. Times do not go on while the program is suspended.
pub(super) struct Watched<'a> {
    pub signals: &'a Signals,
    pub during: bool,
    /// For a `during` step the time to come up, for any other its whole time.
    pub timeout: Option<Duration>,
}

impl Watched<'_> {
    /// The answer of `work` (none when it gave none in time), why it was cut short, and whether it came up.
    pub async fn run<T>(&self, work: impl Future<Output = T>, up: impl Fn()) -> (Option<T>, Option<Cut>, bool) {
        let mut work = std::pin::pin!(work);
        let mut limit = self.timeout.map(|timeout| (clock::now() + timeout, Cut::TimedOut(timeout)));
        let (mut was_up, mut stopping) = (false, false);
        let cut = loop {
            tokio::select! {
                biased;
                answer = &mut work => {
                    // It may have come up and ended in one go.
                    if self.during && !was_up && self.signals.up.is_cancelled() {
                        was_up = true;
                        up();
                    }
                    let cancelled = self.signals.cancel.is_cancelled().then_some(Cut::Cancelled);
                    return (Some(answer), cancelled, was_up);
                }
                () = self.signals.cancel.cancelled() => break Cut::Cancelled,
                () = self.signals.up.cancelled(), if self.during && !was_up => {
                    was_up = true;
                    if !stopping {
                        limit = None;
                    }
                    up();
                }
                () = self.signals.stop.cancelled(), if self.during && !stopping => {
                    stopping = true;
                    limit = Some((clock::now() + STOP_LIMIT, Cut::NotStopped));
                }
                cut = reached(limit) => break cut,
            }
        };
        self.signals.cancel.cancel();
        let answer = tokio::time::timeout(self.signals.grace + GIVE_UP, &mut work).await.ok();
        (answer, Some(cut), was_up)
    }
}

async fn reached(limit: Option<(Instant, Cut)>) -> Cut {
    match limit {
        Some((at, cut)) => {
            clock::sleep_until(at).await;
            cut
        }
        None => std::future::pending().await,
    }
}
