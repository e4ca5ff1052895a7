//! Measures what reports say, all of them together, and lists what explains the numbers.

use std::time::Duration;

use jiff::civil::Date;

use super::allow::{self, Standing};
use super::files::Read;
use super::spec::Tests;
use crate::core::kind::{Context, finding_lines};
use crate::core::model::expect::Expect;
use crate::core::model::outcome::{Fault, Finding, Measure};
use crate::core::model::units::{Count, Percent, TimeSpan};
use crate::results::{Coverage, Issue, Level, Ratio, Report, Scan, TestCase, TestOutcome};

/// Findings at most.
const EXPLAINED: usize = 40;

/// What all reports say together.
pub(super) struct Whole {
    cases: Vec<(String, TestCase)>,
    scan: Scan,
    coverage: Coverage,
}

impl Whole {
    pub(super) fn of(reports: Vec<Read>) -> Self {
        let mut whole = Whole { cases: Vec::new(), scan: Scan::default(), coverage: Coverage::default() };
        for (path, report) in reports {
            match report {
                Report::Tests(cases) => {
                    let path = path.display().to_string();
                    whole.cases.extend(cases.into_iter().map(|case| (path.clone(), case)));
                }
                Report::Scan(scan) => {
                    whole.scan.scanned += scan.scanned;
                    whole.scan.issues.extend(scan.issues);
                }
                Report::Coverage(coverage) => whole.coverage.merge(&coverage),
            }
        }
        whole
    }

    /// Entries of `allow` that match nothing.
    pub(super) fn unused<'a>(&self, tests: &'a Tests) -> Vec<&'a str> {
        allow::unused(&self.scan.issues, &tests.allow)
    }

    /// Measures test cases.
    ///
    /// # Errors
    /// [`Fault`] when a time is expected and a test case has none.
    pub(super) fn tests(&self, tests: &Tests) -> Result<Vec<Measure>, Fault> {
        let of = |outcome| self.cases.iter().filter(|(_, case)| case.outcome == outcome).count();
        let mut all = vec![counted("total", tests.total.as_ref(), self.cases.len())];
        for (name, expect, outcome) in [
            ("failed", &tests.failed, TestOutcome::Failed),
            ("passed", &tests.passed, TestOutcome::Passed),
            ("skipped", &tests.skipped, TestOutcome::Skipped),
            ("flaky", &tests.flaky, TestOutcome::Flaky),
        ] {
            all.extend(expect.as_ref().map(|expect| expect.measure(name, &count(of(outcome)))));
        }
        if tests.time.is_some() || tests.slowest.is_some() {
            let times = self.times()?;
            let sum = times.iter().sum();
            all.extend(tests.time.as_ref().map(|expect| expect.measure("time", &TimeSpan(sum))));
            let slowest = times.iter().max().copied().unwrap_or_default();
            all.extend(tests.slowest.as_ref().map(|expect| expect.measure("slowest", &TimeSpan(slowest))));
        }
        Ok(all)
    }

    fn times(&self) -> Result<Vec<Duration>, Fault> {
        let ran = self.cases.iter().filter(|(_, case)| case.outcome != TestOutcome::Skipped);
        let time = |(path, case): &(String, TestCase)| {
            case.time.ok_or_else(|| Fault::unknown(format!("not measured: `{path}` has no time of `{}`", case.name)))
        };
        ran.map(time).collect()
    }

    /// Measures findings.
    pub(super) fn scan(&self, tests: &Tests, today: Date) -> Vec<Measure> {
        let mut all = vec![counted("scanned", tests.scanned.as_ref(), self.scan.scanned)];
        for (level, expect) in tests.levels() {
            let Some(expect) = expect else { continue };
            let counting = self.counting(tests, today).filter(|(issue, _)| issue.level == level).count();
            all.push(expect.measure(level.key(), &count(counting)));
        }
        all
    }

    /// Findings that count, and why where that has changed.
    fn counting<'a>(&'a self, tests: &'a Tests, today: Date) -> impl Iterator<Item = (&'a Issue, Standing)> {
        let standing = move |issue: &'a Issue| (issue, allow::standing(issue, &tests.allow, today));
        self.scan.issues.iter().map(standing).filter(|(_, standing)| *standing != Standing::Allowed)
    }

    /// Measures covered lines and branches.
    ///
    /// # Errors
    /// [`Fault`] when the reports have no lines, or no branches.
    pub(super) fn coverage(&self, tests: &Tests) -> Result<Vec<Measure>, Fault> {
        let mut all = Vec::new();
        for (name, expect, ratio) in
            [("lines", &tests.lines, self.coverage.lines()), ("branches", &tests.branches, self.coverage.branches())]
        {
            let Some(expect) = expect else { continue };
            let percent = ratio.percent().ok_or_else(|| {
                Fault::unknown(format!("not measured: the reports have no {name}"))
                    .help("the tool measured nothing, or was not asked for it")
            })?;
            all.push(covered(name, expect, percent, ratio));
        }
        Ok(all)
    }

    /// What explains the numbers: failed tests, findings that count, files with uncovered lines.
    pub(super) fn explain(&self, tests: &Tests, today: Date, cx: &Context) -> Vec<Finding> {
        let asked = |level: Level| tests.levels().iter().any(|(of, expect)| *of == level && expect.is_some());
        let cases = self.cases.iter().filter_map(|(path, case)| {
            let cause = match case.outcome {
                TestOutcome::Failed if tests.failed.is_some() || tests.passed.is_some() => "failed",
                TestOutcome::Flaky if tests.flaky.is_some() => "flaky",
                TestOutcome::Skipped if tests.skipped.is_some() => "skipped",
                _ => return None,
            };
            Some(Finding::new(format!("{path}: {}", case.name), cause, first_line(&case.message, cx)))
        });
        let mut issues: Vec<(&Issue, Standing)> =
            self.counting(tests, today).filter(|(issue, _)| asked(issue.level)).collect();
        issues.sort_by_key(|(issue, _)| std::cmp::Reverse(issue.level));
        let issues = issues.into_iter().map(|(issue, standing)| {
            let message = match standing {
                Standing::Expired(until) => format!("it was allowed until {until}; {}", first_line(&issue.message, cx)),
                _ => first_line(&issue.message, cx),
            };
            Finding::new(&issue.place, format!("{} {}", issue.level.key(), issue.id), message)
        });
        let files = self.coverage.worst(10).into_iter().map(|(file, ratio)| {
            let missed = ratio.total - ratio.covered;
            Finding::new(file, "not covered", format!("{missed} of {} lines", ratio.total))
        });
        cases.chain(issues).chain(files).take(EXPLAINED).collect()
    }
}

fn count(number: usize) -> Count {
    Count(i64::try_from(number).unwrap_or(i64::MAX))
}

/// A count that is more than 0 where nothing else is written: reports about nothing hold nothing.
fn counted(name: &str, expect: Option<&Expect<Count>>, number: usize) -> Measure {
    let usual = || Expect::parse("> 0").expect("it is well formed");
    expect.cloned().unwrap_or_else(usual).measure(name, &count(number))
}

/// Rounded down and with its counts: 79.99% is not shown as 80%.
fn covered(name: &str, expect: &Expect<Percent>, percent: f64, ratio: Ratio) -> Measure {
    let hundredths = ratio.covered.saturating_mul(10_000) / ratio.total.max(1);
    let (whole, part) = (hundredths / 100, hundredths % 100);
    let shown = if part == 0 { whole.to_string() } else { format!("{whole}.{part:02}") };
    let measure = expect.measure(name, &Percent(percent));
    Measure { actual: format!("{shown}% ({} of {})", ratio.covered, ratio.total), ..measure }
}

/// Masked before it is cut.
fn first_line(text: &str, cx: &Context) -> String {
    finding_lines(text.trim().lines(), cx).into_iter().next().unwrap_or_default()
}
