//! A run in a terminal: steps have none, and one that waits for input there is ended.

use std::process::{Command, Stdio};

use crate::kit::{Project, said};

/// `pipeline run` in a terminal of its own.
fn in_terminal(project: &Project) -> crate::kit::Said {
    let mut command = Command::new("script");
    command.args(["-qec", concat!(env!("CARGO_BIN_EXE_pipeline"), " run --output plain --keep-going"), "/dev/null"]);
    command.current_dir(project.path()).env_remove("CI").stdin(Stdio::piped());
    said(&mut command)
}

#[test]
fn a_step_that_waits_for_the_terminal_fails_and_says_so() {
    let stage = "stage: a\nsteps:\n\
        \x20 ask: { shell: { run: 'echo asking; read x </dev/tty; echo got' } }\n\
        \x20 modes: { shell: { run: 'stty -echo </dev/tty; echo got' } }\n\
        \x20 serve: { during: [wait], shell: { run: 'echo ready; read x </dev/tty', ready: { log: ready } } }\n\
        \x20 wrapped: { timeout: 30s, shell: { run: 'timeout 60 cat /dev/tty; echo got' } }\n\
        \x20 twice: { timeout: 30s, shell: { run: 'timeout 60 timeout 50 cat /dev/tty; echo got' } }\n\
        \x20 wait: { shell: { run: 'sleep 5' } }\n";
    let project = Project::of(&[("a.yaml", stage)]);
    let run = in_terminal(&project);
    assert_eq!(run.code, 1, "{}", run.out);
    assert!(run.out.matches("and was ended: steps have no terminal").count() >= 5, "{}", run.out);
    assert!(!run.out.contains("│ got") && run.out.contains("sudo -n"), "{}", run.out);
}
