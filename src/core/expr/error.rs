//! Why an expression cannot be used.

use std::fmt;

use crate::core::model::outcome::Fault;

/// What to do with an expression that is too long, too deep or too high.
pub(super) const SHORTER: &str = "put a part of it into a var";

/// Why an expression cannot be used, and where in its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExprError {
    /// Byte offset in the expression's text.
    pub offset: usize,
    /// Length in bytes; 0 where unknown.
    pub len: usize,
    /// One lower-case sentence.
    pub message: String,
    /// What to type instead, where the place that makes the error knows.
    pub help: Option<String>,
    /// Whether the evaluation had to end before it had a value: this says nothing about the values.
    pub stopped: bool,
}

impl ExprError {
    /// What is wrong with bytes `start..end` of the text.
    pub(crate) fn at(start: usize, end: usize, message: impl Into<String>) -> Self {
        ExprError { offset: start, len: end.saturating_sub(start), message: message.into(), help: None, stopped: false }
    }

    /// Says what to type instead.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The fault of what could not be done for it: `what`, the words, and what to type.
    pub fn into_fault(self, what: impl fmt::Display) -> Fault {
        let message = format!("{what}: {}", self.message);
        let fault = if self.stopped { Fault::unknown(message) } else { Fault::invalid(message) };
        Fault { help: self.help, ..fault }
    }

    /// The same, seen from a text in which this one starts at `by`.
    #[must_use]
    pub(crate) fn shifted(mut self, by: usize) -> Self {
        self.offset += by;
        self
    }
}
