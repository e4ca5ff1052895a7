//! The time that a part, a stage or the run has: what is still running when it is over is ended. Knows no kind.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::core::clock;
use crate::core::model::event::Reason;
use crate::core::model::outcome::Failure;
use crate::core::model::units::TimeSpan;

use super::ending::{Ending, as_failure};

/// A moment at which a node is ended.
#[derive(Debug, Clone)]
pub(crate) struct Limit {
    /// The moment, as [`clock`] counts.
    pub at: Instant,
    after: Duration,
    /// Whose limit it is: ``the stage `deploy` ``.
    of: String,
}

impl Limit {
    /// The end of the time that `of` has since it began.
    pub fn new(begun: Instant, after: Duration, of: String) -> Self {
        Limit { at: begun + after, after, of }
    }

    /// How a node ended that was still running, or that ran into it.
    pub fn ending(self, ending: Ending) -> Ending {
        let last = as_failure(ending);
        let summary = format!("timed out: {} took longer than {}", self.of, TimeSpan(self.after));
        let help = last.help.or_else(|| Some("give it a longer `timeout:`".to_owned()));
        let failure = Failure { findings: last.findings, help, ..Failure::new(summary) };
        Ending { because: Some(Reason::TimedOut { after: self.after }), ..Ending::failed(failure) }
    }
}

/// The result of `work`, which is cancelled when the limit is reached, and the limit if it was.
pub(crate) async fn around<T>(
    limit: Option<Limit>,
    cancel: &CancellationToken,
    work: impl Future<Output = T>,
) -> (T, Option<Limit>) {
    let Some(limit) = limit else { return (work.await, None) };
    let mut work = std::pin::pin!(work);
    tokio::select! {
        biased;
        result = &mut work => return (result, None),
        () = cancel.cancelled() => return (work.await, None),
        () = clock::sleep_until(limit.at) => {}
    }
    cancel.cancel();
    (work.await, Some(limit))
}
