//! Syntax errors in words that help, and what to cover so that the rest of the file can still be read.

mod place;
mod quotes;

use std::ops::Range;

use granit_parser::ErrorKind;
use place::{Place, quoted};

use super::tabs;
use crate::diagnostic::Diagnostics;
use crate::source::{FileId, Span};

/// Where and why the parser gave up.
#[derive(Debug)]
pub(super) struct Failure {
    /// Byte offset.
    pub at: usize,
    /// The parser's reason.
    pub kind: ErrorKind,
    /// Start of the outermost `[` or `{` that is open there.
    pub open_flow: Option<usize>,
    /// The scalar read last.
    pub last_scalar: Option<Range<usize>>,
}

/// What is wrong, and how to read on.
#[derive(Debug)]
pub(super) struct Fault {
    /// Byte offset of what is wrong.
    pub at: usize,
    /// The words.
    pub found: Diagnostics,
    /// What to cover; `None` where the rest could not be trusted.
    pub cover: Option<Cover>,
}

/// A repair that keeps every byte offset.
#[derive(Debug)]
pub(super) struct Cover {
    /// The bytes covered.
    pub range: Range<usize>,
    with: With,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum With {
    /// A word, which becomes a null: a broken value.
    Word,
    /// Blanks: broken lines.
    Blanks,
    /// A blank for every tab.
    BlanksForTabs,
}

impl Cover {
    /// Whether covering would make a difference (else reading again would fail in the same way).
    pub(super) fn changes(&self, text: &str) -> bool {
        self.over(text) != text
    }

    /// The value that became a word, if it was one.
    pub(super) fn value(&self) -> Option<Range<usize>> {
        (self.with == With::Word).then(|| self.range.clone())
    }

    /// The text with the repair; of the same length.
    pub(super) fn over(&self, text: &str) -> String {
        let mut covered = String::with_capacity(text.len());
        covered.push_str(&text[..self.range.start]);
        let mut first_line = true;
        for c in text[self.range.clone()].chars() {
            let filler = match (self.with, c) {
                (_, '\n' | '\r') => {
                    first_line = false;
                    c
                }
                (With::BlanksForTabs, '\t') => ' ',
                (With::BlanksForTabs, c) => c,
                (With::Word, _) if first_line => 'x',
                _ => ' ',
            };
            let bytes = if filler == c { 1 } else { c.len_utf8() };
            (0..bytes).for_each(|_| covered.push(filler));
        }
        covered.push_str(&text[self.range.end..]);
        covered
    }
}

/// Says what is wrong.
pub(super) fn explain(failure: &Failure, text: &str, file: FileId) -> Fault {
    if let Some(fault) = tabs::explain(failure, text, file) {
        return fault;
    }
    let place = Place { text, file, at: failure.at };
    if let Some(open) = failure.open_flow {
        return place.in_flow(open, &failure.kind);
    }
    let scalar = failure.last_scalar.clone();
    match &failure.kind {
        ErrorKind::InvalidBlockScalarHeader | ErrorKind::ZeroBlockScalarIndent => place.block_header(),
        ErrorKind::UnexpectedCharacter { character } if character.is_control() => place.control(*character),
        ErrorKind::UnexpectedCharacter { character } => place.reserved(*character),
        ErrorKind::MappingValueNotAllowed => place.colon(scalar),
        ErrorKind::SimpleKeyExpected => place.no_colon(),
        ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => place.unclosed_quote(place.at),
        ErrorKind::InvalidTrailingSingleQuotedScalar => place.behind_quote('\''),
        ErrorKind::InvalidTrailingDoubleQuotedScalar => place.behind_quote('"'),
        ErrorKind::InvalidQuotedScalarIndent => place.unclosed_quote(place.quote_before()),
        ErrorKind::BlockSequenceEntryNotAllowed => place.dash(),
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::ExpectedBlockSequenceEntry | ErrorKind::InvalidIndentation => {
            place.indentation()
        }
        ErrorKind::MisplacedFlowCollectionEnd => place.closes_nothing(),
        ErrorKind::UnknownQuotedScalarEscape => place.escape(),
        ErrorKind::RecursionLimitExceeded => place.only("collections lie too deep in each other", "write it flatter"),
        kind => place.only(kind.to_string(), "quote the value if it is meant as text"),
    }
}

impl Place<'_> {
    fn in_flow(&self, open: usize, kind: &ErrorKind) -> Fault {
        let value = self.rest(open);
        if self.text[..self.at].ends_with('$') && self.text[self.at..].starts_with("{{") {
            return self.template_in_flow(open);
        }
        if value.contains("{{") {
            return self.quote(open, format!("`{{{{` starts a mapping inside a mapping here: `{value}` is no text"));
        }
        let bracket = &self.text[open..=open];
        let closer = if bracket == "[" { ']' } else { '}' };
        let name = if bracket == "[" { "list" } else { "mapping" };
        let cover = Some((open..self.block_end(open), With::Word));
        let at_end = self.at <= open || self.at >= self.text.trim_end().len();
        if at_end || self.line_start(self.at) > open {
            let error = self.error(open..open + 1, format!("this `{bracket}` is never closed"));
            return self.fault(
                error.help(format!("close it: {}{}{closer}", self.lead(open), value.trim_end_matches(','))),
                cover,
            );
        }
        let message = match kind {
            ErrorKind::MismatchedFlowCollectionEnd { open, close } => format!("`{open}` is closed by `{close}`"),
            _ => format!("this {name} goes on with `{}`, where `,` or `{closer}` belongs", self.rest(self.at)),
        };
        let end = self.text[self.at..].chars().next().map_or(self.at, |c| self.at + c.len_utf8());
        let error = self
            .error(self.at..end, message)
            .also(Span::new(self.file, open, open + 1), format!("the {name} starts here"));
        self.fault(
            error.help("put a `,` between the items, and quotes around a text with `,`, `:`, brackets or `#`"),
            cover,
        )
    }

    /// `[${{ x }}]`: the braces are read as mappings.
    fn template_in_flow(&self, open: usize) -> Fault {
        let start = self.at - 1;
        let end = self.rest(start).find("}}").map_or(self.line_end(start), |close| start + close + 2);
        let (before, template, after) = (&self.text[open..start], &self.text[start..end], self.rest(end));
        let error = self
            .error(start..end, format!("`{template}` is read as a mapping between brackets"))
            .help(format!("quote it: {}{before}{}{after}", self.lead(open), quoted(template)));
        self.fault(error, Some((open..self.block_end(open), With::Word)))
    }

    fn block_header(&self) -> Fault {
        let what = if self.rest(self.at).starts_with('>') { "`>` starts a folded text" } else { "`|` starts a text" };
        let mut fault =
            self.quote(self.at, format!("{what} over several lines here, which `{}` is not", self.rest(self.at)));
        if let Some(cover) = &mut fault.cover {
            cover.range.end = self.block_end(self.at);
        }
        fault
    }

    fn control(&self, character: char) -> Fault {
        let start = self.text[self.at..].find(character).map_or(self.at, |at| self.at + at);
        let range = start..start + character.len_utf8();
        let message = format!("the control character U+{:04X} cannot stand in a file", character as u32);
        let help = format!("remove it, or write it inside double quotes as \"\\x{:02x}\"", character as u32);
        self.fault(self.error(range.clone(), message).help(help), Some((range, With::Blanks)))
    }

    fn reserved(&self, character: char) -> Fault {
        let sign = if character == '`' { "a backtick".to_owned() } else { format!("`{character}`") };
        self.quote(self.at, format!("a text cannot start with {sign} unless it is quoted"))
    }

    /// A `: ` where no mapping can be.
    fn colon(&self, scalar: Option<Range<usize>>) -> Fault {
        let line = self.line_start(self.at);
        if let Some(scalar) = scalar.filter(|scalar| scalar.start < line && scalar.end + 1 >= line) {
            let first = self.rest(scalar.start);
            if self.lead(scalar.start).is_empty() && first.contains(':') {
                return self.blank_missing(scalar.start);
            }
            let key = self.text[line..self.at].trim();
            let message = format!("`{key}:` is indented as if it belonged to `{first}`, which is a text");
            let error = self
                .error(line + self.indent(line)..self.at, message)
                .also(Span::new(self.file, scalar.start, scalar.start + first.len()), "the text it would belong to");
            let range = scalar.start..scalar.start + first.len();
            return self
                .fault(error.help("indent it like the line above, or remove the text"), Some((range, With::Blanks)));
        }
        match self.value_start(self.at) {
            Some(value) => {
                self.quote(value, format!("`{}` has a second `: `, which starts a mapping", self.rest(line).trim()))
            }
            None => {
                self.only("a `:` stands where no key can be", "put the key on a line of its own, or quote the text")
            }
        }
    }

    fn no_colon(&self) -> Fault {
        if self.rest(self.at).contains(':') {
            return self.blank_missing(self.at);
        }
        let text = self.rest(self.at);
        let range = self.at..self.line_end(self.at);
        let error = self
            .error(range.clone(), format!("`{text}` is no `key: value`"))
            .help("write a `:` and a blank behind the key");
        self.fault(error, Some((range.start..self.block_end(self.at), With::Blanks)))
    }

    fn blank_missing(&self, at: usize) -> Fault {
        let line = self.rest(at);
        let colon = line.find(':').unwrap_or(0);
        let (key, value) = (&line[..colon], &line[colon + 1..]);
        let error = self
            .error(at + colon..at + colon + 1, format!("a blank is missing behind the `:` of `{line}`"))
            .help(format!("write `{key}: {value}`"));
        let mut fault = self.fault(error, Some((at..self.block_end(at), With::Blanks)));
        fault.at = at;
        fault
    }

    fn dash(&self) -> Fault {
        let item = self.rest(self.at);
        let lead = self.lead(self.at).trim_end();
        let error = self.error(self.at..self.line_end(self.at), "a list cannot start on the line of its key");
        let value = item.trim_start_matches('-').trim();
        let help = format!("write `{lead} [{value}]`, or put `{item}` on a line of its own");
        self.fault(error.help(help), Some((self.at..self.line_end(self.at), With::Word)))
    }

    fn indentation(&self) -> Fault {
        let line = self.line_start(self.at);
        let range = self.at..self.line_end(self.at);
        let shown = self.rest(self.at);
        let message = if shown.starts_with("- ") {
            format!("`{shown}` is a list item where a key belongs")
        } else {
            format!("`{shown}` is indented by {}, which fits nothing above it", self.indent(line))
        };
        let error = self.error(range, message).help("indent it exactly like the lines it belongs with");
        self.fault(error, Some((line..self.block_end(self.at), With::Blanks)))
    }

    fn closes_nothing(&self) -> Fault {
        let bracket = &self.text[self.at..=self.at];
        let error = self
            .error(self.at..self.at + 1, format!("this `{bracket}` closes nothing"))
            .help("remove it, or quote the text");
        self.fault(error, Some((self.at..self.line_end(self.at), With::Blanks)))
    }
}

/// A fault whose tabs become blanks.
pub(super) fn tab_fault(at: usize, found: Diagnostics, text: &str, readable: bool) -> Fault {
    let cover = readable.then_some(Cover { range: 0..text.len(), with: With::BlanksForTabs });
    Fault { at, found, cover }
}
