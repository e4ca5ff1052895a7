//! `pipeline report`: a run's reports, made again from its record. They equal what the live run wrote.

use super::args::{Args, Report, ReportFormat};
use super::{out, record};
use crate::core::model::exit_code::Exit;
use crate::core::model::outcome::Fault;
use crate::core::report::{critical, html, json, junit, text};

/// Prints a report.
pub(super) fn run(args: &Args, wanted: &Report) -> Result<Exit, Fault> {
    let run = record::runs_everywhere(args)?.find(wanted.run.as_deref())?;
    let story = record::story(&run)?;
    if story.run.is_empty() {
        let message = format!("the record of run {} does not tell how it began: there is nothing to report", run.id());
        return Err(Fault::unknown(message).help("type: pipeline runs list"));
    }
    match wanted.format {
        ReportFormat::Text => out::styled(&(text::summary(&story) + &critical::words(&story))),
        ReportFormat::Html => {
            let mut file = Vec::new();
            html::write(&story, &record::RunArtifacts(&run), &mut file)
                .map_err(|error| Fault::unknown(format!("the report cannot be made: {error}")))?;
            out::data(&String::from_utf8_lossy(&file));
        }
        ReportFormat::Junit => out::data(&junit::junit(&story)),
        ReportFormat::Json => out::data(&json::json(&story)),
    }
    Ok(Exit::Passed)
}
