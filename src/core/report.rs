//! Words and pictures for people and machines: events, plans and diagnostics in, text out. Decides nothing.

pub mod critical;
pub mod diagnostics;
pub mod diff;
pub mod github;
pub mod html;
pub mod json;
pub mod junit;
pub mod plain;
pub mod plan;
pub mod previous_runs;
pub mod progress;
pub mod reference;
pub mod reporter;
pub mod run_state;
mod skipped;
pub mod styled;
pub mod text;
mod words;

pub use words::tame;
