//! `pipeline completions`: completions for a shell.

use clap::CommandFactory;

use super::args::{Args, Completions};
use super::out;
use crate::core::model::exit_code::Exit;
use crate::core::model::outcome::Fault;

/// Prints the completions.
#[expect(clippy::unnecessary_wraps, reason = "every command has this signature")]
pub(super) fn run(wanted: &Completions) -> Result<Exit, Fault> {
    let mut text = Vec::new();
    clap_complete::generate(wanted.shell, &mut Args::command(), "pipeline", &mut text);
    out::data(&String::from_utf8_lossy(&text));
    Ok(Exit::Passed)
}
