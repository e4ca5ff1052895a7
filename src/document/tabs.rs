//! Tabs where YAML wants blanks: every line that is indented by one. Knows lines; not why the parser stumbled.

use granit_parser::ErrorKind;

use super::syntax::{Failure, Fault, tab_fault};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::{FileId, Span};

/// How many lines of one file are named.
const MAX_LINES: usize = 20;

/// What is wrong, when tabs are the reason for `failure`.
pub(super) fn explain(failure: &Failure, text: &str, file: FileId) -> Option<Fault> {
    let by_name = matches!(
        failure.kind,
        ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabAtBlockScalarStart
            | ErrorKind::TabInPlainScalar
    );
    let lines = indented_by_tab(text);
    let start = text[..failure.at].rfind('\n').map_or(0, |line| line + 1);
    let near = |at: &usize| *at == start || (*at > start && !text[start..*at - 1].contains('\n'));
    if !by_name && (failure.open_flow.is_some() || !lines.iter().any(near)) {
        return None;
    }
    let mut found = Diagnostics::default();
    let mut error = |start: usize, end: usize| {
        let help = "put spaces there; an editor with `expandtab` or `insertSpaces` does it for you";
        found.push(
            Diagnostic::error(Code::Tab, Span::new(file, start, end), "a tab cannot indent in YAML")
                .label("a tab")
                .help(help),
        );
    };
    for line in lines.iter().take(MAX_LINES) {
        let blank = text[*line..].len() - text[*line..].trim_start_matches([' ', '\t']).len();
        error(*line, line + blank);
    }
    if lines.is_empty() {
        let end = text[start..].find('\n').map_or(text.len(), |line| start + line);
        let tab = text[start..end].find('\t').map_or(failure.at, |tab| start + tab);
        error(tab, tab + usize::from(text[tab..].starts_with('\t')));
    }
    // Where tabs alone indent, one blank for each tab keeps the depth of every line.
    let readable = !lines.is_empty() && text.lines().all(|line| !line.starts_with(' '));
    Some(tab_fault(failure.at, found, text, readable))
}

/// Starts of the lines that are indented by a tab outside block texts.
fn indented_by_tab(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let mut block: Option<usize> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let content = line.trim_start_matches([' ', '\t']);
        let spaces = line.len() - line.trim_start_matches(' ').len();
        if content.trim().is_empty() || block.is_some_and(|indent| spaces > indent) {
            continue;
        }
        block = None;
        if line[..line.len() - content.len()].contains('\t') && !content.starts_with('#') {
            found.push(start);
        }
        if starts_block(content) {
            block = Some(spaces);
        }
    }
    found
}

/// Whether the line ends with `|`, `>` and their signs.
fn starts_block(line: &str) -> bool {
    let line = line.split(" #").next().unwrap_or(line).trim_end();
    let header = line.trim_end_matches(['+', '-', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    header.ends_with([' ', '|', '>'])
        && header.strip_suffix(['|', '>']).is_some_and(|lead| lead.is_empty() || lead.ends_with(' '))
}
