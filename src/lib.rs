//! `pipeline`: a declarative pipeline runner whose stages must prove themselves.
//!
//! ARCHITECTURE.md is the map: four layers, each importing only lower ones, held by `tests/tidy/`.

// 0: vocabulary; no IO, no async
pub mod diagnostic;
pub mod expect;
pub mod mask;
pub mod outcome;
pub mod source;
pub mod units;
// 1: YAML, events, CEL, the outside world
pub mod document;
pub mod drivers;
pub mod event;
pub mod expr;
// 2: what a kind is, what was written, what will run
pub mod kind;
pub mod plan;
pub mod spec;
// 3: the kinds, the record, the scheduling
pub mod assertions;
pub mod engine;
pub mod journal;
pub mod steps;
// 4: words
pub mod cli;
pub mod exit_code;
pub mod report;
