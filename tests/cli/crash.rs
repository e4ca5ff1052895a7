//! kill -9 of the runner, and what the next one makes of it: nothing is lost, nothing is done twice, nothing is left.

use rustix::process::Signal;

use crate::kit::{Live, Project, lives};

const STAGES: &[(&str, &str)] = &[
    (
        "a.yaml",
        "stage: a
steps:
  first: { shell: { run: 'echo first >> done; echo \"tag=v7\" >> \"$PIPELINE_OUTPUT\"' }, outputs: [tag] }
gate: [{ file: { path: done } }]
",
    ),
    (
        "b.yaml",
        "stage: b
needs: [a]
steps:
  second:
    env: { TAG: '${{ stages.a.steps.first.outputs.tag }}' }
    shell: { run: 'echo second $TAG >> done; if [ ! -e go ]; then sleep 600 & echo $! > pid; echo here; wait; fi' }
  third: { needs: [second], shell: { run: echo third >> done } }
finally: { tidy: { shell: { run: echo tidy >> done } } }
",
    ),
];

/// A run that was killed while `b.second` ran.
fn killed() -> Project {
    let project = Project::headed("finally: { last: { shell: { run: echo last >> done } } }\n", STAGES);
    kill(project.start(&["run"]));
    project
}

fn kill(mut live: Live) {
    live.line("│ here");
    live.signal(Signal::KILL);
    assert_eq!(live.end().0, None);
}

#[test]
fn a_killed_run_is_gone_on_with_and_its_orphans_are_ended() {
    let project = killed();
    let pid = project.read("pid");
    assert!(lives(&pid), "a killed runner can end nobody");
    project.write("go", "");
    project.run(&["run", "--resume"]).ends(
        0,
        &["what it left running was ended", "1 of 3 steps are done", "b.second", "it was in doubt", "done by run"],
    );
    assert!(!lives(&pid));
    assert_eq!(project.read("done"), "first\nsecond v7\nsecond v7\nthird\ntidy\nlast\n");
    let states = project.states();
    assert_eq!((states["a.first"].as_str(), states["b.third"].as_str()), ("passed", "passed"));
    // Nothing is owed any more.
    project.run(&["run", "--stage", "a", "--finally"]).ends(0, &[]);
    assert_eq!(project.read("done"), "first\nsecond v7\nsecond v7\nthird\ntidy\nlast\nfirst\nlast\n");
}

#[test]
fn the_next_run_does_the_finally_that_a_killed_one_owed_once() {
    let project = killed();
    let pid = project.read("pid");
    project.write("go", "");
    project.run(&["run"]).ends(0, &["died and owes its `finally`", "does what run "]);
    assert!(!lives(&pid));
    let expected = "first\nsecond v7\ntidy\nlast\nfirst\nsecond v7\nthird\ntidy\nlast\n";
    assert_eq!(project.read("done"), expected);
    let shown = project.run(&["runs"]).out;
    assert_eq!(shown.lines().count(), 3, "the killed one, the one that settled it, and the new one:\n{shown}");
}

#[test]
fn a_resumed_run_that_is_killed_too_is_gone_on_with() {
    let project = killed();
    kill(project.start(&["run", "--resume"]));
    project.write("go", "");
    project.run(&["run", "--resume"]).ends(0, &["1 of 3 steps are done"]);
    assert_eq!(project.read("done"), "first\nsecond v7\nsecond v7\nsecond v7\nthird\ntidy\nlast\n");
}

#[test]
fn what_has_changed_runs_again_and_the_plan_says_why() {
    let project = killed();
    let changed = STAGES[0].1.replace("echo first", "echo First");
    project.write("a.yaml", &changed);
    project.write("go", "");
    let said = project.run(&["run", "--resume", "--dry-run"]).ends(0, &[]);
    for words in ["0 of 3 steps are done", "a.first  what it depends on has changed", "b.second  it was in doubt"] {
        assert!(said.out.contains(words), "no `{words}` in:\n{}", said.out);
    }
    assert!(!project.read("done").contains("First"), "a dry run runs nothing");
    project.run(&["run", "--resume"]).ends(0, &[]);
    assert!(project.read("done").contains("First"));
}

#[test]
fn inputs_that_changed_make_their_step_run_again() {
    let stage = "stage: a
steps:
  one: { inputs: [src, '*.lock'], shell: { run: echo one >> done } }
  two: { shell: { run: echo two >> done } }
  bad: { needs: [one, two], shell: { run: test -e go } }
";
    let project = Project::of(&[("a.yaml", stage), ("src/x", "1"), ("y.lock", "1")]);
    project.write("pipeline.yaml", "version: 1\npipeline: test\nstages: [a.yaml]\n");
    project.run(&["run", "--jobs", "1"]).ends(1, &[]);
    project.run(&["run", "--resume"]).ends(1, &["2 of 3 steps are done", "a.bad", "it failed"]);
    project.write("src/deep/z", "1");
    project.write("go", "");
    project.run(&["run", "--resume"]).ends(0, &["1 of 3 steps are done", "a.one", "what it depends on has changed"]);
    assert_eq!(project.read("done").matches("one").count(), 2);
    assert_eq!(project.read("done").matches("two").count(), 1);
}

/// Two stages beside each other; the one that fails keeps the third from starting.
const BESIDE: &[(&str, &str)] = &[
    (
        "a.yaml",
        "stage: a\nsteps: { make: { shell: { run: 'echo make >> done; touch made' } } }\ngate: [{ name: it is there, file: { path: made } }]\n",
    ),
    ("b.yaml", "stage: b\nsteps: { bad: { shell: { run: test -e go } } }\n"),
    ("c.yaml", "stage: c\nneeds: [a, b]\nsteps: { last: { shell: { run: echo last >> done } } }\n"),
];

#[test]
fn what_a_gate_spoke_for_runs_again_when_it_no_longer_holds() {
    let project = Project::of(BESIDE);
    project.run(&["run", "--keep-going"]).ends(1, &["b.bad"]);
    project.run(&["run", "--resume"]).ends(1, &["1 of 3 steps are done", "a.make", "done by run"]);
    assert_eq!(project.read("done"), "make\n");
    std::fs::remove_file(project.path().join("made")).expect("it was made");
    project.write("go", "");
    let said = project.run(&["run", "--resume", "--dry-run"]).ends(0, &[]);
    assert!(said.out.contains("a.gate  held; its steps run again where it does not any more"), "{}", said.out);
    assert!(!project.has("made"), "a dry run runs nothing");
    let why = "a.make  its gate no longer holds: it is there: ";
    project.run(&["run", "--resume"]).ends(0, &["0 of 3 steps are done", why]);
    assert_eq!(project.read("done"), "make\nmake\nlast\n");
}

#[test]
fn what_a_gate_spoke_for_and_must_not_run_twice_needs_somebodys_word() {
    let once = BESIDE[0].1.replace("make: {", "make: { once: true,");
    let project = Project::of(&[("a.yaml", &once), BESIDE[1], BESIDE[2]]);
    project.run(&["run", "--keep-going"]).ends(1, &[]);
    std::fs::remove_file(project.path().join("made")).expect("it was made");
    project.write("go", "");
    let words = [
        "step \"a.make\" must not run twice",
        "its gate no longer holds",
        "--resume --done a.make   (or --again a.make)",
    ];
    project.run(&["run", "--resume"]).ends(1, &words);
    assert_eq!(project.read("done"), "make\n");
}

#[test]
fn what_must_not_run_twice_needs_somebodys_word() {
    let stage = "stage: a
steps:
  pay: { once: true, shell: { run: 'echo paid >> done; if [ ! -e go ]; then echo here; sleep 600; fi' } }
  ship: { needs: [pay], shell: { run: echo shipped >> done } }
";
    let project = Project::of(&[("a.yaml", stage)]);
    kill(project.start(&["run"]));
    project.write("go", "");
    let words = ["step \"a.pay\" must not run twice", "it was in doubt", "--resume --done a.pay   (or --again a.pay)"];
    project.run(&["run", "--resume"]).ends(1, &words);
    assert_eq!(project.read("done"), "paid\n");
    project.run(&["run", "--resume", "--done", "a.pya"]).ends(2, &["there is no step `a.pya`"]);
    project.run(&["run", "--resume", "--done", "a.pay"]).ends(0, &[]);
    assert_eq!(project.read("done"), "paid\nshipped\n");
}

#[test]
fn one_run_at_a_time_and_the_other_says_who() {
    let stage = "stage: a\nsteps: { long: { shell: { run: 'echo here; while [ ! -e go ]; do sleep 0.05; done' } } }\n";
    let project = Project::of(&[("a.yaml", stage)]);
    let mut live = project.start(&["run"]);
    live.line("│ here");
    project.run(&["run"]).ends(3, &["another run of this project is going on: run 2", ", process ", "--wait 10m"]);
    let mut waiting = project.start(&["run", "--wait"]);
    waiting.line("waiting: another run of this project is going on");
    project.write("go", "");
    assert_eq!(live.end().0, Some(0));
    assert_eq!(waiting.end().0, Some(0));
}

#[test]
fn what_an_ended_step_left_on_purpose_is_left_alone() {
    let stage = "stage: a
steps:
  serve: { shell: { run: 'setsid sleep 600 > /dev/null 2>&1 & echo $! > daemon; sleep 0.2' } }
  long: { needs: [serve], shell: { run: 'echo here; sleep 600 & echo $! > pid; wait' } }
";
    let project = Project::of(&[("a.yaml", stage)]);
    kill(project.start(&["run"]));
    while !project.has("pid") || project.read("pid").is_empty() {
        std::thread::yield_now();
    }
    let (daemon, pid) = (project.read("daemon"), project.read("pid"));
    project.write("a.yaml", "stage: a\nsteps: { one: { shell: { run: 'true' } } }\n");
    let said = project.run(&["run"]).ends(0, &["what it left running was ended"]);
    assert!(!lives(&pid), "{}", said.err);
    let lived = lives(&daemon);
    crate::kit::end_group(&daemon);
    assert!(lived && said.err.contains("left running by steps"), "{}", said.err);
}

#[test]
fn a_step_that_was_done_is_not_done_again_after_a_resumed_run_that_failed_or_left_it_out() {
    let pay = "stage: u\nsteps:\n  pay: { once: true, shell: { run: 'echo paid >> paid' } }\n";
    let stage = "stage: s\nsteps:\n  a: { shell: { run: 'test -f go' } }\n";
    let project = Project::of(&[("s.yaml", stage), ("u.yaml", pay)]);
    project.run(&["run", "--keep-going"]).ends(1, &[]);
    project.run(&["run", "--resume", "--jobs", "1"]).ends(1, &["u.pay", "done by run"]);
    assert_eq!(project.course(), "s.a failed, u.pay passed");
    project.run(&["run", "--resume", "--stage", "s"]).ends(1, &[]);
    project.write("go", "");
    project.run(&["run", "--resume", "--jobs", "1"]).ends(0, &["1 of 2 steps are done"]);
    assert_eq!(project.read("paid"), "paid\n");
}
