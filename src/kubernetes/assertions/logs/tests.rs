//! Tests of the `logs` assertion: verdicts over what was read, and over what could not be.

use serde_json::{Value, json};

use super::*;
use crate::core::kind::test_context::{TestContext, body, complaints};

fn scan(gaps: &[&str]) -> LogScan {
    LogScan {
        pods: ["web-1".to_owned()].into(),
        uids: ["u1".to_owned()].into(),
        containers: ["app".to_owned(), "side".to_owned()].into(),
        logs: 1,
        gaps: gaps.iter().map(|gap| (*gap).to_owned()).collect(),
    }
}

fn verdict(written: &Value, scan: &LogScan, lines: &[&str]) -> Result<Verdict, Fault> {
    let logs: Logs = body(written);
    let patterns = logs.patterns().expect("valid");
    let mut tally = Tally::default();
    for line in lines {
        tally.take(&patterns, "web-1 app", line);
    }
    logs.verdict(scan, &tally, false, &TestContext::new().cx)
}

fn shown(verdict: &Result<Verdict, Fault>) -> Vec<String> {
    match verdict {
        Err(fault) => vec![format!("{}{}", if fault.transient { "later: " } else { "" }, fault.message)],
        Ok(verdict) => verdict
            .measures()
            .iter()
            .map(|it| format!("{} {}: {} / {}", it.holds, it.name, it.actual, it.expected))
            .collect(),
    }
}

const LINES: [&str; 3] = ["ready", "panic: no", "ready again"];

#[test]
fn counts_lines_and_shows_both_sides() {
    let of = |written: Value| shown(&verdict(&written, &scan(&[]), &LINES));
    assert_eq!(
        of(json!({ "selector": "a=b", "contains": "ready", "lacks": "(?i)PANIC" })),
        [
            "true lines: 2 of 3 lines / a line that contains \"ready\"",
            "false lacks: 1 of 3 lines: web-1 app: panic: no / no line matches /(?i)PANIC/"
        ]
    );
    assert_eq!(of(json!({ "selector": "a=b", "matches": "^ready$", "count": 1 })), ["true count: 1 / 1"]);
    assert_eq!(of(json!({ "selector": "a=b", "count": "> 3" })), ["false count: 3 / > 3"]);
}

#[test]
fn without_pods_or_a_started_container_nothing_is_lacking() {
    let lacks = json!({ "selector": "a=b", "lacks": "x" });
    assert_eq!(shown(&verdict(&lacks, &LogScan::default(), &[])), ["false pods: none / >= 1"]);
    let unstarted = LogScan { logs: 0, ..scan(&[]) };
    assert_eq!(shown(&verdict(&lacks, &unstarted, &[])), ["false logs: no container has started / at least one"]);
    let other = json!({ "selector": "a=b", "container": "ap", "lacks": "x" });
    assert_eq!(shown(&verdict(&other, &scan(&[]), &[])), ["false container: none of this name, but app, side / ap"]);
}

#[test]
fn what_a_gap_could_change_is_not_measured() {
    let gap = "web-1 app: the logs of 2 earlier instances are gone";
    let of = |written: Value| shown(&verdict(&written, &scan(&[gap]), &LINES));
    let unknown = format!("not measured: {gap}");
    assert_eq!(of(json!({ "selector": "a=b", "lacks": "fatal" })), [unknown.as_str()]);
    assert_eq!(of(json!({ "selector": "a=b", "contains": "done" })), [format!("later: {unknown}")]);
    assert_eq!(of(json!({ "selector": "a=b", "contains": "ready", "count": 2 })), [unknown.as_str()]);
    assert_eq!(
        of(json!({ "selector": "a=b", "contains": "ready" })),
        ["true lines: 2 of 3 lines / a line that contains \"ready\""]
    );
    assert_eq!(
        of(json!({ "selector": "a=b", "contains": "done", "lacks": "panic" })),
        ["false lacks: 1 of 3 lines: web-1 app: panic: no / no line matches /panic/"]
    );
}

#[test]
fn says_what_is_missing_or_cannot_be_used() {
    let of = |written: Value| {
        complaints(&written, false, |cx| body::<Logs>(&written).check(cx))
            .into_iter()
            .map(|(_, message)| message)
            .collect::<Vec<_>>()
    };
    assert_eq!(of(json!({})), ["nothing says whose logs are meant", "nothing is expected of the logs"]);
    let both = json!({ "selector": "a=b", "workload": "deploy/a", "count": 1 });
    assert_eq!(of(both), ["`workload` and `selector` cannot stand together"]);
    let broken = json!({ "selector": "a=b", "lacks": "(" });
    assert_eq!(of(broken), ["the regular expression cannot be used: unclosed group"]);
}
