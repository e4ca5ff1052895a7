//! What an evaluation may cost, and how it is ended from outside.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use regex::Regex;

use super::failure::{Error, Stop};
use super::pattern::compile;

/// The cost that one evaluation may have during a run: one to two seconds.
pub const RUN_COST: u64 = 20_000_000;

/// The cost of what is evaluated before the run: a fraction of a second.
pub const CHECK_COST: u64 = 4_000_000;

/// The cost of a list item or a character that is made, compared with a step of the evaluator.
const MADE: u64 = 4;

/// How much is spent between two checks whether it has to end: well under a millisecond.
const CHECK_EVERY: u64 = 4096;

/// Whether an evaluation has to end: what needs its value is cancelled or timed out.
pub type Ended = Arc<dyn Fn() -> bool + Send + Sync>;

/// How often evaluations were interrupted.
static INTERRUPTS: AtomicU64 = AtomicU64::new(0);

/// Ends every evaluation that is under way, on whatever thread. Those that begin later are not affected: a `finally` may
/// still evaluate.
pub fn interrupt() {
    INTERRUPTS.fetch_add(1, Ordering::SeqCst);
}

/// How often evaluations were interrupted so far.
pub fn interrupts() -> u64 {
    INTERRUPTS.load(Ordering::SeqCst)
}

/// What one evaluation may cost, and what ends it before.
#[derive(Clone)]
pub struct Limits {
    /// Steps, with the sizes of what functions read and make.
    pub cost: u64,
    /// Asked every few thousand steps.
    pub ended: Option<Ended>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { cost: RUN_COST, ended: None }
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits").field("cost", &self.cost).field("ended", &self.ended.is_some()).finish()
    }
}

/// Counts the cost of one evaluation.
pub(super) struct Meter {
    spent: u64,
    limits: Limits,
    next_check: u64,
    /// The interrupts before it began.
    interrupts: u64,
    /// A pattern is compiled once for all the items of a list.
    regexes: HashMap<Arc<str>, Regex>,
}

impl Meter {
    pub fn new(limits: &Limits) -> Self {
        Meter { spent: 0, limits: limits.clone(), next_check: 0, interrupts: interrupts(), regexes: HashMap::new() }
    }

    /// Spends `cost`.
    ///
    /// # Errors
    /// The cost limit is reached, or the evaluation was cancelled.
    pub fn spend(&mut self, cost: u64) -> Result<(), Error> {
        self.spent = self.spent.saturating_add(cost);
        if self.spent < self.next_check { Ok(()) } else { self.check() }
    }

    #[cold]
    fn check(&mut self) -> Result<(), Error> {
        self.next_check = (self.spent + CHECK_EVERY).min(self.limits.cost.saturating_add(1));
        if self.spent > self.limits.cost {
            return Err(Stop::Cost(self.limits.cost).into());
        }
        let ended = self.limits.ended.as_ref().is_some_and(|ended| ended());
        if ended || self.interrupts != interrupts() { Err(Stop::Cancelled.into()) } else { Ok(()) }
    }

    /// Spends for reading `len` bytes or items.
    ///
    /// # Errors
    /// Those of [`Meter::spend`].
    pub fn read(&mut self, len: usize) -> Result<(), Error> {
        self.spend(len as u64 / 8)
    }

    /// Spends for making `len` bytes or items, before they are made.
    ///
    /// # Errors
    /// Those of [`Meter::spend`].
    pub fn make(&mut self, len: usize) -> Result<(), Error> {
        self.spend((len as u64).saturating_mul(MADE))
    }

    /// Spends for a list of `len` items and gives the empty list.
    ///
    /// # Errors
    /// Those of [`Meter::spend`].
    pub fn list<Item>(&mut self, len: usize) -> Result<Vec<Item>, Error> {
        self.make(len)?;
        Ok(Vec::with_capacity(len))
    }

    /// The compiled pattern.
    ///
    /// # Errors
    /// Not a regular expression.
    pub fn regex(&mut self, pattern: &Arc<str>) -> Result<Regex, Error> {
        if let Some(regex) = self.regexes.get(pattern) {
            return Ok(regex.clone());
        }
        self.spend(1000 + pattern.len() as u64 * 10)?;
        let regex = compile(pattern).map_err(Error::of)?;
        self.regexes.insert(Arc::clone(pattern), regex.clone());
        Ok(regex)
    }
}
