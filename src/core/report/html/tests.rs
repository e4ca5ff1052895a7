//! Claims about the file as a whole.

use serde_json::json;

use super::*;
use crate::core::model::event::Record;
use crate::core::model::outcome::{Failure, Measure};

/// A run whose every word tries to be markup. Written as a journal holds it: the record may grow.
fn hostile() -> RunState {
    let evil = "<script>alert(1)</script>\"'&\u{1b}[31m";
    let outline = |name: &str, role: &str, assertions: u32| json!({ "name": name, "stage": 0, "role": role, "kind": "shell", "title": evil, "assertions": assertions });
    let verdict = Verdict::Unmet { measures: vec![Measure::new("size", format!("612 MB {evil}"), "< 500MB", false)] };
    let result = AssertionResult {
        index: 0,
        name: evil.to_owned(),
        kind: "image".to_owned(),
        warning: false,
        verdict: Ok(verdict),
        findings: vec![Finding { lines: vec![evil.to_owned()], ..Finding::new(evil, "Cause", evil) }],
        elapsed: Duration::from_millis(5),
        looks: 1,
        ended: None,
        baselines: Vec::new(),
        evidence: vec!["pod-<b>.yaml".to_owned()],
    };
    let short = Duration::from_millis(40);
    let failure = Failure::new(evil).help(evil);
    let events = [
        json!({
            "event": "run-started", "format": 1, "run": "20260101-000000-aaaa", "pipeline": evil,
            "time": "2026-01-01T00:00:00Z", "profile": evil, "stages": [{ "name": "build", "needs": [] }],
            "nodes": [outline("build.a", "step", 0), outline("build.gate", "gate", 1)],
        }),
        json!({ "event": "node-started", "node": 0, "attempt": 1 }),
        json!({
            "event": "node-finished", "node": 0, "state": "failed", "failure": failure, "outputs": { "out": evil },
            "elapsed": short, "log": { "lines": 1, "bytes": 2, "dropped": 0 },
        }),
        json!({ "event": "node-started", "node": 1, "attempt": 1 }),
        json!({ "event": "assertion-settled", "node": 1, "result": result }),
        json!({ "event": "node-finished", "node": 1, "state": "failed", "elapsed": short }),
        json!({ "event": "warned", "message": evil }),
        json!({ "event": "run-finished", "state": "failed", "exit_code": 1, "elapsed": Duration::from_millis(90) }),
    ];
    let records = events.into_iter().enumerate().map(|(seq, mut event)| {
        event["seq"] = seq.into();
        event["at"] = json!(Duration::from_millis(10));
        serde_json::from_value::<Record>(event).expect("a record")
    });
    RunState::of(&records.collect::<Vec<_>>())
}

struct Files(&'static str);

impl RunArtifacts for Files {
    fn log(&self, node: &str) -> Option<String> {
        Some(format!("logs/{node}.log"))
    }

    fn evidence(&self, node: &str) -> Vec<String> {
        if self.0.is_empty() { Vec::new() } else { vec![format!("evidence/{node}/{}", self.0)] }
    }

    fn evidence_text(&self, node: &str, name: &str) -> Option<(String, String)> {
        Some((format!("evidence/{node}/{name}"), format!("kind: Pod # <script>\nof {name}")))
    }
}

fn file(evidence: &'static str) -> String {
    let mut out = Vec::new();
    write(&hostile(), &Files(evidence), &mut out).expect("memory can be written");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn nothing_that_a_run_says_becomes_markup() {
    let file = file("\"><script>.txt");
    assert!(!file.contains("<script") && !file.contains('\u{1b}'), "{file}");
    assert!(file.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"));
    assert!(file.contains("<a href=\"logs/build.a.log\">log</a>"));
    assert!(file.contains("href=\"evidence/build.gate/%22%3E%3Cscript%3E.txt\""));
}

#[test]
fn shows_both_sides_of_a_measure_and_loads_nothing() {
    let file = file("");
    assert!(file.contains("<td>size</td>") && file.contains("<td>&lt; 500MB</td>"), "{file}");
    assert!(file.contains("0 of 1 assertions hold"));
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!file.replace("http-equiv", "").contains(outside), "{outside}");
    }
    assert_eq!(file.matches("<details").count(), file.matches("</details>").count());
    assert_eq!(file.matches("<rect ").count(), 2);
}

#[test]
fn has_one_main_part_and_no_header_without_text() {
    let file = file("");
    assert_eq!((file.matches("<main>").count(), file.matches("</main>").count()), (1, 1));
    assert!(file.contains("<th>result</th>") && !file.contains("<th></th>"), "{file}");
    let shown = "a\u{ffff}b\u{fffe}\u{fdd0}";
    let mut page = page::Page::new(shown);
    page.text(shown);
    let mut out = Vec::new();
    page.hand_over(&mut out).expect("memory can be written");
    let text = String::from_utf8(out).expect("UTF-8");
    assert!(text.ends_with("a\\u{ffff}b\\u{fffe}\\u{fdd0}"), "{text}");
}

#[test]
fn the_evidence_of_a_failing_assertion_is_in_the_file() {
    let file = file("x.yaml");
    let shown = "<summary>pod-&lt;b&gt;.yaml</summary>\n<a href=\"evidence/build.gate/pod-%3Cb%3E.yaml\">the whole file</a> \
         <pre>kind: Pod # &lt;script&gt;\nof pod-&lt;b&gt;.yaml</pre>";
    assert!(file.contains(shown), "{file}");
}
