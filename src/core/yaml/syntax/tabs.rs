//! Tabs where YAML wants blanks: every line that is indented by one, and which indentation it was meant to have.
//! Knows lines; not why the parser stumbled.

use granit_parser::ErrorKind;

use super::{Failure, Fault, Repair};
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::core::model::source::{FileId, Span};
use crate::core::yaml::repaired::Edit;

/// How many lines of one file are named.
const MAX_LINES: usize = 20;

/// What is wrong, when tabs are the reason for `failure`.
pub(crate) fn explain(failure: &Failure, open: Option<usize>, text: &str, file: FileId) -> Option<Fault> {
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
    if !by_name && (open.is_some() || !lines.iter().any(near)) {
        return None;
    }
    let mut found = Diagnostics::default();
    let mut error = |range: std::ops::Range<usize>, many: &str| {
        let help = format!("put {many}spaces there; an editor with `expandtab` or `insertSpaces` does it for you");
        found.push(
            Diagnostic::error(Code::Tab, Span::new(file, range.start, range.end), "a tab cannot indent in YAML")
                .label("a tab")
                .help(help),
        );
    };
    let alone = text.lines().all(|line| !line.starts_with(' '));
    let edits = if lines.is_empty() {
        let end = text[start..].find('\n').map_or(text.len(), |line| start + line);
        let tab = text[start..end].find('\t').map(|tab| start + tab);
        error(tab.map_or(failure.at..failure.at, |tab| tab..tab + 1), "");
        tab.map(|tab| Edit { range: tab..tab + 1, put: " ".to_owned() }).into_iter().collect()
    } else if alone {
        one_blank_a_tab(text)
    } else {
        fitting(text, &lines)
    };
    for line in lines.iter().take(MAX_LINES) {
        let blank = text[*line..].len() - text[*line..].trim_start_matches([' ', '\t']).len();
        let many = edits.iter().find(|edit| !alone && edit.range.start == *line && !edit.put.is_empty());
        error(*line..line + blank, &many.map_or_else(String::new, |edit| format!("{} ", edit.put.len())));
    }
    let repair = (!edits.is_empty()).then(|| Repair::all(edits));
    Some(Fault { at: failure.at, found, repair })
}

/// Where tabs alone indent, one blank for each tab keeps the depth of every line.
fn one_blank_a_tab(text: &str) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let tabs = line.len() - line.trim_start_matches('\t').len();
        if tabs > 0 {
            edits.push(Edit { range: at..at + tabs, put: " ".repeat(tabs) });
        }
        at += line.len();
    }
    edits
}

/// Blanks for the lines at `tabbed`, so that each lies where it was meant to: below the line above it where that line
/// waits for something, else beside a line that it lines up with.
fn fitting(text: &str, tabbed: &[usize]) -> Vec<Edit> {
    let unit = text.lines().map(spaces).filter(|spaces| *spaces > 0).min().unwrap_or(2);
    let mut edits: Vec<Edit> = Vec::new();
    // What is open above: the columns at which something stands, the innermost last.
    let mut columns: Vec<usize> = vec![0];
    let mut waits = false;
    let mut alike: Vec<(&str, usize)> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let content = line.trim_start_matches([' ', '\t']);
        let before = &line[..line.len() - content.len()];
        if content.trim().is_empty() || content.starts_with('#') {
            continue;
        }
        let indent = if tabbed.binary_search(&start).is_ok() {
            let known = alike.iter().find(|(other, _)| *other == before).map(|(_, indent)| *indent);
            let deepest = columns.last().copied().unwrap_or(0);
            let indent = known.unwrap_or_else(|| {
                if waits {
                    next_indent(&text[at..]).filter(|next| *next > deepest).unwrap_or(deepest + unit)
                } else {
                    beside(before, content, unit, &columns, text)
                }
            });
            alike.push((before, indent));
            edits.push(Edit { range: start..start + before.len(), put: " ".repeat(indent) });
            indent
        } else {
            alike.clear();
            before.len()
        };
        columns.retain(|column| *column < indent);
        columns.push(indent);
        let items = content.len() - content.trim_start_matches("- ").len();
        if items > 0 {
            columns.push(indent + items);
        }
        let reported = content.split(" #").next().unwrap_or(content).trim_end();
        waits = reported.ends_with(':') || reported == "-" || starts_block(content);
    }
    edits
}

/// The indentation of the next line, if blanks make it.
fn next_indent(text: &str) -> Option<usize> {
    let next = text.lines().find(|line| !line.trim().is_empty())?;
    (!next.trim_start_matches(' ').starts_with('\t')).then(|| spaces(next))
}

/// The column that the tabs reach in some editor. Of several, the one at which a key of this name stands elsewhere, or
/// the one above the key that it holds; else the innermost.
fn beside(before: &str, content: &str, unit: usize, columns: &[usize], text: &str) -> usize {
    let reach = |width: usize| before.chars().map(|c| if c == '\t' { width } else { 1 }).sum::<usize>();
    let reached = |column: &usize| [unit, 2, 4, 8].into_iter().any(|width| reach(width) == *column);
    let candidates: Vec<usize> = columns.iter().copied().filter(reached).collect();
    let column_of = |key: &str| {
        let stands =
            |line: &&str| line.trim_start_matches(' ').strip_prefix(key).is_some_and(|rest| rest.starts_with(':'));
        text.lines().find(stands).map(spaces)
    };
    let (key, value) = content.split_once(':').unwrap_or((content, ""));
    let held = value.trim_start().strip_prefix('{').and_then(|inner| inner.trim_start().split_once(':'));
    let above = held.and_then(|(held, _)| column_of(held));
    let beside = column_of(key).filter(|column| candidates.contains(column));
    let chosen =
        beside.or_else(|| candidates.iter().copied().rfind(|column| above.is_some_and(|above| *column < above)));
    chosen.or(candidates.last().copied()).or(columns.last().copied()).unwrap_or(0)
}

fn spaces(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
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
