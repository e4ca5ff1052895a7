//! `JUnit` XML: a suite a stage, a case a step and an assertion. A fault is an `<error>`, an unmet verdict a `<failure>`;
//! an `<error>` is also what has started and has no end, and a run that has none. A failure that does not count is
//! `<skipped>` with the reason, and its explanation is in `<system-out>`: it is neither a pass nor a failure.

mod total;

use std::io;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::previous_runs;
use super::run_state::{NodeStory, RunState};
use super::words::{self, tame};
use crate::core::model::event::{AssertionResult, State};
use crate::core::model::outcome::Verdict;
use total::WithoutTotal;

/// The report as XML.
pub fn junit(story: &RunState) -> String {
    let mut xml = Vec::new();
    if write(story, &mut xml).is_err() {
        xml.clear();
    }
    String::from_utf8(xml).unwrap_or_default()
}

/// Writes the report.
///
/// # Errors
/// When `out` cannot be written.
pub fn write(story: &RunState, out: impl io::Write) -> io::Result<()> {
    use io::Write;
    let mut out = WithoutTotal::new(out);
    report(story).serialize(&mut out).map_err(|error| io::Error::other(root(&error)))?;
    out.flush()
}

/// The message of the first cause: those above it say only where it happened.
fn root(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source()).last().map_or_else(String::new, ToString::to_string)
}

fn report(story: &RunState) -> Report {
    let mut report = Report::new(tame(&story.pipeline));
    if let Some(end) = &story.end {
        report.set_time(end.elapsed);
    }
    for stage in &story.stages {
        let mut suite = TestSuite::new(tame(&stage.name));
        suite.set_time(stage.elapsed);
        for node in stage.nodes.iter().filter_map(|id| story.node(*id)) {
            suite.add_test_cases(node.assertions.iter().map(|result| assertion(node, result)));
            if node.assertions.is_empty() || node.is_in_doubt() || is_cut_short(node) {
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

/// A gate that ended before all of its assertions had a result: those it has do not say how it ended.
fn is_cut_short(node: &NodeStory) -> bool {
    node.assertions.len() < node.outline.assertions as usize && node.state != State::Passed
}

/// A run that died, or is still going on, has not passed.
fn without_end(story: &RunState) -> TestSuite {
    let (over, of) = story.progress();
    let status =
        non_success(NonSuccessKind::Error, &format!("the run has no end: {over} of {of} steps and gates are over"));
    let mut suite = TestSuite::new("run");
    let mut case = TestCase::new(tame(&story.run), status);
    case.set_classname("run");
    case.set_time(story.last);
    suite.add_test_case(case);
    suite
}

/// A failure or an error. Surefire's schema asks for a type.
fn non_success(kind: NonSuccessKind, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(if kind == NonSuccessKind::Failure { "failure" } else { "error" });
    status.set_message(tame(message));
    status
}

fn skipped(message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(tame(message));
    status
}

/// Lines for `<system-out>`.
fn lines(lines: &[String]) -> String {
    lines.iter().map(|line| tame(line)).collect::<Vec<_>>().join("\n")
}

fn step(node: &NodeStory) -> TestCase {
    let explanation = words::explanation(node, usize::MAX);
    let first = explanation.first().map_or_else(|| words::state(node.state), String::as_str);
    let mut output = None;
    let status = match node.state {
        State::Passed => {
            output = node.because.as_ref().map(|because| tame(&words::because(because)));
            TestCaseStatus::success()
        }
        _ if node.tolerated => {
            output = Some(lines(&explanation));
            skipped(&format!("{}, does not count (continue_on_error): {first}", words::state(node.state)))
        }
        _ if node.is_in_doubt() => non_success(NonSuccessKind::Error, previous_runs::IN_DOUBT),
        State::Failed | State::Errored => {
            let kind = if node.state == State::Failed { NonSuccessKind::Failure } else { NonSuccessKind::Error };
            let mut status = non_success(kind, first);
            status.set_description(lines(&explanation));
            status
        }
        _ => skipped(&node.because.as_ref().map_or_else(|| words::state(node.state).to_owned(), words::because)),
    };
    case(&node.outline.name, &node.outline.kind, node.elapsed, status, output)
}

fn assertion(node: &NodeStory, result: &AssertionResult) -> TestCase {
    let line = words::assertion(result);
    let mut all = vec![line.clone()];
    all.extend(result.findings.iter().flat_map(words::finding));
    if let Err(fault) = &result.verdict {
        all.extend(fault.help.iter().map(|help| format!("help: {help}")));
    }
    let reported = |kind: NonSuccessKind| {
        let mut status = non_success(kind, &line);
        status.set_description(lines(&all));
        status
    };
    let mut output = None;
    let status = match &result.verdict {
        Ok(Verdict::Holds { .. }) => TestCaseStatus::success(),
        Ok(Verdict::Skipped { reason }) => skipped(reason),
        _ if result.warning => {
            output = Some(lines(&all));
            skipped(&format!("does not count (severity: warning): {}", tame(&line)))
        }
        Ok(Verdict::Unmet { .. }) => reported(NonSuccessKind::Failure),
        Err(_) => reported(NonSuccessKind::Error),
    };
    let name = format!("{}: {}", node.outline.name, result.name);
    case(&name, &result.kind, result.elapsed, status, output)
}

fn case(name: &str, kind: &str, elapsed: Duration, status: TestCaseStatus, output: Option<String>) -> TestCase {
    let mut case = TestCase::new(tame(name), status);
    case.set_classname(tame(kind));
    case.set_time(elapsed);
    if let Some(output) = output {
        case.set_system_out(output);
    }
    case
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::core::model::event::Record;

    struct Full;

    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("no space left on device"))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A story of stage `a` with these nodes and events.
    fn story(nodes: &[serde_json::Value], events: &[serde_json::Value]) -> RunState {
        let started = json!({
            "event": "run-started", "format": 1, "run": "r1", "pipeline": "shop\u{fffe}", "time": "2026-01-01T00:00:00Z",
            "stages": [{ "name": "a", "needs": [] }], "nodes": nodes,
        });
        let record = |event: &serde_json::Value| Record {
            seq: 0,
            at: Duration::ZERO,
            event: serde_json::from_value(event.clone()).expect("an event"),
        };
        RunState::of(&std::iter::once(&started).chain(events).map(record).collect::<Vec<_>>())
    }

    fn outline(name: &str, assertions: u32) -> serde_json::Value {
        let role = if assertions > 0 { "gate" } else { "step" };
        json!({ "name": name, "stage": 0, "role": role, "kind": "shell", "title": "", "assertions": assertions })
    }

    fn finished(node: u32, state: &str, more: serde_json::Value) -> serde_json::Value {
        let mut event =
            json!({ "event": "node-finished", "node": node, "state": state, "elapsed": { "secs": 1, "nanos": 0 } });
        event.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
        event
    }

    fn settled(index: u32, warning: bool, verdict: serde_json::Value) -> serde_json::Value {
        json!({ "event": "assertion-settled", "node": 1, "result": {
            "index": index, "name": format!("n{index}"), "kind": "file", "warning": warning, "verdict": verdict,
            "findings": [{ "object": "n.txt", "cause": "Cause", "message": "why\u{ffff}" }],
            "elapsed": { "secs": 0, "nanos": 5_000_000 }, "looks": 1,
        } })
    }

    fn end(state: &str) -> serde_json::Value {
        json!({ "event": "run-finished", "state": state, "exit_code": 0, "elapsed": { "secs": 2, "nanos": 0 } })
    }

    /// A run with everything in it: each kind of failure, what does not count, a gate that was cut short.
    fn everything() -> RunState {
        let measure = json!({ "name": "size", "actual": "a\u{ffff}b\u{1}", "expected": "< 1", "holds": false });
        let unmet = json!({ "Ok": { "Unmet": { "measures": [measure] } } });
        let unknown = json!({ "Err": { "kind": "unknown", "message": "refused\u{fffe}", "help": "ask" } });
        let failure = json!({ "failure": { "summary": "exit code 4" } });
        let tolerated = json!({ "failure": { "summary": "exit code 3" }, "tolerated": true });
        story(
            &[outline("a.bad", 0), outline("a.gate", 7), outline("a.odd\u{ffff}", 0), outline("a.more", 0)],
            &[
                finished(0, "failed", failure),
                settled(0, false, unmet.clone()),
                settled(1, true, unmet),
                settled(2, true, unknown.clone()),
                settled(3, false, unknown),
                settled(4, false, json!({ "Ok": { "Holds": { "measures": [] } } })),
                settled(5, false, json!({ "Ok": { "Skipped": { "reason": "no secrets" } } })),
                finished(1, "cancelled", json!({ "because": { "why": "interrupted" } })),
                finished(2, "failed", tolerated),
                finished(3, "skipped", json!({ "because": { "why": "not-needed" } })),
                end("failed"),
            ],
        )
    }

    #[test]
    fn what_failed_and_does_not_count_is_not_a_pass() {
        let xml = junit(&everything());
        for part in [
            r#"tests="10" failures="2" errors="1" time="2.000">"#,
            r#"<testsuite name="a" tests="10" skipped="6" errors="1" failures="2""#,
            r#"<skipped message="failed, does not count (continue_on_error): exit code 3"/>"#,
            r#"<skipped message="does not count (severity: warning): ⚠ n1: size is a\u{ffff}b, expected &lt; 1"/>"#,
            r#"<skipped message="does not count (severity: warning): ! n2: could not be measured: refused\u{fffe}"/>"#,
            "<system-out>! n2: could not be measured: refused\\u{fffe}\nn.txt · Cause · why\\u{ffff}\nhelp: ask</system-out>",
            r#"<testcase name="a.gate" classname="shell" time="1.000">"#,
            r#"<skipped message="interrupted"/>"#,
            r#"<skipped message="not needed"/>"#,
        ] {
            assert!(xml.contains(part), "no {part} in:\n{xml}");
        }
        assert_eq!(xml.matches("<skipped ").count(), 6, "{xml}");
    }

    /// Which attributes and children the schemas of Jenkins (junit-10) and of Surefire (3.0) both allow, and in which order.
    #[test]
    fn every_element_is_one_that_jenkins_and_surefire_accept() {
        for story in
            [everything(), story(&[outline("a.x", 0)], &[json!({ "event": "node-started", "node": 0, "attempt": 1 })])]
        {
            let xml = junit(&story);
            assert!(!xml.contains(['\u{fffe}', '\u{ffff}']), "{xml}");
            assert!(xml.chars().all(|c| !c.is_control() || c == '\n'), "{xml}");
            for line in xml.lines().skip(1).map(str::trim) {
                let allowed: &[&str] = match line.split([' ', '>', '/']).find(|part| *part != "<").unwrap_or_default() {
                    "<testsuites" => &["name", "time", "tests", "failures", "errors"],
                    "<testsuite" => &["name", "time", "tests", "failures", "errors", "skipped"],
                    "<testcase" => &["name", "time", "classname"],
                    "<failure" | "<error" => &["message", "type"],
                    "<skipped" => &["message"],
                    _ => &[],
                };
                let tag = line.split('>').next().unwrap_or_default();
                let names = tag.split("=\"").filter_map(|part| part.rsplit(['"', ' ']).next());
                let count = tag.matches("=\"").count();
                for name in names.take(count).filter(|_| line.starts_with('<')) {
                    assert!(allowed.contains(&name), "{name} in {line}");
                }
                if matches!(allowed, ["message", "type"]) {
                    assert!(tag.contains(" type="), "{line}");
                }
                if allowed.contains(&"classname") {
                    assert!(tag.contains(" time="), "{line}");
                }
            }
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
        let story = RunState::of(&events.map(record));
        let xml = junit(&story);
        let lines: Vec<&str> = xml.lines().map(str::trim).filter(|line| line.starts_with("<error")).collect();
        assert!(xml.contains(r#"name="shop" tests="4" failures="0" errors="2""#), "{xml}");
        assert_eq!(
            lines,
            [
                r#"<error message="in doubt: it had started, and its end is not known" type="error"/>"#,
                r#"<error message="the run has no end: 1 of 3 steps and gates are over" type="error"/>"#
            ],
            "{xml}"
        );
        assert!(xml.contains(r#"<skipped message="waiting"/>"#), "{xml}");
    }

    #[test]
    fn a_report_that_cannot_be_written_says_why() {
        let error = write(&RunState::default(), Full).expect_err("nothing can be written there");
        assert_eq!(error.to_string(), "no space left on device");
    }
}
