//! What one attempt lends a driver that acts by commands, and how such an act can fail. Knows no tool.

mod last_lines;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::core::kind::Context;
use crate::core::model::outcome::{Failure, Fault};
use crate::process::{Command, LineSink, Output, Stop, capture};

pub use last_lines::LastLines;

/// What one attempt lends the driver: its environment, its log, its scratch folder and its signals.
#[derive(Clone)]
pub struct CommandContext<'a> {
    /// The whole environment of the commands.
    pub env: &'a BTreeMap<String, String>,
    /// The project's folder.
    pub dir: PathBuf,
    /// A private folder for temporary files.
    pub scratch: PathBuf,
    /// Where lines go.
    pub log: &'a dyn LineSink,
    /// How commands are stopped.
    pub stop: Stop,
}

/// Bytes kept of what a short command says: inspections run to some 100 kB.
const ANSWER_LIMIT: usize = 4 << 20;

impl<'a> CommandContext<'a> {
    /// That of a kind's attempt: its environment, the project's folder, its log.
    pub fn of(cx: &'a Context) -> Self {
        let (dir, scratch) = (cx.project.to_path_buf(), cx.scratch.to_path_buf());
        CommandContext { env: &cx.env, dir, scratch, log: &*cx.log, stop: cx.stop() }
    }
}

impl CommandContext<'_> {
    /// `program args…` in this call's environment.
    pub fn command<S: Into<OsString>>(&self, program: &str, args: impl IntoIterator<Item = S>) -> Command {
        Command {
            program: program.into(),
            args: args.into_iter().map(Into::into).collect(),
            env: self.env.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            dir: self.dir.clone(),
            ..Command::default()
        }
    }

    /// Runs a short command.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be started, was stopped, or printed more than is kept.
    pub async fn ask<S: Into<OsString>>(
        &self,
        program: &str,
        args: impl IntoIterator<Item = S>,
    ) -> Result<Output, Fault> {
        let said = capture(&self.command(program, args), ANSWER_LIMIT, &self.stop).await?;
        said.stdout.whole(&format!("the output of `{program}`"))?;
        Ok(said)
    }
}

/// Why an act was not done.
#[derive(Debug)]
pub enum CommandError {
    /// The tool said no.
    Failed(Failure),
    /// We could not find out.
    Fault(Fault),
}

impl From<Fault> for CommandError {
    fn from(fault: Fault) -> Self {
        CommandError::Fault(fault)
    }
}

impl CommandError {
    /// As a fault of the environment, where what is missing belongs to it and may still come.
    pub fn into_missing(self) -> Fault {
        match self {
            CommandError::Fault(fault) => fault,
            CommandError::Failed(failure) => Fault {
                help: failure.help,
                ..Fault::environment(format!("not measured: {}", failure.summary)).transient()
            },
        }
    }

    /// As a fault, where a tool's failure keeps us from an answer.
    pub fn into_fault(self) -> Fault {
        match self {
            CommandError::Fault(fault) => fault,
            CommandError::Failed(failure) => Fault { help: failure.help, ..Fault::unknown(failure.summary) },
        }
    }
}

/// The last line with words on it.
pub fn last_line(bytes: &[u8]) -> Option<String> {
    String::from_utf8_lossy(bytes).lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned)
}

/// A text without colours, control characters and blank ends. What a carriage return overwrote is left out.
pub fn plain(text: &str) -> String {
    let text = anstream::adapter::strip_str(text).to_string();
    let shown = |line: &str| {
        let line = line.trim_end_matches('\r');
        line.rsplit('\r').next().unwrap_or(line).chars().filter(|c| !c.is_control() || *c == '\t').collect::<String>()
    };
    let lines: Vec<String> = text.split('\n').map(|line| shown(line).trim_end().to_owned()).collect();
    lines.join("\n").trim_matches('\n').trim_end().to_owned()
}
