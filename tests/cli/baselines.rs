//! Expectations that refer to the past: the first run has no answer, `baseline accept` stores what it measured, and later
//! runs are compared with that.

use std::fs;

use crate::kit::Project;

const STAGE: &str = r#"stage: build
steps:
  make: { shell: { run: 'head -c "$SIZE" /dev/zero > out.bin' }, env: { SIZE: "${{ vars.size }}" } }
gate:
  - name: the artefact
    file: { path: out.bin, size: "<= baseline + 5%" }
"#;

fn project() -> Project {
    Project::headed("vars: { size: 1000 }\n", &[("build.yaml", STAGE)])
}

#[test]
fn a_run_is_compared_with_the_values_that_were_accepted() {
    let project = project();
    let missing = "no baseline for `size` of `build.gate: the artefact` (size is 1000B)";
    project.run(&["run"]).ends(1, &[missing, "pipeline baseline accept"]);
    project.run(&["baseline"]).ends(0, &["no baselines yet"]);
    project.run(&["baseline", "accept"]).ends(0, &["build.gate: the artefact  size  1000B  (new)", "commit it"]);
    let stored = fs::read_to_string(project.path().join("baselines.yaml")).expect("written");
    assert!(stored.contains("build.gate: the artefact") && stored.contains("value: 1000B"), "{stored}");
    project.run(&["baseline", "show"]).ends(0, &["build.gate: the artefact  size  1000B"]);
    project.run(&["check"]).ends(0, &[]);
    project.run(&["run", "--var", "size=1050"]).ends(0, &[]);
    let unmet = "size is 1.05 kB, expected <= baseline + 5% (baseline is 1 kB)";
    project.run(&["run", "--var", "size=1051"]).ends(1, &[unmet]);
    project.run(&["baseline", "accept"]).ends(0, &["1051B  (was 1000B)"]);
    project.run(&["run", "--var", "size=1100"]).ends(0, &[]);
}

#[test]
fn an_entry_of_no_assertion_is_a_warning() {
    let project = project();
    project.write(
        "baselines.yaml",
        "version: 1\nbaselines:\n  \"build.gate: the artefect\":\n    size: { value: 1kB, run: r, date: 2026-11-23 }\n",
    );
    let words = "no assertion is called `build.gate: the artefect`, so its baseline is not used";
    project.run(&["check"]).ends(0, &[words, "did you mean \"build.gate: the artefact\"?"]);
}

#[test]
fn a_run_without_expectations_of_the_past_has_nothing_to_accept() {
    let project = Project::of(&[("a.yaml", "stage: a\nsteps: { a: { shell: { run: 'true' } } }\n")]);
    project.run(&["run"]).ends(0, &[]);
    project.run(&["baseline", "accept"]).ends(2, &["measured nothing that refers to a baseline"]);
    assert!(!project.path().join("baselines.yaml").exists());
}
