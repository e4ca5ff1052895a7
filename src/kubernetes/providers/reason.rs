//! The reason that a provider names when it fails, found in its last lines. Pure.

use crate::core::mask::cut_middle;
use crate::process::command_context::plain;

/// Characters of a reason that are shown: its start and its end, where the cause usually is.
const WIDTH: usize = 300;

/// The provider's own reason, of all its lines.
pub fn reason(lines: &[String]) -> Option<String> {
    first_reason(&lines.join("\n"))
}

/// The line that names the reason: minikube's `Exiting due to …`, kind's `ERROR: …`, k3d's `FATA[…] …` or Docker's
/// `Error response from daemon: …`; else the last line that has letters. Of a command that kind quotes, what the command
/// said is the reason.
pub(super) fn first_reason(text: &str) -> Option<String> {
    let text = plain(text);
    let lines: Vec<&str> = text.lines().map(bare).filter(|line| line.chars().any(char::is_alphabetic)).collect();
    let marks: [&[&str]; 2] = [
        &["Exiting due to "],
        &["ERROR: ", "FATA[", "Error response from daemon", "Cannot connect to", "error: ", "Error: "],
    ];
    let marked = marks.iter().find_map(|marks| lines.iter().find(|line| marks.iter().any(|mark| line.contains(mark))));
    let line = marked.or(lines.last())?;
    let line = &line[line.find("Exiting due to ").unwrap_or(0)..];
    match (line.split_once(": command \""), said(&lines)) {
        (Some((doing, _)), Some(said)) => Some(cut_middle(&format!("{doing}: {said}"), WIDTH)),
        _ => Some(cut_middle(line, WIDTH)),
    }
}

/// What the command said that kind quotes, before its stack trace: the line that names an error, else the last one.
fn said<'a>(lines: &[&'a str]) -> Option<&'a str> {
    const OUTPUT: &str = "Command Output: ";
    let from = lines.iter().position(|line| line.starts_with(OUTPUT))?;
    let until = lines.iter().position(|line| line.starts_with("Stack Trace:")).filter(|until| *until > from);
    let output = lines[from..until.unwrap_or(lines.len())].iter().map(|line| line.strip_prefix(OUTPUT).unwrap_or(line));
    let output: Vec<&str> = output.filter(|line| !line.starts_with("Run '")).collect();
    let marks = ["Error response from daemon", "[ERROR ", "error execution phase", "error: ", "Error: "];
    let named = marks.iter().find_map(|mark| output.iter().find(|line| line.contains(mark)));
    named.or(output.last()).map(|line| line.strip_prefix("docker: ").unwrap_or(line))
}

/// A line without the symbols and the log prefix in front of it.
fn bare(line: &str) -> &str {
    line.trim().trim_start_matches(|c: char| !c.is_ascii() || c.is_whitespace())
}
