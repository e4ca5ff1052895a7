//! Faults of lines: a `:` that is missing or too much, dashes, indentation.

use std::ops::Range;

use super::Fault;
use super::place::Place;
use super::repair::Repair;
use crate::core::model::source::Span;
use crate::core::yaml::repaired::Edit;

impl Place<'_> {
    /// A `: ` where no mapping can be.
    pub(super) fn colon(&self, scalar: Option<Range<usize>>) -> Fault {
        let line = self.line_start(self.at);
        if let Some(key) = self.colonless_above(line) {
            return self.colon_missing(key);
        }
        if let Some(scalar) = scalar.filter(|scalar| scalar.start < line && scalar.end + 1 >= line) {
            let first = self.rest(scalar.start);
            if self.lead(scalar.start).is_empty() && is_key_without_blank(first) {
                return self.blank_missing(scalar.start);
            }
            let key = self.part(line..self.at).trim();
            let message = format!("`{key}:` is indented as if it belonged to `{first}`, which is a text");
            let error = self
                .error(line + self.indent(line)..self.at, message)
                .also(Span::new(self.file, scalar.start, scalar.start + first.len()), "the text it would belong to");
            let wanted = self.column_of_key(scalar.start);
            let own = self.indent(line);
            let repair = if wanted < own {
                Repair::all(self.shifted(line, own, wanted))
            } else {
                Repair::blanks(self.text, scalar.start..scalar.start + first.len())
            };
            let help = format!("indent it by {wanted}, or remove the text `{first}` above it");
            return self.fault(error.help(help), Some(repair));
        }
        match self.value_start(self.at) {
            Some(value) => {
                self.quote(value, format!("`{}` has a second `: `, which starts a mapping", self.rest(line).trim()))
            }
            None => self.only("a `:` is where no key can be", "put the key on a line of its own, or quote the text"),
        }
    }

    /// The column of the first key on the line of `at`, behind its dashes.
    fn column_of_key(&self, at: usize) -> usize {
        let line = &self.text[self.line_start(at)..];
        line.len() - line.trim_start_matches([' ', '-']).len()
    }

    /// A word alone on the line that the line at `line` belongs below: a key whose `:` was left out.
    fn colonless_above(&self, line: usize) -> Option<usize> {
        let own = self.indent(line);
        let dash = self.text[line + own..].starts_with("- ");
        let mut end = line;
        for _ in 0..50 {
            let start = self.line_start(end.checked_sub(1)?);
            end = start;
            let content = self.text_of_value(start).trim_start();
            let indent = self.indent(start);
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            if indent > own || (indent == own && (!dash || content.starts_with("- "))) {
                continue;
            }
            let key = content.trim_start_matches("- ").trim_start();
            return is_word(key).then(|| start + self.rest(start).find(key).unwrap_or(indent));
        }
        None
    }

    fn colon_missing(&self, key: usize) -> Fault {
        let name = self.text_of_value(key);
        let end = key + name.len();
        let error = self.error(key..end, format!("a `:` is missing behind `{name}`")).help(format!("write `{name}:`"));
        self.fault(error, Some(Repair::insert(end, ":".to_owned())))
    }

    pub(super) fn no_colon(&self) -> Fault {
        let text = self.text_of_value(self.at);
        if is_key_without_blank(text) {
            return self.blank_missing(self.at);
        }
        if is_word(text) {
            return self.colon_missing(self.at);
        }
        let range = self.at..self.at + text.len();
        let help = match text.split_once([':', ' ']) {
            Some((key, value)) if is_word(key) => format!("write `{key}: {}`", value.trim_start()),
            _ => "write a `:` and a blank behind the key".to_owned(),
        };
        let error = self.error(range.clone(), format!("`{text}` is no `key: value`")).help(help);
        self.fault(error, Some(Repair::blanks(self.text, range.start..self.block_end(self.at))))
    }

    pub(super) fn blank_missing(&self, at: usize) -> Fault {
        let line = self.text_of_value(at);
        let colon = line.find(':').unwrap_or(0);
        let (key, value) = (&line[..colon], &line[colon + 1..]);
        let error = self
            .error(at + colon..at + colon + 1, format!("a blank is missing behind the `:` of `{line}`"))
            .help(format!("write `{key}: {value}`"));
        self.fault(error, Some(Repair::insert(at + colon + 1, " ".to_owned())))
    }

    pub(super) fn dash(&self) -> Fault {
        let item = self.text_of_value(self.at);
        let range = self.at..self.at + item.len();
        let lead = self.lead(self.at).trim_end();
        let error = self.error(range.clone(), "a list cannot start on the line of its key");
        let value = item.trim_start_matches('-').trim();
        let help = format!("write `{lead} [{value}]`, or put `{item}` on a line of its own");
        self.fault(error.help(help), Some(Repair::word(self.text, range)))
    }

    pub(super) fn indentation(&self) -> Fault {
        let line = self.line_start(self.at);
        let before = self.part(line..self.at).trim_end();
        if !before.trim_matches([' ', '-', '?', ':']).is_empty() {
            return self.behind_the_end(line + before.len());
        }
        let shown = self.rest(self.at);
        let range = self.at..self.line_end(self.at);
        let own = self.indent(line);
        let Some((wanted, above)) = self.fitting(line, own) else {
            let message = if shown.starts_with("- ") {
                format!("`{shown}` is a list item where a key belongs")
            } else {
                format!("`{shown}` is indented by {own}, which fits nothing above it")
            };
            let error = self.error(range, message).help("indent it exactly like the lines it belongs with");
            return self.fault(error, Some(Repair::blanks(self.text, line..self.block_end(self.at))));
        };
        let message = format!("`{shown}` is indented by {own}, which fits nothing above it");
        let error = self.error(range, message).help(format!("indent it by {wanted}, like `{above}`"));
        self.fault(error, Some(Repair::all(self.shifted(line, own, wanted))))
    }

    /// The indentation above that is closest to `own`, for a line of the same sort, and a line that has it.
    fn fitting(&self, line: usize, own: usize) -> Option<(usize, &str)> {
        let item = |line: usize| self.text[line + self.indent(line)..].starts_with("- ");
        let mut best: Option<(usize, &str)> = None;
        let (mut end, mut lowest) = (line, usize::MAX);
        while let Some(last) = end.checked_sub(1)
            && lowest > 0
        {
            let start = self.line_start(last);
            end = start;
            let content = self.text_of_value(start).trim_start();
            let indent = self.indent(start);
            if content.is_empty() || content.starts_with('#') || indent >= lowest {
                continue;
            }
            lowest = indent;
            let closer = best.is_none_or(|(best, _)| indent.abs_diff(own) < best.abs_diff(own));
            if closer && indent != own && item(start) == item(line) && (item(line) || content.contains(':')) {
                best = Some((indent, content));
            }
        }
        best
    }

    /// The line, and what belongs below it where need be, with another indentation.
    fn shifted(&self, line: usize, own: usize, wanted: usize) -> Vec<Edit> {
        if wanted <= own {
            return vec![Edit { range: line..line + own - wanted, put: String::new() }];
        }
        let put = " ".repeat(wanted - own);
        let waits = self.text_of_value(line + own).ends_with(':') || self.rest(line).contains("- ");
        let end = if waits { self.block_end(line + own) } else { self.line_end(line + own) };
        let starts = self.part(line..end).match_indices('\n').map(|(at, _)| line + at + 1);
        std::iter::once(line).chain(starts).map(|at| Edit { range: at..at, put: put.clone() }).collect()
    }

    /// Text behind a value that is complete, and ends at `end`.
    fn behind_the_end(&self, end: usize) -> Fault {
        let line = self.line_start(end);
        let before = self.part(line..end);
        let word = line + before.rfind(' ').map_or(0, |blank| blank + 1);
        if self.text[word..].starts_with('*') {
            return self.quote(word, format!("`{}` is an alias, which no text can follow", self.part(word..end)));
        }
        let shown = self.rest(self.at);
        let closer = self.text[..end].chars().next_back().unwrap_or(' ');
        let error = self.error(self.at..self.line_end(self.at), format!("`{shown}` is behind the closing `{closer}`"));
        if shown.starts_with(',') && matches!(closer, ']' | '}') && shown.ends_with(closer) {
            let help = format!("remove the `{closer}` before it: {}{shown}", before[..before.len() - 1].trim());
            return self.fault(error.help(help), Some(Repair::instead(end - 1..end, String::new())));
        }
        let repair = Repair::blanks(self.text, self.at..self.line_end(self.at)).exact();
        self.fault(error.help(format!("remove it: {}", before.trim_start())), Some(repair))
    }
}

/// One word, as keys are.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// `key:value`, which YAML reads as one text.
fn is_key_without_blank(text: &str) -> bool {
    text.split_once(':').is_some_and(|(key, value)| is_word(key) && !value.is_empty() && !value.starts_with(['/', ' ']))
}
