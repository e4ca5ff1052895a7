//! Gates among the steps of a stage: what they see, what waits for them, how they are told.

use crate::kit::Project;

/// A file is made, looked at while it is there, and removed; in the end it is gone.
const STAGE: &str = r#"stage: a
steps:
  make:
    shell: { run: 'echo "file=out.txt" >> "$PIPELINE_OUTPUT"; echo one > out.txt' }
    outputs: [file]
  there:
    gate:
      - name: it is there
        file: { path: "${{ steps.make.outputs.file }}" }
      - use: gates/content.yaml
        with: { content: one }
  away: { needs: [there], shell: { run: rm out.txt } }
gate:
  - name: it is gone
    file: { path: out.txt, absent: true }
"#;

fn project(stage: &str) -> Project {
    let project = Project::of(&[("a.yaml", stage), ("b.yaml", "stage: b\nneeds: [a]\n")]);
    let uses = "params: { content: null }\nassertions:\n  - name: it says what it should\n    file: { path: \"${{ steps.make.outputs.file }}\", contains: \"${{ params.content }}\" }\n";
    project.write("gates/content.yaml", uses);
    project
}

#[test]
fn a_gate_among_steps_holds_while_what_it_looks_at_is_there() {
    let project = project(STAGE);
    let said = project.run(&["run"]).ends(0, &["✔ it is there", "✔ it says what it should", "✔ it is gone"]);
    assert!(said.err.contains("2 steps, there 2 of 2 hold, gate 1 of 1 hold"), "{}", said.err);
    assert_eq!(project.course(), "a.away passed, a.gate passed, a.make passed, a.there passed");
    let plan = project.run(&["plan"]).ends(0, &[]).out;
    assert!(plan.contains("2 stages, 2 steps, 2 gates, 3 assertions"), "{plan}");
    let junit = project.run(&["report", "--format", "junit"]).ends(0, &[]).out;
    assert!(junit.contains(r#"name="a.there: it is there" classname="file""#), "{junit}");
}

#[test]
fn one_that_does_not_hold_stops_what_needs_it() {
    let project = project(&STAGE.replace("content: one", "content: two"));
    project.run(&["run"]).ends(1, &["✔ it is there", "✘ it says what it should", "skipped: a.there failed"]);
    assert_eq!(project.course(), "a.away skipped, a.gate skipped, a.make passed, a.there failed");
    assert!(project.has("out.txt"));
}

#[test]
fn in_finally_it_sees_what_was_tidied_away() {
    let stage = "stage: a\nsteps: { make: { shell: { run: touch out.txt } } }\nfinally:\n  tidy: { shell: { run: rm out.txt } }\n  tidied: { needs: [tidy], gate: [{ name: nothing is left, file: { path: out.txt, absent: true } }] }\n";
    project(stage).run(&["run"]).ends(0, &["✔ nothing is left"]);
    project(&stage.replace("rm out.txt", "touch more.txt")).run(&["run"]).ends(1, &["✘ nothing is left"]);
}

#[test]
fn one_that_held_is_not_measured_again_by_a_run_that_goes_on() {
    let project = project(&STAGE.replace("path: out.txt, absent: true", "path: last.txt"));
    project.run(&["run"]).ends(1, &["✘ it is gone"]);
    project.write("last.txt", "");
    project.run(&["run", "--resume"]).ends(0, &[]);
    assert_eq!(project.course(), "a.away passed, a.gate passed, a.make passed, a.there passed");
}

#[test]
fn a_condition_that_stays_false_is_unmet_when_its_time_is_over() {
    // The last look is taken after the time: its evaluation is not cut short.
    let stage = "stage: a\ngate:\n  - policy: { manifests: [m.yaml], rules: [{ name: two, assert: self.data.n == \"two\" }] }\n    within: 300ms\n";
    let project = Project::of(&[("a.yaml", stage)]);
    project.write("m.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: c }\ndata: { n: one }\n");
    let said = project.run(&["run"]).ends(1, &["two"]);
    assert!(!said.err.contains("could not be measured"), "{}", said.err);
}
