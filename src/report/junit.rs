//! `JUnit` XML: a suite a stage, a case a step and an assertion. A fault is an `<error>`, an unmet verdict a `<failure>`;
//! an `<error>` is also what has started and has no end, and a run that has none.

use std::io;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::past;
use super::story::{NodeStory, Story};
use super::words::{self, tame};
use crate::event::{AssertionResult, State};
use crate::outcome::Verdict;

/// The report as XML.
pub fn junit(story: &Story) -> String {
    report(story).to_string().unwrap_or_default()
}

/// Writes the report.
///
/// # Errors
/// When `out` cannot be written.
pub fn write(story: &Story, mut out: impl io::Write) -> io::Result<()> {
    report(story).serialize(&mut out).map_err(|error| io::Error::other(root(&error)))?;
    out.flush()
}

/// What lies under an error that only says where it happened.
fn root(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source()).last().map_or_else(String::new, ToString::to_string)
}

fn report(story: &Story) -> Report {
    let mut report = Report::new(story.pipeline.clone());
    if let Some(end) = &story.end {
        report.set_time(end.elapsed);
    }
    for stage in &story.stages {
        let mut suite = TestSuite::new(stage.name.clone());
        suite.set_time(stage.elapsed);
        for node in stage.nodes.iter().filter_map(|id| story.node(*id)) {
            suite.add_test_cases(node.assertions.iter().map(|result| assertion(node, result)));
            if node.assertions.is_empty() || node.is_in_doubt() {
                suite.add_test_case(step(node));
            }
        }
        report.add_test_suite(suite);
    }
    if story.end.is_none() && !story.run.is_empty() {
        report.add_test_suite(without_end(story));
    }
    report
}

/// A run that died, or goes on still, has passed nothing on the whole.
fn without_end(story: &Story) -> TestSuite {
    let (over, of) = story.progress();
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(format!("the run has no end: {over} of {of} steps and gates are over"));
    let mut suite = TestSuite::new("run");
    suite.add_test_case(TestCase::new(story.run.clone(), status));
    suite
}

fn step(node: &NodeStory) -> TestCase {
    let explanation: Vec<String> = words::explanation(node).iter().map(|line| tame(line)).collect();
    let status = match node.state {
        State::Passed => TestCaseStatus::success(),
        _ if node.tolerated => TestCaseStatus::success(),
        _ if node.is_in_doubt() => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(past::IN_DOUBT);
            status
        }
        State::Failed | State::Errored => {
            let kind = if node.state == State::Failed { NonSuccessKind::Failure } else { NonSuccessKind::Error };
            let mut status = TestCaseStatus::non_success(kind);
            status.set_message(tame(explanation.first().map_or("failed", String::as_str)));
            status.set_description(explanation.join("\n"));
            status
        }
        _ => {
            let mut status = TestCaseStatus::skipped();
            status
                .set_message(node.because.as_ref().map_or_else(|| words::state(node.state).to_owned(), words::because));
            status
        }
    };
    let mut case = TestCase::new(node.outline.name.clone(), status);
    case.set_classname(node.outline.kind.clone());
    case.set_time(node.elapsed);
    case
}

fn assertion(node: &NodeStory, result: &AssertionResult) -> TestCase {
    let line = tame(&words::assertion(result));
    let findings =
        result.findings.iter().flat_map(words::finding).map(|line| tame(&line)).collect::<Vec<_>>().join("\n");
    let told = |kind: NonSuccessKind| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_message(line.clone());
        status.set_description(format!("{line}\n{findings}"));
        status
    };
    let status = match &result.verdict {
        Ok(Verdict::Holds { .. }) => TestCaseStatus::success(),
        Ok(Verdict::Skipped { reason }) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(tame(reason));
            status
        }
        _ if result.warning => TestCaseStatus::success(),
        Ok(Verdict::Unmet { .. }) => told(NonSuccessKind::Failure),
        Err(_) => told(NonSuccessKind::Error),
    };
    let mut case = TestCase::new(format!("{}: {}", node.outline.name, tame(&result.name)), status);
    case.set_classname(result.kind.clone());
    case.set_time(result.elapsed);
    case
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::event::Record;

    struct Full;

    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("no space left on device"))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_run_without_an_end_is_an_error_and_so_is_what_was_in_doubt() {
        let outline = |name: &str| json!({ "name": name, "stage": 0, "role": "step", "kind": "shell", "title": "" });
        let nodes = ["a.done", "a.load", "a.late"].map(outline);
        let events = [
            json!({
                "event": "run-started", "format": 1, "run": "r1", "pipeline": "shop", "time": "2026-01-01T00:00:00Z",
                "stages": [{ "name": "a", "needs": [] }], "nodes": nodes,
            }),
            json!({ "event": "node-started", "node": 0, "attempt": 1 }),
            json!({ "event": "node-finished", "node": 0, "state": "passed", "elapsed": { "secs": 0, "nanos": 0 } }),
            json!({ "event": "node-started", "node": 1, "attempt": 1 }),
            json!({ "event": "node-up", "node": 1 }),
        ];
        let record =
            |event| Record { seq: 0, at: Duration::ZERO, event: serde_json::from_value(event).expect("an event") };
        let story = Story::of(&events.map(record));
        let xml = junit(&story);
        let lines: Vec<&str> = xml.lines().map(str::trim).filter(|line| line.starts_with("<error")).collect();
        assert!(xml.contains(r#"name="shop" tests="4" skipped="1" failures="0" errors="2""#), "{xml}");
        assert_eq!(
            lines,
            [
                r#"<error message="in doubt: it had started, and nobody knows how it ended"/>"#,
                r#"<error message="the run has no end: 1 of 3 steps and gates are over"/>"#
            ],
            "{xml}"
        );
        assert!(xml.contains(r#"<skipped message="waiting"/>"#), "{xml}");
    }

    #[test]
    fn a_report_that_cannot_be_written_says_why() {
        let error = write(&Story::default(), Full).expect_err("nothing can be written there");
        assert_eq!(error.to_string(), "no space left on device");
    }
}
