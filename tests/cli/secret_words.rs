//! A secret may equal any word of the record's structure: the record stays complete, and texts do not show the value.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::kit::{Project, said};

const HEAD: &str = "secrets: { word: { env: TEST_WORD } }\n";
const STAGE: &str = r#"stage: first
steps:
  make: { shell: { run: 'echo "digest=abc" >> "$PIPELINE_OUTPUT"; echo made' }, outputs: [digest] }
  say:
    continue_on_error: true
    retry: { attempts: 2, backoff: 1ms }
    env: { WORD: "${{ secrets.word }}" }
    shell: { run: 'echo "it is <$WORD>"; echo "it is <$WORD>" >&2; exit 1' }
gate:
  - { name: present, file: { path: pipeline.yaml } }
  - { name: said, severity: warning, shell: { run: 'echo "<$TEST_WORD>"', stdout: { equals: never } } }
  - { name: large, file: { path: pipeline.yaml, size: "> 1GB" } }
finally:
  tidy: { shell: { run: 'echo cleanup' } }
"#;

/// For these the record is read by every command; for the others once, here.
const READ_AGAIN: [&str; 10] =
    ["host", "failed", "passed", "stage", "node", "true", "first.say", "shell", "node-finished", "\":{\""];

fn project() -> Project {
    Project::headed(HEAD, &[("a.yaml", STAGE)])
}

fn records(project: &Project) -> Vec<Value> {
    let journal = fs::read_to_string(project.newest().join("journal.ndjson")).expect("a journal");
    journal.lines().map(|line| serde_json::from_str(&line[18..]).expect("a record")).collect()
}

/// Strings that are text, not structure.
fn texts(value: &Value, key: &str, into: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let keys = [
                "summary",
                "message",
                "help",
                "object",
                "lines",
                "actual",
                "expected",
                "title",
                "reason",
                "expression",
            ];
            if keys.contains(&key) {
                into.push(text.clone());
            }
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, key, into)),
        Value::Object(fields) => fields.iter().for_each(|(key, value)| texts(value, key, into)),
        _ => {}
    }
}

/// The kind of each event and the node it is about, in an order that does not depend on time.
fn outline(records: &[Value]) -> Vec<String> {
    let mut outline: Vec<String> =
        records.iter().map(|record| format!("{} {} {}", record["event"], record["node"], record["state"])).collect();
    outline.sort();
    outline
}

fn words(value: &Value, into: &mut BTreeSet<String>) {
    let word = |text: &str, into: &mut BTreeSet<String>| {
        into.extend(text.split(['.', ' ', ':']).map(str::to_owned));
        into.insert(text.to_owned());
    };
    match value {
        Value::String(text) => word(text, into),
        Value::Array(items) => items.iter().for_each(|item| words(item, into)),
        Value::Object(fields) => {
            for (key, value) in fields {
                word(key, into);
                words(value, into);
            }
        }
        other => word(&other.to_string(), into),
    }
}

#[test]
fn a_run_whose_secret_is_a_word_of_its_record_is_recorded_whole() {
    let plain = project();
    said(plain.command(&["run"]).env("TEST_WORD", "correct horse battery")).ends(1, &["it is <***>"]);
    let (expected, counts) = (outline(&records(&plain)), counts(&plain));
    let mut secrets = BTreeSet::new();
    for record in &records(&plain) {
        words(record, &mut secrets);
    }
    secrets
        .extend(["x", "1", "8080", "{", "\":{\"", "\"},{\"", "true", "null", "first.", "irst.ma"].map(str::to_owned));
    // structure only: what differs from run to run or needs quoting in a shell says nothing more
    secrets
        .retain(|word| !word.trim().is_empty() && word.len() < 20 && !word.contains(['/', '\'', '$', '`', '\\', '\0']));
    for secret in secrets {
        let project = project();
        let with = |args: &[&str]| said(project.command(args).env("TEST_WORD", &secret));
        with(&["run"]).ends(1, &[]);
        let found = records(&project);
        assert_eq!(outline(&found), expected, "{secret}");
        assert_eq!(self::counts(&project), counts, "{secret}");
        if secret.len() >= 4 {
            let mut shown = Vec::new();
            for record in &found {
                texts(record, "", &mut shown);
            }
            assert!(!shown.iter().any(|text| text.contains(&format!("<{secret}>"))), "{secret}: {shown:?}");
            let log = fs::read_to_string(project.newest().join("logs/first.say.log")).expect("a log");
            assert!(log.contains("<***>") && !log.contains(&format!("<{secret}>")), "{secret}: {log}");
        }
        if !READ_AGAIN.contains(&secret.as_str()) {
            continue;
        }
        let text = with(&["report"]).ends(0, &[]).out;
        assert!(text.contains("1 of 3 assertions hold"), "{secret}: {text}");
        with(&["runs", "show"]).ends(0, &[]);
        let again = with(&["run", "--resume"]).ends(1, &[]);
        assert!(again.err.contains("goes on with run"), "{secret}: {}", again.err);
    }
}

/// What `JUnit` counts.
fn counts(project: &Project) -> String {
    let junit = fs::read_to_string(project.newest().join("junit.xml")).expect("a report");
    let line = junit.lines().find(|line| line.contains("<testsuites")).expect("a root").to_owned();
    line.split(" time=").next().unwrap_or_default().split(" timestamp=").next().unwrap_or_default().to_owned()
}
