//! Faults between brackets: what they are, and the smallest change that lets the rest be read.

use granit_parser::ErrorKind;

use super::place::{Place, quoted, quoted_whole};
use super::repair::Repair;
use super::scan::{End, Frame, Scan, closing, scan, text_end};
use super::{Failure, Fault, why_quoted};
use crate::core::model::source::Span;

/// Start of the outermost bracket that is open where the parser gave up.
pub(super) fn open_at(failure: &Failure, text: &str) -> Option<usize> {
    let open = |open: &usize| !matches!(scan(text, *open, failure.at).end, End::Closed(_));
    if let Some(reported) = failure.open_flow.filter(open) {
        return Some(reported);
    }
    // Of a bracket that could be a key, `- { … }`, the parser tells only when it is closed.
    let line = text[..failure.at].rfind('\n').map_or(0, |line| line + 1);
    let lead = text[line..].len() - text[line..].trim_start_matches([' ', '-', '?']).len();
    let start = line + lead;
    Some(start).filter(|start| *start <= failure.at && text[*start..].starts_with(['[', '{'])).filter(open)
}

impl Place<'_> {
    /// What is wrong in the collection that opens at `open`.
    pub(super) fn in_flow(&self, open: usize, kind: &ErrorKind) -> Fault {
        if self.text[..self.at].ends_with('$') && self.text[self.at..].starts_with("{{") {
            return self.template_in_flow(open);
        }
        let stop = self.block_end(open);
        let trouble = match kind {
            ErrorKind::MismatchedFlowCollectionEnd { .. } => match scan(self.text, open, self.text.len()).end {
                End::Mismatch(at) => at,
                _ => self.at,
            },
            ErrorKind::UnclosedFlowCollection { .. }
            | ErrorKind::UnexpectedEofFlowSequence
            | ErrorKind::UnexpectedEofFlowMapping
            | ErrorKind::UnexpectedEofImplicitFlowMapping => self.text.len(),
            _ => self.at,
        };
        if trouble >= stop {
            let seen = scan(self.text, open, stop);
            return match seen.end {
                End::Quote(quote) => self.unclosed_quote_in_flow(open, quote),
                End::Mismatch(at) => self.mismatch(open, at),
                End::Reached if !seen.frames.is_empty() => self.unclosed(open, &seen),
                _ => self.some_flow_fault(open),
            };
        }
        match kind {
            ErrorKind::UnexpectedCharacter { character } if character.is_control() => self.control(*character),
            ErrorKind::UnexpectedCharacter { character } => {
                let (seen, end) = self.text_in_flow(open, self.at);
                let message = why_quoted(*character, self.part(self.at..end));
                self.quote_in_flow(&seen, self.at, end, message)
            }
            ErrorKind::MismatchedFlowCollectionEnd { .. } => self.mismatch(open, trouble),
            ErrorKind::ExpectedFlowMappingSeparator
            | ErrorKind::ExpectedFlowSequenceSeparator
            | ErrorKind::InvalidColonPlacement => self.separator(open),
            ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => {
                self.unclosed_quote_in_flow(open, self.at)
            }
            ErrorKind::InvalidTrailingSingleQuotedScalar => self.behind_quote_in_flow(open, '\''),
            ErrorKind::InvalidTrailingDoubleQuotedScalar => self.behind_quote_in_flow(open, '"'),
            ErrorKind::UnknownQuotedScalarEscape => self.escape(),
            ErrorKind::BlockEntryInFlowCollection
            | ErrorKind::BlockSequenceEntryNotAllowed
            | ErrorKind::PlainScalarStartsWithDashFlowIndicator => self.dash_in_flow(open),
            ErrorKind::FlowMappingValueAdjacentCollection => self.blank_missing_in_flow(open),
            ErrorKind::RecursionLimitExceeded => {
                self.only("collections lie too deep in each other", "write it flatter")
            }
            _ => self.some_flow_fault(open),
        }
    }

    /// What is being read at `at`, and where the text that starts there ends.
    fn text_in_flow(&self, open: usize, at: usize) -> (Scan, usize) {
        let mut seen = scan(self.text, open, at);
        seen.begin(at);
        let key = seen.frames.last().is_some_and(|frame| !frame.list && frame.item == Some(at));
        let end = text_end(self.text, at, key);
        (seen, end)
    }

    /// The key before a value, as it is written.
    fn key_of(&self, seen: &Scan, at: usize) -> &str {
        match seen.frames.last() {
            Some(Frame { item: Some(item), value: Some(value), .. }) if *value == at => self.part(*item..at),
            _ => "",
        }
    }

    /// The text at `at..end` is to be quoted.
    fn quote_in_flow(&self, seen: &Scan, at: usize, end: usize, message: String) -> Fault {
        let value = self.part(at..end);
        let help = format!("quote it: {}{}", self.key_of(seen, at), quoted(value));
        let repair = Repair::instead(at..end, quoted_whole(value)).exact();
        let key = seen.frames.last().is_some_and(|frame| !frame.list && frame.item == Some(at));
        self.fault(self.error(at..end, message).help(help), Some(if key { repair } else { repair.broken(at..end) }))
    }

    /// `[${{ x }}]`: the braces are read as mappings.
    fn template_in_flow(&self, open: usize) -> Fault {
        let dollar = self.at - 1;
        let mut seen = scan(self.text, open, dollar);
        seen.begin(dollar);
        let start = seen.frames.last().and_then(|frame| frame.value.or(frame.item)).unwrap_or(dollar);
        let end = text_end(self.text, start, false).max(self.at);
        let shown = self.part(dollar..end).find("}}").map_or(end, |close| dollar + close + 2);
        let template = self.part(dollar..shown);
        let value = self.part(start..end);
        let error = self
            .error(dollar..shown, format!("`{template}` is read as a mapping between brackets"))
            .help(format!("quote it: {}{}", self.key_of(&seen, start), quoted(value)));
        self.fault(error, Some(Repair::instead(start..end, quoted_whole(value)).exact()))
    }

    /// `[${{ x ]`
    fn unclosed_template(&self, seen: &Scan, dollar: usize) -> Fault {
        let end = seen.last.max(dollar);
        let value = format!("{} }}}}", self.part(dollar..end));
        let error = self
            .error(dollar..end, format!("`{}` is not closed with `}}}}`", self.part(dollar..end)))
            .help(format!("close and quote it: {}", quoted(&value)));
        self.fault(error, Some(Repair::instead(dollar..end, quoted_whole(&value)).broken(dollar..end)))
    }

    /// The collection is not closed in the lines that belong to it.
    fn unclosed(&self, open: usize, seen: &Scan) -> Fault {
        let closers: String = seen.frames.iter().rev().map(|frame| self.closer(frame)).collect();
        let inner = seen.frames.last().map_or(open, |frame| frame.open);
        let bracket = self.sign(inner);
        let line = self.line_start(seen.last);
        let help = if line > open {
            let last = self.part(line..seen.last).trim_start().trim_end_matches(',');
            format!("close it behind its last item: {last}{closers}")
        } else {
            format!("close it: {}{}{closers}", self.lead(open), self.part(open..seen.last).trim_end_matches(','))
        };
        let error = self.error(inner..inner + 1, format!("this `{bracket}` is never closed")).help(help);
        self.fault(error, Some(Repair::insert(seen.last, closers)))
    }

    /// `]` or ` }`, as it was opened.
    fn closer(&self, frame: &Frame) -> String {
        let blank = if self.text[frame.open + 1..].starts_with(' ') { " " } else { "" };
        format!("{blank}{}", if frame.list { ']' } else { '}' })
    }

    /// The bracket at `at` closes none of the kind that is open.
    fn mismatch(&self, open: usize, at: usize) -> Fault {
        let seen = scan(self.text, open, at);
        let wrong = self.sign(at);
        let Some((frame, outer)) = seen.frames.split_last() else { return self.some_flow_fault(open) };
        let before = &self.text[..frame.open];
        if let Some(dollar) = before.strip_suffix('{').unwrap_or(before).strip_suffix('$').map(str::len)
            && self.text[dollar..].starts_with("${{")
        {
            return self.unclosed_template(&seen, dollar);
        }
        let bracket = self.sign(frame.open);
        let closer = self.closer(frame);
        let meant = outer.iter().rposition(|outer| outer.list == (wrong == "]"));
        let repair = match meant {
            Some(meant) => {
                let missing = seen.frames[meant + 1..].iter().rev().map(|frame| self.closer(frame));
                Repair::insert(seen.last, missing.collect())
            }
            None => Repair::instead(at..at + 1, closer.trim().to_owned()),
        };
        let lead = match outer.last() {
            Some(Frame { item: Some(item), value: Some(value), .. }) if *value == frame.open => {
                self.part(*item..*value)
            }
            Some(_) => "",
            None => self.lead(frame.open),
        };
        let line = self.line_start(seen.last);
        let help = if line > frame.open {
            format!("close it behind its last item: {}{closer}", self.part(line..seen.last).trim_start())
        } else {
            format!("close it: {lead}{}{closer}", self.part(frame.open..seen.last))
        };
        let error = self
            .error(frame.open..frame.open + 1, format!("`{bracket}` is closed by `{wrong}`"))
            .also(Span::new(self.file, at, at + 1), "closed here");
        self.fault(error.help(help), Some(repair))
    }

    /// Something follows where `,` or the end belongs.
    fn separator(&self, open: usize) -> Fault {
        let seen = scan(self.text, open, self.at);
        let Some(frame) = seen.frames.last() else { return self.some_flow_fault(open) };
        let start = frame.value.or(frame.item).unwrap_or(self.at);
        let item = frame.item.unwrap_or(start);
        if self.text[self.at..].starts_with(':') && start < self.at {
            if let Some(line) = self.part(start..self.at).rfind('\n') {
                return self.comma_missing(item, start + self.part(start..start + line).trim_end().len());
            }
            let end = text_end(self.text, start, false).max(self.at + 1);
            let message = format!("`{}` has a second `: `, which starts a mapping", self.part(item..end));
            return self.quote_in_flow(&seen, start, end, message);
        }
        if seen.last > item && (self.line_start(self.at) > seen.last || self.text[..seen.last].ends_with([']', '}'])) {
            return self.comma_missing(item, seen.last);
        }
        self.some_flow_fault(open)
    }

    fn comma_missing(&self, item: usize, at: usize) -> Fault {
        let shown = item.max(self.line_start(at) + self.indent(at)).min(at);
        let written = self.part(shown..at);
        let error =
            self.error(shown..at, format!("a `,` is missing behind `{written}`")).help(format!("write `{written},`"));
        self.fault(error, Some(Repair::insert(at, ",".to_owned()).exact()))
    }

    fn unclosed_quote_in_flow(&self, open: usize, at: usize) -> Fault {
        let seen = scan(self.text, open, at);
        let quote = self.sign(at);
        let rest = self.rest(at);
        let closers: Vec<char> = seen.closers().chars().collect();
        let without = |many: usize| {
            closers[..many]
                .iter()
                .rev()
                .try_fold(rest.trim_end_matches(','), |rest, c| rest.trim_end().strip_suffix(*c))
        };
        let text = (1..=closers.len()).rev().find_map(without).unwrap_or(rest.trim_end_matches(',')).trim_end();
        let close = at + text.len().max(1);
        let (before, after) = (self.part(open.max(self.line_start(at))..close), self.part(close..self.line_end(at)));
        let lead = if self.line_start(at) <= open { self.lead(open) } else { "" };
        let error = self
            .error(at..at + 1, format!("this `{quote}` is never closed"))
            .help(format!("close it: {lead}{}{quote}{after}", before.trim_start()));
        let repair = Repair::insert(close, quote.to_owned()).broken(at..close);
        let mut fault = self.fault(error, Some(repair));
        fault.at = at;
        fault
    }

    fn behind_quote_in_flow(&self, open: usize, quote: char) -> Fault {
        let mut seen = scan(self.text, open, self.at);
        let Some(start) = seen.quote.take() else { return self.some_flow_fault(open) };
        if self.line_start(self.at) > start {
            return self.unclosed_quote_in_flow(open, start);
        }
        let rest = self.rest(self.at);
        let key = seen.frames.last().is_some_and(|frame| !frame.list)
            && rest.split_once(": ").is_some_and(|(word, _)| !word.contains([' ', ',', quote]));
        if key || rest.starts_with(['"', '\'']) {
            let item = seen.frames.last().and_then(|frame| frame.item).unwrap_or(start);
            return self.comma_missing(item, seen.last);
        }
        let closes = |(at, _): (usize, &str)| {
            let end = at + quote.len_utf8();
            let after = rest[end..].trim_start();
            (after.is_empty() || after.starts_with([',', ']', '}'])).then_some(self.at + end)
        };
        let end = rest.match_indices(quote).find_map(closes).unwrap_or_else(|| text_end(self.text, self.at, false));
        let value = self.part(start..end.max(self.at));
        let inner = value.strip_prefix(quote).and_then(|value| value.strip_suffix(quote));
        let shown = inner.filter(|inner| !inner.ends_with('\\')).unwrap_or(value);
        let error = self
            .error(self.at..end.max(self.at), format!("text is behind the closing `{quote}`"))
            .also(Span::new(self.file, start, start + 1), "the quotes open here")
            .help(format!("quote all of it: {}{}", self.key_of(&seen, start), quoted(shown)));
        let range = start..end.max(self.at);
        self.fault(error, Some(Repair::instead(range.clone(), quoted_whole(shown)).broken(range).exact()))
    }

    fn dash_in_flow(&self, open: usize) -> Fault {
        let (seen, end) = self.text_in_flow(open, self.at);
        let value = self.part(self.at..end);
        let item = value.trim_start_matches('-').trim_start();
        if item.is_empty() {
            return self.quote_in_flow(
                &seen,
                self.at,
                end,
                "a `-` starts a list item, but not between brackets".to_owned(),
            );
        }
        let help = match seen.frames.last() {
            Some(frame) if frame.list => format!("write `{item}`"),
            _ => format!("write `{}[{item}]`", self.key_of(&seen, self.at)),
        };
        let message = format!("`{value}` is a list item, which cannot stand between brackets");
        let repair = Repair::instead(self.at..end, quoted_whole(item)).broken(self.at..end).exact();
        self.fault(self.error(self.at..end, message).help(help), Some(repair))
    }

    /// `{ run:{ … } }`
    fn blank_missing_in_flow(&self, open: usize) -> Fault {
        let seen = scan(self.text, open, self.at);
        let key = seen.frames.last().and_then(|frame| frame.item).unwrap_or(self.at);
        let end = text_end(self.text, self.at + 1, false).max(self.at + 1);
        let (name, value) = (self.part(key..self.at), self.part(self.at + 1..end));
        let error = self
            .error(self.at..self.at + 1, format!("a blank is missing behind the `:` of `{name}:{value}`"))
            .help(format!("write `{name}: {value}`"));
        self.fault(error, Some(Repair::insert(self.at + 1, " ".to_owned()).exact()))
    }

    /// None of those that are known by name.
    fn some_flow_fault(&self, open: usize) -> Fault {
        let end = self.block_end(open);
        let value = self.rest(open);
        let cover = Repair::word(self.text, open..end);
        if value.starts_with("{{") {
            let message = format!("`{{{{` starts a mapping inside a mapping here: `{value}` is no text");
            let help = format!("quote it: {}{}", self.lead(open), quoted(value));
            return self.fault(self.error(open..self.line_end(open), message).help(help), Some(cover));
        }
        let (name, closer) = if self.text[open..].starts_with('[') { ("list", ']') } else { ("mapping", '}') };
        let at = self.at + self.sign(self.at).len();
        let goes_on = self.rest(self.at);
        let error = self
            .error(self.at..at, format!("this {name} goes on with `{goes_on}`, where `,` or `{closer}` belongs"))
            .also(Span::new(self.file, open, open + 1), format!("the {name} starts here"))
            .help("put a `,` between the items, and quotes around a text with `,`, `:`, brackets or `#`");
        self.fault(error, Some(cover))
    }
}

/// One past a quoted text, or the end of its line where its end is not to be found.
pub(super) fn quoted_end(place: &Place<'_>, at: usize) -> usize {
    closing(place.text, at).unwrap_or_else(|| place.line_end(at))
}
