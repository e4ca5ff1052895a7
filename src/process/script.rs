//! Scripts and argument lists as commands: which interpreter runs a text, with which flags, and what its exit codes
//! mean. Starts nothing.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Command;
use crate::core::model::outcome::Fault;

/// The longest script handed over as an argument, in bytes: the kernel takes 128 KiB. A longer one becomes a file.
const ARGUMENT_LIMIT: usize = 100_000;

/// An interpreter, what it is given before a script's text, and what before a script's file.
struct Interpreter {
    name: &'static str,
    flags: &'static [&'static str],
    text: &'static str,
}

/// Interpreters that take a script as an argument; the flags make shells stop at the first error.
const INTERPRETERS: &[Interpreter] = &[
    Interpreter { name: "ash", flags: &["-eu"], text: "-c" },
    Interpreter { name: "bash", flags: &["-euo", "pipefail"], text: "-c" },
    Interpreter { name: "dash", flags: &["-eu"], text: "-c" },
    Interpreter { name: "fish", flags: &[], text: "-c" },
    Interpreter { name: "ksh", flags: &["-eu", "-o", "pipefail"], text: "-c" },
    Interpreter { name: "node", flags: &[], text: "-e" },
    Interpreter { name: "perl", flags: &[], text: "-e" },
    Interpreter { name: "python", flags: &["-u"], text: "-c" },
    Interpreter { name: "python3", flags: &["-u"], text: "-c" },
    Interpreter { name: "ruby", flags: &[], text: "-e" },
    Interpreter { name: "sh", flags: &["-eu"], text: "-c" },
    Interpreter { name: "zsh", flags: &["-euo", "pipefail"], text: "-c" },
];

/// The names of the interpreters that `shell:` takes.
pub fn interpreters() -> impl Iterator<Item = &'static str> {
    INTERPRETERS.iter().map(|row| row.name)
}

/// What is to be run.
#[derive(Debug, Clone, Copy)]
pub enum Task<'a> {
    /// A text for an interpreter, by its name, or its name and the flags to use instead of the usual ones.
    Script(&'a str, &'a str),
    /// A program and its arguments.
    Argv(&'a [String]),
}

/// The command for a task. A script too long for an argument is written into `scratch`, for its owner alone.
///
/// # Errors
/// [`Fault`] when the interpreter is not known, the list is empty, or the file cannot be written.
pub fn command(
    task: Task<'_>,
    env: &Arc<BTreeMap<String, String>>,
    dir: PathBuf,
    scratch: &Path,
) -> Result<Command, Fault> {
    let (program, args) = match task {
        Task::Argv([]) => return Err(Fault::invalid("`command` is empty").help("write `command: [program, argument]`")),
        Task::Argv([program, args @ ..]) => (program.into(), args.iter().map(Into::into).collect()),
        Task::Script(text, shell) => {
            let (row, program, own) = interpreter(shell)
                .ok_or_else(|| Fault::invalid(format!("`{shell}` is not a shell that this runner knows")))?;
            let mut args: Vec<OsString> = Vec::with_capacity(4);
            args.extend(own.split_whitespace().map(Into::into));
            if args.is_empty() {
                args.extend(row.flags.iter().map(Into::into));
            }
            if text.len() > ARGUMENT_LIMIT {
                args.push(write_script(text, scratch)?.into());
            } else {
                args.extend([row.text.into(), text.into()]);
            }
            (program.into(), args)
        }
    };
    Ok(Command { program, args, base: Arc::clone(env), dir, ..Command::default() })
}

/// The row, the program and the flags of its own that a `shell:` text means; `None` where the interpreter is not known.
fn interpreter(shell: &str) -> Option<(&'static Interpreter, &str, &str)> {
    let shell = shell.trim();
    let (program, own) = shell.split_once(char::is_whitespace).unwrap_or((shell, ""));
    let name = program.rsplit('/').next().unwrap_or_default();
    // python3.12 and ruby3.2 are called like python3 and ruby
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let row = INTERPRETERS.iter().find(|row| row.name == name || row.name == plain)?;
    Some((row, program, own))
}

/// What `run`, read by `shell`, or `command` ask for; exactly one of them when it was checked.
///
/// # Errors
/// [`Fault`] when neither is there.
pub fn task<'a>(
    run: Option<&'a str>,
    shell: Option<&'a str>,
    command: Option<&'a [String]>,
) -> Result<Task<'a>, Fault> {
    match (run, command) {
        (Some(text), _) => Ok(Task::Script(text, shell.unwrap_or("sh"))),
        (None, Some(argv)) => Ok(Task::Argv(argv)),
        (None, None) => Err(Fault::invalid("neither `run` nor `command` is written")),
    }
}

/// Why a command cannot be one, and what to write: its program is a whole command line, as of a list of commands.
pub fn no_program(command: &[String]) -> Option<(String, String)> {
    let program = command.first()?;
    if program.contains('/') || !program.trim().contains(char::is_whitespace) || program.contains("${{") {
        return None;
    }
    let words: Vec<&str> = program.split_whitespace().collect();
    let help = if command.len() == 1 {
        format!("a command is a list of words: `[{}]`", words.join(", "))
    } else {
        "commands are the lines of a script: `run: |` with each of them on a line of its own".to_owned()
    };
    Some((format!("`{program}` is no program but a command with its arguments"), help))
}

/// Whether `shell:` names an interpreter that is known.
pub fn knows(shell: &str) -> bool {
    interpreter(shell).is_some()
}

fn write_script(text: &str, scratch: &Path) -> Result<PathBuf, Fault> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let file = scratch.join(format!("script-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&file)
        .and_then(|mut open| open.write_all(text.as_bytes()))
        .map_err(|error| Fault::unknown(format!("the script cannot be written to {}: {error}", file.display())))?;
    Ok(file)
}

/// A folder below the project, where it exists: never outside of it, not by `..` nor by a symbolic link.
///
/// # Errors
/// [`Fault`] when it leads out of the project.
pub fn folder(project: &Path, dir: Option<&Path>) -> Result<PathBuf, Fault> {
    let Some(dir) = dir else { return Ok(project.to_path_buf()) };
    let path = project.join(dir);
    let (Ok(real), Ok(root)) = (path.canonicalize(), project.canonicalize()) else { return Ok(path) };
    if real.starts_with(root) {
        Ok(path)
    } else {
        Err(Fault::invalid(format!("the folder `{}` leads out of the project", dir.display()))
            .help("`dir:` is relative to the folder of pipeline.yaml and stays below it"))
    }
}

/// A signal by its name: `SIGKILL`.
pub fn signal_name(signal: i32) -> String {
    const NAMES: [(i32, &str); 21] = [
        (1, "SIGHUP"),
        (2, "SIGINT"),
        (3, "SIGQUIT"),
        (4, "SIGILL"),
        (6, "SIGABRT"),
        (8, "SIGFPE"),
        (9, "SIGKILL"),
        (11, "SIGSEGV"),
        (13, "SIGPIPE"),
        (14, "SIGALRM"),
        (15, "SIGTERM"),
        (5, "SIGTRAP"),
        (7, "SIGBUS"),
        (10, "SIGUSR1"),
        (12, "SIGUSR2"),
        (21, "SIGTTIN"),
        (22, "SIGTTOU"),
        (24, "SIGXCPU"),
        (25, "SIGXFSZ"),
        (26, "SIGVTALRM"),
        (31, "SIGSYS"),
    ];
    NAMES
        .iter()
        .find(|(number, _)| *number == signal)
        .map_or_else(|| format!("signal {signal}"), |(_, name)| (*name).to_owned())
}

/// What to do about a command that ended like this, for the cases everybody meets. `last` are its last lines.
pub fn advice(code: Option<i32>, signal: Option<i32>, last: &[String]) -> Option<String> {
    if last.iter().any(|line| line.contains("\r: not found") || line.contains("$'\\r'") || line.contains("^M")) {
        return Some("a script has CRLF line endings; type: sed -i 's/\\r$//' FILE".to_owned());
    }
    // shells say 128+n for a command that signal n ended
    let by_shell = code.filter(|code| (129..=159).contains(code)).map(|code| code - 128);
    match (code, signal) {
        (Some(127), _) => Some(match last.iter().rev().find_map(|line| not_found(line)) {
            Some(name) => format!("`{name}` was not found: install it, or add its folder to PATH by `env:`"),
            None => "a program was not found: install it, or add its folder to PATH by `env:`".to_owned(),
        }),
        (Some(126), _) => Some(match last.iter().rev().find_map(|line| denied(line)) {
            Some(name) => format!("`{name}` is not executable; type: chmod +x {name}"),
            None => "a program is not executable; type: chmod +x FILE".to_owned(),
        }),
        (Some(137), _) | (_, Some(9)) => Some(
            "SIGKILL usually means out of memory; check `dmesg | tail`, or give it more memory or fewer jobs"
                .to_owned(),
        ),
        _ => {
            let meaning = meaning(signal.or(by_shell)?);
            Some(match by_shell {
                Some(number) if signal.is_none() => {
                    let name = signal_name(number);
                    format!("exit code {} is 128 + {number}: {name} ended a command of it; {meaning}", 128 + number)
                }
                _ => meaning.to_owned(),
            })
        }
    }
}

/// Why a signal usually comes.
fn meaning(signal: i32) -> &'static str {
    match signal {
        1 => "the terminal or the connection was closed",
        2 => "something interrupted it, as Ctrl-C does",
        3 => "something ended it, as Ctrl-\\ does",
        4 => "the program is built for another processor, or is damaged",
        6 => "it ended itself, for example after a failed assertion",
        8 => "it crashed by a division by zero or another wrong calculation",
        7 | 11 => "it crashed by a bad memory access",
        13 => "it wrote to a pipe that nothing reads any more, such as `… | head`",
        14 => "a timer of its own was over",
        15 => "something ended it by SIGTERM",
        24 => "it used more processor time than `ulimit -t` allows",
        25 => "it wrote a file larger than `ulimit -f` allows",
        31 => "a sandbox (seccomp) forbids one of its system calls",
        _ => "the signal was sent by another process, or by itself",
    }
}

/// `helmm` in `sh: 1: helmm: not found` and `bash: line 1: helmm: command not found`.
fn not_found(line: &str) -> Option<&str> {
    let before = line.strip_suffix(": command not found").or_else(|| line.strip_suffix(": not found"))?;
    before.rsplit(": ").next()
}

/// `./go.sh` in `sh: 1: ./go.sh: Permission denied`.
fn denied(line: &str) -> Option<&str> {
    line.strip_suffix(": Permission denied")?.rsplit(": ").next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_in_the_place_of_a_program_is_refused() {
        let of = |words: &[&str]| no_program(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert!(of(&["echo a"]).is_some_and(|(_, help)| help.contains("`[echo, a]`")));
        assert!(of(&["echo a", "echo b"]).is_some_and(|(_, help)| help.contains("run: |")));
        for fine in [&["echo", "a b"][..], &["./my tool", "x"], &["${{ vars.tool }}", "x"], &[]] {
            assert_eq!(of(fine), None);
        }
    }

    fn argv(shell: &str) -> Vec<String> {
        let command = command(Task::Script("x", shell), &Arc::default(), "/".into(), Path::new("/")).expect("known");
        std::iter::once(command.program).chain(command.args).map(|arg| arg.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn shells_stop_at_the_first_error_unless_flags_are_written() {
        assert_eq!(argv("sh"), ["sh", "-eu", "-c", "x"]);
        assert_eq!(argv("bash"), ["bash", "-euo", "pipefail", "-c", "x"]);
        assert_eq!(argv("bash -x"), ["bash", "-x", "-c", "x"]);
        assert_eq!(argv("/usr/bin/python3.12"), ["/usr/bin/python3.12", "-u", "-c", "x"]);
        assert!(!knows("cmd.exe") && !knows(""));
    }

    #[test]
    fn a_script_too_long_for_an_argument_becomes_a_private_file() {
        use std::os::unix::fs::PermissionsExt;
        let (scratch, long) = (tempfile::tempdir().expect("tmp"), "#".repeat(ARGUMENT_LIMIT + 1));
        let command = command(Task::Script(&long, "sh"), &Arc::default(), "/".into(), scratch.path()).expect("known");
        let file = PathBuf::from(command.args.last().expect("a file"));
        assert_eq!(command.args[0], "-eu");
        assert_eq!(std::fs::read_to_string(&file).expect("written"), long);
        assert_eq!(file.metadata().expect("written").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_folder_stays_below_the_project() {
        let project = tempfile::tempdir().expect("tmp");
        std::fs::create_dir(project.path().join("web")).expect("writable");
        std::os::unix::fs::symlink("/", project.path().join("out")).expect("writable");
        assert_eq!(folder(project.path(), Some(Path::new("web"))), Ok(project.path().join("web")));
        for dir in ["..", "/", "out"] {
            let fault = folder(project.path(), Some(Path::new(dir))).expect_err("outside");
            assert_eq!(fault.message, format!("the folder `{dir}` leads out of the project"));
        }
    }

    #[test]
    fn gives_advice_for_the_classic_cases() {
        for (code, signal, line, help) in [
            (
                Some(127),
                None,
                "sh: 1: helmm: not found",
                "`helmm` was not found: install it, or add its folder to PATH by `env:`",
            ),
            (
                Some(127),
                None,
                "bash: line 1: helmm: command not found",
                "`helmm` was not found: install it, or add its folder to PATH by `env:`",
            ),
            (
                Some(126),
                None,
                "sh: 1: ./go.sh: Permission denied",
                "`./go.sh` is not executable; type: chmod +x ./go.sh",
            ),
            (
                Some(137),
                None,
                "Killed",
                "SIGKILL usually means out of memory; check `dmesg | tail`, or give it more memory or fewer jobs",
            ),
            (
                Some(2),
                None,
                "run.sh: 2: set: Illegal option -\r: not found",
                "a script has CRLF line endings; type: sed -i 's/\\r$//' FILE",
            ),
        ] {
            assert_eq!(advice(code, signal, &[line.to_owned()]).as_deref(), Some(help));
        }
        assert_eq!(advice(Some(1), None, &["assertion failed".to_owned()]), None);
        assert_eq!(advice(Some(128), None, &[]), None);
        assert_eq!(advice(Some(160), None, &[]), None);
    }

    #[test]
    fn an_exit_code_above_128_is_explained_as_the_signal_it_means() {
        let pipe = "exit code 141 is 128 + 13: SIGPIPE ended a command of it; \
                    it wrote to a pipe that nothing reads any more, such as `… | head`";
        assert_eq!(advice(Some(141), None, &[]).as_deref(), Some(pipe));
        let crash = "exit code 139 is 128 + 11: SIGSEGV ended a command of it; it crashed by a bad memory access";
        assert_eq!(advice(Some(139), None, &[]).as_deref(), Some(crash));
        assert_eq!(advice(None, Some(13), &[]).map(|help| help.starts_with("it wrote to a pipe")), Some(true));
        for code in 129..=159 {
            assert!(advice(Some(code), None, &[]).is_some(), "{code}");
        }
    }
}
