//! The same steps by others: a bare loop of `posix_spawn`, GNU make, ninja, go-task. Knows how each writes them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::wait::{WaitStatus, wait};

use super::dag::{JOBS, WIDTH, keep, needs};

/// Somebody who runs the steps.
pub struct Rival {
    /// As the table calls it.
    pub name: &'static str,
    /// Where it runs.
    pub folder: PathBuf,
    /// What starts it; none where it is not installed.
    pub command: Option<Vec<String>>,
}

impl Rival {
    /// One that is there.
    pub fn new(name: &'static str, folder: &Path, command: Vec<String>) -> Self {
        Rival { name, folder: folder.to_owned(), command: Some(command) }
    }

    fn installed(name: &'static str, folder: &Path, command: &str) -> Self {
        let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
        let there = std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(&words[0]).is_file()));
        Rival { name, folder: folder.to_owned(), command: there.then_some(words) }
    }
}

/// The baseline: nothing but starting and waiting.
pub fn the_loop(folder: &Path, count: usize) -> Result<Rival, String> {
    let own = std::env::current_exe().map_err(|error| format!("who am I? {error}"))?;
    let words = vec![own.display().to_string(), "loop".to_owned(), count.to_string(), JOBS.to_owned()];
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    Ok(Rival::new("bare posix_spawn loop", folder, words))
}

/// Starts `sh -c true` `count` times and keeps `jobs` of them running. Std uses `posix_spawn` where nothing forces it
/// to fork.
pub fn bare_loop(count: usize, jobs: usize) -> Result<(), String> {
    let start = || Command::new("/bin/sh").args(["-c", "true"]).spawn().map(drop).map_err(|error| error.to_string());
    for _ in 0..jobs.min(count) {
        start()?;
    }
    for ended in 1..=count {
        match wait().map_err(|error| error.to_string())? {
            WaitStatus::Exited(_, 0) => {}
            other => return Err(format!("a child ended with {other:?}")),
        }
        if ended + jobs <= count {
            start()?;
        }
    }
    Ok(())
}

/// All others, each with its file written.
pub fn all(folder: &Path, layers: usize) -> Result<Vec<Rival>, String> {
    keep(&folder.join("make/Makefile"), &make(layers))?;
    keep(&folder.join("ninja/build.ninja"), &ninja(layers))?;
    keep(&folder.join("task/Taskfile.yml"), &task(layers))?;
    Ok(vec![
        Rival::installed("GNU make", &folder.join("make"), "make -s -j2"),
        Rival::installed("ninja", &folder.join("ninja"), "ninja -j2 --quiet"),
        Rival::installed("go-task", &folder.join("task"), "task --silent --concurrency 2"),
    ])
}

/// Every step with the names of those it needs.
fn steps(layers: usize) -> impl Iterator<Item = (String, Vec<String>)> {
    (0..layers).flat_map(|layer| (0..WIDTH).map(move |at| (layer, at))).map(|(layer, at)| {
        let before = layer.checked_sub(1);
        let needed = before.map(|before| needs(at).map(|one| format!("s{before}-{one}")).to_vec());
        (format!("s{layer}-{at}"), needed.unwrap_or_default())
    })
}

fn last(layers: usize) -> String {
    (0..WIDTH).fold(String::new(), |mut names, at| {
        let _ = write!(names, " s{}-{at}", layers - 1);
        names
    })
}

fn make(layers: usize) -> String {
    let mut text = format!("MAKEFLAGS += -r\nall:{}\n", last(layers));
    let mut names = String::from(".PHONY: all");
    for (name, needed) in steps(layers) {
        let _ = writeln!(text, "{name}: {}\n\t@sh -c true", needed.join(" "));
        names.extend([" ", name.as_str()]);
    }
    text + &names + "\n"
}

/// Its commands are given to `/bin/sh -c` anyway.
fn ninja(layers: usize) -> String {
    let mut text = String::from("rule step\n  command = true\n");
    for (name, needed) in steps(layers) {
        let _ = writeln!(text, "build {name}: step {}", needed.join(" "));
    }
    text + "build all: phony" + &last(layers) + "\ndefault all\n"
}

fn task(layers: usize) -> String {
    let mut text = String::from("version: '3'\ntasks:\n  default:\n    deps:\n");
    for name in last(layers).split_whitespace() {
        let _ = writeln!(text, "      - {name}");
    }
    for (name, needed) in steps(layers) {
        // `once`: a task that two others need is not to run twice
        let _ = writeln!(text, "  {name}:\n    run: once\n    deps: [{}]\n    cmds: [sh -c true]", needed.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_gets_the_same_graph() {
        let lines = |text: &str, line: &str| text.lines().any(|own| own.trim() == line);
        assert!(lines(&make(2), "s1-99: s0-99 s0-0") && lines(&make(2), "s0-5:"));
        assert!(lines(&ninja(2), "build s1-99: step s0-99 s0-0"));
        assert!(lines(&task(2), "deps: [s0-99, s0-0]"));
    }
}
