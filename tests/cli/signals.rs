//! Ctrl-C and SIGTERM: what runs is told, then killed with its group; `finally` runs; nothing is left.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::kit::{Project, lives, said};

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
fn a_run_that_had_failed_before_the_interrupt_says_both() {
    let stage = "stage: a\nsteps: { x: { shell: 'exit 3' } }\nfinally: { last: { shell: { run: \"trap '' TERM; echo last is up; read line < pipe\" } } }\n";
    let project = Project::of(&[("a.yaml", stage)]);
    assert!(Command::new("mkfifo").arg(project.path().join("pipe")).status().expect("mkfifo").success());
    let mut live = project.start(&["run"]);
    live.line("last is up");
    live.signal(Signal::INT);
    live.line("interrupted: stopping");
    live.signal(Signal::INT);
    let (code, said) = live.end();
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("test failed (a.x) and was interrupted in"), "{said}");
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
fn a_step_that_ends_leaves_nothing_in_the_background() {
    let stage = "stage: a\nsteps: { one: { shell: { run: 'sleep 600 & echo $! > left' } } }\n";
    let project = Project::of(&[("a.yaml", stage)]);
    project.run(&["run"]).ends(0, &["ended what the script left running in the background"]);
    assert!(!lives(&project.read("left")));
}

#[test]
fn sigquit_ends_process_groups_at_once_and_the_record_has_its_end() {
    let (project, live) = up();
    let begun = Instant::now();
    live.signal(Signal::QUIT);
    let (code, said) = live.end();
    assert_eq!(code, Some(130), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(8), "not at once, but after {:?}: {said}", begun.elapsed());
    nothing_is_left(&project);
    assert!(project.read_journal().contains("\"run-finished\""), "{said}");
    assert_eq!(project.states()["a.stubborn"], "cancelled");
}

/// Its reporters cannot write: the pipe is full, and nothing reads it.
#[test]
fn a_second_sigint_ends_a_program_that_waits_for_something_else() {
    let stage =
        "stage: a\nsteps: { s: { shell: { run: 'yes | head -c 3000000; sleep 600 & echo $! > child; wait' } } }\n";
    let project = Project::of(&[("a.yaml", stage)]);
    let mut command = project.command(&["run", "--output", "plain"]);
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("started");
    while !project.has("child") || project.read("child").is_empty() {
        std::thread::yield_now();
    }
    let pid = rustix::process::Pid::from_child(&child);
    for _ in 0..2 {
        rustix::process::kill_process(pid, Signal::INT).expect("it runs");
        // two signals that come together are one
        std::thread::sleep(Duration::from_millis(300));
    }
    let begun = Instant::now();
    let status = child.wait().expect("a status");
    assert!(begun.elapsed() < Duration::from_secs(10), "after {:?}", begun.elapsed());
    assert_eq!(status.code(), Some(130));
    // it was killed: the kernel needs a moment
    while lives(&project.read("child")) {
        std::thread::yield_now();
    }
    assert!(project.read_journal().contains("\"run-finished\""));
}

#[test]
fn a_step_that_ended_while_the_program_was_suspended_has_not_timed_out() {
    for (script, code, words) in [("echo done", 0, "a.s"), ("exit 7", 1, "ended with exit code 7")] {
        let run = format!("echo up; while [ ! -e go ]; do sleep 0.02; done; {script}; echo > over");
        let run = if script == "exit 7" {
            run.replace("; echo > over", "").replace("exit 7", "echo > over; exit 7")
        } else {
            run
        };
        let stage = format!("stage: a\nsteps: {{ s: {{ timeout: 2s, shell: {{ run: '{run}' }} }} }}\n");
        let project = Project::of(&[("a.yaml", &stage)]);
        let mut live = project.start(&["run"]);
        live.line("│ up");
        live.signal(Signal::STOP);
        project.write("go", "");
        while !project.has("over") {
            std::thread::yield_now();
        }
        // longer than its timeout
        std::thread::sleep(Duration::from_millis(2500));
        live.signal(Signal::CONT);
        let (ended, said) = live.end();
        assert_eq!(ended, Some(code), "{said}");
        assert!(said.contains(words) && !said.contains("timed out"), "{said}");
    }
}

#[test]
fn a_suspended_program_suspends_its_steps_and_their_clocks() {
    let run = "i=0; while [ $i -lt 15 ]; do i=$((i+1)); echo $i > count; [ $i -gt 1 ] || echo up; sleep 0.1; done";
    let stage = format!("stage: a\nsteps: {{ s: {{ timeout: 10s, shell: {{ run: '{run}' }} }} }}\n");
    let project = Project::of(&[("a.yaml", &stage)]);
    let mut live = project.start(&["run"]);
    live.line("│ up");
    live.signal(Signal::TSTP);
    while live.state() != 'T' {
        std::thread::yield_now();
    }
    let before = project.read("count");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(project.read("count"), before, "the step went on");
    live.signal(Signal::CONT);
    assert_eq!(live.end().0, Some(0));
}

#[test]
fn a_hangup_that_the_caller_ignores_stays_ignored() {
    let stage = "stage: a\nsteps: { s: { shell: { run: 'echo up; while [ ! -e go ]; do sleep 0.02; done' } } }\n";
    let project = Project::of(&[("a.yaml", stage)]);
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" run", env!("CARGO_BIN_EXE_pipeline")]).stdin(Stdio::null());
    let mut live = project.started(command);
    live.line("│ up");
    live.signal(Signal::HUP);
    project.write("go", "");
    let (code, said) = live.end();
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn orphans_of_process_1_do_not_stay_as_zombies() {
    let namespace = ["-pf", "--mount-proc"];
    if !Command::new("unshare").args(namespace).arg("true").status().is_ok_and(|status| status.success()) {
        // a namespace of its own takes rights that not every machine gives
        return;
    }
    let run = "for i in 1 2 3 4 5; do (setsid sleep 0.1 &) ; done; i=0; \
               while [ $i -lt 200 ]; do i=$((i+1)); sleep 0.05; \
               n=$(cat /proc/[0-9]*/stat 2>/dev/null | grep -c \") [ZS] 1 \" || true); [ \"$n\" -gt 1 ] || break; done; \
               echo \"zombies: $(cat /proc/[0-9]*/stat 2>/dev/null | grep -c \") Z \" || true)\"";
    let stage = format!("stage: a\nsteps:\n  s:\n    shell:\n      run: |\n        {run}\n");
    let project = Project::of(&[("a.yaml", &stage)]);
    let mut command = Command::new("unshare");
    command.args(namespace).arg(env!("CARGO_BIN_EXE_pipeline")).arg("run").current_dir(project.path());
    said(command.stdin(Stdio::null())).ends(0, &["zombies: 0"]);
}
