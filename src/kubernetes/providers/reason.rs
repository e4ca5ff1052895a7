//! The reason that a provider names when it fails, found in its last lines. Pure.

use crate::process::command_context::plain;

/// Characters of a reason that are shown.
const WIDTH: usize = 300;

/// The provider's own reason, of all its lines.
pub fn reason(lines: &[String]) -> Option<String> {
    first_reason(&lines.join("\n"))
}

/// The line that names the reason: minikube's `Exiting due to …`, kind's `ERROR: …`, k3d's `FATA[…] …` or Docker's
/// `Error response from daemon: …`; else the last line that has letters.
pub(super) fn first_reason(text: &str) -> Option<String> {
    let text = plain(text);
    let lines: Vec<&str> = text.lines().map(bare).filter(|line| line.chars().any(char::is_alphabetic)).collect();
    let marks: [&[&str]; 2] = [
        &["Exiting due to "],
        &["ERROR: ", "FATA[", "Error response from daemon", "Cannot connect to", "error: ", "Error: "],
    ];
    let marked = marks.iter().find_map(|marks| lines.iter().find(|line| marks.iter().any(|mark| line.contains(mark))));
    let line = marked.or(lines.last())?;
    let start = line.find("Exiting due to ").unwrap_or(0);
    Some(line[start..].chars().take(WIDTH).collect())
}

/// A line without the symbols and the log prefix in front of it.
fn bare(line: &str) -> &str {
    line.trim().trim_start_matches(|c: char| !c.is_ascii() || c.is_whitespace())
}
