//! What measured nothing is not reported as if it held; what was skipped has one line for each cause.

use crate::kit::{Project, said};

#[test]
fn an_assertion_for_each_of_no_items_is_reported() {
    let stage = "stage: a\nsteps: { make: { shell: 'true' } }\ngate:\n  - { name: it answers, for_each: '${{ vars.urls }}', http: { url: '${{ item }}' } }\n  - { use: gates/g.yaml, for_each: '${{ vars.urls }}', with: { url: '${{ item }}' } }\n";
    let project = Project::headed("vars: { urls: [] }\n", &[("a.yaml", stage)]);
    project.write("gates/g.yaml", "params: { url: null }\nassertions: [{ http: '${{ params.url }}' }]\n");
    let said = project.run(&["run"]).ends(
        0,
        &[
            "○ it answers: skipped: 0 items: the list ${{ vars.urls }} is empty",
            "○ gates/g.yaml: skipped: 0 items: the list ${{ vars.urls }} is empty",
            "none of 2 assertions was measured",
        ],
    );
    assert!(said.err.contains("○ a.gate") && said.err.contains("nothing measured, 2 skipped"), "{}", said.err);
    let gate = project.run(&["plan"]).ends(0, &["it answers  (0 items: the list ${{ vars.urls }} is empty)"]).out;
    assert!(gate.contains("2 assertions"), "{gate}");
    let junit = project.run(&["report", "--format", "junit"]).ends(0, &[]).out;
    assert!(junit.contains(r#"<skipped message="0 items: the list ${{ vars.urls }} is empty"/>"#), "{junit}");
}

#[test]
fn what_an_early_failure_skips_is_one_line_for_each_cause() {
    let stage =
        |name: &str| format!("stage: {name}\nneeds: []\nsteps: {{ x: {{ shell: 'true' }}, y: {{ shell: 'true' }} }}\n");
    let (a, b) = (stage("a"), stage("b"));
    let project = Project::headed("gate: [{ shell: 'false' }]\n", &[("a.yaml", &a), ("b.yaml", &b)]);
    let said = project.run(&["run"]).ends(1, &["0 of 1 assertions hold, 1 not measured"]);
    let skipped: Vec<&str> = said.err.lines().filter(|line| line.contains("skipped")).collect();
    let line = "○ 5 steps and gates of 3 stages skipped: before.gate failed";
    assert_eq!(skipped, [line, line], "{}{}", said.err, said.out);
    let states = project.states();
    assert_eq!(states.values().filter(|state| *state == "skipped").count(), 5, "{states:?}");
}

#[test]
fn only_what_was_measured_is_counted() {
    let stage = |name: &str| format!("stage: {name}\nneeds: []\ngate: [{{ shell: 'true' }}]\n");
    let (a, b) = (stage("a"), stage("b"));
    let project = Project::of(&[("a.yaml", &a), ("b.yaml", &b)]);
    project.run(&["run", "--stage", "a"]).ends(0, &["1 of 1 assertions hold, 1 not measured"]);
}

#[test]
fn a_skipped_assertion_has_its_title() {
    let stage = "stage: a\ngate: [{ file: out.txt, when: 'false' }, { tcp: '127.0.0.1:1', when: 'false' }]\n";
    let project = Project::of(&[("a.yaml", stage)]);
    project
        .run(&["run"])
        .ends(0, &["○ file out.txt: skipped: `false` is false", "○ 127.0.0.1:1 takes connections: skipped"]);
}

#[test]
fn inputs_that_another_step_makes_wait_for_it() {
    let stage = "stage: a
steps:
  copy: { inputs: [out/one.txt], cache: [copy.txt], shell: cp out/one.txt copy.txt }
  make: { makes: [out], shell: mkdir -p out && echo one > out/one.txt }
";
    let project = Project::of(&[("a.yaml", stage)]);
    project.run(&["run", "--jobs", "1"]).ends(0, &["✔ a.copy"]);
    assert_eq!(project.read("copy.txt"), "one\n");
    let needless = stage.replace("inputs: [out/one.txt]", "inputs: ['**']");
    project.write("a.yaml", &needless.replace("makes: [out]", "needs: [copy], makes: [out]"));
    project.run(&["check"]).ends(0, &[]);
}

#[test]
fn a_folder_in_the_place_of_a_file_is_answered_with_the_option() {
    let project = Project::of(&[("sub/a.yaml", "stage: a\nsteps: { x: { shell: 'true' } }\n")]);
    project.write("other/pipeline.yaml", "version: 1\npipeline: other\nstages: []\n");
    project.run(&["--file", "other", "check"]).ends(2, &["other is a folder, expected a file", "`--file "]);
    project.run(&["--file", "sub", "check"]).ends(2, &["sub is a folder", "`pipeline init`"]);
    let mut command = project.command(&["check", "other"]);
    said(command.current_dir(project.path())).ends(2, &["unexpected argument 'other'", "`-C other`"]);
    let mut command = project.command(&["check", "sub/a.yaml"]);
    said(command.current_dir(project.path())).ends(2, &["unexpected argument", "`--file sub/a.yaml`"]);
    std::os::unix::fs::symlink("loop", project.path().join("loop")).expect("a link");
    project.run(&["--file", "loop", "check"]).ends(2, &["cannot read", "Too many levels of symbolic links"]);
}
