//! A project in a temporary folder and the program run in it. Waits for lines and files, never for time.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;

/// The longest that a line or an end is waited for: far more than it takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the environment of the tests must not decide.
const FOREIGN: [&str; 8] =
    ["CI", "GITHUB_ACTIONS", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "KUBECONFIG", "LC_ALL", "LC_CTYPE"];

/// A project in a temporary folder.
pub struct Project(tempfile::TempDir);

/// How a command ended and what it said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Project {
    /// With these files.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let project = Project(tempfile::tempdir().expect("a temporary folder"));
        for (path, text) in files {
            project.write(path, text);
        }
        project
    }

    /// With a pipeline file that names these stage files.
    pub fn of(stages: &[(&str, &str)]) -> Self {
        Project::headed("", stages)
    }

    /// The same, with more lines in the pipeline file.
    pub fn headed(head: &str, stages: &[(&str, &str)]) -> Self {
        let project = Project::new(stages);
        let names: Vec<&str> = stages.iter().map(|(name, _)| *name).collect();
        project.write("pipeline.yaml", &format!("version: 1\npipeline: test\n{head}stages: [{}]\n", names.join(", ")));
        project
    }

    /// A copy of a folder of this repository.
    pub fn copy_of(folder: &str) -> Self {
        let project = Project::new(&[]);
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for entry in walkdir::WalkDir::new(&from) {
            let entry = entry.expect("readable");
            let below = entry.path().strip_prefix(&from).expect("below");
            if entry.file_type().is_file() && !below.starts_with(".pipeline") {
                let to = project.path().join(below);
                fs::create_dir_all(to.parent().expect("below the folder")).expect("writable");
                fs::copy(entry.path(), to).expect("copied");
            }
        }
        project
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("writable");
        fs::write(path, text).expect("writable");
    }

    pub fn has(&self, path: &str) -> bool {
        self.path().join(path).exists()
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// The program, to be started in the project.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
        command.args(args).current_dir(self.path()).stdin(Stdio::null()).env("LANG", "C.UTF-8");
        for name in FOREIGN {
            command.env_remove(name);
        }
        command
    }

    /// An executable file, written by another process: what another test starts meanwhile would hold it open, "text file
    /// busy".
    pub fn program(&self, path: &str, text: &str) {
        self.write(&format!("{path}.draft"), text);
        let mut shell = Command::new("sh");
        shell.args(["-c", "cp \"$1.draft\" \"$1\" && chmod 755 \"$1\"", "sh"]).arg(self.path().join(path));
        assert!(shell.status().expect("there is a shell").success());
    }

    /// Runs the program in the project.
    pub fn run(&self, args: &[&str]) -> Said {
        let mut said = said(&mut self.command(args));
        if args.contains(&"run") {
            // the result of a run, which follows what it reports while it runs
            said.err.push_str(&said.out);
        }
        said
    }

    /// Starts the program in the project.
    pub fn start(&self, args: &[&str]) -> Live {
        self.started(self.command(args))
    }

    /// Starts this command of the program.
    pub fn started(&self, mut command: Command) -> Live {
        let mut child =
            command.current_dir(self.path()).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("started");
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = channel();
        let result = sender.clone();
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| result.send(line)));
        Live { child, lines, seen: Vec::new() }
    }

    /// The folder of the newest run.
    pub fn newest(&self) -> PathBuf {
        let runs = fs::read_dir(self.path().join(".pipeline/runs")).expect("runs");
        let runs = runs.map(|entry| entry.expect("readable").path());
        runs.max_by_key(|run| fs::metadata(run).and_then(|meta| meta.modified()).expect("a time")).expect("a run")
    }

    /// The newest run's journal.
    pub fn read_journal(&self) -> String {
        fs::read_to_string(self.newest().join("journal.ndjson")).expect("a journal")
    }

    /// The newest run's summary.json.
    pub fn summary(&self) -> Value {
        let text = fs::read_to_string(self.newest().join("summary.json")).expect("a summary");
        serde_json::from_str(&text).expect("JSON")
    }

    /// The state of every node of the newest run, by name.
    pub fn states(&self) -> BTreeMap<String, String> {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let summary = self.summary();
        let stages = summary["stages"].as_array().expect("stages").iter();
        let nodes = stages.flat_map(|stage| stage["nodes"].as_array().expect("nodes"));
        nodes.map(|node| (text(&node["name"]), text(&node["state"]))).collect()
    }

    /// The same as `a.x passed, b.y skipped`.
    pub fn course(&self) -> String {
        let states: Vec<String> = self.states().iter().map(|(name, state)| format!("{name} {state}")).collect();
        states.join(", ")
    }
}

/// Runs a command to its end.
pub fn said(command: &mut Command) -> Said {
    let Output { status, stdout, stderr } = command.output().expect("started");
    Said {
        code: status.code().unwrap_or(-1),
        out: String::from_utf8(stdout).expect("UTF-8"),
        err: String::from_utf8(stderr).expect("UTF-8"),
    }
}

impl Said {
    /// Asserts the exit code, and that it printed these.
    #[track_caller]
    pub fn ends(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        for word in words {
            let printed = self.err.contains(word) || self.out.contains(word);
            assert!(printed, "no `{word}` in:\n{}{}", self.err, self.out);
        }
        self
    }
}

/// The program while it runs; killed where a test ends before it.
pub struct Live {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Live {
    /// Waits for a line with this in it; the line.
    #[track_caller]
    pub fn line(&mut self, part: &str) -> String {
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                panic!("no line with `{part}` in:\n{}", self.seen.join("\n"))
            };
            self.seen.push(line.clone());
            if line.contains(part) {
                return line;
            }
        }
    }

    /// The state of its process as /proc names it: `T` when it is suspended.
    pub fn state(&self) -> char {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it runs");
        stat.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next()).expect("a state")
    }

    /// The processor time that it has used, in hundredths of a second.
    pub fn used(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it runs");
        let fields = stat.rsplit(')').next().expect("fields");
        fields.split_whitespace().nth(11).and_then(|ticks| ticks.parse().ok()).expect("a number")
    }

    /// Types this text, where its command has a pipe as its input.
    pub fn answer(&mut self, text: &str) {
        self.child.stdin.as_mut().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(pid(self.child.id()), signal).expect("it runs");
    }

    /// Waits for its end: its exit code (`None` when it was killed) and all that it said.
    pub fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().expect("a status");
        // A process that holds the pipe open would make this wait: the lines until now are enough.
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(1)) {
            self.seen.push(line);
        }
        (status.code(), self.seen.join("\n"))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pid(number: u32) -> Pid {
    i32::try_from(number).ok().and_then(Pid::from_raw).expect("a process id")
}

/// Whether this process is there and not just waiting to be reaped (whose parent died, pid 1 may reap late).
pub fn lives(number: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", number.trim()));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with(['Z', 'X']))
}

/// Ends a process's group, where it is still there.
pub fn end_group(number: &str) {
    let _ = kill_process_group(pid(number.trim().parse().expect("a number")), Signal::KILL);
}
