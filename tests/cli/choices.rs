//! What the options of `run` choose.

use crate::kit::Project;

/// a, b after a, c after b, and d that needs nothing.
fn four() -> Project {
    Project::of(&[
        ("a.yaml", "stage: a\nsteps: { go: { shell: { run: touch a } } }\n"),
        ("b.yaml", "stage: b\nneeds: [a]\nsteps: { go: { shell: { run: touch b } } }\n"),
        ("c.yaml", "stage: c\nneeds: [b]\nsteps: { go: { shell: { run: touch c } } }\n"),
        ("d.yaml", "stage: d\nsteps: { go: { shell: { run: touch d } } }\n"),
    ])
}

fn touched(project: &Project) -> String {
    ["a", "b", "c", "d"].into_iter().filter(|name| project.has(name)).collect()
}

#[test]
fn a_dry_run_shows_the_plan_and_runs_nothing() {
    let project = four();
    let said = project.run(&["run", "--dry-run"]).ends(0, &["dry run: the files are right; nothing was run"]);
    assert_eq!(said.out, project.run(&["plan"]).out);
    assert_eq!(touched(&project), "");
    assert!(!project.has(".pipeline"));
}

#[test]
fn stage_runs_that_stage_alone() {
    let project = four();
    project.run(&["run", "--stage", "b"]).ends(0, &["test passed"]);
    assert_eq!(project.course(), "a.go skipped, b.go passed, c.go skipped, d.go skipped");
    assert_eq!(touched(&project), "b");
    project.run(&["run", "--stage", "1", "--stage", "d"]).ends(0, &[]);
    assert_eq!(touched(&project), "abd");
}

#[test]
fn until_runs_what_a_stage_needs_and_the_stage() {
    let project = four();
    project.run(&["run", "--until", "b"]).ends(0, &[]);
    assert_eq!(touched(&project), "ab");
    let project = four();
    project.run(&["run", "--until", "3"]).ends(0, &[]);
    assert_eq!(touched(&project), "abc");
}

#[test]
fn a_run_of_some_stages_leaves_the_finally_of_the_pipeline_to_a_whole_run() {
    let project = four();
    let text = std::fs::read_to_string(project.path().join("pipeline.yaml")).expect("written");
    project.write("pipeline.yaml", &format!("{text}finally:\n  away: {{ shell: {{ run: touch away }} }}\n"));
    project.run(&["run", "--until", "b"]).ends(0, &["the pipeline's own `finally` steps do not run"]);
    assert!(!project.has("away"));
    project.run(&["run", "--stage", "b"]).ends(0, &[]);
    assert!(!project.has("away"));
    project.run(&["run", "--stage", "b", "--finally"]).ends(0, &[]);
    assert!(project.has("away"));
    std::fs::remove_file(project.path().join("away")).expect("there");
    let all = ["run", "--stage", "a", "--stage", "b", "--stage", "c", "--stage", "d"];
    project.run(&all).ends(0, &[]);
    assert!(project.has("away"), "all stages by name are a whole run");
}

#[test]
fn a_program_that_is_not_installed_is_reported_before_anything_runs() {
    let project = Project::of(&[
        ("a.yaml", "stage: a\nsteps: { go: { shell: { run: touch a } } }\n"),
        ("b.yaml", "stage: b\nneeds: [a]\nsteps:\n  lint: { helm: { lint: { chart: chart } } }\n"),
    ]);
    project.write("chart/Chart.yaml", "name: chart\nversion: 1.0.0\n");
    let without = |args: &[&str]| {
        let mut command = project.command(args);
        command.env("PATH", project.path());
        crate::kit::said(&mut command)
    };
    without(&["run"]).ends(3, &["helm is not in PATH, and `helm` needs it"]);
    assert!(!project.has("a"));
    // of no concern to a run that leaves that stage out
    let run = without(&["run", "--until", "a"]);
    assert!(!run.err.contains("helm"), "{}", run.err);
}

/// One fails; other needs nothing, later needs one.
fn failing() -> Project {
    Project::of(&[
        ("one.yaml", "stage: one\nsteps: { go: { shell: { run: exit 3 } } }\n"),
        ("other.yaml", "stage: other\nsteps: { go: { shell: { run: touch a } } }\n"),
        ("later.yaml", "stage: later\nneeds: [one]\nsteps: { go: { shell: { run: touch b } } }\n"),
    ])
}

#[test]
fn after_a_failure_nothing_new_starts() {
    let project = failing();
    project.run(&["run", "--jobs", "1"]).ends(1, &["`exit 3` ended with exit code 3, expected 0"]);
    assert_eq!(project.course(), "later.go skipped, one.go failed, other.go skipped");
}

#[test]
fn keep_going_runs_what_does_not_depend_on_the_failure() {
    let project = failing();
    project.run(&["run", "--jobs", "1", "--keep-going"]).ends(1, &["skipped: one.go failed"]);
    assert_eq!(project.course(), "later.go skipped, one.go failed, other.go passed");
    assert_eq!(touched(&project), "a");
}

#[test]
fn fail_fast_cancels_what_runs() {
    let project = Project::of(&[(
        "a.yaml",
        "stage: a
steps:
  long: { shell: { run: 'touch up; exec sleep 600' } }
  bad: { shell: { run: 'until [ -e up ]; do sleep 0.01; done; exit 1' } }
finally: { tidy: { shell: { run: touch a } } }
",
    )]);
    project.run(&["run", "--jobs", "2", "--fail-fast"]).ends(1, &["cancelled: a.bad failed"]);
    assert_eq!(project.course(), "a.bad failed, a.long cancelled, a.tidy passed");
}

#[test]
fn var_wins_over_profile_and_profile_above_the_file() {
    let project = Project::headed(
        "vars: { name: file, count: 1 }\nenv: { PLACE: desk }\nprofiles: { ci: { vars: { name: profile }, env: { PLACE: ci } } }\n",
        &[(
            "a.yaml",
            "stage: a\nsteps: { say: { env: { NAME: '${{ vars.name }}', MORE: '${{ vars.count + 1 }}' }, shell: { run: 'echo \"$NAME $MORE $PLACE\" > said' } } }\n",
        )],
    );
    let said = |args: &[&str]| {
        project.run(args).ends(0, &[]);
        project.read("said")
    };
    assert_eq!(said(&["run"]), "file 2 desk\n");
    assert_eq!(said(&["run", "--profile", "ci"]), "profile 2 ci\n");
    assert_eq!(project.summary()["profile"], "ci");
    assert_eq!(said(&["run", "--profile", "ci", "--var", "name=line", "--var", "count=4"]), "line 5 ci\n");
}

#[test]
fn jobs_bounds_how_many_steps_run_at_once() {
    let step = "shell: { run: 'mkdir one && rmdir one' }";
    let project = Project::of(&[(
        "a.yaml",
        &format!("stage: a\nsteps:\n  item: {{ for_each: [1, 2, 3, 4, 5, 6, 7, 8], {step} }}\n"),
    )]);
    project.run(&["run", "--jobs", "1"]).ends(0, &["8 steps"]);
}

#[test]
fn an_assertion_that_is_skipped_says_why_in_every_report_and_counts_for_nothing() {
    let stage = "stage: a\nsteps: { look: { shell: { run: 'echo found=0 >> $PIPELINE_OUTPUT' }, outputs: [found] } }\ngate:\n  \
        - name: it serves\n    when: steps.look.outputs.found == '1'\n    otherwise: there is none here\n    shell: { run: 'false' }\n  \
        - name: it is there\n    when: vars.browser\n    shell: { run: 'false' }\n  - shell: { run: 'true' }\n";
    let project = Project::headed("vars: { browser: false }\n", &[("a.yaml", stage)]);
    let words =
        ["○ it serves: skipped: there is none here", "○ it is there: skipped: `vars.browser` is false", "2 skipped"];
    project.run(&["run"]).ends(0, &words);
    let said = project.run(&["report", "--format", "junit"]).ends(0, &[]);
    assert!(said.out.contains(r#"<skipped message="there is none here"/>"#), "{}", said.out);
    let gate = project.summary()["stages"][0]["nodes"][1]["assertions"].clone();
    let reported = |name: &str| {
        let reported = gate
            .as_array()
            .expect("assertions")
            .iter()
            .find(|reported| reported["name"] == name)
            .expect("told")
            .clone();
        reported["verdict"]["Ok"]["Skipped"]["reason"].clone()
    };
    assert_eq!(
        (reported("it serves"), reported("it is there")),
        ("there is none here".into(), "`vars.browser` is false".into())
    );
    let report = project.run(&["report"]).ends(0, &[]).out;
    assert!(report.contains("1 of 1 assertions hold, 2 skipped"), "{report}");
}

#[test]
fn a_step_that_needs_another_stage_waits_for_it_alone() {
    let build =
        "stage: images\nsteps: { build: { shell: { run: 'touch built' } } }\ngate: [{ file: { path: built } }]\n";
    let up = "stage: cluster\nsteps:\n  up: { shell: { run: 'true' } }\n  load: { needs: [up, images], shell: { run: test -e built } }\n";
    let project = Project::of(&[("a.yaml", build), ("b.yaml", up)]);
    let plan = project.run(&["plan"]).ends(0, &[]);
    assert!(plan.out.ends_with("side by side\n   1  images | cluster\n   2  cluster\n"), "{}", plan.out);
    assert!(plan.out.contains("load  shell  test -e built  (after up; after stage images)"), "{}", plan.out);
    project.run(&["run", "--until", "cluster"]).ends(0, &["✔ images.gate", "✔ cluster.load"]);
    let circle = build.replace("build: {", "build: { needs: [cluster], ");
    let project = Project::of(&[("a.yaml", &circle), ("b.yaml", up)]);
    project.run(&["check"]).ends(2, &["error[cycle]", "images", "cluster"]);
}

#[test]
fn a_var_without_a_value_is_reported_once_where_a_list_belongs() {
    let stage =
        "stage: a\nsteps: { go: { for_each: '${{ vars.l }}', env: { A: '${{ item }}' }, shell: { run: 'true' } } }\n";
    let project = Project::headed("vars: { l: [x] }\n", &[("a.yaml", stage)]);
    project.run(&["check"]).ends(0, &[]);
    let said = project.run(&["check", "--var", "l="]);
    let said = said.ends(2, &["`--var l` gives nothing, but the var `l` is a list", "1 error in 1 file"]);
    assert!(!said.err.contains("`item` has a value only"), "{}", said.err);
}

#[test]
fn clean_says_that_there_is_nothing_to_remove() {
    let project = four();
    project.run(&["clean"]).ends(0, &["nothing to remove: no run has left anything"]);
    project.run(&["run"]).ends(0, &[]);
    project.run(&["clean", "--dry-run"]).ends(0, &["nothing to remove: no run has left anything"]);
    let said = project.run(&["clean", "--runs", "0s"]).ends(0, &["removed the record of run"]);
    assert!(!said.err.contains("nothing to remove"), "{}", said.err);
}
