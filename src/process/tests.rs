//! Claims about real children: short shell scripts, once by pidfd and once by SIGCHLD where waiting matters.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::Pid;
use tokio_util::sync::CancellationToken;

use super::wait::Way;
use super::{Command, Exit, Finished, LINE_LIMIT, Leftovers, LineSink, Output, Running, Stop, capture, run};

/// A sink that keeps every line, and cancels a token at the first.
#[derive(Debug, Default)]
pub(super) struct CollectedLines {
    lines: Mutex<Vec<Vec<u8>>>,
    first: CancellationToken,
}

impl CollectedLines {
    pub(super) fn all(&self) -> Vec<Vec<u8>> {
        self.lines.lock().expect("no test panics while it writes").clone()
    }

    fn text(&self) -> Vec<String> {
        self.all().iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    }

    fn pid(&self) -> Pid {
        self.text()[0].parse().ok().and_then(Pid::from_raw).expect("the script printed a process id first")
    }
}

impl LineSink for CollectedLines {
    fn line(&self, line: &[u8]) {
        self.lines.lock().expect("no test panics while it writes").push(line.to_vec());
        self.first.cancel();
    }
}

/// A sink that only counts.
#[derive(Debug, Default)]
struct Counted(Mutex<(usize, usize, usize)>);

impl LineSink for Counted {
    fn line(&self, line: &[u8]) {
        let mut counted = self.0.lock().expect("no test panics while it counts");
        *counted = (counted.0 + 1, counted.1 + line.len(), counted.2.max(line.len()));
    }
}

pub(super) fn sh(script: &str) -> Command {
    let env = std::env::var_os("PATH").map(|path| (OsString::from("PATH"), path));
    Command {
        program: "sh".into(),
        args: vec!["-c".into(), script.into()],
        env: env.into_iter().collect::<BTreeMap<_, _>>(),
        dir: PathBuf::from("/"),
        ..Command::default()
    }
}

pub(super) fn never() -> Stop {
    Stop { cancel: CancellationToken::new(), grace: Duration::from_secs(5) }
}

fn when(token: &CancellationToken, grace: u64) -> Stop {
    Stop { cancel: token.clone(), grace: Duration::from_millis(grace) }
}

/// Whether a process still does something; one that only waits to be reaped does not.
fn runs(pid: Pid) -> bool {
    rustix::process::test_kill_process(pid).is_ok()
        && std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()))
            .is_ok_and(|stat| !stat.contains(") Z "))
}

/// Comes back when a killed process is gone: the kernel needs a moment.
async fn gone(pid: Pid) -> bool {
    for _ in 0..500 {
        if !runs(pid) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    false
}

async fn lines_of(command: &Command) -> (Exit, Vec<String>) {
    let kept = CollectedLines::default();
    let exit = run(command, &kept, &never()).await.expect("sh is everywhere");
    (exit, kept.text())
}

#[tokio::test]
async fn stdout_and_stderr_come_in_true_order() {
    let (exit, lines) = lines_of(&sh("for i in 1 2 3; do echo out $i; echo err $i >&2; done; printf end")).await;
    assert_eq!(exit, Exit::Code(0));
    assert_eq!(lines, ["out 1", "err 1", "out 2", "err 2", "out 3", "err 3", "end"]);
}

#[tokio::test]
async fn tells_codes_from_signals_either_way_of_waiting() {
    for way in [Way::Best, Way::Portable] {
        for (script, exit) in
            [("exit 0", Exit::Code(0)), ("exit 77", Exit::Code(77)), ("kill -KILL $$", Exit::Signal(9))]
        {
            let running = Running::start_watched(&sh(script), way).expect("sh is everywhere");
            let finished = running.finish(&CollectedLines::default(), &never(), Leftovers::End).await;
            assert_eq!(finished, Ok(Finished { exit, ended_leftovers: false }), "{script} {way:?}");
        }
    }
}

#[tokio::test]
async fn the_environment_is_exactly_what_was_given() {
    let mut command = sh("");
    command.program = "env".into();
    command.args.clear();
    command.env.insert("A".into(), "b c".into());
    command.env.remove(std::ffi::OsStr::new("PATH"));
    command.base = Arc::new([("A", "shared"), ("B", "d")].map(|(name, value)| (name.into(), value.into())).into());
    for _ in 0..2 {
        let (exit, mut lines) = lines_of(&command).await;
        lines.sort();
        let given = ["A=b c", "B=d", "PWD=/"].map(str::to_owned);
        assert_eq!((exit, lines), (Exit::Code(0), given.to_vec()));
    }
}

#[tokio::test]
async fn input_larger_than_the_pipe_arrives_whole() {
    let mut command = sh("wc -c | tr -d ' '");
    command.stdin = Some(vec![b'x'; 1_000_000]);
    assert_eq!(lines_of(&command).await.1, ["1000000"]);
    command.args = vec!["-c".into(), "head -c 1; exec 0<&-; echo".into()];
    assert_eq!(lines_of(&command).await, (Exit::Code(0), vec!["x".to_owned()]));
}

#[tokio::test]
async fn without_input_a_child_reads_nothing() {
    assert_eq!(lines_of(&sh("cat; echo over")).await.1, ["over"]);
}

#[tokio::test]
async fn a_line_of_100_mb_comes_in_pieces() {
    let counted = Counted::default();
    run(&sh("head -c 100000000 /dev/zero"), &counted, &never()).await.expect("sh is everywhere");
    let (count, bytes, longest) = *counted.0.lock().expect("not poisoned");
    assert_eq!((count, bytes, longest), (100_000_000_usize.div_ceil(LINE_LIMIT), 100_000_000, LINE_LIMIT));
}

#[tokio::test]
async fn a_daemon_that_holds_the_output_open_blocks_nothing_and_is_ended() {
    for way in [Way::Best, Way::Portable] {
        let kept = CollectedLines::default();
        let running = Running::start_watched(&sh("sleep 1000 & echo $!; echo done"), way).expect("sh is everywhere");
        let finished = running.finish(&kept, &never(), Leftovers::End).await;
        assert_eq!(finished, Ok(Finished { exit: Exit::Code(0), ended_leftovers: true }));
        assert_eq!(kept.text()[1], "done");
        assert!(gone(kept.pid()).await, "{way:?}");
    }
}

#[tokio::test]
async fn a_background_process_stays_where_that_is_asked_for() {
    let kept = CollectedLines::default();
    let running = Running::start(&sh("sleep 1000 >/dev/null 2>&1 & echo $!")).expect("sh is everywhere");
    let finished = running.finish(&kept, &never(), Leftovers::Keep).await;
    assert_eq!(finished, Ok(Finished { exit: Exit::Code(0), ended_leftovers: false }));
    assert!(runs(kept.pid()));
    rustix::process::kill_process(kept.pid(), rustix::process::Signal::KILL).expect("it runs");
}

#[tokio::test]
async fn a_grandchild_that_ignores_sigterm_is_killed_after_the_grace() {
    for way in [Way::Best, Way::Portable] {
        let kept = CollectedLines::default();
        let script = "(trap '' TERM; while :; do sleep 0.05; done) & echo $!; wait";
        let running = Running::start_watched(&sh(script), way).expect("sh is everywhere");
        let finished = running.finish(&kept, &when(&kept.first, 100), Leftovers::Keep).await;
        assert_eq!(finished, Ok(Finished { exit: Exit::Stopped, ended_leftovers: true }));
        assert!(gone(kept.pid()).await, "{way:?}");
    }
}

#[tokio::test]
async fn a_child_that_ignores_sigterm_is_killed_after_the_grace() {
    let kept = CollectedLines::default();
    let exit = run(&sh("trap '' TERM; echo $$; while :; do sleep 0.05; done"), &kept, &when(&kept.first, 50)).await;
    assert_eq!(exit, Ok(Exit::Stopped));
    assert!(gone(kept.pid()).await);
}

#[tokio::test]
async fn a_stopped_child_may_say_its_last_words() {
    let kept = CollectedLines::default();
    let script = "trap 'echo bye; exit 3' TERM; echo up; while :; do :; done";
    let exit = run(&sh(script), &kept, &when(&kept.first, 5000)).await;
    assert_eq!((exit, kept.text()), (Ok(Exit::Stopped), vec!["up".to_owned(), "bye".to_owned()]));
}

#[tokio::test]
async fn a_run_that_is_dropped_ends_its_whole_group() {
    let (kept, command, stop) = (CollectedLines::default(), sh("sleep 1000 & echo $!; wait"), never());
    tokio::select! {
        _ = run(&command, &kept, &stop) => panic!("it runs for a thousand seconds"),
        () = kept.first.cancelled() => {}
    }
    assert!(gone(kept.pid()).await);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_child_blocks_and_catches_no_signal() {
    let _listening =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).expect("it can be listened to");
    for way in [Way::Best, Way::Portable] {
        let mut command = sh("");
        command.program = "cat".into();
        command.args = vec!["/proc/self/status".into()];
        let kept = CollectedLines::default();
        let running = Running::start_watched(&command, way).expect("cat is everywhere");
        running.finish(&kept, &never(), Leftovers::End).await.expect("it ends");
        let reported: Vec<String> =
            kept.text().into_iter().filter(|line| line.starts_with("SigBlk") || line.starts_with("SigCgt")).collect();
        assert_eq!(reported, ["SigBlk:\t0000000000000000", "SigCgt:\t0000000000000000"], "{way:?}");
    }
}

#[tokio::test]
async fn a_thread_that_may_be_held_sees_the_same() {
    let patient = async |script: &str, patience: u64| {
        let kept = CollectedLines::default();
        let running = Running::start(&sh(script)).expect("sh is everywhere");
        let running = running.patiently(Duration::from_millis(patience));
        let finished = running.finish(&kept, &never(), Leftovers::End).await.expect("it ends");
        (finished.exit, finished.ended_leftovers, kept.text())
    };
    let said = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    for patience in [0, 1, 10_000] {
        assert_eq!(patient("exit 3", patience).await, (Exit::Code(3), false, said(&[])));
        assert_eq!(
            patient("echo a; echo b >&2; kill -9 $$", patience).await,
            (Exit::Signal(9), false, said(&["a", "b"]))
        );
        assert_eq!(patient("exec >&- 2>&-; sleep 0.1; exit 4", patience).await, (Exit::Code(4), false, said(&[])));
    }
    for patience in [20, 10_000] {
        let left = patient("sleep 1000 & echo up", patience).await;
        assert_eq!(left, (Exit::Code(0), true, said(&["up"])));
    }
    let (exit, _, lines) = patient("yes | head -n 100000", 20).await;
    assert_eq!((exit, lines.len()), (Exit::Code(0), 100_000), "more than a pipe holds");
}

#[tokio::test]
async fn a_child_that_was_left_is_reaped_when_the_next_one_starts() {
    let left = Running::start(&sh("sleep 1000")).expect("sh is everywhere");
    let pid = Pid::from_raw(left.id()).expect("a process id");
    drop(left);
    while rustix::process::test_kill_process(pid).is_ok() {
        assert_eq!(lines_of(&sh("exit 0")).await.0, Exit::Code(0));
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn no_descriptor_leaks_into_another_child() {
    const LIST: &str = "ls /proc/$$/fd";
    // the process that started the tests may have left descriptors open for us and our children
    let bare = std::process::Command::new("sh").args(["-c", LIST]).output().expect("sh is everywhere");
    let inherited: Vec<String> = String::from_utf8_lossy(&bare.stdout).lines().map(str::to_owned).collect();
    let (kept, stop) = (CollectedLines::default(), never());
    let other = sh("echo up; sleep 1000");
    let listing = async {
        kept.first.cancelled().await;
        lines_of(&sh(LIST)).await
    };
    tokio::select! {
        _ = run(&other, &kept, &stop) => panic!("it runs for a thousand seconds"),
        (_, descriptors) = listing => assert_eq!(descriptors, inherited),
    }
}

#[tokio::test]
async fn captures_both_streams_apart_and_cut() {
    let script = "printf hello; printf 'oh dear' >&2; exit 4";
    let Output { code, stdout, stderr, .. } = capture(&sh(script), 5, &never()).await.expect("sh is everywhere");
    assert_eq!((code, &stdout[..], &stderr[..]), (Some(4), &b"hello"[..], &b"oh de"[..]));
    assert_eq!((stdout.is_cut(), stderr.is_cut()), (false, true));
}

#[tokio::test]
async fn a_capture_that_is_stopped_is_a_fault() {
    let stop = never();
    stop.cancel.cancel();
    let fault = capture(&sh("sleep 1000"), 5, &stop).await.expect_err("it was stopped");
    assert_eq!(fault.message, "stopped");
}

#[tokio::test]
async fn hundreds_at_once_all_end() {
    for way in [Way::Best, Way::Portable] {
        let all = (0..200).map(|number| async move {
            let running = Running::start_watched(&sh(&format!("exit {}", number % 100)), way).expect("started");
            let finished = running.finish(&CollectedLines::default(), &never(), Leftovers::End).await.expect("it ends");
            assert_eq!(finished.exit, Exit::Code(number % 100));
        });
        futures::future::join_all(all).await;
    }
}

async fn refused(program: &Path, dir: &Path) -> (String, Option<String>) {
    let command = Command { program: program.into(), dir: dir.to_path_buf(), ..Command::default() };
    let fault = run(&command, &CollectedLines::default(), &never()).await.expect_err("it cannot be started");
    let short = |text: String| text.replace(&dir.display().to_string(), "DIR");
    (short(fault.message), fault.help.map(short))
}

#[tokio::test]
async fn says_why_a_program_cannot_be_started() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("tmp");
    for (name, text, mode) in [
        ("crlf.sh", "#!/bin/sh\r\necho hi\r\n", 0o755),
        ("plain.sh", "#!/bin/sh\n", 0o644),
        ("odd.sh", "#!/no/such/interpreter\n", 0o755),
        ("noise", "\x01\x02\x03", 0o755),
    ] {
        // Written by another process: a child that another test starts meanwhile would hold it open, "text file busy".
        let (draft, file) = (folder.path().join("draft"), folder.path().join(name));
        std::fs::write(&draft, text).expect("writable");
        let copied = std::process::Command::new("cp").args([&draft, &file]).status().expect("cp is everywhere");
        assert!(copied.success());
        std::fs::set_permissions(folder.path().join(name), std::fs::Permissions::from_mode(mode)).expect("ours");
    }
    for (program, message, help) in [
        (
            "./crlf.sh",
            "`./crlf.sh` has CRLF line endings, so its interpreter `/bin/sh\\r` does not exist",
            "type: sed -i 's/\\r$//' ./crlf.sh   (and `*.sh text eol=lf` into .gitattributes)",
        ),
        ("./plain.sh", "program `./plain.sh` is not executable (DIR/./plain.sh)", "type: chmod +x ./plain.sh"),
        (
            "./odd.sh",
            "`./odd.sh` names the interpreter `/no/such/interpreter`, which does not exist",
            "install it, or correct the script's first line",
        ),
        (
            "./noise",
            "program `./noise` is no program for this machine (DIR/./noise)",
            "a script starts with a line such as #!/bin/sh; a binary must be built for this architecture",
        ),
        ("./gone", "program `./gone` does not exist (DIR/./gone)", "create `./gone`, or write a name that is in PATH"),
    ] {
        let said = refused(Path::new(program), folder.path()).await;
        assert_eq!((said.0.as_str(), said.1.as_deref()), (message, Some(help)));
    }
    let said = refused(Path::new("/bin/sh"), &folder.path().join("nowhere")).await;
    assert_eq!(said.0, "the folder `DIR` to run `/bin/sh` in does not exist");
}
