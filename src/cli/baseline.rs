//! `pipeline baseline`: shows the stored values, or stores what a run measured.

use std::fmt::Write;
use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::args::{Args, Baseline, BaselineCommand};
use super::{find, out, record};
use crate::core::files::replace::{Lasting, replace};
use crate::core::files::{open, project};
use crate::core::journal::{End, Reader, RunFolder};
use crate::core::kind::timestamp;
use crate::core::model::event::{Event, run_time};
use crate::core::model::exit_code::Exit;
use crate::core::model::outcome::{BaselineValue, Fault};
use crate::core::plan::BASELINES;
use crate::core::spec::{BaselineSpec, BaselinesSpec};

/// Bytes of the file.
const LARGEST: u64 = 4 << 20;
/// The first lines of the file.
const HEAD: &str = "# The values that expectations refer to as `baseline`. Written by `pipeline baseline accept`.\n";

/// Shows or stores baselines.
pub(super) fn run(args: &Args, wanted: &Baseline) -> Result<Exit, Fault> {
    let file = find::pipeline_file(args)?;
    let project = file.parent().unwrap_or(Path::new("."));
    let stored = read(project)?;
    match wanted.command.as_ref().unwrap_or(&BaselineCommand::Show) {
        BaselineCommand::Show => show(&stored),
        BaselineCommand::Accept { run, only } => {
            let run = record::runs(args)?.find(run.as_deref())?;
            if run.is_running() {
                return Err(Fault::invalid(format!("the run {} is still going on", run.id())).help("wait for its end"));
            }
            accept(project, stored, &run, only.as_deref())?;
        }
    }
    Ok(Exit::Passed)
}

fn show(stored: &BaselinesSpec) {
    if stored.baselines.is_empty() {
        return out::say("no baselines yet: `pipeline baseline accept` stores what the newest run measured");
    }
    let mut lines = String::new();
    for (assertion, values) in &stored.baselines {
        for (key, entry) in values {
            let _ = writeln!(lines, "{assertion}  {key}  {}  {} of run {}", entry.value, entry.date, entry.run);
        }
    }
    out::data(&lines);
}

fn accept(project: &Path, mut stored: BaselinesSpec, run: &RunFolder, only: Option<&str>) -> Result<(), Fault> {
    let measured = measured(run)?;
    let chosen: Vec<&BaselineValue> =
        measured.iter().filter(|value| only.is_none_or(|text| value.assertion.contains(text))).collect();
    if chosen.is_empty() {
        let message = match (measured.is_empty(), only) {
            (false, Some(text)) => format!("run {} measured no baseline of an assertion with `{text}`", run.id()),
            _ => format!("run {} measured nothing that refers to a baseline", run.id()),
        };
        let help = "write an expectation such as `size: \"<= baseline + 5%\"`, and run the pipeline first";
        return Err(Fault::invalid(message).help(help));
    }
    let time = run_time(run.id()).map_or_else(jiff::Timestamp::now, timestamp);
    let date = time.to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
    stored.version = 1;
    for value in chosen {
        let entry = BaselineSpec { value: value.value.clone(), run: run.id().to_owned(), date: date.clone() };
        let entries = stored.baselines.entry(value.assertion.clone()).or_default();
        let before = entries.insert(value.key.clone(), entry);
        let was = before.map_or_else(|| "new".to_owned(), |before| format!("was {}", before.value));
        out::say(&format!("{}  {}  {}  ({was})", value.assertion, value.key, value.value));
    }
    stored.baselines.sort_keys();
    write(project, &stored)
}

/// What a run measured that can become a baseline, the newest value of each.
fn measured(run: &RunFolder) -> Result<Vec<BaselineValue>, Fault> {
    let unreadable = |error: &dyn std::fmt::Display| Fault::unknown(format!("the record cannot be read: {error}"));
    let mut found: Vec<BaselineValue> = Vec::new();
    let mut reader = Reader::open(&run.journal()).map_err(|error| unreadable(&error))?;
    for record in reader.by_ref() {
        let Event::AssertionSettled { result, .. } = record.event else { continue };
        for value in result.baselines {
            found.retain(|other| (&other.assertion, &other.key) != (&value.assertion, &value.key));
            found.push(value);
        }
    }
    if reader.end().is_some_and(End::loses_records) {
        return Err(unreadable(&format!("it is damaged after {} bytes", reader.offset())));
    }
    Ok(found)
}

fn read(project: &Path) -> Result<BaselinesSpec, Fault> {
    let path = project.join(BASELINES);
    let text = match open::read_text(&path, LARGEST) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BaselinesSpec::default()),
        Err(error) => return Err(Fault::invalid(format!("cannot read {}: {error}", path.display()))),
    };
    serde_yaml::from_str(&text).map_err(|error| {
        Fault::invalid(format!("{} cannot be read: {error}", path.display()))
            .help("`pipeline check` says what is wrong")
    })
}

/// The file is there whole or not at all.
fn write(project: &Path, stored: &BaselinesSpec) -> Result<(), Fault> {
    let path = project::place(project, Path::new(BASELINES))?;
    let unwritable = |error: io::Error| Fault::environment(format!("{} cannot be written: {error}", path.display()));
    let text = serde_yaml::to_string(stored).map_err(|error| unwritable(io::Error::other(error)))?;
    let written = replace(&path, Lasting::Synced, |out| {
        // it is committed: others read it
        out.get_ref().set_permissions(Permissions::from_mode(0o644))?;
        out.write_all(format!("{HEAD}{text}").as_bytes())
    });
    written.map_err(unwritable)?;
    out::say(&format!("wrote {BASELINES}: commit it"));
    Ok(())
}
