//! `JUnit` XML: test cases and how they ended. The format has no authority; what is read here is what its common writers
//! (Ant, Surefire, Gradle, pytest, jest-junit, googletest, cargo-nextest) agree on.

use std::time::Duration;

use super::xml::{Element, Tag, Tags};
use super::{Format, ReportError, TestCase, TestOutcome};

/// A suite that is open.
struct Suite {
    name: String,
    /// Failures and errors that it declares.
    declared: Option<u64>,
    /// Failures and errors found in it.
    found: u64,
    /// Tests that it declares.
    tests: Option<u64>,
    /// Test cases found in it.
    cases: u64,
}

/// Reads all test cases.
pub(super) fn read(text: &str) -> Result<Vec<TestCase>, ReportError> {
    let mut tags = Tags::new(text);
    let mut cases = Vec::new();
    let mut suites: Vec<Suite> = Vec::new();
    let mut case: Option<TestCase> = None;
    while let Some(tag) = tags.next()? {
        match tag {
            Tag::Start(element) if tags.path().len() == 1 && !is_suite(&element.name) => {
                return Err(Format::Junit.other(format!("its element is <{}>, expected <testsuites>", element.name)));
            }
            Tag::Start(element) if is_suite(&element.name) => suites.push(suite(&element)?),
            Tag::Start(element) if element.name == "testcase" => case = Some(test_case(&element)?),
            Tag::Start(element) => match &mut case {
                Some(case) => ended(case, &element),
                // of a suite itself, such as a setup that failed
                None if matches!(element.name.as_str(), "failure" | "error") => {
                    let name = suites.last().map(|suite| suite.name.clone()).unwrap_or_default();
                    let message = element.get("message").unwrap_or_default().to_owned();
                    cases.push(TestCase { name, outcome: TestOutcome::Failed, time: None, message });
                    count(&mut suites, true);
                }
                None => {}
            },
            Tag::End(name) if name == "testcase" => {
                if let Some(case) = case.take() {
                    count(&mut suites, case.outcome == TestOutcome::Failed);
                    cases.push(case);
                }
            }
            Tag::End(name) if is_suite(&name) => {
                if let Some(suite) = suites.pop() {
                    suite.check()?;
                }
            }
            Tag::End(_) => {}
        }
    }
    Ok(cases)
}

fn is_suite(name: &str) -> bool {
    matches!(name, "testsuites" | "testsuite")
}

fn count(suites: &mut [Suite], failed: bool) {
    for suite in suites {
        suite.cases += 1;
        suite.found += u64::from(failed);
    }
}

fn suite(element: &Element) -> Result<Suite, ReportError> {
    let declared: [Option<u64>; 2] = [element.number("failures")?, element.number("errors")?];
    Ok(Suite {
        name: element.get("name").unwrap_or(&element.name).to_owned(),
        declared: declared.iter().flatten().copied().reduce(u64::saturating_add),
        found: 0,
        // Catch2 writes its number of assertions there, and is known by this name of a host.
        tests: element.number("tests")?.filter(|_| element.get("hostname") != Some("tbd")),
        cases: 0,
    })
}

impl Suite {
    /// A failure or a test that the suite counts and no test case shows must not be lost.
    fn check(&self) -> Result<(), ReportError> {
        if let Some(tests) = self.tests.filter(|tests| *tests > self.cases) {
            let (name, cases) = (&self.name, self.cases);
            return Err(ReportError::Partial(format!("suite `{name}` declares {tests} tests, and holds {cases}")));
        }
        match self.declared {
            Some(declared) if declared > self.found => Err(ReportError::Partial(format!(
                "suite `{}` declares {declared} failures and errors, and its test cases show {}",
                self.name, self.found
            ))),
            _ => Ok(()),
        }
    }
}

fn test_case(element: &Element) -> Result<TestCase, ReportError> {
    let name = element.get("name").unwrap_or_default();
    let class = element.get("classname").unwrap_or_default();
    let is_not_run = matches!(element.get("status"), Some("notrun" | "disabled" | "skipped"))
        || matches!(element.get("result"), Some("suppressed" | "skipped"));
    Ok(TestCase {
        name: format!("{class} {name}").trim().to_owned(),
        outcome: if is_not_run { TestOutcome::Skipped } else { TestOutcome::Passed },
        time: time(element)?,
        message: String::new(),
    })
}

/// Seconds; Surefire writes `1,234.5`.
fn time(element: &Element) -> Result<Option<Duration>, ReportError> {
    let Some(text) = element.get("time").map(|text| text.trim().replace(',', "")).filter(|text| !text.is_empty())
    else {
        return Ok(None);
    };
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds
        .map(Some)
        .ok_or_else(|| ReportError::Malformed(format!("`time=\"{text}\"` of a test case is not in seconds")))
}

/// What an element inside of a test case says of it. A failure counts whatever else is there.
fn ended(case: &mut TestCase, element: &Element) {
    let outcome = match element.name.as_str() {
        "failure" | "error" => TestOutcome::Failed,
        "skipped" if case.outcome == TestOutcome::Passed => TestOutcome::Skipped,
        "flakyFailure" | "flakyError" if case.outcome == TestOutcome::Passed => TestOutcome::Flaky,
        _ => return,
    };
    if case.outcome != TestOutcome::Failed {
        case.outcome = outcome;
        element.get("message").or(element.get("type")).unwrap_or_default().clone_into(&mut case.message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(text: &str) -> Vec<(String, TestOutcome)> {
        read(text).expect("whole").into_iter().map(|case| (case.name, case.outcome)).collect()
    }

    #[test]
    fn counts_every_way_in_which_a_test_case_ends() {
        let text = r#"<testsuites><testsuite name="s" tests="6" failures="1" errors="1">
            <testcase classname="c" name="ok" time="0.5"/>
            <testcase classname="c" name="bad"><failure message="1 is not 2">trace</failure></testcase>
            <testcase classname="c" name="broke"><error type="E"/></testcase>
            <testcase classname="c" name="left"><skipped/></testcase>
            <testcase name="again"><flakyFailure message="once"/></testcase>
            <testcase name="off" status="notrun"/>
        </testsuite></testsuites>"#;
        let found = outcomes(text);
        let expected = [
            ("c ok", TestOutcome::Passed),
            ("c bad", TestOutcome::Failed),
            ("c broke", TestOutcome::Failed),
            ("c left", TestOutcome::Skipped),
            ("again", TestOutcome::Flaky),
            ("off", TestOutcome::Skipped),
        ];
        assert_eq!(found, expected.map(|(name, outcome)| (name.to_owned(), outcome)));
        let cases = read(text).expect("whole");
        assert_eq!(cases[0].time, Some(Duration::from_millis(500)));
        assert_eq!(cases[1].message, "1 is not 2");
    }

    #[test]
    fn a_test_that_failed_to_the_end_is_not_flaky() {
        let text = "<testsuite><testcase name='a'><failure/><rerunFailure/><flakyFailure/></testcase></testsuite>";
        assert_eq!(outcomes(text), [("a".to_owned(), TestOutcome::Failed)]);
        let twice = "<testsuite><testcase name='a'><failure/></testcase><testcase name='a'/></testsuite>";
        assert_eq!(outcomes(twice)[0].1, TestOutcome::Failed, "the same name may be another test");
    }

    #[test]
    fn a_failure_outside_of_a_test_case_counts() {
        let text = "<testsuite name='setup' errors='1'><error message='no database'/></testsuite>";
        assert_eq!(outcomes(text), [("setup".to_owned(), TestOutcome::Failed)]);
    }

    #[test]
    fn a_failure_that_no_test_case_shows_is_not_lost() {
        let error = read("<testsuite name='s' failures='2'><testcase name='a'><failure/></testcase></testsuite>");
        let words = "suite `s` declares 2 failures and errors, and its test cases show 1";
        assert_eq!(error.expect_err("one is missing").to_string(), words);
    }

    #[test]
    fn a_test_that_is_declared_and_not_there_is_not_lost() {
        let of = |text: &str| read(text).map(|cases| cases.len()).map_err(|error| error.to_string());
        let missing = Err("suite `s` declares 20 tests, and holds 1".to_owned());
        assert_eq!(of("<testsuite name='s' tests='20'><testcase name='a'/></testsuite>"), missing);
        let whole = "<testsuite name='s' tests='20'><testsuite tests='1'><testcase name='a'/></testsuite></testsuite>";
        assert_eq!(of(whole), missing, "those of inner suites count once");
        assert_eq!(of("<testsuite name='s' tests='1'><testcase name='a'/><testcase name='b'/></testsuite>"), Ok(2));
        assert_eq!(of("<testsuite name='s' hostname='tbd' tests='20'><testcase name='a'/></testsuite>"), Ok(1));
    }

    #[test]
    fn another_format_is_named() {
        let error = read("<coverage line-rate='1'/>").expect_err("it is Cobertura");
        assert_eq!(error.to_string(), "it is not JUnit XML: its element is <coverage>, expected <testsuites>");
    }
}
