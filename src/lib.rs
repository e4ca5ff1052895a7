//! `pipeline`: a declarative pipeline runner whose stages are proven by typed, measured gates.
//!
//! ARCHITECTURE.md is the map: `core` knows no technology, each technology has one folder, `kinds` is the table of both,
//! and `cli` ties them together. `tests/tidy/` checks it.

pub mod ask;
pub mod cli;
pub mod containers;
pub mod core;
pub mod http;
pub mod kinds;
pub mod kubernetes;
pub mod process;
pub mod results;
pub mod secrets;
pub mod services;
