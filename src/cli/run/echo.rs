//! The `^C` that a terminal shows for Ctrl-C: kept away while progress is drawn, since it would move the lines that are drawn
//! anew in place.

use std::io::{IsTerminal, stdin};

use rustix::process::getpgrp;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

/// As long as it lives, control characters are not shown; then the terminal is as it was.
pub(super) struct Hushed(Termios);

impl Hushed {
    /// Nothing where there is no terminal to type at, or where it is another job's: a job in the background that changes
    /// it would be stopped.
    pub fn terminal() -> Option<Self> {
        let terminal = stdin();
        let ours = terminal.is_terminal() && tcgetpgrp(&terminal).is_ok_and(|group| group == getpgrp());
        let before = ours.then(|| tcgetattr(&terminal).ok()).flatten()?;
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ECHOCTL);
        tcsetattr(&terminal, OptionalActions::Now, &modes).ok().map(|()| Hushed(before))
    }
}

impl Drop for Hushed {
    fn drop(&mut self) {
        // a terminal that is gone needs nothing
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
}
