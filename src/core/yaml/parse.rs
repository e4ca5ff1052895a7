//! One pass over a file's text: from YAML to the span tree, and to everything that is wrong with it.
//!
//! A syntax error does not end it where the intended text is clear: it is read instead, and the file is read again.
//! Places are those of the file as it was written, whatever was read.

use std::ops::Range;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, options};

use super::build::{Builder, Next};
use super::node::{Entry, Node, Value};
use super::repaired::Repaired;
use super::syntax::{self, Failure, Fault, Repair};
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::core::model::source::{FileId, SourceMap, Span};

/// How many syntax errors of one file are reported separately.
const MAX_ROUNDS: usize = 40;
/// How many bytes are read again for them: a large file is read fewer times.
const MAX_REREAD: usize = 2 << 20;

/// Reads the one document of a file. What is wrong goes to `out`; `None` where no tree could be made.
///
/// Where a syntax error has an obvious remedy (a `:` or a bracket that was left out), the tree is as if it were
/// written. Where it could only be confined to a value, the tree has `null` in its place, and
/// [`super::CompiledSchema::check`] does not complain about it again: what is wrong elsewhere in the file is found as well. The
/// files must not be run while `out` has errors.
///
/// Anchors and aliases are expanded (within bounds), `<<` merges as in YAML 1.1. One file holds one document.
pub fn parse(sources: &SourceMap, file: FileId, out: &mut Diagnostics) -> Option<Node> {
    let original = &*sources.file(file).text;
    let mut reading = Reading { text: Repaired::new(original), broken: Vec::new(), zones: Vec::new() };
    for round in 0..MAX_ROUNDS {
        let (tree, found, failure) = read(reading.text.text(), file, &reading.broken);
        let Some(failure) = failure else {
            reading.tell(found, original, out);
            return complete(tree.map(|tree| reading.placed(tree, original)), original, file, out);
        };
        let fault = syntax::explain(&failure, reading.text.text(), file);
        let own = reading.is_own(&fault, failure.at);
        let repair = match own {
            // Our own repair is what the parser stumbles over: this error is not the writer's.
            Own::Last => None,
            Own::Yes => Some(syntax::cover(&failure, reading.text.text(), file)),
            Own::No => {
                reading.tell(fault.found, original, out);
                fault.repair
            }
        };
        let again = (round + 1) * original.len() <= MAX_REREAD;
        let done = repair.filter(|_| again).is_some_and(|repair| reading.repair(repair, own == Own::Yes));
        if !done {
            reading.tell(found, original, out);
            return None;
        }
    }
    None
}

/// A file as it is read: its text with repairs.
struct Reading {
    text: Repaired,
    /// Values that were put in for something broken.
    broken: Vec<Range<usize>>,
    zones: Vec<Zone>,
}

/// Where a repair was made.
struct Zone {
    /// What was changed.
    core: Range<usize>,
    /// The lines that it may have an effect on; the core, where it cannot.
    lines: Range<usize>,
    /// Whether nothing is left to be tried.
    last: bool,
}

/// Whether a fault comes of an earlier repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Own {
    No,
    Yes,
    /// And nothing more can be done about it.
    Last,
}

impl Reading {
    fn is_own(&self, fault: &Fault, at: usize) -> Own {
        let exact = fault.repair.as_ref().is_some_and(|repair| repair.exact);
        let touches = |range: &Range<usize>| (range.start..=range.end).contains(&fault.at);
        let mut own = Own::No;
        for zone in &self.zones {
            let inside = touches(&zone.core) || (!exact && touches(&zone.lines));
            if zone.last && (zone.lines.start..=zone.lines.end).contains(&at) {
                return Own::Last;
            }
            if inside {
                own = if zone.last { Own::Last } else { Own::Yes };
            }
        }
        own
    }

    /// Makes a repair, which may be the last one at its place; whether it changes anything.
    fn repair(&mut self, repair: Repair, last: bool) -> bool {
        let text = self.text.text();
        if repair.edits.iter().any(|edit| text.get(edit.range.clone()).is_none()) {
            return false;
        }
        let changes = repair.edits.iter().any(|edit| text[edit.range.clone()] != edit.put);
        self.broken.extend(repair.broken);
        for edit in repair.edits.iter().rev() {
            for range in
                self.broken.iter_mut().chain(self.zones.iter_mut().flat_map(|zone| [&mut zone.core, &mut zone.lines]))
            {
                *range = edit.moves(range.start)..edit.moves(range.end);
            }
            self.text.apply(edit);
            let core = edit.range.start..edit.range.start + edit.put.len();
            let lines = if repair.exact { core.clone() } else { lines_of(self.text.text(), &core) };
            self.zones.push(Zone { core, lines, last });
        }
        changes
    }

    /// A place as it was written.
    fn place(&self, span: Span, original: &str) -> Span {
        let start = boundary(original, self.text.written(span.start as usize));
        let end = boundary(original, self.text.written_end(span.end as usize));
        Span::new(span.file, start, if span.start == span.end { start } else { end })
    }

    fn tell(&self, found: Diagnostics, original: &str, out: &mut Diagnostics) {
        if self.text.is_original() {
            return out.append(found);
        }
        for diagnostic in &found {
            let mut diagnostic = diagnostic.clone();
            for label in &mut diagnostic.labels {
                label.span = self.place(label.span, original);
            }
            out.push(diagnostic);
        }
    }

    fn placed(&self, tree: Node, original: &str) -> Node {
        if self.text.is_original() {
            return tree;
        }
        let span = self.place(tree.span, original);
        let value = match tree.value {
            Value::List(items) => Value::List(items.into_iter().map(|item| self.placed(item, original)).collect()),
            Value::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|entry| Entry {
                        plain: entry.plain,
                        key_span: self.place(entry.key_span, original),
                        node: self.placed(entry.node, original),
                        key: entry.key,
                    })
                    .collect(),
            ),
            value => value,
        };
        Node { span, value, spelling: tree.spelling }
    }
}

fn lines_of(text: &str, range: &Range<usize>) -> Range<usize> {
    let start = text[..range.start].rfind('\n').map_or(0, |line| line + 1);
    let end = text[range.end..].find('\n').map_or(text.len(), |line| range.end + line);
    start..end
}

/// One pass: the tree as far as it got, what is wrong apart from syntax, and the syntax error that ended it.
fn read(text: &str, file: FileId, broken: &[Range<usize>]) -> (Option<Node>, Diagnostics, Option<Failure>) {
    let settings = options! { emit_comments: false, emit_unresolved_aliases: true };
    let mut builder = Builder::new(text, file, broken);
    let mut at = 0;
    for step in Parser::new_from_str_with_options(text, settings) {
        match step {
            Ok((event, span)) => {
                let range = bytes(&span, text, at);
                at = range.start;
                let tag = span.tag_span().map(|tag| bytes(&tag, text, at));
                if let Some(failure) = key_without_blank(&event, &range, text, &builder) {
                    let (_, found) = builder.finish();
                    return (None, found, Some(failure));
                }
                if builder.take(event, range, tag) == Next::Stop {
                    break;
                }
            }
            Err(error) => {
                let failure = Failure {
                    at: boundary(text, error.marker().byte_offset().unwrap_or(at)),
                    kind: error.kind().clone(),
                    open_flow: builder.open_flow(),
                    last_scalar: builder.last_scalar.map(|span| span.start as usize..span.end as usize),
                };
                let (_, found) = builder.finish();
                return (None, found, Some(failure));
            }
        }
    }
    let (tree, found) = builder.finish();
    (tree, found, None)
}

/// `shell:{ run: a }` is a key called `shell:{ run`; that is never intended.
fn key_without_blank(event: &Event<'_>, range: &Range<usize>, text: &str, builder: &Builder<'_>) -> Option<Failure> {
    let Event::Scalar(key, ScalarStyle::Plain, ..) = event else { return None };
    let name = key[..key.find('{')?].strip_suffix(':')?;
    let word = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
    if !word || builder.open_flow().is_some() || !text[range.end..].starts_with(':') {
        return None;
    }
    let kind = ErrorKind::FlowMappingValueAdjacentCollection;
    Some(Failure { at: range.start, kind, open_flow: None, last_scalar: None })
}

fn complete(tree: Option<Node>, text: &str, file: FileId, out: &mut Diagnostics) -> Option<Node> {
    match tree {
        Some(node) if node.value != Value::Null || node.span.start != node.span.end => Some(node),
        _ if out.has_errors_in(file) => None,
        _ => {
            let shown = text.find(|c: char| !c.is_whitespace() && c != '\u{feff}').unwrap_or(0);
            let end = text[shown..].find('\n').map_or(text.len(), |line| shown + line);
            let message =
                if text.trim().is_empty() { "the file is empty" } else { "the file has nothing but comments" };
            let error = Diagnostic::error(Code::EmptyFile, Span::new(file, shown, end), message);
            out.push(error.help("a pipeline starts with `version: 1`, a stage with `stage: NAME`, a gate with `- `"));
            None
        }
    }
}

/// A parser's span in bytes, on character boundaries.
fn bytes(span: &granit_parser::Span, text: &str, otherwise: usize) -> Range<usize> {
    let range = span.byte_range().unwrap_or(otherwise..otherwise);
    let start = boundary(text, range.start);
    start..boundary(text, range.end).max(start)
}

fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests;
