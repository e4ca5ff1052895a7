//! What is open at a place between brackets: a reader of flow collections that works where they are broken.
//! Knows no faults; it says what it saw.

/// A `[` or `{` that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    /// Where it opens.
    pub open: usize,
    /// Whether it is a `[`.
    pub list: bool,
    /// Where the item, or the key, started that was read last and is not behind a `,`.
    pub item: Option<usize>,
    /// Whether its `:` was read.
    pub colon: bool,
    /// Where the value behind the `:` starts.
    pub value: Option<usize>,
}

/// Why the look ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The collection is complete; one past its last byte.
    Closed(usize),
    /// As far as it was to look.
    Reached,
    /// A quote that opens here is not closed.
    Quote(usize),
    /// A bracket here closes another one than is open.
    Mismatch(usize),
}

/// What was seen.
#[derive(Debug, Clone)]
pub(super) struct Scan {
    /// What is open, the outermost first.
    pub frames: Vec<Frame>,
    /// Why it ended.
    pub end: End,
    /// One past the last byte that is no blank and no comment.
    pub last: usize,
    /// Where the quoted text starts that was read last.
    pub quote: Option<usize>,
}

/// Looks from the bracket at `open` up to `stop`.
pub(super) fn scan(text: &str, open: usize, stop: usize) -> Scan {
    let stop = stop.min(text.len());
    let mut scan = Scan { frames: Vec::new(), end: End::Reached, last: open, quote: None };
    let mut at = open;
    while at < stop {
        let rest = &text[at..];
        let Some(c) = rest.chars().next() else { break };
        let start = at;
        at += c.len_utf8();
        match c {
            ' ' | '\t' | '\r' | '\n' => continue,
            '#' if text[..start].ends_with([' ', '\t', '\n']) => {
                at = start + rest.find('\n').unwrap_or(rest.len());
                continue;
            }
            '[' | '{' => {
                scan.begin(start);
                scan.frames.push(Frame { open: start, list: c == '[', item: None, colon: false, value: None });
            }
            ']' | '}' => match scan.frames.last() {
                Some(frame) if frame.list == (c == ']') => {
                    scan.frames.pop();
                    if scan.frames.is_empty() {
                        return Scan { end: End::Closed(at), last: at, ..scan };
                    }
                }
                _ => return Scan { end: End::Mismatch(start), ..scan },
            },
            ',' => scan.restart(),
            ':' if ends_key(&text[at..]) || text[..start].ends_with(['"', '\'']) => scan.colon(),
            '"' | '\'' if scan.awaits() => {
                scan.begin(start);
                match closing(text, start).filter(|end| *end <= stop) {
                    Some(end) => at = end,
                    None => return Scan { end: End::Quote(start), ..scan },
                }
                scan.quote = Some(start);
            }
            _ => {
                scan.begin(start);
                at = start + plain(rest).max(c.len_utf8());
            }
        }
        scan.last = start + text[start..at].trim_end().len();
    }
    scan
}

impl Scan {
    /// Something starts here: a key, an item or a value.
    pub(super) fn begin(&mut self, at: usize) {
        let Some(frame) = self.frames.last_mut() else { return };
        let start = if frame.colon { &mut frame.value } else { &mut frame.item };
        start.get_or_insert(at);
    }

    /// Whether the next word starts a key, an item or a value.
    fn awaits(&self) -> bool {
        self.frames.last().is_some_and(|frame| if frame.colon { frame.value.is_none() } else { frame.item.is_none() })
    }

    fn restart(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            (frame.item, frame.colon, frame.value) = (None, false, None);
        }
    }

    fn colon(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.colon = true;
        }
    }

    /// The brackets that are missing at its end.
    pub(super) fn closers(&self) -> String {
        self.frames.iter().rev().map(|frame| if frame.list { ']' } else { '}' }).collect()
    }
}

/// Whether a `:` before `rest` ends a key between brackets.
fn ends_key(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n', ',', '[', ']', '{', '}'])
}

/// How far a plain text goes on this line.
fn plain(rest: &str) -> usize {
    let mut before = ' ';
    for (at, c) in rest.char_indices() {
        let ends = match c {
            '\n' | ',' | '[' | ']' | '{' | '}' => true,
            ':' => ends_key(&rest[at + 1..]),
            '#' => before == ' ' || before == '\t',
            _ => false,
        };
        if ends && at > 0 {
            return at;
        }
        before = c;
    }
    rest.len()
}

/// One past the quote that closes the one at `start`.
pub(super) fn closing(text: &str, start: usize) -> Option<usize> {
    let quote = text[start..].chars().next()?;
    let mut chars = text[start + 1..].char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if quote == '"' => drop(chars.next()),
            '\'' if quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == '\'') => drop(chars.next()),
            c if c == quote => return Some(start + 1 + at + 1),
            _ => {}
        }
    }
    None
}

/// One past the value that starts at `start` and was meant as one text: up to a `,`, a bracket that it does not open
/// itself, a comment, or the end of its line.
pub(super) fn text_end(text: &str, start: usize, key: bool) -> usize {
    let line = &text[start..];
    let line = &line[..line.find('\n').unwrap_or(line.len())];
    let mut open: Vec<char> = Vec::new();
    let mut before = 'x';
    let mut chars = line.char_indices();
    let mut end = line.len();
    while let Some((at, c)) = chars.next() {
        let rest = &line[at + c.len_utf8()..];
        match c {
            '[' | '{' | '(' => open.push(c),
            ']' | '}' | ')' => match open.pop() {
                None if c == ')' => {}
                None => {
                    end = at;
                    break;
                }
                Some(_) => {}
            },
            ',' if open.is_empty() && (rest.is_empty() || rest.starts_with(' ')) => {
                end = at;
                break;
            }
            ':' if key && open.is_empty() && ends_key(rest) => {
                end = at;
                break;
            }
            '#' if matches!(before, ' ' | '\t') => {
                end = at;
                break;
            }
            '"' | '\'' if at > 0 && matches!(before, ' ' | '(' | '=') => {
                // A quoted part of it.
                if let Some(close) = closing(text, start + at).filter(|close| *close <= start + line.len()) {
                    while chars.as_str().len() > line.len() - (close - start) {
                        chars.next();
                    }
                }
            }
            _ => {}
        }
        before = c;
    }
    if !open.is_empty() {
        // It opens brackets that it does not close: then it ends at the first sign of an end.
        end = line.find([',', ']', '}']).filter(|at| *at > 0).unwrap_or(line.len());
    }
    start + line[..end].trim_end().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_open_and_what_is_being_read() {
        let text = "- { image: { name: 'a}', size: > 5 } } # x";
        let seen = scan(text, 2, 31);
        let inner = Frame { open: 11, list: false, item: Some(25), colon: true, value: None };
        let outer = Frame { open: 2, list: false, item: Some(4), colon: true, value: Some(11) };
        assert_eq!((seen.frames.as_slice(), seen.end, seen.quote), ([outer, inner].as_slice(), End::Reached, Some(19)));
        assert_eq!(seen.closers(), "}}");
        assert_eq!(scan(text, 2, 99).end, End::Closed(38));
    }

    #[test]
    fn says_why_it_does_not_close() {
        assert_eq!(scan("[a, b }", 0, 99).end, End::Mismatch(6));
        assert_eq!(scan("[\"a, b }", 0, 99).end, End::Quote(1));
        assert_eq!(scan("[it's, b # ]", 0, 99).end, End::Reached);
        assert_eq!(scan("[a,\n b # ]\n", 0, 99).last, 6);
    }

    #[test]
    fn a_text_ends_where_the_collection_goes_on() {
        let ends = |text: &str| text[..text_end(text, 0, false)].to_owned();
        assert_eq!(ends("> 5MB } }"), "> 5MB");
        assert_eq!(ends("@f(a, b), x: y }"), "@f(a, b)");
        assert_eq!(ends("`a \"}\" b` ] # c"), "`a \"}\" b`");
        assert_eq!(ends("http://${{ vars.x }}/y, b"), "http://${{ vars.x }}/y");
        assert_eq!(&"@k: v"[..text_end("@k: v", 0, true)], "@k");
    }
}
