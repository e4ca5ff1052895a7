//! The value of a secret stands nowhere that a run writes to.

use crate::kit::{Project, said};

const VALUE: &str = "Tr0ub4dor&3 \"quoted\"";
const BASE64: &str = "VHIwdWI0ZG9yJjMgInF1b3RlZCI=";

const STAGE: &str = r#"stage: a
steps:
  say:
    env: { TOKEN: "${{ secrets.token }}" }
    shell:
      run: |
        echo "plain $TOKEN"
        printf '%s' "$TOKEN" | base64
        printf '%s' "$TOKEN" | od -An -tx1 | tr -d ' \n'; echo
        echo "out=$TOKEN" >> "$PIPELINE_OUTPUT"
    outputs: [out]
  split:
    env: { TOKEN: "${{ secrets.token }}" }
    shell: { run: 'printf "%s" "$TOKEN" | cut -c1-5 | tr -d "\n"; printf "%s" "$TOKEN" | cut -c6-; exit 1' }
gate:
  - shell: { run: 'true' }
on_failure:
  again: { env: { TOKEN: "${{ secrets.token }}" }, shell: { run: 'echo "$TOKEN" >&2; exit 1' } }
"#;

#[test]
fn a_secret_is_masked_wherever_it_is_said() {
    let project = Project::headed("secrets: { token: { env: TEST_TOKEN } }\n", &[("a.yaml", STAGE)]);
    let mut command = project.command(&["run", "--keep-going"]);
    let run = said(command.env("TEST_TOKEN", VALUE).env("GITHUB_ACTIONS", "true")).ends(1, &["plain ***"]);
    let mut places = vec![("terminal".to_owned(), run.err), ("annotations".to_owned(), run.out)];
    for args in [&["report"][..], &["report", "--format", "json"], &["runs", "show"], &["logs", "a.say"], &["plan"]] {
        places.push((args.join(" "), project.run(args).ends(0, &[]).out));
    }
    for entry in walkdir::WalkDir::new(project.path().join(".pipeline")) {
        let entry = entry.expect("readable");
        if entry.file_type().is_file() {
            let text = std::fs::read(entry.path()).expect("readable");
            places.push((entry.path().display().to_string(), String::from_utf8_lossy(&text).into_owned()));
        }
    }
    assert!(places.len() > 10, "{}", places.len());
    let escaped = serde_json::to_string(VALUE).expect("JSON");
    let hex = VALUE.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    for (place, text) in &places {
        for form in [VALUE, BASE64, escaped.trim_matches('"'), "Tr0ub4dor", &hex] {
            assert!(!text.contains(form), "`{form}` stands in {place}:\n{text}");
        }
    }
}

#[test]
fn a_secret_without_a_value_is_reported_before_anything_runs() {
    let head = "secrets: { one: { env: TEST_ONE }, two: { file: two.txt } }\n";
    let stage = "stage: a\nsteps: { go: { env: { ONE: '${{ secrets.one }}' }, shell: { run: touch ran } } }\n";
    let project = Project::headed(head, &[("a.yaml", stage)]);
    project.run(&["run"]).ends(3, &["one", "TEST_ONE", "two", "two.txt"]);
    assert!(!project.has("ran"));
    project.write("two.txt", "second\n");
    said(project.command(&["run"]).env("TEST_ONE", "first")).ends(0, &[]);
}

/// A pipeline whose last gate looks for secrets everywhere on this machine.
const GUARDED: &str = "secrets: { token: { env: TEST_TOKEN }, key: { file: key.txt } }\n\
    gate: [{ secrets: {} }]\n";

#[test]
fn a_planted_secret_is_found_by_the_gate_and_a_clean_run_passes() {
    // of this process alone: the whole machine is looked at
    let value = format!("canary-{}-\"quoted\"", std::process::id());
    let stage = |script: &str| {
        format!(
            "stage: a\nsteps:\n  go:\n    env: {{ TOKEN: '${{{{ secrets.token }}}}' }}\n    shell:\n      run: |\n        {script}\n"
        )
    };
    let run = |script: &str| {
        let project = Project::headed(GUARDED, &[("a.yaml", &stage(script))]);
        project.write("key.txt", "the-key-in-its-file\n");
        let said = said(project.command(&["run"]).env("TEST_TOKEN", &value));
        for text in [&said.out, &said.err] {
            assert!(!text.contains("canary-"), "{text}");
        }
        (project, said)
    };
    let (_, clean) = run("echo \"$TOKEN\" | wc -c");
    clean.ends(0, &["test passed in"]);
    for (script, place) in [
        ("mkdir out; printf '%s' \"$TOKEN\" | base64 > out/token", "secret token (in base64) in out/token"),
        ("cat key.txt > copy.txt", "secret key in copy.txt"),
        // what masking does not see through, the gate does
        ("printf '%s' \"$TOKEN\" | fold -w 6 | sed 's/$/\\\\/'", "secret token (across line breaks) in logs/a.go.log"),
        // seen while the step runs: the gate itself comes later
        ("sh -c 'sleep 3' \"$TOKEN\"", "secret token in sh (process "),
    ] {
        let (project, said) = run(script);
        said.ends(1, &[place]);
        let report = project.run(&["report", "--format", "json"]).ends(0, &[]).out;
        assert!(report.contains(place) && !report.contains("canary-"), "{report}");
    }
}

#[test]
fn a_secret_too_short_to_be_masked_is_named_once_and_not_shown() {
    let stage = "stage: a\nsteps: { one: { shell: { run: 'true' } }, two: { shell: { run: 'true' } } }\n";
    let head = "secrets: { pin: { env: PIN }, token: { env: TOKEN } }\n";
    let project = Project::headed(head, &[("a.yaml", stage)]);
    let run = |pin: &str| {
        let mut command = project.command(&["run"]);
        said(command.env("PIN", pin).env("TOKEN", "long enough"))
    };
    let short = run("7q7").ends(0, &["warning: the secret `pin`: shorter than 4 characters"]);
    assert_eq!(short.err.matches("warning: ").count(), 1, "{}", short.err);
    assert!(!short.err.contains("7q7") && !short.err.contains("token"), "{}", short.err);
    let long = run("7q7q").ends(0, &[]);
    assert!(!long.err.contains("warning"), "{}", long.err);
}
