//! Faults with quotes: never closed, closed too early, and what a backslash does between them.

use std::fmt::Write as _;

use super::Fault;
use super::flow::quoted_end;
use super::place::{Place, quoted, quoted_whole};
use super::repair::Repair;
use crate::core::model::source::Span;

impl Place<'_> {
    pub(super) fn unclosed_quote(&self, at: usize) -> Fault {
        let quote = if self.text[at..].starts_with('\'') { '\'' } else { '"' };
        let value = self.rest(at);
        let key = self.lead(at).trim_matches([' ', '-']).is_empty();
        let colon = if key { value.find(": ").or_else(|| value.strip_suffix(':').map(str::len)) } else { None };
        let close = at + colon.unwrap_or(value.len()).max(1).min(value.len());
        let (before, after) = (self.part(at..close), self.part(close..at + value.len()));
        let help = format!("close it: {}{before}{quote}{after}", self.lead(at));
        let error = self.error(at..at + self.sign(at).len(), format!("this `{quote}` is never closed")).help(help);
        let repair = Repair::insert(close, quote.to_string());
        self.fault(error, Some(if colon.is_some() { repair } else { repair.broken(at..close) }))
    }

    /// The last quote above this line on a line with an odd number of them.
    pub(super) fn quote_before(&self) -> usize {
        self.odd_quote('"').max(self.odd_quote('\'')).unwrap_or(self.at)
    }

    pub(super) fn odd_quote(&self, quote: char) -> Option<usize> {
        let mut end = self.line_start(self.at);
        for _ in 0..50 {
            let start = self.line_start(end.checked_sub(1)?);
            let line = self.part(start..end);
            if line.matches(quote).count() % 2 == 1 {
                return line.rfind(quote).map(|at| start + at);
            }
            end = start;
        }
        None
    }

    pub(super) fn behind_quote(&self, quote: char) -> Fault {
        let line = self.line_start(self.at);
        let opened = self.part(line..self.at).matches(quote).count();
        if opened < 2
            && let Some(at) = self.odd_quote(quote)
        {
            return self.unclosed_quote(at);
        }
        let start = self.part(line..self.at).find(quote).map_or(self.at, |at| line + at);
        let value = self.text_of_value(start);
        let range = start..start + value.len();
        let inner = value.strip_prefix(quote).and_then(|value| value.strip_suffix(quote));
        let value = inner.filter(|_| !value.ends_with("\\\"")).unwrap_or(value);
        let help = format!("quote all of it: {}{}", self.lead(start), quoted(value));
        let error = self
            .error(self.at..range.end.max(self.at), format!("text is behind the closing `{quote}`"))
            .also(Span::new(self.file, start, start + 1), "the quotes open here");
        let repair = Repair::instead(range.clone(), quoted_whole(value)).broken(range);
        self.fault(error.help(help), Some(repair))
    }

    pub(super) fn escape(&self) -> Fault {
        let end = quoted_end(self, self.at);
        let value = self.part(self.at..end);
        let mut chars = value.char_indices();
        while let Some((at, c)) = chars.next() {
            let Some((_, escaped)) = (c == '\\').then(|| chars.next()).flatten() else { continue };
            if !"0abt\tnvfre \"/\\N_LPxuU\n\r".contains(escaped) {
                let range = self.at + at..self.at + at + 1 + escaped.len_utf8();
                let message = format!("`\\{escaped}` means nothing inside double quotes");
                let inner = value.trim_matches('"').replace('\'', "''");
                let mut help = format!("write `\\\\{escaped}` for the backslash itself, or use single quotes");
                if !value.contains('\n') {
                    let _ = write!(help, ": '{inner}'");
                }
                let broken = self.at..end;
                let repair = Repair::instead(broken.clone(), format!("'{inner}'")).broken(broken).exact();
                return self.fault(self.error(range, message).help(help), Some(repair));
            }
        }
        self.only(
            "an escape inside these double quotes means nothing",
            "use single quotes, or write `\\\\` for a backslash",
        )
    }
}
