//! The `^C` that a terminal shows for Ctrl-C: kept away while progress is drawn, since it would move the lines that are drawn
//! again in place.

use std::io::{IsTerminal, stdin};
use std::sync::{Mutex, PoisonError};

use rustix::process::getpgrp;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

/// How the terminal was before, while it is changed.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// As long as it lives, control characters are not shown; then the terminal is as it was.
pub(super) struct EchoGuard(());

impl EchoGuard {
    /// Nothing where there is no terminal to type at, or where it is another job's: a job in the background that changes
    /// it would be stopped.
    pub fn terminal() -> Option<Self> {
        let terminal = stdin();
        let ours = terminal.is_terminal() && tcgetpgrp(&terminal).is_ok_and(|group| group == getpgrp());
        let before = ours.then(|| tcgetattr(&terminal).ok()).flatten()?;
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ECHOCTL);
        tcsetattr(&terminal, OptionalActions::Now, &modes).ok()?;
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        Some(EchoGuard(()))
    }
}

/// Sets the terminal back, where it was changed.
pub(super) fn restore() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(before) = before {
        // a terminal that is gone needs nothing
        let _ = tcsetattr(stdin(), OptionalActions::Now, &before);
    }
}

impl Drop for EchoGuard {
    fn drop(&mut self) {
        restore();
    }
}
