//! `--pause-on-failure`: whether there is a terminal to wait at, where to find what failed, and the Enter that
//! continues.

use std::io::{self, BufRead, IsTerminal};

use rustix::process::getpgrp;
use rustix::termios::tcgetpgrp;
use tokio::sync::mpsc::UnboundedSender;

use super::super::args::Output;
use super::storage::shown;
use crate::core::engine::Interrupt;
use crate::core::journal::RunFolder;
use crate::core::kind::services::Services;
use crate::core::model::event::{Event, Record};
use crate::core::model::outcome::Fault;
use crate::core::report::reporter::Reporter;
use crate::core::report::run_state::RunState;
use crate::services::Clients;

/// Refuses a pause that nothing would end.
///
/// # Errors
/// [`Fault`] of kind invalid without a terminal of our own, in CI, and where nothing is shown.
pub(super) fn available(output: Output) -> Result<(), Fault> {
    let ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    let terminal = io::stdin();
    let ours = terminal.is_terminal() && tcgetpgrp(&terminal).is_ok_and(|group| group == getpgrp());
    let problem = if output == Output::Quiet {
        "`--output quiet` shows nothing to wait for"
    } else if ci {
        "the variable CI is set"
    } else if !ours || !io::stderr().is_terminal() {
        "there is no terminal to wait at"
    } else {
        return Ok(());
    };
    Err(Fault::invalid(format!("--pause-on-failure cannot be used: {problem}"))
        .help("`--keep failed` leaves what a failed stage has made without waiting"))
}

/// Where to look while a run waits.
pub(super) fn hints(services: &Services, folder: &RunFolder) -> Vec<String> {
    let mut hints = vec![format!("logs and evidence: {}", shown(folder.path()))];
    if let Ok(Some(context)) = services.cluster().context() {
        let namespace = services.cluster().namespace();
        hints.push(format!("kubectl --context {context} -n {namespace} get pods,events"));
    }
    hints
}

/// Waits for Enter once the run is paused; another reporter shows that.
pub(super) struct Prompt {
    pub to: UnboundedSender<Interrupt>,
}

impl Reporter for Prompt {
    fn name(&self) -> &'static str {
        "prompt"
    }

    fn record(&mut self, record: &Record, _: &RunState) -> io::Result<()> {
        if !matches!(record.event, Event::Paused { .. }) {
            return Ok(());
        }
        let to = self.to.clone();
        let wait = move || {
            // The end of the input counts as well: nothing more can come.
            let _ = io::stdin().lock().read_line(&mut String::new());
            let _ = to.send(Interrupt::Continue);
        };
        std::thread::Builder::new().name("pause".to_owned()).spawn(wait).map(drop)
    }
}
