//! What a failure leaves for its user to see: `--keep failed`, `clean` after it, a pause at a terminal.

use std::process::{Command, Stdio};

use crate::kit::{Project, said};

const STAGE: &str = "stage: a
steps:
  make: { shell: 'echo made >> log; touch thing' }
  check: { needs: [make], shell: '[ -e mended ]' }
on_failure: { tell: { shell: 'echo told >> log' } }
finally: { tidy: { shell: 'echo tidy $PIPELINE_STAGE >> log; rm -f thing' } }
";

fn project() -> Project {
    Project::headed("finally: { last: { shell: 'echo last >> log' } }\n", &[("a.yaml", STAGE)])
}

#[test]
fn what_a_failed_stage_made_stays_until_clean() {
    let project = project();
    let words = ["a.tidy, finally.last did not run", "clean` runs what is left", "kept for inspection"];
    project.run(&["run", "--keep", "failed"]).ends(1, &words);
    assert_eq!(project.read("log"), "made\ntold\n");
    assert!(project.has("thing"));
    project.run(&["clean", "--dry-run"]).ends(0, &["left undone: a.tidy, finally.last"]);
    project.run(&["clean"]).ends(0, &["left its `finally` undone"]);
    assert_eq!(project.read("log"), "made\ntold\ntidy a\nlast\n");
    project.run(&["clean"]).ends(0, &["nothing to remove"]);
    assert_eq!(project.read("log"), "made\ntold\ntidy a\nlast\n");
}

#[test]
fn a_later_run_names_what_was_left_and_one_that_continues_does_it() {
    let project = project();
    project.run(&["run", "--keep", "failed"]).ends(1, &[]);
    project.write("mended", "");
    project.run(&["run", "--resume"]).ends(0, &["a.tidy", "finally.last"]);
    assert_eq!(project.read("log"), "made\ntold\ntidy a\nlast\n");
    project.run(&["clean"]).ends(0, &["nothing to remove"]);
    std::fs::remove_file(project.path().join("mended")).expect("removed");
    project.run(&["run", "--keep", "failed"]).ends(1, &[]);
    project.write("mended", "");
    project.run(&["run"]).ends(0, &["left a.tidy, finally.last undone"]);
}

#[test]
fn what_is_left_sees_the_run_that_left_it_and_stays_until_it_is_done() {
    let stage = "stage: a
steps:
  make: { shell: { run: 'echo id=42 >> \"$PIPELINE_OUTPUT\"; echo $PIPELINE_RUN > made-by' }, outputs: [id] }
  check: { needs: [make], shell: '[ -e mended ]' }
finally:
  tidy:
    env:
      STATES: '${{ steps.make.state }} ${{ steps.check.state }}'
      RUN: '${{ run.id }} ${{ run.result }} ${{ run.failed_step }}'
    shell: 'echo \"$STATES\" >> log; echo \"$RUN\" >> run; [ -e tidy-works ]'
";
    let project = Project::of(&[("a.yaml", stage)]);
    project.run(&["run", "--keep", "failed"]).ends(1, &[]);
    let run = format!("{} failed a.check\n", project.read("made-by").trim());
    project.run(&["clean"]).ends(1, &["✘ a.tidy", "still to be done: a.tidy"]);
    project.run(&["clean"]).ends(1, &["left its `finally` undone", "still to be done: a.tidy"]);
    project.write("mended", "");
    project.write("tidy-works", "");
    project.run(&["clean"]).ends(0, &["left its `finally` undone"]);
    assert_eq!(project.read("log"), "passed failed\n".repeat(3));
    assert_eq!(project.read("run"), run.repeat(3));
    project.run(&["clean"]).ends(0, &["nothing to remove"]);
}

#[test]
fn a_pause_needs_a_terminal() {
    let project = project();
    project.run(&["run", "--pause-on-failure"]).ends(2, &["there is no terminal to wait at", "--keep failed"]);
    assert!(!project.has("log"));
}

#[test]
fn a_pause_waits_for_enter_before_anything_is_removed() {
    let project = project();
    let mut command = Command::new("script");
    let run = concat!(env!("CARGO_BIN_EXE_pipeline"), " run --pause-on-failure --output plain");
    command.args(["-qec", run, "/dev/null"]).env_remove("CI");
    command.stdin(Stdio::piped());
    let mut live = project.started(command);
    live.line("press Enter");
    assert!(project.read_journal().contains("\"paused\""));
    assert_eq!(project.read("log"), "made\n");
    assert!(project.has("thing"));
    live.answer("\n");
    let (code, text) = live.end();
    assert_eq!(code, Some(1), "{text}");
    for words in ["paused: a.check failed", "logs and evidence: .pipeline/runs/", "press Enter to go on"] {
        assert!(text.contains(words), "no `{words}` in:\n{text}");
    }
    assert_eq!(project.read("log"), "made\ntold\ntidy a\nlast\n");
}

#[test]
fn a_gate_file_without_a_run_is_refused_where_each_run_has_a_namespace() {
    let head = "cluster: { contexts: [fake], namespace: { fresh: todo } }\n";
    let project = Project::headed(head, &[("a.yaml", "stage: a\nsteps: { x: { shell: 'true' } }\n")]);
    project.write("g.yaml", "- resource: { kind: Pod, name: web }\n");
    let run = said(&mut project.command(&["gate", "g.yaml"]));
    run.ends(3, &["each run has a namespace of its own, and no run has left one"]);
}
