//! Faults with quotes: never closed, closed too early, and what a backslash does between them.

use super::place::{Place, quoted};
use super::{Fault, With};
use crate::source::Span;

impl Place<'_> {
    pub(super) fn unclosed_quote(&self, at: usize) -> Fault {
        let quote = if self.text[at..].starts_with('\'') { '\'' } else { '"' };
        let value = self.rest(at);
        let error = self
            .error(at..at + 1, format!("this `{quote}` is never closed"))
            .help(format!("close it: {}{value}{quote}", self.lead(at)));
        let key = self.lead(at).is_empty();
        let cover = if key { (at..self.block_end(at), With::Blanks) } else { (at..self.line_end(at), With::Word) };
        let mut fault = self.fault(error, Some(cover));
        fault.at = at;
        fault
    }

    /// The last quote above this line on a line with an odd number of them.
    pub(super) fn quote_before(&self) -> usize {
        self.odd_quote('"').max(self.odd_quote('\'')).unwrap_or(self.at)
    }

    pub(super) fn odd_quote(&self, quote: char) -> Option<usize> {
        let mut end = self.line_start(self.at);
        for _ in 0..50 {
            let start = self.line_start(end.checked_sub(1)?);
            let line = &self.text[start..end];
            if line.matches(quote).count() % 2 == 1 {
                return line.rfind(quote).map(|at| start + at);
            }
            end = start;
        }
        None
    }

    pub(super) fn behind_quote(&self, quote: char) -> Fault {
        let line = self.line_start(self.at);
        let opened = self.text[line..self.at].matches(quote).count();
        if opened < 2
            && let Some(at) = self.odd_quote(quote)
        {
            return self.unclosed_quote(at);
        }
        let start = self.text[line..self.at].find(quote).map_or(self.at, |at| line + at);
        let value = self.rest(start);
        let inner = value.strip_prefix(quote).and_then(|value| value.strip_suffix(quote));
        let value = inner.filter(|_| !value.ends_with("\\\"")).unwrap_or(value);
        let help = format!("quote all of it: {}{}", self.lead(start), quoted(value));
        let error = self
            .error(self.at..self.line_end(self.at), format!("text stands behind the closing `{quote}`"))
            .also(Span::new(self.file, start, start + 1), "the quotes open here");
        self.fault(error.help(help), Some((start..self.line_end(start), With::Word)))
    }

    pub(super) fn escape(&self) -> Fault {
        let value = self.rest(self.at);
        let mut chars = value.char_indices();
        while let Some((at, c)) = chars.next() {
            let Some((_, escaped)) = (c == '\\').then(|| chars.next()).flatten() else { continue };
            if !"0abt\tnvfre \"/\\N_LPxuU".contains(escaped) {
                let range = self.at + at..self.at + at + 1 + escaped.len_utf8();
                let error = self
                    .error(range, format!("`\\{escaped}` means nothing inside double quotes"))
                    .help(format!("write `\\\\{escaped}` for the backslash itself, or use single quotes"));
                return self.fault(error, Some((self.at..self.line_end(self.at), With::Word)));
            }
        }
        self.only(
            "an escape inside these double quotes means nothing",
            "use single quotes, or write `\\\\` for a backslash",
        )
    }
}
