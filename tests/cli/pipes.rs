//! What must not be waited for, and what must be able to go on: named pipes, the output of processes that stay, limits.

use std::process::Command;

use crate::kit::{Project, end_group, lives};

fn mkfifo(project: &Project, path: &str) {
    assert!(Command::new("mkfifo").arg(project.path().join(path)).status().expect("mkfifo runs").success());
}

#[test]
fn a_gate_on_a_named_pipe_says_what_is_there() {
    let gate = "gate:\n\
        \x20 - { within: 50ms, file: { path: ff, contains: x } }\n\
        \x20 - { file: { path: ff, sha256: '0000000000000000000000000000000000000000000000000000000000000000' } }\n";
    let project =
        Project::of(&[("a.yaml", &format!("stage: a\nsteps: {{ s: {{ shell: {{ run: 'true' }} }} }}\n{gate}"))]);
    mkfifo(&project, "ff");
    project.run(&["run"]).ends(1, &["path is a pipe, expected a file"]);
    project.write("gates/g.yaml", &gate.replace("gate:", "assertions:"));
    project.run(&["gate", "gates/g.yaml"]).ends(1, &["path is a pipe, expected a file"]);
}

#[test]
fn inputs_secrets_and_certificates_that_are_pipes_end_a_run_with_their_names() {
    let project = Project::headed(
        "secrets: { token: { file: token } }\n",
        &[("a.yaml", "stage: a\nsteps: { s: { inputs: [ff], shell: { run: 'true' } } }\n")],
    );
    mkfifo(&project, "ff");
    project.write("token", "0123456789");
    project.run(&["run"]).ends(0, &[]);
    let ca = "stage: a\nsteps: { s: { http: { url: 'https://127.0.0.1:9/', ca: ff } } }\n";
    project.write("a.yaml", ca);
    let said = project.run(&["run"]);
    assert!(said.err.contains("it is a pipe, expected a file"), "{}", said.err);
}

#[test]
fn what_a_step_leaves_running_can_print_after_the_step_and_after_the_run() {
    let serve = "i=0; (while [ ! -e stop ]; do i=$((i+1)); echo tick $i secret-value-1 || exit 9; echo $i > count; sleep 0.05; done; \
                 echo the last line) & echo $! > pid";
    let stage = format!(
        "stage: a\nsteps:\n  serve: {{ shell: {{ run: '{serve}', leave_running: true }} }}\n  \
         next: {{ needs: [serve], shell: {{ run: 'until [ \"$(cat count 2>/dev/null || echo 0)\" -ge 20 ]; do sleep 0.05; done' }} }}\n"
    );
    let project = Project::headed("secrets: { s: { env: S } }\n", &[("a.yaml", &stage)]);
    let mut command = project.command(&["run"]);
    let said =
        crate::kit::said(command.env("S", "secret-value-1")).ends(0, &["left running; what it prints from now on"]);
    let pid = project.read("pid");
    assert!(lives(&pid), "{}", said.err);
    let count = || std::fs::read_to_string(project.path().join("count")).ok()?.trim().parse::<u32>().ok();
    let at_end = loop {
        if let Some(count) = count() {
            break count;
        }
    };
    while count().is_none_or(|count| count < at_end + 3) {
        std::thread::yield_now();
    }
    project.write("stop", "");
    while lives(&pid) {
        std::thread::yield_now();
    }
    let log = project.newest().join("logs/a.serve.left.log");
    let text = loop {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        if text.contains("the last line") {
            break text;
        }
        std::thread::yield_now();
    };
    let after = format!("tick {} ***", at_end + 2);
    assert!(text.contains(&after) && !text.contains("secret-value-1"), "{after}: {text}");
    let shown = project.run(&["logs", "a.serve"]).ends(0, &[]).out;
    assert!(shown.contains("the last line"), "{shown}");
    end_group(&pid);
}

#[test]
fn programs_start_with_the_folder_that_they_run_in_as_pwd() {
    let stage = "stage: a\nsteps:\n\
        \x20 plain: { shell: { command: [printenv, PWD], dir: sub } }\n\
        \x20 old: { shell: { run: 'echo \"old ${OLDPWD-none}\"' } }\n\
        \x20 up: { shell: { command: [printenv, PWD], dir: 'sub/../sub/./x' } }\n\
        gate: [{ shell: { command: [printenv, PWD], dir: sub, stdout: { matches: '/sub$' } } }]\n";
    let project = Project::of(&[("a.yaml", stage)]);
    project.write("sub/x/file", "");
    let mut command = project.command(&["-C", project.path().to_str().expect("text"), "run"]);
    command.current_dir("/").env("PWD", "/").env("OLDPWD", "/tmp");
    let here = project.path().display().to_string();
    crate::kit::said(&mut command).ends(0, &[&format!("│ {here}/sub\n"), &format!("│ {here}/sub/x\n"), "│ old none\n"]);
}

#[test]
fn a_time_limit_of_zero_is_an_error() {
    let stage = "stage: a\nsteps: { s: { timeout: 0s, shell: { run: 'true' } } }\n\
        gate: [{ within: 0ms, file: { path: a.yaml } }, { shell: { run: 'true', timeout: \"${{ 0 }}\" } }]\n";
    let project = Project::of(&[("a.yaml", stage)]);
    let words = ["`0s` leaves no time, expected more than 0s", "`0ms` leaves no time", "`0` leaves no time"];
    project.run(&["check"]).ends(2, &words);
}

#[test]
fn the_result_of_a_run_goes_to_stdout_and_its_progress_to_stderr() {
    let project = Project::of(&[("a.yaml", "stage: a\nsteps: { s: { shell: { run: 'echo hi; exit 141' } } }\n")]);
    let said = crate::kit::said(&mut project.command(&["run"]));
    assert!(said.out.starts_with("\u{2718} a ") && said.out.contains("test failed in"), "{}", said.out);
    assert!(said.out.contains("exit code 141 is 128 + 13: SIGPIPE ended a command of it"), "{}", said.out);
    assert!(said.err.contains("a.s \u{2502} hi") && !said.out.contains("a.s \u{2502}"), "{}{}", said.out, said.err);
    assert!(!said.err.contains("test failed in"), "{}", said.err);
}
