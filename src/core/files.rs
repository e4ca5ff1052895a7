//! Files of the project: opened without waiting, found by patterns, digested, and small state files.

pub mod glob;
pub mod inputs;
pub mod open;
pub mod project;
pub mod replace;
pub mod state_file;
