//! A disk that is full: a small one that the test mounts for `.pipeline/`, in a mount namespace of its own.

use std::fs;
use std::process::{Command, Stdio};

/// Runs a script where `.pipeline/` is a disk of `kib` KiB; what it said on stdout and stderr, in their order.
fn on_a_small_disk(stage: &str, kib: u32, script: &str) -> String {
    let project = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| fs::write(project.path().join(name), text).expect("writable");
    write("pipeline.yaml", "version: 1\npipeline: disk\nstages: [a.yaml]\n");
    write("a.yaml", stage);
    fs::create_dir(project.path().join(".pipeline")).expect("writable");
    let script =
        format!("exec 2>&1; set -u; mount -t tmpfs -o size={kib}k pipeline-test .pipeline || exit 77\n{script}");
    let mut command = Command::new("unshare");
    // Who is not root may mount where user namespaces are allowed.
    let user: &[&str] = if rustix::process::geteuid().is_root() { &[] } else { &["--map-root-user"] };
    command.args(user).args(["--mount", "sh", "-c", &script, "sh", env!("CARGO_BIN_EXE_pipeline")]);
    let output = command.current_dir(project.path()).stdin(Stdio::null()).env_remove("GITHUB_ACTIONS").output();
    let output = output.expect("unshare is part of every Linux");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "no disk could be mounted, as root or in a user namespace: {said}");
    said
}

/// The part of what was said between two marks of the script.
fn between<'s>(said: &'s str, from: &str, to: &str) -> &'s str {
    let rest = said.split_once(from).unwrap_or_else(|| panic!("no `{from}` in:\n{said}")).1;
    rest.split_once(to).unwrap_or_else(|| panic!("no `{to}` in:\n{said}")).0
}

#[test]
#[ignore = "mounts a disk"]
fn a_disk_that_is_full_for_the_journal_stops_the_run_and_the_next_goes_on() {
    let step = |at: u32| format!("  s{at:03}: {{ shell: {{ run: 'echo {at} >> count' }} }}\n");
    let stage = format!("stage: a\nsteps:\n{}", (0..200).map(step).collect::<String>());
    let script = "head -c 4128768 /dev/zero > .pipeline/ballast
        \"$1\" run --jobs 1; echo \"== first $?\"; wc -l < count; echo ==
        rm .pipeline/ballast
        \"$1\" runs show; echo '== shown'
        \"$1\" run --resume; echo \"== second $?\"; wc -l < count; echo ==";
    let said = on_a_small_disk(&stage, 4096, script);
    let (first, rest) = said.split_once("== first 4\n").unwrap_or_else(|| panic!("the code is not 4:\n{said}"));
    for words in ["the journal cannot be written: ", "No space left on device", "not written: the record of this run"] {
        assert!(first.contains(words), "no `{words}` in:\n{first}");
    }
    assert!(!first.contains("disk passed in"), "{first}");
    let ran: usize = rest.split('\n').next().and_then(|count| count.trim().parse().ok()).expect("a count");
    let shown = between(&said, "==\n", "== shown");
    let passed = shown.lines().filter(|line| line.starts_with("✔ a.s")).count();
    assert!(ran < 200 && passed <= ran && ran <= passed + 1, "{ran} ran, {passed} are said to have passed:\n{shown}");
    // At most the one that ran when the record broke runs twice.
    let all: usize = between(&said, "== second 0\n", "\n==").trim().parse().expect("a count");
    assert_eq!(all, 200 + ran - passed, "{said}");
}

#[test]
#[ignore = "mounts a disk"]
fn a_disk_that_a_log_fills_is_reported_with_code_4() {
    let stage = "stage: a\nsteps:\n  loud: { shell: { run: 'yes a line of some length | head -c 2000000' } }\n  \
        quiet: { needs: [loud], shell: { run: echo quiet } }\n";
    let said = on_a_small_disk(stage, 512, "\"$1\" run; echo \"== $?\"");
    assert!(said.ends_with("== 4\n"), "{said}");
    let reported = said.lines().filter(|line| line.contains("not written: cannot write the log "));
    assert!(said.contains("all of it passed, but its record is not whole"), "{said}");
    assert!(
        reported.clone().count() > 0 && reported.clone().all(|line| line.contains("No space left on device")),
        "{said}"
    );
}
