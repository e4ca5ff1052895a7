//! Where the program writes to: a terminal's colours, CI, a reader that has gone, a folder that cannot be written.

use std::process::Stdio;

use crate::kit::{Project, said};

fn project() -> Project {
    Project::of(&[
        (
            "a.yaml",
            "stage: a\nsteps: { one: { shell: { run: echo hi } } }\ngate: [{ name: 'small, 100%', file: { path: a.yaml, size: < 1B } }]\n",
        ),
        ("b.yaml", "stage: b\nsteps: { two: { shell: { run: 'echo why >&2; exit 7' } } }\n"),
    ])
}

#[test]
fn github_gets_an_annotation_for_whatever_failed() {
    let project = project();
    let run = said(project.command(&["run", "--keep-going"]).env("GITHUB_ACTIONS", "true").env("CI", "true"));
    let run = run.ends(1, &["✘ a.gate"]);
    let mut lines: Vec<&str> = run.out.lines().filter(|line| line.starts_with("::")).collect();
    lines.sort_unstable();
    assert_eq!(lines.len(), 2, "{}", run.out);
    assert!(lines[0].starts_with("::error title=a.gate::✘ small, 100%25: size is "), "{}", lines[0]);
    assert!(lines[1].starts_with("::error title=b.two::`echo why >&2; exit 7` ended with exit code 7"), "{}", lines[1]);
    assert!(!project.run(&["run"]).out.contains("::error"), "elsewhere there are none");
}

#[test]
fn colours_go_to_terminals_alone() {
    let project = project();
    let escape = |args: &[&str], env: &[(&str, &str)]| {
        let run = said(project.command(args).envs(env.iter().copied()));
        (run.out + &run.err).contains('\u{1b}')
    };
    assert!(!escape(&["run"], &[]), "a pipe");
    assert!(escape(&["run", "--color", "always"], &[]), "asked for");
    assert!(escape(&["run"], &[("CLICOLOR_FORCE", "1")]), "forced");
    assert!(!escape(&["run"], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]), "refused");
    assert!(!escape(&["run", "--color", "never"], &[("CLICOLOR_FORCE", "1")]), "refused by an option");
    for args in [&["check"][..], &["plan"], &["report"], &["runs", "show"], &["rum"], &["--help"]] {
        assert!(!escape(args, &[]), "{args:?}");
    }
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let project = project();
    project.run(&["run"]);
    for args in [
        &["plan"][..],
        &["plan", "--format", "json"],
        &["report", "--format", "junit"],
        &["runs"],
        &["runs", "show"],
        &["logs", "a.one"],
        &["explain"],
        &["schema"],
        &["completions", "bash"],
        &["--help"],
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let said = said_to(project.command(args).stdout(writer));
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{args:?}");
    }
    // And for what a run tells.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let status = project.command(&["run"]).stderr(writer).stdout(Stdio::null()).status().expect("started");
    assert_eq!(status.code(), Some(1), "the gate decides");
    assert_eq!(project.summary()["exit_code"], 1);
}

fn said_to(command: &mut std::process::Command) -> crate::kit::Said {
    let child = command.stderr(Stdio::piped()).spawn().expect("started");
    let output = child.wait_with_output().expect("ended");
    crate::kit::Said {
        code: output.status.code().unwrap_or(-1),
        out: String::new(),
        err: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

#[test]
fn a_record_that_cannot_be_written_is_reported_before_anything_runs() {
    let project = Project::of(&[("a.yaml", "stage: a\nsteps: { one: { shell: { run: touch ran } } }\n")]);
    // A file where the folder should be: as good as a read-only folder, and root cannot write there either.
    project.write(".pipeline", "");
    project.run(&["run"]).ends(4, &["cannot make", ".pipeline/lock", "needs to write to .pipeline/"]);
    assert!(!project.has("ran"));
    project.run(&["check"]).ends(0, &[]);
}
