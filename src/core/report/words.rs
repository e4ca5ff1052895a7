//! The sentences of reports: how a state, a measure, a finding read. Plain text with ANSI styles, stripped where unwanted.

use std::borrow::Cow;
use std::fmt::Write;

use crate::core::model::event::{AssertionResult, NodeId, Reason, State};
use crate::core::model::outcome::{Finding, Measure, Verdict};
use crate::core::model::units::TimeSpan;

use super::run_state::{NodeStory, RunState};

/// ANSI styles; streams strip them where colour is unwanted.
pub(super) mod style {
    pub const GREEN: &str = "\u{1b}[32m";
    pub const RED: &str = "\u{1b}[31m";
    pub const YELLOW: &str = "\u{1b}[33m";
    pub const DIM: &str = "\u{1b}[2m";
    pub const BOLD: &str = "\u{1b}[1m";
    pub const OFF: &str = "\u{1b}[0m";
}

use style::{DIM, GREEN, OFF, RED, YELLOW};

/// A sign for a state, one column wide, with its colour.
pub(super) fn sign(state: State) -> String {
    match state {
        State::Passed => format!("{GREEN}✔{OFF}"),
        State::Failed => format!("{RED}✘{OFF}"),
        State::Errored => format!("{RED}!{OFF}"),
        State::Skipped => format!("{DIM}○{OFF}"),
        State::Cancelled => format!("{YELLOW}■{OFF}"),
        State::Running | State::Up => "▸".to_owned(),
        State::Waiting | State::Ready => "·".to_owned(),
    }
}

/// The sign of a node: a gate that measured nothing does not count as one that holds.
pub(super) fn sign_of(node: &NodeStory) -> String {
    sign(if node.state == State::Passed && measured_nothing(node) { State::Skipped } else { node.state })
}

/// Whether all assertions of a gate were skipped.
fn measured_nothing(node: &NodeStory) -> bool {
    !node.assertions.is_empty() && node.assertions.iter().all(is_skipped)
}

/// Whether an assertion was not measured, on purpose.
pub(super) fn is_skipped(result: &AssertionResult) -> bool {
    matches!(result.verdict, Ok(Verdict::Skipped { .. }))
}

/// The state in a word.
pub(super) fn state(state: State) -> &'static str {
    match state {
        State::Waiting => "waiting",
        State::Ready => "ready",
        State::Running => "running",
        State::Up => "up",
        State::Passed => "passed",
        State::Failed => "failed",
        State::Errored => "errored",
        State::Skipped => "skipped",
        State::Cancelled => "cancelled",
    }
}

/// Why a node did not run or was stopped: `build-backend failed`.
pub(super) fn because(because: &Reason) -> String {
    match because {
        Reason::Failed { node } => format!("{node} failed"),
        Reason::When { expression } => format!("`when: {expression}` is false"),
        Reason::NotHere { reason } => tame(reason),
        Reason::NotSelected => "not selected".to_owned(),
        Reason::NotNeeded => "not needed".to_owned(),
        Reason::Pending => "kept for inspection (`pipeline clean` runs it)".to_owned(),
        Reason::Interrupted => "interrupted".to_owned(),
        Reason::Stopped { reason } => format!("the run was stopped: {reason}"),
        Reason::Kept { run } => format!("done by run {run}"),
        Reason::Unchanged { since } => format!("unchanged since run {since}"),
        Reason::TimedOut { after } => format!("timed out after {}", TimeSpan(*after)),
    }
}

/// The state of a node that is over, in a few words; empty for one that simply passed.
pub(super) fn end(node: &NodeStory) -> String {
    let mut words = match (&node.because, node.state) {
        (None, State::Failed) if node.outline.is_gate() => "does not hold".to_owned(),
        (Some(why), State::Skipped | State::Cancelled) => format!("{}: {}", state(node.state), because(why)),
        (Some(why), _) => because(why),
        (None, State::Passed) => String::new(),
        (None, other) => state(other).to_owned(),
    };
    if node.tolerated {
        words.push_str(" (does not count: continue_on_error)");
    }
    if node.attempts > 1 {
        let _ = write!(words, "{}attempt {}", if words.is_empty() { "" } else { ", " }, node.attempts);
    }
    words
}

/// What a stage waits for: `build, single steps for cluster`.
pub(super) fn needs(stages: &[String], of_steps: &[String]) -> String {
    let whole = (!stages.is_empty()).then(|| stages.join(", "));
    let single = (!of_steps.is_empty()).then(|| format!("single steps for {}", of_steps.join(", ")));
    whole.into_iter().chain(single).collect::<Vec<_>>().join("; ")
}

/// `size is 612 MB, expected < 500 MB`.
pub(super) fn measure(measure: &Measure) -> String {
    let (name, actual, expected) = (tame(&measure.name), tame(&measure.actual), tame(&measure.expected));
    match (expected.is_empty(), measure.holds) {
        (true, _) => format!("{name} is {actual}"),
        (false, true) => format!("{name} is {actual} ({expected})"),
        (false, false) => format!("{name} is {actual}, expected {expected}"),
    }
}

/// An assertion's line: sign, name, and what decides it.
pub(super) fn assertion(result: &AssertionResult) -> String {
    let name = tame(&result.name);
    match &result.verdict {
        Ok(Verdict::Holds { measures }) => {
            let shown: Vec<String> = measures.iter().take(4).map(measure_short).collect();
            format!("{GREEN}✔{OFF} {name}  {DIM}{}{OFF}", shown.join(", "))
        }
        Ok(Verdict::Unmet { measures }) => {
            // What is only shown beside (what a command said) explains it, unless something else does.
            let shown =
                |measure: &&Measure| !measure.holds || (measure.expected.is_empty() && result.findings.is_empty());
            let bad: Vec<String> = measures.iter().filter(shown).map(self::measure).collect();
            let sign = if result.warning { format!("{YELLOW}⚠{OFF}") } else { format!("{RED}✘{OFF}") };
            let ended =
                result.ended.as_ref().map(|ended| format!("; {}", tame(&ended.to_string()))).unwrap_or_default();
            format!("{sign} {name}: {}{ended}", bad.join("; "))
        }
        Ok(Verdict::Skipped { reason }) => format!("{DIM}○ {name}: skipped: {}{OFF}", tame(reason)),
        Err(fault) => format!("{RED}!{OFF} {name}: could not be measured: {}", tame(&fault.message)),
    }
}

fn measure_short(measure: &Measure) -> String {
    format!("{} {}", tame(&measure.name), tame(&measure.actual))
}

/// A finding's lines, the log lines indented below it.
pub(super) fn finding(finding: &Finding) -> Vec<String> {
    let parts = [&finding.object, &finding.cause, &finding.message].map(|part| tame(part));
    let first = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ");
    let lines = finding.lines.iter().map(|line| format!("  {DIM}│{OFF} {}", tame(line)));
    std::iter::once(first).chain(lines).collect()
}

/// Findings that a summary lists, of one failure or assertion.
pub(super) const SUMMARIZED: usize = 5;
/// Findings that are listed when an assertion has its result.
pub(super) const LISTED: usize = 20;

/// The lines of the first findings, and how many are left out.
pub(super) fn findings<'f>(findings: impl IntoIterator<Item = &'f Finding>, most: usize) -> Vec<String> {
    let all: Vec<&Finding> = findings.into_iter().collect();
    let mut lines: Vec<String> = all.iter().take(most).flat_map(|one| finding(one)).collect();
    if all.len() > most {
        lines.push(format!("{DIM}and {} more: report.html and summary.json list all{OFF}", all.len() - most));
    }
    lines
}

/// What explains why a node ended badly, a line each: of each list of findings the first `most`.
pub(super) fn explanation(node: &NodeStory, most: usize) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(failure) = &node.failure {
        // A gate's own words only count what its assertions say below.
        if !failure.summary.is_empty() && node.assertions.is_empty() {
            lines.extend(tame_lines(&failure.summary));
        }
        lines.extend(findings(&failure.findings, most));
        lines.extend(failure.help.iter().map(|help| format!("help: {}", tame(help))));
    }
    // A gate's fault is that of an assertion, which is reported below.
    if let Some(fault) = node.fault.as_ref().filter(|_| node.assertions.iter().all(|result| result.verdict.is_ok())) {
        lines.extend(tame_lines(&fault.message));
        lines.extend(fault.help.iter().map(|help| format!("help: {}", tame(help))));
    }
    let mut reported: Vec<&Finding> = Vec::new();
    for result in &node.assertions {
        if result.is_bad() || (result.warning && !matches!(result.verdict, Ok(Verdict::Holds { .. }))) {
            lines.push(assertion(result));
            if let Err(fault) = &result.verdict {
                lines.extend(fault.help.iter().map(|help| format!("  help: {}", tame(help))));
            }
            // One cause keeps several assertions from holding: it is reported under the first of them.
            let fresh: Vec<&Finding> = result.findings.iter().filter(|finding| !reported.contains(finding)).collect();
            lines.extend(findings(fresh.iter().copied(), most).into_iter().map(|line| format!("  {line}")));
            reported.extend(fresh);
        }
    }
    lines
}

/// The explanation below a node's own line: without the words that [`end`] put there already.
pub(super) fn explanation_below(node: &NodeStory) -> Vec<String> {
    let mut lines = explanation(node, SUMMARIZED);
    let said = node.because.as_ref().map(because);
    if lines.first().is_some_and(|first| Some(first) == said.as_ref()) {
        lines.remove(0);
    }
    lines
}

/// What is said when Ctrl-C or SIGTERM came, for the first time or once more.
pub(super) fn interrupted(times: u32) -> &'static str {
    match times {
        0 | 1 => "interrupted: stopping what runs; `finally` steps still run (again: stop at once)",
        _ => "interrupted again: stopping at once",
    }
}

/// What is said when the run waits for its user.
pub(super) fn paused(story: &RunState, node: NodeId, inspect: &[String]) -> Vec<String> {
    let name = story.node(node).map_or("a step", |node| node.outline.name.as_str());
    let first = format!(
        "paused: {name} failed; `on_failure` and `finally` of its stage wait, and what runs beside it stays up"
    );
    let hints = inspect.iter().map(|hint| format!("  {}", tame(hint)));
    let last = "press Enter to go on, or Ctrl-C to interrupt the run".to_owned();
    [first].into_iter().chain(hints).chain([last]).collect()
}

/// How many of a gate's assertions hold: `gate 4/5`.
pub(super) fn gate_count(node: &NodeStory) -> String {
    let holding = node.assertions.iter().filter(|result| matches!(result.verdict, Ok(Verdict::Holds { .. }))).count();
    let skipped = node.assertions.iter().filter(|result| is_skipped(result)).count();
    if measured_nothing(node) {
        return format!("nothing measured, {skipped} skipped");
    }
    let of = node.outline.assertions;
    if skipped > 0 { format!("{holding} of {of} hold, {skipped} skipped") } else { format!("{holding} of {of} hold") }
}

/// Text from the services, made harmless for a terminal: no escape sequences, no control characters, one line.
pub fn tame(text: &str) -> String {
    tamed(text).into_owned()
}

/// The same without a copy of what is harmless by its looks: printable ASCII.
pub(super) fn tamed(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let stripped = anstream::adapter::strip_str(text).to_string();
    let harmless = |c: char| !(c.is_control() || is_bidi(c) || is_noncharacter(c));
    if stripped.chars().all(harmless) {
        return Cow::Owned(stripped);
    }
    let mut text = String::with_capacity(stripped.len());
    for c in stripped.chars().filter(|c| !is_bidi(*c)) {
        match c {
            c if c.is_control() => text.push(' '),
            c if is_noncharacter(c) => text.extend(c.escape_unicode()),
            c => text.push(c),
        }
    }
    Cow::Owned(text)
}

/// The same with line ends left in: for files, whose lines are no commands.
pub(super) fn tame_keeping_lines(text: &str) -> String {
    text.split('\n').map(tame).collect::<Vec<_>>().join("\n")
}

fn tame_lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(tame)
}

/// Code points that are no characters: XML forbids some of them, HTML all.
pub(crate) fn is_noncharacter(c: char) -> bool {
    matches!(u32::from(c), 0xfdd0..=0xfdef) || u32::from(c) & 0xfffe == 0xfffe
}

/// Characters that reorder text on a terminal (Unicode bidirectional controls).
pub(super) fn is_bidi(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_both_sides_of_a_measure() {
        assert_eq!(measure(&Measure::new("size", "612 MB", "< 500MB", false)), "size is 612 MB, expected < 500MB");
    }

    #[test]
    fn leaves_out_what_a_finding_does_not_say() {
        let mut said = Finding {
            object: "http://x/".to_owned(),
            cause: String::new(),
            message: "answered 200 with this body".to_owned(),
            lines: vec!["{}".to_owned()],
            fatal: None,
        };
        assert_eq!(finding(&said)[0], "http://x/ · answered 200 with this body");
        said.message.clear();
        assert_eq!(finding(&said)[0], "http://x/");
    }

    #[test]
    fn a_long_list_of_findings_is_cut_and_counted() {
        let all: Vec<Finding> = (0..7).map(|at| Finding::new(format!("a{at}"), "", "b")).collect();
        let lines = findings(&all, 5);
        assert_eq!((lines.len(), tame(&lines[5])), (6, "and 2 more: report.html and summary.json list all".to_owned()));
        assert_eq!(findings(&all, 7).len(), 7);
    }

    #[test]
    fn lets_no_escape_sequence_through() {
        assert_eq!(tame("a\u{1b}[31mred\u{1b}[0m\u{7}b\u{202e}c"), "aredbc");
    }

    #[test]
    fn writes_code_points_that_are_no_characters_as_escapes() {
        assert_eq!(
            tame("a\u{fffe}b\u{ffff}\u{fdd0}\u{1ffff}\u{fffd}"),
            "a\\u{fffe}b\\u{ffff}\\u{fdd0}\\u{1ffff}\u{fffd}"
        );
    }
}
