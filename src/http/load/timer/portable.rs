//! The event loop's own timer: wakes within a millisecond or two.

use std::io;
use std::time::Instant;

/// Wakes all that wait for it.
pub struct Timer;

impl Timer {
    /// # Errors
    /// Never.
    pub fn new() -> io::Result<Self> {
        Ok(Timer)
    }

    /// Comes back at `at`, or at once where that is past.
    ///
    /// # Errors
    /// Never.
    pub async fn sleep_until(&self, at: Instant) -> io::Result<()> {
        tokio::time::sleep_until(at.into()).await;
        Ok(())
    }
}
