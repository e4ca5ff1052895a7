//! `pipeline logs`: what a step said.

use std::io;

use super::args::{Args, Logs};
use super::{out, record};
use crate::core::journal::open_log;
use crate::core::model::diagnostic::did_you_mean;
use crate::core::model::exit_code::Exit;
use crate::core::model::outcome::Fault;

/// Prints the log of a step, or lists the steps that have one.
pub(super) fn run(args: &Args, wanted: &Logs) -> Result<Exit, Fault> {
    let runs = record::runs_everywhere(args)?;
    // `logs STEP` means the newest run; `logs RUN STEP` names one.
    let (run, step) = match (&wanted.run, &wanted.step) {
        (Some(run), Some(step)) => (Some(run.as_str()), Some(step.as_str())),
        (Some(one), None) if runs.find(Some(one)).is_ok() => (Some(one.as_str()), None),
        (one, _) => (None, one.as_deref()),
    };
    let run = runs.find(run)?;
    let story = record::story(&run)?;
    let names: Vec<&str> = story.nodes.iter().map(|node| node.outline.name.as_str()).collect();
    let Some(step) = step else {
        let with_log =
            story.nodes.iter().filter(|node| node.log.is_some()).map(|node| format!("{}\n", node.outline.name));
        out::data(&with_log.collect::<String>());
        return Ok(Exit::Passed);
    };
    if !names.contains(&step) {
        let help =
            did_you_mean(step, names.iter().copied()).unwrap_or_else(|| "`pipeline logs` lists the steps".to_owned());
        return Err(Fault::invalid(format!("run {} has no step `{step}`", run.id())).help(help));
    }
    match open_log(&run.log(step)) {
        Ok(file) => {
            // Only a terminal must be kept from escape sequences; a pipe gets what the step wrote.
            out::copy(file).map_err(|error| Fault::unknown(format!("cannot read the log of {step}: {error}")))?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let node = story.nodes.iter().find(|node| node.outline.name == step);
            out::say(&match node {
                Some(node) if node.log.is_some() => format!("the log of {step} is gone: {}", run.log(step).display()),
                Some(node) if node.started.is_none() => format!("{step} did not run"),
                _ => format!("{step} said nothing"),
            });
        }
        Err(error) => return Err(Fault::unknown(format!("cannot read the log of {step}: {error}"))),
    }
    // what processes that it left running printed later
    if let Ok(file) = open_log(&run.leftover_log(step)) {
        out::copy(file).map_err(|error| Fault::unknown(format!("cannot read the log of {step}: {error}")))?;
    }
    Ok(Exit::Passed)
}
