//! One pass over a file's text: from YAML to the span tree, and to everything that is wrong with it.
//!
//! A syntax error does not end it where what is broken can be told from the rest: the broken value is covered by a
//! word of the same length (so that every place stays true), and the file is read again.

use std::ops::Range;

use granit_parser::{Parser, options};

use super::build::{Builder, Next};
use super::node::{Node, Value};
use super::syntax::{self, Failure};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::{FileId, SourceMap, Span};

/// How many syntax errors of one file are told apart.
const MAX_ROUNDS: usize = 20;
/// How many bytes are read again for them: a large file is read fewer times.
const MAX_REREAD: usize = 2 << 20;

/// Reads the one document of a file. What is wrong goes to `out`; `None` where no tree could be made.
///
/// Where a syntax error could be confined to a value, the tree has `null` in its place, and [`super::Shape::check`]
/// does not complain about it again: what is wrong elsewhere in the file is found as well. The files must not be run
/// while `out` has errors.
///
/// Anchors and aliases are expanded (within bounds), `<<` merges as in YAML 1.1. One file holds one document.
pub fn parse(sources: &SourceMap, file: FileId, out: &mut Diagnostics) -> Option<Node> {
    let original = &*sources.file(file).text;
    let mut repaired: Option<String> = None;
    let mut broken: Vec<Range<usize>> = Vec::new();
    let mut covered: Vec<Range<usize>> = Vec::new();
    for round in 0..MAX_ROUNDS {
        let text = repaired.as_deref().unwrap_or(original);
        let (tree, found, failure) = read(text, file, &broken);
        let Some(failure) = failure else {
            out.append(found);
            return complete(tree, original, file, out);
        };
        let fault = syntax::explain(&failure, text, file);
        if covered.iter().any(|range| on_its_lines(original, range, fault.at)) {
            // Our own repair is what the parser stumbles over: this error is not the writer's.
            out.append(found);
            return None;
        }
        out.append(fault.found);
        if (round + 1) * original.len() > MAX_REREAD {
            out.append(found);
            return None;
        }
        let Some(cover) = fault.cover.filter(|cover| cover.changes(text)) else {
            out.append(found);
            return None;
        };
        repaired = Some(cover.over(text));
        broken.extend(cover.value());
        covered.push(cover.range);
    }
    None
}

/// One pass: the tree as far as it got, what is wrong besides syntax, and the syntax error that ended it.
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

fn on_its_lines(text: &str, range: &Range<usize>, at: usize) -> bool {
    let start = text[..range.start].rfind('\n').map_or(0, |line| line + 1);
    let end = text[range.end..].find('\n').map_or(text.len(), |line| range.end + line);
    (start..=end).contains(&at)
}

#[cfg(test)]
mod tests;
