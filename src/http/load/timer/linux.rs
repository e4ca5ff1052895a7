//! A timerfd in the event loop: wakes within some ten microseconds.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;

/// Wakes all that wait for it.
pub struct Timer(AsyncFd<OwnedFd>);

impl Timer {
    /// # Errors
    /// When the machine has no file descriptor left.
    pub fn new() -> io::Result<Self> {
        let fd = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        #[expect(
            deprecated,
            reason = "unsound for types that give away another descriptor later; an `OwnedFd` does not"
        )]
        let registered = AsyncFd::new(fd)?;
        Ok(Timer(registered))
    }

    /// Comes back at `at`, or at once where that is past.
    ///
    /// # Errors
    /// When the timer cannot be set.
    pub async fn sleep_until(&self, at: Instant) -> io::Result<()> {
        loop {
            let wait = at.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                return Ok(());
            }
            timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once(wait))?;
            // Setting it again takes back that it was readable: nothing needs to be read. That it was readable may be
            // remembered from a sleep that was given up.
            self.0.readable().await?.clear_ready();
        }
    }
}

fn once(wait: Duration) -> Itimerspec {
    let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
    let value =
        Timespec { tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX), tv_nsec: i64::from(wait.subsec_nanos()) };
    Itimerspec { it_interval: zero, it_value: value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn never_wakes_early() {
        let timer = Timer::new().expect("a descriptor");
        for micros in [0, 50, 300, 1500] {
            let at = Instant::now() + Duration::from_micros(micros);
            timer.sleep_until(at).await.expect("set");
            assert!(Instant::now() >= at);
        }
    }
}
