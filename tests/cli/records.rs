//! What a run leaves, read again: `report`, `runs`, `logs`.

use std::fs;

use rustix::process::Signal;

use crate::kit::{Project, end_group, lives};

/// A run with everything in it: outputs, a retry, a tolerated failure, a gate half held, something skipped.
fn eventful() -> Project {
    let project = Project::of(&[
        (
            "a.yaml",
            r#"stage: a
steps:
  out: { shell: { run: 'echo "n=3" >> "$PIPELINE_OUTPUT"; echo one; echo two >&2' }, outputs: [n] }
  odd: { needs: [out], retry: { attempts: 2, backoff: 1ms }, shell: { run: '[ -e tried ] || { touch tried; exit 5; }' } }
  bad: { continue_on_error: true, shell: { run: 'echo "<&> ü" >&2; exit 4' } }
gate:
  - name: small
    file: { path: tried, size: "> 1kB" }
  - name: there
    file: { path: tried }
  - name: big
    severity: warning
    file: { path: tried, size: "> 1MB" }
"#,
        ),
        ("b.yaml", "stage: b\nneeds: [a]\nsteps: { never: { shell: { run: touch never } } }\n"),
    ]);
    project.run(&["run"]).ends(1, &["✘ small: size is 0 B, expected > 1kB", "⚠ big: size is 0 B, expected > 1MB"]);
    project
}

#[test]
fn a_report_made_again_equals_what_the_run_wrote() {
    let project = eventful();
    let run = project.newest();
    let file = |name: &str| fs::read_to_string(run.join(name)).expect("written");
    assert_eq!(project.run(&["report", "--format", "json"]).ends(0, &[]).out, file("summary.json"));
    assert_eq!(project.run(&["report", "--format", "junit"]).ends(0, &[]).out, file("junit.xml"));
    let live = project.run(&["run"]).err;
    let text = project.run(&["report"]).ends(0, &[]).out;
    // the critical path is of the report alone
    let summary = text.split_once("critical path: ").map_or(text.as_str(), |(summary, _)| summary);
    assert!(live.contains(summary), "{live}\n---\n{text}");
}

#[test]
fn the_junit_report_counts_steps_and_assertions() {
    let junit = {
        let project = eventful();
        fs::read_to_string(project.newest().join("junit.xml")).expect("written")
    };
    for part in [
        r#"<testsuites name="test" tests="7" failures="1" errors="0""#,
        r#"<testsuite name="a" tests="6" skipped="2" errors="0" failures="1""#,
        r#"<skipped message="failed, does not count (continue_on_error): "#,
        r#"<testcase name="a.gate: small" classname="file""#,
        "size is 0 B, expected &gt; 1kB",
        r#"<skipped message="a.gate failed"/>"#,
    ] {
        assert!(junit.contains(part), "no {part} in:\n{junit}");
    }
}

#[test]
fn runs_are_listed_shown_and_removed() {
    let project = Project::of(&[("a.yaml", "stage: a\nsteps: { one: { shell: { run: echo hi } } }\n")]);
    project.run(&["runs"]).ends(0, &["no runs yet: `pipeline run` makes one"]);
    project.run(&["report"]).ends(2, &["no run has been recorded in", "start one with `pipeline run`"]);
    project.run(&["run"]).ends(0, &[]);
    let first = project.newest();
    let first = first.file_name().expect("a name").to_str().expect("text");
    project.run(&["run"]).ends(0, &[]);
    let list = project.run(&["runs", "list"]).ends(0, &[]).out;
    assert_eq!(list.lines().filter(|line| line.contains("passed") && line.contains("1/1 nodes over")).count(), 2);
    let shown = project.run(&["runs", "show", first]).ends(0, &[]).out;
    assert!(shown.contains("✔ a.one") && shown.contains(&format!("run {first}")), "{shown}");
    project.run(&["runs", "rm", first]).ends(0, &[&format!("removed {first}")]);
    assert_eq!(project.run(&["runs"]).out.lines().count(), 1);
    project.run(&["runs", "show", first]).ends(2, &["no run is called", "`pipeline runs list` shows them all"]);
}

#[test]
fn logs_prints_what_a_step_said_and_nothing_else() {
    let project = eventful();
    assert_eq!(project.run(&["logs"]).ends(0, &[]).out, "a.out\na.bad\n");
    assert_eq!(project.run(&["logs", "a.out"]).ends(0, &[]).out, "one\ntwo\n");
    assert_eq!(project.run(&["logs", "latest", "a.bad"]).ends(0, &[]).out, "<&> ü\n");
    project.run(&["logs", "a.odd"]).ends(0, &["a.odd said nothing"]);
    project.run(&["logs", "a.uot"]).ends(2, &["has no step `a.uot`", "did you mean \"a.out\"?"]);
}

#[test]
fn a_killed_runner_leaves_a_record_that_can_be_read() {
    let project = Project::of(&[(
        "a.yaml",
        "stage: a
steps:
  first: { shell: { run: echo done } }
  long: { needs: [first], shell: { run: 'echo $$ > pid; echo here; exec sleep 600' } }
",
    )]);
    let mut live = project.start(&["run"]);
    live.line("│ here");
    project.run(&["runs"]).ends(0, &[]);
    assert!(project.run(&["runs"]).out.contains("running"));
    project.run(&["runs", "rm", "latest"]).ends(2, &["is still going on"]);
    live.signal(Signal::KILL);
    let (code, _) = live.end();
    assert_eq!(code, None);
    let pid = project.read("pid");
    let shown = project.run(&["runs", "show"]).ends(0, &[]).out;
    for part in [
        "✔ a.first",
        "▸ a.long",
        "the runner died",
        "1 done, 1 in doubt, 0 not started",
        "? a.long  in doubt: it had started, and its end is not known",
        "`pipeline run --resume ",
    ] {
        assert!(shown.contains(part), "no {part} in:\n{shown}");
    }
    assert!(project.run(&["runs"]).out.contains("unfinished"));
    // A killed runner can end nobody: what it started is left to the test.
    assert!(lives(&pid));
    end_group(&pid);
}

#[test]
fn a_damaged_record_is_read_as_far_as_it_is_whole() {
    let project = eventful();
    let journal = project.newest().join("journal.ndjson");
    let bytes = fs::read(&journal).expect("a journal");
    fs::write(&journal, &bytes[..bytes.len() - 40]).expect("written");
    let said = project.run(&["runs", "show"]).ends(0, &["is damaged: its last", "bytes are left out"]);
    assert!(said.out.contains("✘ a.gate"), "{}", said.out);
}

#[test]
fn a_step_that_takes_too_long_says_so_once_in_each_report() {
    let stage = "stage: a\nsteps: { slow: { timeout: 50ms, shell: { run: exec sleep 600 } } }\n";
    let project = Project::of(&[("a.yaml", stage)]);
    let run = project.run(&["run", "--output", "quiet"]).ends(1, &["✘ a.slow  timed out after 50ms"]);
    assert_eq!(run.err.matches("timed out after").count(), 1, "{}", run.err);
    let junit = project.run(&["report", "--format", "junit"]).out;
    assert!(junit.contains(r#"<failure message="timed out after 50ms" type="failure">"#), "{junit}");
}

#[test]
fn a_junit_report_is_well_formed_whatever_a_file_holds() {
    let stage = "stage: a
steps: { x: { shell: { run: \"printf 'a\\\\357\\\\277\\\\277b\\\\357\\\\277\\\\276' > n.txt; printf 'c\\\\001\\\\357\\\\277\\\\277'; exit 0\" } } }
gate: [{ file: { path: n.txt, contains: zzz } }, { shell: { run: cat n.txt, stdout: { equals: x } } }]
";
    let project = Project::of(&[("a.yaml", stage)]);
    project.run(&["run"]).ends(1, &[]);
    let junit = fs::read_to_string(project.newest().join("junit.xml")).expect("written");
    assert!(!junit.contains(['\u{fffe}', '\u{ffff}']), "{junit}");
    assert!(junit.contains("a\\u{ffff}b\\u{fffe}"), "{junit}");
    let html = fs::read_to_string(project.newest().join("report.html")).expect("written");
    assert!(!html.contains(['\u{fffe}', '\u{ffff}']) && html.contains("<main>"), "{html}");
}

#[test]
fn what_was_not_needed_is_not_called_not_selected() {
    let stage = "stage: a
steps: { x: { shell: { run: 'true' } } }
on_failure: { list: { shell: { run: 'true' } } }
";
    let idle = "stage: b
needs: [a]
when: 'false'
steps: { y: { shell: { run: 'true' } } }
finally: { tidy: { shell: { run: 'true' } } }
";
    let project = Project::of(&[("a.yaml", stage), ("b.yaml", idle)]);
    let said = project.run(&["run"]).ends(0, &["skipped: not needed"]).err;
    assert!(!said.contains("not selected"), "{said}");
    let said = project.run(&["run", "--stage", "b"]).ends(0, &["not selected"]).err;
    assert!(!said.contains("a.list"), "{said}");
    project.run(&["report", "--format", "junit"]).ends(0, &[]);
}

#[test]
fn every_error_of_many_is_shown() {
    let steps: Vec<String> = (0..30).map(|at| format!("  s{at}: {{ shel: {{ run: 'true' }} }}\n")).collect();
    let project = Project::of(&[("a.yaml", &format!("stage: a\nsteps:\n{}", steps.concat()))]);
    let said = project.run(&["check"]).ends(2, &[]);
    let text = format!("{}{}", said.out, said.err);
    for at in 0..30 {
        assert!(text.contains(&format!("a.yaml:{}:", at + 3)), "line {} is missing in:\n{text}", at + 3);
    }
    assert!(!text.contains(" more\n"), "{text}");
}

#[test]
fn a_record_that_a_step_removes_or_empties_is_missed() {
    for spoil in ["rm -f .pipeline/runs/*/journal.ndjson", "for j in .pipeline/runs/*/journal.ndjson; do : > $j; done"]
    {
        let stage = format!("stage: a\nsteps: {{ s: {{ shell: '{spoil}' }} }}\n");
        let project = Project::of(&[("a.yaml", &stage)]);
        project.run(&["run"]).ends(4, &["its journal was removed or emptied while it ran"]);
        let report = project.run(&["report", "--format", "junit"]);
        assert_ne!(report.code, 0, "{report:?}");
    }
}
