//! The vocabulary: places in files, diagnostics, units, expectations, outcomes, events, exit codes. No IO.

pub mod diagnostic;
pub mod event;
pub mod exit_code;
pub mod expect;
pub mod namespace;
pub mod outcome;
pub mod source;
pub mod units;
