//! `tests` on files of a project: what holds, what does not, and what is not measured.

use serde_json::{Value, json};

use super::spec::Tests;
use crate::core::kind::Assertion;
use crate::core::kind::test_context::{TestContext, body, complaints};
use crate::core::model::outcome::{Fault, Measure, Verdict};

const JUNIT: &str = "<testsuite><testcase name='a' time='1.5'/><testcase name='b' time='0.5'>\
     <failure message='1 is not 2'/></testcase></testsuite>";
const TRIVY: &str = r#"{ "SchemaVersion": 2, "Results": [{ "Target": "shop", "Vulnerabilities": [
    { "VulnerabilityID": "CVE-1", "Severity": "CRITICAL", "PkgName": "a", "InstalledVersion": "1" },
    { "VulnerabilityID": "CVE-2", "Severity": "CRITICAL", "PkgName": "b", "InstalledVersion": "1" } ] }] }"#;

async fn measured(trial: &TestContext, json: Value) -> Result<Verdict, Fault> {
    body::<Tests>(&json).measure(&trial.cx).await
}

async fn fault(trial: &TestContext, json: Value) -> String {
    measured(trial, json).await.expect_err("it is not measured").message
}

#[tokio::test]
async fn counts_the_test_cases_of_all_files() {
    let trial = TestContext::new().file("r/a.xml", JUNIT).file("r/deep/b.xml", JUNIT);
    let asked =
        json!({ "junit": "r/**/*.xml", "failed": 0, "passed": 2, "skipped": 0, "time": "< 5s", "slowest": "< 1s" });
    let measures = vec![
        Measure::new("total", "4", "> 0", true),
        Measure::new("failed", "2", "0", false),
        Measure::new("passed", "2", "2", true),
        Measure::new("skipped", "0", "0", true),
        Measure::new("time", "4s", "< 5s", true),
        Measure::new("slowest", "1.5s", "< 1s", false),
    ];
    let bare = |measures: &[Measure]| -> Vec<(String, String, String, bool)> {
        let row = |it: &Measure| (it.name.clone(), it.actual.clone(), it.expected.clone(), it.holds);
        measures.iter().map(row).collect()
    };
    let verdict = measured(&trial, asked.clone()).await.expect("it is measured");
    assert_eq!(bare(verdict.measures()), bare(&measures));
    let found = body::<Tests>(&asked).explain(&trial.cx).await;
    let shown: Vec<String> = found.iter().map(|it| format!("{} {} {}", it.object, it.cause, it.message)).collect();
    assert_eq!(shown, ["r/a.xml: b failed 1 is not 2", "r/deep/b.xml: b failed 1 is not 2"]);
}

#[tokio::test]
async fn no_file_and_no_test_are_not_passes() {
    let trial = TestContext::new().file("r/empty.xml", "<testsuite/>");
    let asked = json!({ "junit": ["r/*.xml", "s/*.xml"], "failed": 0 });
    assert_eq!(fault(&trial, asked).await, "not measured: no file matches `s/*.xml`");
    let verdict = measured(&trial, json!({ "junit": "r/*.xml", "failed": 0 })).await.expect("it is measured");
    assert!(!verdict.holds(), "a report without a test");
    assert!(measured(&trial, json!({ "junit": "r/*.xml", "total": 0 })).await.expect("measured").holds());
}

#[tokio::test]
async fn one_file_that_cannot_be_read_is_not_left_out() {
    let trial = TestContext::new().file("r/a.xml", JUNIT).file("r/b.xml", &JUNIT[..90]);
    let asked = json!({ "junit": "r/*.xml", "passed": ">= 1" });
    let words = fault(&trial, asked).await;
    assert!(words.starts_with("not measured: `r/b.xml`: it is truncated: "), "{words}");
    let asked = json!({ "junit": "r/a.xml", "time": "< 5s", "failed": "< 9" });
    let trial = trial.file("r/a.xml", JUNIT.replace(" time='0.5'", ""));
    assert_eq!(fault(&trial, asked).await, "not measured: `r/a.xml` has no time of `b`");
}

#[tokio::test]
async fn a_file_from_before_the_run_is_stale() {
    let mut trial = TestContext::new().file("r/a.xml", JUNIT);
    trial.cx.run = "29990101-000000-abcd".into();
    let asked = json!({ "junit": "r/a.xml", "failed": 1 });
    let words = fault(&trial, asked).await;
    assert!(words.starts_with("not measured: `r/a.xml` is stale: it was written at "), "{words}");
    assert!(words.ends_with(", and the run began at 2999-01-01T00:00:00Z"), "{words}");
    let asked = json!({ "junit": "r/a.xml", "failed": 1, "since": "10m" });
    assert!(measured(&trial, asked).await.expect("recent").holds());
    let asked = json!({ "junit": "r/a.xml", "failed": 1, "since": "steps.test" });
    assert!(fault(&trial, asked).await.contains("the step `test` has not run"));
}

#[tokio::test]
async fn an_allowed_finding_counts_again_when_its_day_is_over() {
    let trial = TestContext::new().file("trivy.json", TRIVY);
    let asked = |until: &str| {
        json!({ "trivy": "trivy.json", "critical": 1, "allow": [{ "id": "CVE-1", "until": until, "reason": "unused" },
            { "id": "CVE-9", "until": until, "reason": "gone" }] })
    };
    assert!(measured(&trial, asked("2999-12-31")).await.expect("it is measured").holds());
    assert_eq!(trial.lines(), ["allow: CVE-9 matches no finding, and can be removed"]);
    let verdict = measured(&trial, asked("2020-12-31")).await.expect("it is measured");
    assert!(!verdict.holds());
    let found = body::<Tests>(&asked("2020-12-31")).explain(&trial.cx).await;
    assert_eq!(found[0].message, "it was allowed until 2020-12-31; ");
    assert_eq!((found[0].object.as_str(), found[0].cause.as_str()), ("a 1", "critical CVE-1"));
}

#[tokio::test]
async fn coverage_is_never_rounded_up() {
    let lines = |covered: usize| {
        let lines = (0..10_000).map(|at| format!("DA:{},{}\n", at + 1, i32::from(at < covered)));
        format!("SF:a.c\n{}end_of_record\n", lines.collect::<String>())
    };
    let trial = TestContext::new().file("lcov.info", lines(7_999));
    let asked = json!({ "lcov": "lcov.info", "lines": ">= 80%" });
    let verdict = measured(&trial, asked.clone()).await.expect("it is measured");
    assert_eq!(verdict.measures()[0].actual, "79.99% (7999 of 10000)");
    assert!(!verdict.holds());
    assert!(measured(&trial.file("lcov.info", lines(8_000)), asked).await.expect("it is measured").holds());
    let trial = TestContext::new().file("lcov.info", lines(8_000));
    let asked = json!({ "lcov": "lcov.info", "branches": ">= 0%" });
    assert_eq!(fault(&trial, asked).await, "not measured: the reports have no branches");
}

#[tokio::test]
async fn a_pipe_is_not_waited_for() {
    let trial = TestContext::new();
    let pipe = trial.project().join("r.xml");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).expect("made");
    let words = fault(&trial, json!({ "junit": "r.xml", "failed": 0 })).await;
    assert_eq!(words, "not measured: `r.xml`: it is a pipe, expected a file");
}

#[test]
fn refuses_bodies_that_make_no_sense() {
    for (json, message) in [
        (json!({ "failed": 0 }), "no report is named"),
        (
            json!({ "junit": "a", "sarif": "b", "failed": 0 }),
            "`junit` and `sarif` are several formats, expected exactly one",
        ),
        (json!({ "junit": "../a", "failed": 0 }), "`../a` leads out of the project's folder"),
        (json!({ "junit": ["a["], "failed": 0 }), "`a[` is not a pattern that can be read: its `[` is not closed"),
        (json!({ "junit": "a" }), "nothing is expected of the reports"),
        (json!({ "junit": [], "failed": 0 }), "no report is named"),
        (json!({ "lcov": "a", "failed": 0, "lines": "> 1%" }), "`failed` is not in the reports of `lcov`"),
        (
            json!({ "trivy": "a", "high": 0, "allow": [{ "id": "x", "until": "soon", "reason": "y" }] }),
            "`soon` is not a day",
        ),
        (
            json!({ "trivy": "a", "high": 0, "allow": [{ "id": "x", "until": "2027-01-31", "reason": " " }] }),
            "the `reason` is empty",
        ),
    ] {
        let found = complaints(&json, false, |cx| body::<Tests>(&json).check(cx));
        assert_eq!(found.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), [message], "{json}");
    }
}
