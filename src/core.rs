//! What the engine and its files need, without any technology: the model, YAML, expressions, the contract for kinds, the
//! plan, the engine, the journal and the reports.

pub mod clock;
pub mod engine;
pub mod expr;
pub mod files;
pub mod journal;
pub mod kind;
pub mod mask;
pub mod model;
pub mod plan;
pub mod report;
pub mod spec;
pub mod yaml;
