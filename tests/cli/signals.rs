//! Ctrl-C and SIGTERM: what runs is told, then killed with its group; `finally` runs; nothing is left.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::kit::{Project, lives};

const STAGE: &str = r#"stage: a
steps:
  polite: { shell: { run: "trap 'echo told > told; exit 0' TERM; echo polite is up; while :; do sleep 0.02; done" } }
  stubborn:
    shell:
      run: |
        trap '' TERM
        sleep 600 & echo $! > grandchild
        echo $$ > child
        echo stubborn is up
        wait; sleep 600
  after: { needs: [polite], shell: { run: touch after } }
gate: [{ file: { path: after } }]
finally: { tidy: { shell: { run: touch tidied } } }
"#;

/// A run whose two steps are up.
fn up() -> (Project, crate::kit::Live) {
    let project = Project::headed("finally: { last: { shell: { run: touch last } } }\n", &[("a.yaml", STAGE)]);
    let mut live = project.start(&["run", "--jobs", "4"]);
    let first = if live.line("is up").contains("polite") { "stubborn is up" } else { "polite is up" };
    live.line(first);
    (project, live)
}

#[track_caller]
fn nothing_is_left(project: &Project) {
    for name in ["child", "grandchild"] {
        assert!(!lives(&project.read(name)), "the {name} lives");
    }
}

fn ends_well_after(signal: Signal) {
    let (project, live) = up();
    live.signal(signal);
    let (code, said) = live.end();
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("interrupted: stopping what runs") && said.contains("test cancelled in"), "{said}");
    assert!(project.has("told"), "SIGTERM came before SIGKILL: {said}");
    assert!(project.has("tidied") && project.has("last") && !project.has("after"), "{said}");
    nothing_is_left(&project);
    let summary = project.summary();
    assert_eq!((&summary["exit_code"], &summary["state"]), (&130.into(), &"cancelled".into()));
    assert_eq!(summary["interrupted_by_signal"], signal.as_raw());
    assert_eq!(
        project.course(),
        "a.after skipped, a.gate skipped, a.polite cancelled, a.stubborn cancelled, a.tidy passed, finally.last passed"
    );
}

#[test]
fn sigint_stops_what_runs_and_finally_runs() {
    ends_well_after(Signal::INT);
}

#[test]
fn sigterm_stops_what_runs_and_finally_runs() {
    ends_well_after(Signal::TERM);
}

#[test]
fn a_second_sigint_ends_at_once() {
    let (project, mut live) = up();
    live.signal(Signal::INT);
    live.line("interrupted: stopping what runs");
    let begun = Instant::now();
    live.signal(Signal::INT);
    let (code, said) = live.end();
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("interrupted again: stopping at once"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(8), "not at once, but after {:?}: {said}", begun.elapsed());
    nothing_is_left(&project);
    assert_eq!(project.states()["a.stubborn"], "cancelled");
}

#[test]
fn a_step_that_ends_leaves_nobody_in_the_background() {
    let stage = "stage: a\nsteps: { one: { shell: { run: 'sleep 600 & echo $! > left' } } }\n";
    let project = Project::of(&[("a.yaml", stage)]);
    project.run(&["run"]).ends(0, &["ended what the script left running in the background"]);
    assert!(!lives(&project.read("left")));
}
