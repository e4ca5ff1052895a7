//! Counts the lines of logs that an expectation is about, and keeps the first one that must not be there with the lines
//! around it. Pure.

use std::collections::VecDeque;

use regex::Regex;

/// Lines kept before and after the first one that must not be there.
const BEFORE: usize = 3;
const AFTER: usize = 6;

/// What is searched for in each line.
#[derive(Debug, Clone, Default)]
pub(super) struct Patterns {
    pub contains: Option<String>,
    pub matches: Option<Regex>,
    pub lacks: Option<Regex>,
}

impl Patterns {
    /// Whether a line decides something; without a pattern every line does.
    pub fn concern(&self, line: &str) -> bool {
        let none = self.contains.is_none() && self.matches.is_none();
        none && self.lacks.is_none() || self.is_counted(line) && !none || self.is_refused(line)
    }

    /// Whether a line counts: it is as `contains` and `matches` say.
    pub fn is_counted(&self, line: &str) -> bool {
        self.contains.as_ref().is_none_or(|part| line.contains(part))
            && self.matches.as_ref().is_none_or(|pattern| pattern.is_match(line))
    }

    fn is_refused(&self, line: &str) -> bool {
        self.lacks.as_ref().is_some_and(|pattern| pattern.is_match(line))
    }
}

/// The numbers of lines, of one log or of several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub lines: u64,
    /// As `contains` and `matches` say.
    pub counted: u64,
    /// Such as `lacks` says.
    pub refused: u64,
    /// The first of those, with its place.
    pub first: Option<Excerpt>,
    recent: VecDeque<String>,
}

/// A line that must not be there, and those around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub source: String,
    pub line: String,
    pub around: Vec<String>,
    /// Lines that may still be added behind it.
    open: usize,
}

impl Tally {
    /// Takes a line in.
    pub fn take(&mut self, patterns: &Patterns, source: &str, line: &str) {
        self.lines += 1;
        self.counted += u64::from(patterns.is_counted(line));
        let refused = patterns.is_refused(line);
        self.refused += u64::from(refused);
        match &mut self.first {
            Some(first) if first.open > 0 => {
                first.around.push(line.to_owned());
                first.open -= 1;
            }
            Some(_) => {}
            None if refused => {
                let around = self.recent.drain(..).chain([line.to_owned()]).collect();
                self.first = Some(Excerpt { source: source.to_owned(), line: line.to_owned(), around, open: AFTER });
            }
            None => {
                self.recent.truncate(BEFORE);
                if self.recent.len() == BEFORE {
                    self.recent.pop_front();
                }
                self.recent.push_back(line.to_owned());
            }
        }
    }

    /// The next lines are of another log: they are not around what was found in this one.
    pub fn next_log(&mut self) {
        self.recent.clear();
        if let Some(first) = &mut self.first {
            first.open = 0;
        }
    }

    /// Adds what another one counted.
    pub fn add(&mut self, other: &Tally) {
        self.lines += other.lines;
        self.counted += other.counted;
        self.refused += other.refused;
        self.first = self.first.take().or_else(|| other.first.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(contains: Option<&str>, lacks: Option<&str>) -> Patterns {
        let lacks = lacks.map(|text| Regex::new(text).expect("valid"));
        Patterns { contains: contains.map(str::to_owned), matches: None, lacks }
    }

    #[test]
    fn counts_lines_and_keeps_the_first_refused_one_with_its_neighbours() {
        let patterns = patterns(Some("ok"), Some("(?i)panic"));
        let mut tally = Tally::default();
        for line in ["1", "2", "3", "4 ok", "PANIC: 5", "6 ok", "panic: 7"] {
            tally.take(&patterns, "web-1 app", line);
        }
        assert_eq!((tally.lines, tally.counted, tally.refused), (7, 2, 2));
        let first = tally.first.expect("found");
        assert_eq!((first.source.as_str(), first.line.as_str()), ("web-1 app", "PANIC: 5"));
        assert_eq!(first.around, ["2", "3", "4 ok", "PANIC: 5", "6 ok", "panic: 7"]);
    }

    #[test]
    fn lines_of_another_log_are_not_around() {
        let patterns = patterns(None, Some("panic"));
        let mut tally = Tally::default();
        tally.take(&patterns, "a", "1");
        tally.next_log();
        tally.take(&patterns, "b", "panic");
        tally.next_log();
        tally.take(&patterns, "c", "2");
        assert_eq!(tally.first.expect("found").around, ["panic"]);
    }

    #[test]
    fn a_line_concerns_an_expectation_only_where_it_can_change_it() {
        let about = patterns(Some("ok"), Some("panic"));
        assert_eq!(["ok", "panic", "else"].map(|line| about.concern(line)), [true, true, false]);
        assert!(!patterns(None, Some("panic")).concern("ok"));
        assert!(patterns(None, None).concern("anything"));
    }
}
