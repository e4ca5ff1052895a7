//! Files: found, checked whole, written by `init`.

use crate::kit::{Project, said};

const ONE: &str = "stage: one\nsteps: { touch: { shell: { run: touch ran } } }\n";

#[test]
fn init_writes_a_pipeline_that_passes() {
    let project = Project::new(&[]);
    project.run(&["init", "new"]).ends(0, &["wrote pipeline.yaml", "pipeline -C new run"]);
    project.run(&["-C", "new", "check"]).ends(0, &["hello: 4 nodes in 2 stages, 3 files, nothing wrong"]);
    let plan = project.run(&["-C", "new", "plan"]).ends(0, &[]).out;
    assert!(plan.starts_with("hello: 2 stages, 3 steps, 1 gate, 1 assertion"), "{plan}");
    project.run(&["-C", "new", "run"]).ends(0, &["hello passed in"]);
    project.run(&["init", "new"]).ends(2, &["pipeline.yaml exists already", "nothing was written"]);
}

#[test]
fn init_writes_a_pipeline_in_one_file_that_passes() {
    let project = Project::new(&[]);
    project.run(&["init", "--single", "new"]).ends(0, &["wrote pipeline.yaml", "pipeline -C new run"]);
    project.run(&["-C", "new", "check"]).ends(0, &["hello: 4 nodes in 2 stages, 1 file, nothing wrong"]);
    project.run(&["-C", "new", "run"]).ends(0, &["hello passed in"]);
}

#[test]
fn check_tells_everything_that_is_wrong_at_its_place() {
    let project = Project::of(&[
        (
            "a.yaml",
            "stage: a\nsteps:\n  one: { shell: { rum: touch ran } }\n  two: { needs: [on], shell: { run: 'echo ${{ vars.x }}' } }\ngate:\n  - file: { path: x, size: \"< 5ms\" }\n",
        ),
        ("b.yaml", "stage: b\nneeds: [build]\nsteps: { one: { shell: { run: touch ran } } }\n"),
    ]);
    let words = [
        "unknown key `rum` in the `shell` step `one`\n   ╭─[a.yaml:3:19]",
        "step \"two\" needs \"on\", which does not exist\n   ╭─[a.yaml:4:18]",
        "`${{ }}` cannot stand inside a script\n   ╭─[a.yaml:4:43]",
        "`ms` is not a unit of bytes; expected a size such as 500MB or 2GiB\n   ╭─[a.yaml:6:28]",
        "stage \"b\" needs \"build\", which does not exist\n   ╭─[b.yaml:2:9]",
        "5 errors in 2 files; nothing was run",
    ];
    assert_eq!(project.run(&["check"]).ends(2, &words).out, "");
    assert_eq!(project.run(&["run"]).ends(2, &words).out, "");
    project.run(&["plan"]).ends(2, &words);
    assert!(!project.has("ran") && !project.has(".pipeline"));
}

#[test]
fn the_pipeline_file_is_found_in_folders_above_and_steps_run_beside_it() {
    let project = Project::of(&[("one.yaml", ONE)]);
    project.write("deep/down/here.txt", "");
    let mut command = project.command(&["run"]);
    said(command.current_dir(project.path().join("deep/down"))).ends(0, &["test passed"]);
    assert!(project.has("ran") && project.has(".pipeline/runs") && !project.has("deep/down/.pipeline"));
}

#[test]
fn a_file_or_a_folder_is_named_on_the_command_line() {
    let project = Project::new(&[]);
    project.run(&["run"]).ends(2, &["there is no pipeline.yaml in", "`pipeline init` writes a small one"]);
    project.run(&["-C", "nowhere", "run"]).ends(2, &["cannot enter nowhere"]);
    project.run(&["--file", "x.yaml", "run"]).ends(2, &["there is no file", "x.yaml"]);
    project.write("sub/other.yaml", "version: 1\npipeline: other\nstages: [one.yaml]\n");
    project.write("sub/one.yaml", ONE);
    project.run(&["--file", "sub/other.yaml", "run"]).ends(0, &["other passed"]);
    project.run(&["run", "-C", "sub", "-f", "other.yaml"]).ends(0, &["other passed"]);
    assert!(project.has("sub/ran") && !project.has("ran"), "steps run beside the pipeline file");
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    let project = Project::of(&[("one.yaml", ONE)]);
    project.run(&["rum"]).ends(2, &["unrecognized subcommand 'rum'", "run"]);
    project.run(&["run", "--jobs", "0"]).ends(2, &["0 is not in 1..=10000"]);
    project.run(&["run", "--var", "x"]).ends(2, &["expected NAME=VALUE"]);
    project.run(&["run", "--stage", "on"]).ends(2, &["on", "one"]);
    project.run(&["run", "--until", "7"]).ends(2, &["7"]);
    project.run(&["run", "--profile", "ci"]).ends(2, &["ci"]);
    project.run(&["run", "--var", "y=1"]).ends(2, &["y"]);
    project.run(&["run", "--keep-going", "--fail-fast"]).ends(2, &["cannot be used with"]);
    project.run(&["explain", "shel"]).ends(2, &["did you mean \"shell\"?"]);
    project.run(&["explain", "nedes"]).ends(2, &["no code, kind or key `nedes`", "did you mean \"needs\"?"]);
    assert!(!project.has("ran"));
}
