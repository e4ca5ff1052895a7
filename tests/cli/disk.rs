//! A disk that is full for the record or for logs: told, exit code 4, and no step passed that was not written down.

use std::process::{Command, Stdio};

use crate::kit::{Project, Said, said};

/// Runs the program where no file may grow past `kib` KiB: what a full disk does to it, without filling one. SIGXFSZ is
/// ignored, so that the write fails instead of killing.
fn confined(project: &Project, kib: u32) -> Said {
    let program = project.command(&["run", "--jobs", "1"]);
    let mut command = Command::new("sh");
    // dash counts in blocks of 512 bytes, bash in KiB: POSIX says 512.
    command.args(["-c", &format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", kib * 2), "sh"]);
    command.arg(program.get_program()).args(program.get_args()).current_dir(project.path()).stdin(Stdio::null());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    said(&mut command)
}

#[test]
fn a_record_that_cannot_be_written_ends_the_run_with_code_4() {
    // Each step writes some 250 bytes into the journal: 8 KiB hold the first dozens of them.
    let step = |at: u32| format!("  s{at:03}: {{ shell: {{ run: 'echo {at} >> count' }} }}\n");
    let steps = (0..200).map(step).collect::<Vec<String>>().concat();
    let project = Project::of(&[("a.yaml", &format!("stage: a\nsteps:\n{steps}"))]);
    // The start of the run alone takes more; with that it would not even begin.
    let said = confined(&project, 64);
    assert_eq!(said.code, 4, "{}", said.err);
    for words in ["the journal cannot be written", "the run is stopped", "not written: the record of this run"] {
        assert!(said.err.contains(words), "no `{words}` in:\n{}", said.err);
    }
    assert!(!said.err.contains("test passed in"), "{}", said.err);
    let ran = project.read("count").lines().count();
    assert!(ran > 0 && ran < 200, "{ran} steps ran");
    // What the record says is true, and the next run can go on with it.
    let shown = project.run(&["runs", "show"]).ends(0, &[]).out;
    let passed = shown.lines().filter(|line| line.starts_with("✔ a.s")).count();
    assert!(passed <= ran && passed > 0, "{passed} are said to have passed, {ran} ran");
    let resumed = project.run(&["run", "--resume"]).ends(0, &["of 200 steps are done"]);
    assert!(resumed.err.contains(&format!("{passed} of 200 steps are done")), "{}", resumed.err);
}

#[test]
fn a_disk_that_is_full_from_the_start_is_reported_with_code_4() {
    let project = Project::of(&[("a.yaml", "stage: a\nsteps: { one: { shell: { run: touch ran } } }\n")]);
    let said = confined(&project, 0);
    assert_eq!(said.code, 4, "{}", said.err);
    for words in ["cannot be written: ", "help: make room on the disk"] {
        assert!(said.err.contains(words), "no `{words}` in:\n{}", said.err);
    }
    assert!(!said.err.contains("the secret"), "{}", said.err);
    assert!(!project.has("ran"));
}

#[test]
fn a_log_that_cannot_be_written_is_reported_with_code_4() {
    let stage = "stage: a\nsteps: { loud: { shell: { run: 'i=0; while [ $i -lt 3000 ]; do echo \"a line of some length, number $i\"; i=$((i+1)); done' } } }\n";
    let project = Project::of(&[("a.yaml", stage)]);
    let said = confined(&project, 64);
    assert_eq!(said.code, 4, "{}", said.err);
    assert!(said.err.contains("not written: cannot write the log "), "{}", said.err);
    assert_eq!(project.states()["a.loud"], "passed", "the step itself did what it says");
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_written_is_no_success() {
    let project = Project::of(&[("a.yaml", "stage: a\nsteps: { one: { shell: { run: echo one } } }\n")]);
    project.run(&["run"]).ends(0, &[]);
    for args in [&["plan"][..], &["runs"], &["report", "--format", "junit"], &["logs", "a.one"], &["schema", "stage"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        let reported = project.command(args).stdout(full).output().expect("the program starts");
        let words = String::from_utf8_lossy(&reported.stderr);
        assert_eq!(reported.status.code(), Some(4), "{args:?}: {words}");
        assert!(words.contains("error: the answer cannot be written: No space left on device"), "{args:?}: {words}");
    }
}
