//! The forms of all secrets in one automaton: where they stand in bytes, and where one may begin. Knows no encoding.

pub(super) mod breaks;
mod folds;

use std::ops::Range;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, Input, MatchKind};

use super::Hit;
use super::grams::Grams;
use super::search::breaks::LEAST;
use super::search::folds::Folds;
use super::visible::hides;

/// All forms to look for.
pub(super) struct Search {
    pub finder: AhoCorasick,
    /// Every form in bytes, sorted; positions are the finder's patterns.
    pub patterns: Vec<(Vec<u8>, Hit)>,
    /// Which bytes a pattern starts with.
    first: [bool; 256],
    /// Which four bytes a pattern starts with.
    starts: Grams,
    /// Four bytes anywhere in a pattern that is looked for across line breaks.
    pub within: Grams,
    /// The patterns that hold blanks, where there are some.
    pub folds: Option<Folds>,
    /// Length of the longest pattern.
    pub longest: usize,
}

impl Search {
    pub fn new(patterns: Vec<(Vec<u8>, Hit)>) -> Option<Arc<Self>> {
        if patterns.is_empty() {
            return None;
        }
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(patterns.iter().map(|(bytes, _)| bytes))
            .expect("secrets are far smaller than the 2 GiB an automaton can hold");
        let mut first = [false; 256];
        for (bytes, _) in &patterns {
            first[usize::from(bytes[0])] = true;
        }
        let longest = patterns.iter().map(|(bytes, _)| bytes.len()).max().unwrap_or(0);
        let starts = Grams::of(patterns.iter().map(|(form, _)| &form[..4]));
        let long = patterns.iter().filter(|(form, _)| form.len() >= LEAST);
        let within = Grams::of(long.flat_map(|(form, _)| form.windows(4)));
        let folds = Folds::of(&patterns);
        Some(Arc::new(Search { finder, patterns, first, starts, within, folds, longest }))
    }

    /// The same, without what spares a look.
    #[cfg(test)]
    pub fn thorough(&self) -> Arc<Self> {
        let search = Search::new(self.patterns.clone()).and_then(Arc::into_inner).expect("there are patterns");
        let folds = search.folds.map(Folds::thorough);
        Arc::new(Search { starts: Grams::all(), within: Grams::all(), folds, ..search })
    }

    /// Whether these bytes can go their way: nothing in them is to be masked, whatever follows.
    pub fn clears(&self, bytes: &[u8]) -> bool {
        !hides(bytes)
            && !self.finder.is_match(bytes)
            && self.undecided(bytes, 0) == bytes.len()
            && breaks::find(self, bytes).is_nothing()
    }

    /// Where forms stand: the longest at each place where one begins.
    pub fn all<'b>(&'b self, bytes: &'b [u8]) -> impl Iterator<Item = Range<usize>> + 'b {
        let mut from = 0;
        std::iter::from_fn(move || {
            let found = self.finder.find(Input::new(bytes).range(from..))?;
            from = found.start() + 1;
            Some(found.range())
        })
    }

    /// Where the tail starts that may be the beginning of a form of at least `least` bytes; the length where none does.
    pub fn undecided(&self, bytes: &[u8], least: usize) -> usize {
        let may_start = |tail: &[u8]| {
            self.first[usize::from(tail[0])] && tail.get(..4).is_none_or(|gram| self.starts.may_hold(gram))
        };
        let starts_a_form = |tail: &[u8]| {
            let at = self.patterns.partition_point(|(form, _)| form.as_slice() <= tail);
            let mut behind = self.patterns[at..].iter().take_while(|(form, _)| form.starts_with(tail));
            behind.any(|(form, _)| form.len() >= least)
        };
        (bytes.len().saturating_sub(self.longest - 1)..bytes.len())
            .find(|&at| may_start(&bytes[at..]) && starts_a_form(&bytes[at..]))
            .unwrap_or(bytes.len())
    }
}
