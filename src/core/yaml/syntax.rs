//! Syntax errors in words that help, and what to read instead so that the rest of the file can still be read.

mod flow;
mod lines;
mod place;
mod quotes;
mod repair;
mod scan;
mod tabs;

use std::ops::Range;

use granit_parser::ErrorKind;
use place::Place;
pub(super) use repair::Repair;

use crate::core::model::diagnostic::Diagnostics;
use crate::core::model::source::FileId;

/// Where and why the parser gave up.
#[derive(Debug)]
pub(super) struct Failure {
    /// Byte offset.
    pub at: usize,
    /// The parser's reason.
    pub kind: ErrorKind,
    /// Start of the outermost `[` or `{` that is open there, as far as the parser reported.
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
    /// What to read instead; `None` where the rest could not be trusted.
    pub repair: Option<Repair>,
}

/// Says what is wrong.
pub(super) fn explain(failure: &Failure, text: &str, file: FileId) -> Fault {
    let open = flow::open_at(failure, text);
    if let Some(fault) = tabs::explain(failure, open, text, file) {
        return fault;
    }
    let place = Place { text, file, at: failure.at };
    if let Some(open) = open {
        return place.in_flow(open, &failure.kind);
    }
    let scalar = failure.last_scalar.clone();
    match &failure.kind {
        ErrorKind::InvalidBlockScalarHeader | ErrorKind::ZeroBlockScalarIndent => place.block_header(),
        ErrorKind::UnexpectedCharacter { character } if character.is_control() => place.control(*character),
        ErrorKind::UnexpectedCharacter { character } => place.reserved(*character),
        ErrorKind::MappingValueNotAllowed => place.colon(scalar),
        ErrorKind::SimpleKeyExpected => place.no_colon(),
        ErrorKind::FlowMappingValueAdjacentCollection => place.blank_missing(place.at),
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

/// What to read where no smaller repair was enough: nothing in the place of the whole collection, or of the line and
/// what is below it.
pub(super) fn cover(failure: &Failure, text: &str, file: FileId) -> Repair {
    let place = Place { text, file, at: failure.at };
    match flow::open_at(failure, text) {
        Some(open) => Repair::word(text, open..place.block_end(open)),
        None => Repair::blanks(text, place.line_start(failure.at)..place.block_end(failure.at)),
    }
}

impl Place<'_> {
    fn block_header(&self) -> Fault {
        let sign = self.sign(self.at).chars().next().unwrap_or('>');
        let end = self.block_end(self.at);
        let mut fault = self.quote(self.at, why_quoted(sign, self.text_of_value(self.at)));
        if end > self.line_end(self.at) {
            fault.repair = Some(Repair::word(self.text, self.at..end));
        }
        fault
    }

    fn control(&self, character: char) -> Fault {
        let start = self.text[self.at..].find(character).map_or(self.at, |at| self.at + at);
        let range = start..start + character.len_utf8();
        let message = format!("the control character U+{:04X} cannot stand in a file", character as u32);
        let help = format!("remove it, or write it inside double quotes as \"\\x{:02x}\"", character as u32);
        let repair = Repair::blanks(self.text, range.clone()).exact();
        self.fault(self.error(range, message).help(help), Some(repair))
    }

    fn reserved(&self, character: char) -> Fault {
        let value = self.text_of_value(self.at);
        let message = why_quoted(character, value);
        let before_key = self.lead(self.at).trim_matches([' ', '-']).is_empty();
        match value.find(": ").or_else(|| value.strip_suffix(':').map(str::len)) {
            Some(end) if before_key => self.quote_key(self.at..self.at + end, message),
            _ => self.quote(self.at, message),
        }
    }

    fn closes_nothing(&self) -> Fault {
        let bracket = self.sign(self.at);
        let line = self.lead(self.at).trim_end();
        let help = if line.is_empty() { "remove it".to_owned() } else { format!("remove it: {line}") };
        let error = self.error(self.at..self.at + 1, format!("this `{bracket}` closes nothing")).help(help);
        self.fault(error, Some(Repair::blanks(self.text, self.at..self.line_end(self.at))))
    }
}

/// Why a text that starts with this sign is none.
fn why_quoted(character: char, value: &str) -> String {
    match character {
        '>' => format!("`>` starts a folded text over several lines here, which `{value}` is not"),
        '|' => format!("`|` starts a text over several lines here, which `{value}` is not"),
        '`' => "a text cannot start with a backtick unless it is quoted".to_owned(),
        sign => format!("a text cannot start with `{sign}` unless it is quoted"),
    }
}
