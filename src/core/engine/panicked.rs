//! Panics as faults: the run goes on. Knows nothing of what panicked.

use std::any::Any;
use std::fmt::Display;

use crate::core::model::outcome::Fault;

/// A panic of a kind.
pub(super) fn kind(name: &str, panic: &(dyn Any + Send)) -> Fault {
    fault(format_args!("the kind `{name}`"), panic)
}

/// A panic of what the message begins with.
pub(super) fn fault(what: impl Display, panic: &(dyn Any + Send)) -> Fault {
    let words = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Fault::unknown(format!("{what} broke: {}", words.unwrap_or("no words were left")))
        .help("this is a mistake in pipeline itself: please report it")
}
