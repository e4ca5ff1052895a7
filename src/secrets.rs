//! Secret values: where they come from, where they must not be found, and the assertion that searches for them.

pub mod argv;
pub mod assertions;
pub mod leaks;
mod packed;
pub mod resolve;
pub mod secret_scan;
pub mod secret_store;
