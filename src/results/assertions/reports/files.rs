//! Finding, dating and reading the files of reports. Knows no format's content.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use crate::core::files::{inputs, open};
use crate::core::kind::{Context, Since, timestamp};
use crate::core::model::outcome::Fault;
use crate::results::{Format, LARGEST, Report};

/// Files of one assertion.
const FILES: usize = 2_000;
/// Bytes of all of them: 512 MiB.
const BYTES: u64 = 512 << 20;
/// Files are dated by a clock that may be this much behind.
const CLOCK: Duration = Duration::from_millis(50);
/// How far the clock of another machine may be ahead.
const AHEAD: Duration = Duration::from_secs(60);

/// Since when files count, and what that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bound {
    since: Duration,
    words: String,
}

/// Since when files count: as written, else since the run began or the first step of the stage that an earlier run did.
/// `None` where there is no run.
///
/// # Errors
/// [`Fault`] when the step of `since` has not run.
pub(super) fn bound(since: Option<&Since>, cx: &Context) -> Result<Option<Bound>, Fault> {
    match since {
        Some(since) => {
            let at = cx.moment(since)?;
            let words = match since {
                Since::Step(step) => format!("the step `{step}` began"),
                Since::Ago(time) => format!("{time} before now"),
            };
            Ok(Some(Bound { since: at.as_duration().try_into().unwrap_or_default(), words }))
        }
        None => Ok(crate::core::model::event::run_time(&cx.run).map(|run| {
            let steps = cx.ran.values().map(|ran| ran.from);
            Bound { since: steps.chain([run]).min().unwrap_or(run), words: "the run began".to_owned() }
        })),
    }
}

/// A report and where it is, relative to the project.
pub(super) type Read = (PathBuf, Report);

/// Reads every file that the patterns name.
///
/// # Errors
/// [`Fault`] when a pattern names no file, or a file is stale or cannot be read as a whole report; transient where a tool may
/// yet write it.
pub(super) fn read(
    project: &Path,
    format: Format,
    patterns: &[String],
    bound: Option<&Bound>,
) -> Result<Vec<Read>, Fault> {
    let mut paths = Vec::new();
    for pattern in patterns {
        let found = inputs::files(project, pattern)
            .map_err(|error| Fault::unknown(format!("not measured: the reports cannot be listed: {error}")))?;
        if found.is_empty() {
            return Err(Fault::unknown(format!("not measured: no file matches `{pattern}`"))
                .help("the tool that writes it did not run, or writes elsewhere: patterns start at pipeline.yaml")
                .transient());
        }
        paths.extend(found);
    }
    paths.sort();
    paths.dedup();
    if paths.len() > FILES {
        return Err(Fault::unknown(format!("not measured: {} files match, at most {FILES} are read", paths.len())));
    }
    let mut left = BYTES;
    paths.into_iter().map(|path| one(project, format, &path, bound, &mut left).map(|report| (path, report))).collect()
}

fn one(project: &Path, format: Format, path: &Path, bound: Option<&Bound>, left: &mut u64) -> Result<Report, Fault> {
    let shown = path.display();
    let unreadable = |why: &dyn std::fmt::Display| Fault::unknown(format!("not measured: `{shown}`: {why}"));
    let whole = project.join(path);
    let date = whole.metadata().and_then(|meta| meta.modified()).map_err(|error| unreadable(&error))?;
    let date = date.duration_since(UNIX_EPOCH).unwrap_or_default();
    if let Some(bound) = bound.filter(|bound| is_older(date, bound.since)) {
        let written = |time| timestamp(time).round(jiff::Unit::Second).unwrap_or(Timestamp::MAX);
        return Err(Fault::unknown(format!(
            "not measured: `{shown}` is stale: it was written at {}, and {} at {}",
            written(date),
            bound.words,
            written(bound.since)
        ))
        .help("the step that writes it wrote nothing; `since: steps.STEP` or `since: 2h` says what is recent enough")
        .transient());
    }
    if bound.is_some() && is_ahead(date, SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()) {
        let written = timestamp(date).round(jiff::Unit::Second).unwrap_or(Timestamp::MAX);
        return Err(Fault::unknown(format!(
            "not measured: `{shown}` was written at {written}, which is to come: whether this run wrote it is not known"
        ))
        .help("something set the time of the file, or a clock is wrong; remove the file before the step that writes it")
        .transient());
    }
    let bytes = open::read(&whole, LARGEST.min(*left)).map_err(|error| unreadable(&error))?;
    *left = left.saturating_sub(bytes.len() as u64);
    format.read(&bytes).map_err(|error| unreadable(&error))
}

/// Some file systems keep whole seconds only.
fn is_older(date: Duration, since: Duration) -> bool {
    if date.subsec_nanos() == 0 { date.as_secs() < since.as_secs() } else { date + CLOCK < since }
}

/// Clocks of two machines differ by less than this.
fn is_ahead(date: Duration, now: Duration) -> bool {
    date > now + AHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_come_is_not_believed() {
        let at = Duration::from_secs;
        assert!(is_ahead(at(5_000), at(4_900)) && !is_ahead(at(5_000), at(4_990)) && !is_ahead(at(1), at(2)));
    }

    #[test]
    fn a_file_system_that_keeps_whole_seconds_makes_no_file_stale() {
        let at = Duration::from_millis;
        assert!(!is_older(at(5_000), at(5_900)), "written within the same second");
        assert!(is_older(at(4_000), at(5_900)));
        assert!(is_older(at(4_999), at(5_900)));
        assert!(!is_older(at(5_880), at(5_900)), "the clock of files runs behind");
    }
}
