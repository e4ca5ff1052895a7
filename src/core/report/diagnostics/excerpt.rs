//! The few lines of a file that a diagnostic shows, cut to a width and made visible, with the labels moved along.
//! miette reads these instead of the file: it is slow in large sources, and sends control characters as they are.

use std::fmt::Write as _;

use miette::{LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use crate::core::model::diagnostic::Label;
use crate::core::model::source::SourceFile;

/// Lines shown above and below a labelled one.
const AROUND: usize = 1;

/// Some lines of a file.
#[derive(Debug)]
pub(super) struct Excerpt {
    name: String,
    /// The lines, each with its `\n`.
    text: String,
    lines: Vec<Line>,
    labels: Vec<LabeledSpan>,
}

#[derive(Debug)]
struct Line {
    /// Its number in the file, from 0.
    number: usize,
    /// Where it starts in the excerpt's text.
    offset: usize,
    /// Column of the first character that is shown, and of the label's start, from 0.
    column: usize,
}

impl Excerpt {
    /// The lines around `labels`, at most about `width` characters of each.
    pub(super) fn of(file: &SourceFile, labels: &[&Label], width: usize) -> Self {
        let text = &*file.text;
        let starts: Vec<usize> = labels.iter().map(|label| boundary(text, label.span.start as usize)).collect();
        let mut excerpt =
            Excerpt { name: file.name.clone(), text: String::new(), lines: Vec::new(), labels: Vec::new() };
        let mut wanted: Vec<(usize, usize)> = starts.iter().flat_map(|start| lines_around(text, *start)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        for (start, number) in wanted {
            excerpt.line(text, start, number, labels, &starts, width.clamp(40, 400));
        }
        excerpt
    }

    pub(super) fn labels(&self) -> impl Iterator<Item = LabeledSpan> + '_ {
        self.labels.iter().cloned()
    }

    fn line(&mut self, text: &str, start: usize, number: usize, labels: &[&Label], starts: &[usize], width: usize) {
        let whole = &text[start..];
        let whole = whole[..whole.find('\n').unwrap_or(whole.len())].trim_end_matches('\r');
        let here = || starts.iter().copied().filter(|at| (start..=start + whole.len()).contains(at));
        let (from, to) = window(whole, here().map(|at| at - start), width);
        let offset = self.text.len();
        self.lines.push(Line { number, offset, column: whole[..from].chars().count() });
        if from > 0 {
            self.text.push_str("...");
        }
        // Where each byte of the line went: labels move along.
        let mut moved: Vec<(usize, usize)> = Vec::new();
        for (at, c) in whole[from..to].char_indices() {
            moved.push((start + from + at, self.text.len()));
            push_visible(c, &mut self.text);
        }
        let end = self.text.len();
        moved.push((start + to, end));
        if to < whole.len() {
            self.text.push_str("...");
        }
        self.text.push('\n');
        let place = |byte: usize| match moved.binary_search_by_key(&byte, |(from, _)| *from) {
            Ok(at) => moved[at].1,
            Err(at) => moved.get(at).map_or(end, |(_, to)| *to),
        };
        for (index, (label, at)) in labels.iter().zip(starts).enumerate() {
            if !(start..=start + whole.len()).contains(at) {
                continue;
            }
            let (from, to) = (place(*at), place((label.span.end as usize).max(*at)));
            let words = Some(visible(&label.text)).filter(|words| !words.is_empty());
            // The first is where it is reported: the heading shows its line and column.
            let label = if index == 0 { LabeledSpan::new_primary_with_span } else { LabeledSpan::new_with_span };
            self.labels.push(label(words, (from, to - from)));
        }
    }

    fn line_of(&self, offset: usize) -> usize {
        self.lines.partition_point(|line| line.offset <= offset).saturating_sub(1)
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        if self.lines.is_empty() || span.offset() + span.len() > self.text.len() {
            return Err(MietteError::OutOfBounds);
        }
        let (mut first, mut last) = (self.line_of(span.offset()), self.line_of(span.offset() + span.len()));
        let (here, neighbours) = (first, |a: usize, b: usize| self.lines[a].number + 1 == self.lines[b].number);
        // Lines that were left out are no context of each other.
        if (first..last).any(|line| !neighbours(line, line + 1)) {
            return Err(MietteError::OutOfBounds);
        }
        for _ in 0..before {
            first -= usize::from(first > 0 && neighbours(first - 1, first));
        }
        for _ in 0..after {
            last += usize::from(last + 1 < self.lines.len() && neighbours(last, last + 1));
        }
        let start = self.lines[first].offset;
        let end = self.lines.get(last + 1).map_or(self.text.len(), |next| next.offset);
        let line = &self.lines[here];
        let shown = self.text[line.offset..span.offset()].chars().count();
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            &self.text.as_bytes()[start..end],
            (start, end - start).into(),
            self.lines[first].number,
            line.column + shown,
            last - first + 1,
        )))
    }
}

/// Starts and numbers (from 0) of the lines around a place.
fn lines_around(text: &str, at: usize) -> Vec<(usize, usize)> {
    let start = text[..at].rfind('\n').map_or(0, |line| line + 1);
    let number = text[..start].matches('\n').count();
    let mut lines = vec![(start, number)];
    let mut above = (start, number);
    for _ in 0..AROUND {
        if above.0 > 0 {
            above = (text[..above.0 - 1].rfind('\n').map_or(0, |line| line + 1), above.1 - 1);
            lines.push(above);
        }
    }
    let mut below = (start, number);
    for _ in 0..AROUND {
        match text[below.0..].find('\n') {
            Some(end) if below.0 + end + 1 < text.len() => {
                below = (below.0 + end + 1, below.1 + 1);
                lines.push(below);
            }
            _ => break,
        }
    }
    lines
}

/// Which bytes of a line are shown: all where it is short, else the part around the first place.
fn window(line: &str, places: impl Iterator<Item = usize>, width: usize) -> (usize, usize) {
    let room = width * 2;
    if line.len() <= room {
        return (0, line.len());
    }
    let place = places.min().unwrap_or(0);
    let from = if place < room / 2 { 0 } else { boundary(line, place - room / 4) };
    (from, boundary(line, from + room))
}

fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The text with control characters and those that turn the reading direction written out.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' { shown.push(c) } else { push_visible(c, &mut shown) }
    }
    shown
}

fn push_visible(c: char, text: &mut String) {
    match c {
        '\t' => text.push_str("\\t"),
        '\r' => text.push_str("\\r"),
        '\u{0}'..='\u{1f}' | '\u{7f}' => drop(write!(text, "\\x{:02x}", u32::from(c))),
        '\u{80}'..='\u{9f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}' => drop(write!(text, "\\u{{{:x}}}", u32::from(c))),
        c => text.push(c),
    }
}
