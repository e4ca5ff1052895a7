//! The step kinds: one file each, and the table that registers them.

mod http;
mod shell;

use crate::kind::StepKind;

/// Every step kind, sorted by name.
pub const STEPS: &[&StepKind] = &[&http::KIND, &shell::KIND];
