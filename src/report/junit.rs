//! `JUnit` XML: a suite a stage, a case a step and an assertion. A fault is an `<error>`, an unmet verdict a `<failure>`.

use std::io;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

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
            if node.assertions.is_empty() {
                suite.add_test_case(step(node));
            } else {
                suite.add_test_cases(node.assertions.iter().map(|result| assertion(node, result)));
            }
        }
        report.add_test_suite(suite);
    }
    report
}

fn step(node: &NodeStory) -> TestCase {
    let explanation: Vec<String> = words::explanation(node).iter().map(|line| tame(line)).collect();
    let status = match node.state {
        State::Passed => TestCaseStatus::success(),
        _ if node.tolerated => TestCaseStatus::success(),
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
    use super::*;

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
    fn a_report_that_cannot_be_written_says_why() {
        let error = write(&Story::default(), Full).expect_err("nothing can be written there");
        assert_eq!(error.to_string(), "no space left on device");
    }
}
