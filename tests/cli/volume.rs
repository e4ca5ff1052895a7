//! Steps that say a lot: memory stays bounded, order is kept, what is cut is said. The full measure is run by hand:
//! `cargo test --release --test cli -- --ignored gigabyte`.

use std::process::{Command, Stdio};

use crate::kit::Project;

/// The run of a project, and the most memory it held, in MiB.
fn peak(project: &Project) -> (i32, u64) {
    let script = "\"$@\" >/dev/null 2>&1 & pid=$!\nwhile kill -0 $pid 2>/dev/null; do\n\
        \x20 grep VmHWM /proc/$pid/status 2>/dev/null | tr -dc '0-9\\n' > peak.new && [ -s peak.new ] && mv peak.new peak; sleep 0.05\ndone\nwait $pid";
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_pipeline"), "run"]);
    command.current_dir(project.path()).stdin(Stdio::null()).env_remove("CI");
    let code = command.status().expect("started").code().unwrap_or(-1);
    (code, project.read("peak").trim().parse::<u64>().expect("a number") / 1024)
}

#[test]
fn a_long_log_a_long_line_and_binary_output_are_cut_kept_and_reported() {
    let stage = "stage: a\nsteps:\n\
        \x20 long: { shell: { run: 'yes 0123456789abcdef0123456789abcde | head -c 40000000; echo the error' } }\n\
        \x20 line: { shell: { run: 'head -c 3000000 /dev/zero | tr \"\\0\" x' } }\n\
        \x20 binary: { shell: { run: 'head -c 65536 /dev/urandom; printf \"\\377\\376\\n\"' } }\n";
    let project = Project::of(&[("a.yaml", stage)]);
    let said = project.run(&["run", "--output", "quiet"]).ends(0, &[]);
    assert!(!said.err.contains("too fast"), "who wants no lines misses none: {}", said.err);
    let log = |step: &str| std::fs::read(project.newest().join(format!("logs/a.{step}.log"))).expect("kept");
    let long = String::from_utf8(log("long")).expect("text");
    let gap = "… 23.2 MB are left out: of a long log its beginning and its end are kept";
    assert!(long.len() < 17_000_000 && long.ends_with("\n0123456789abcdef0123456789abcde\nthe error\n"));
    assert_eq!(long.lines().position(|line| line == gap), Some((12 << 20) / 32));
    let line = String::from_utf8(log("line")).expect("text");
    let lengths: Vec<usize> = line.lines().map(str::len).collect();
    assert_eq!(lengths.iter().sum::<usize>(), 3_000_000);
    assert!(lengths[..lengths.len() - 1].iter().all(|length| *length == 64 * 1024), "{lengths:?}");
    assert!(log("binary").ends_with(b"\xff\xfe\n"));
}

#[test]
fn many_steps_that_say_much_at_once_keep_their_order() {
    let stage = "stage: a\nsteps:\n  say: { for_each: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20], shell: { run: 'seq 1 2000' } }\n";
    let project = Project::of(&[("a.yaml", stage)]);
    project.run(&["run", "--jobs", "20"]).ends(0, &[]);
    let expected = (1..=2000).fold(String::new(), |lines, number| lines + &format!("{number}\n"));
    let logs: Vec<_> = std::fs::read_dir(project.newest().join("logs")).expect("logs").flatten().collect();
    assert_eq!(logs.len(), 20);
    for log in logs {
        assert_eq!(std::fs::read_to_string(log.path()).expect("text"), expected);
    }
}

#[test]
#[ignore = "a measurement: a gigabyte, a line of 100 MB, a million lines of 100 steps"]
#[expect(clippy::print_stderr, reason = "its figures are what it is run for")]
fn a_gigabyte_a_line_of_100_mb_and_a_million_lines_take_bounded_memory() {
    let items: Vec<String> = (0..100).map(|item| item.to_string()).collect();
    let many = format!(
        "stage: a\nsteps:\n  say: {{ for_each: [{}], shell: {{ run: 'i=0; while [ $i -lt 100 ]; do seq 1 100; i=$((i+1)); sleep 0.01; done' }} }}\n",
        items.join(", ")
    );
    for (name, stage) in [
        (
            "1 GB",
            "stage: a\nsteps: { long: { shell: { run: 'yes 0123456789abcdef0123456789abcde | head -c 1000000000' } } }\n",
        ),
        (
            "a line of 100 MB",
            "stage: a\nsteps: { line: { shell: { run: 'head -c 100000000 /dev/zero | tr \"\\0\" x' } } }\n",
        ),
        ("1,000,000 lines of 100 steps", many.as_str()),
    ] {
        let project = Project::of(&[("a.yaml", stage)]);
        let begun = std::time::Instant::now();
        let (code, mib) = peak(&project);
        eprintln!("{name}: exit {code}, at most {mib} MiB, {:.1?}", begun.elapsed());
        assert!(code == 0 && mib < 100, "{name}: {mib} MiB");
    }
}
