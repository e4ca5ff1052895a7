//! A place in a text, the lines around it, and the faults that are reported from there.

use std::ops::Range;

use super::{Fault, Repair};
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::core::model::source::{FileId, Span};

/// Where the parser gave up.
pub(super) struct Place<'a> {
    pub(super) text: &'a str,
    pub(super) file: FileId,
    pub(super) at: usize,
}

impl Place<'_> {
    /// The text of a range; nothing, where there is no such range.
    pub(super) fn part(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    pub(super) fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |line| line + 1)
    }

    pub(super) fn line_end(&self, at: usize) -> usize {
        let end = self.text[at..].find('\n').map_or(self.text.len(), |line| at + line);
        at + self.text[at..end].trim_end().len()
    }

    /// From `at` to the end of its line.
    pub(super) fn rest(&self, at: usize) -> &str {
        &self.text[at..self.line_end(at)]
    }

    /// From `at` to the end of its line, without a comment.
    pub(super) fn text_of_value(&self, at: usize) -> &str {
        let rest = self.rest(at);
        let comment = rest.match_indices(" #").map(|(comment, _)| comment);
        let outside = |comment: &usize| rest[..*comment].matches(['"', '\'']).count() % 2 == 0;
        rest[..comment.into_iter().find(outside).unwrap_or(rest.len())].trim_end()
    }

    /// The sign at `at`; nothing at the end.
    pub(super) fn sign(&self, at: usize) -> &str {
        let len = self.text[at..].chars().next().map_or(0, char::len_utf8);
        &self.text[at..at + len]
    }

    pub(super) fn indent(&self, at: usize) -> usize {
        let line = &self.text[self.line_start(at)..];
        line.len() - line.trim_start_matches(' ').len()
    }

    /// Where the value of the line's first `key: ` starts, if it is before `before`.
    pub(super) fn value_start(&self, before: usize) -> Option<usize> {
        let start = self.line_start(before);
        let colon = self.text[start..before].find(": ")?;
        let value = &self.text[start + colon + 2..];
        Some(start + colon + 2 + (value.len() - value.trim_start_matches(' ').len()))
    }

    /// The word before the value at `at`: `size: ` or `- `, for showing a line as it should be.
    pub(super) fn lead(&self, at: usize) -> &str {
        self.text[self.line_start(at)..at].trim_start()
    }

    /// The end of the lines below `at` that are indented deeper than its own.
    pub(super) fn block_end(&self, at: usize) -> usize {
        let indent = self.indent(at);
        let mut end = self.line_end(at);
        let mut line = self.text[end..].find('\n').map_or(self.text.len(), |next| end + next + 1);
        while line < self.text.len() {
            let content = self.text[line..].trim_start_matches(' ');
            let closes = content.starts_with([']', '}']);
            if !content.starts_with(['\n', '\r']) && !closes && self.indent(line) <= indent {
                break;
            }
            end = self.line_end(line);
            line = self.text[end..].find('\n').map_or(self.text.len(), |next| end + next + 1);
        }
        end
    }

    pub(super) fn error(&self, range: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(Code::Syntax, Span::new(self.file, range.start, range.end), message)
    }

    pub(super) fn fault(&self, error: Diagnostic, repair: Option<Repair>) -> Fault {
        let at = error.labels.first().map_or(self.at, |label| label.span.start as usize);
        let mut found = Diagnostics::default();
        found.push(Diagnostic { message: cut(&error.message), help: error.help.as_deref().map(cut), ..error });
        Fault { at, found, repair }
    }

    /// The value from `at` to the end of its line is to be quoted.
    pub(super) fn quote(&self, at: usize, message: impl Into<String>) -> Fault {
        let value = self.text_of_value(at);
        let range = at..at + value.len();
        let help = format!("quote it: {}{}", self.lead(at), quoted(value));
        let repair = Repair::instead(range.clone(), quoted_whole(value)).broken(range.clone());
        self.fault(self.error(range, message).help(help), Some(repair))
    }

    /// The key is to be quoted.
    pub(super) fn quote_key(&self, key: Range<usize>, message: impl Into<String>) -> Fault {
        let name = &self.text[key.clone()];
        let help = format!("quote it: {}{}{}", self.lead(key.start), quoted(name), self.rest(key.end));
        let repair = Repair::instead(key.clone(), quoted_whole(name));
        self.fault(self.error(key, message).help(help), Some(repair))
    }

    pub(super) fn only(&self, message: impl Into<String>, help: &str) -> Fault {
        let end = self.at + self.sign(self.at).len();
        self.fault(self.error(self.at..end, message).help(help), None)
    }
}

/// The text as a quoted scalar, short enough for a message.
pub(super) fn quoted(text: &str) -> String {
    quoted_whole(&cut(text))
}

/// The text as a quoted scalar.
pub(super) fn quoted_whole(text: &str) -> String {
    if text.contains(['"', '\\']) { format!("'{}'", text.replace('\'', "''")) } else { format!("\"{text}\"") }
}

/// A text short enough for a message.
fn cut(text: &str) -> String {
    match text.char_indices().nth(160) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
