//! Words and pictures for people and machines: events, plans and diagnostics in, text out. Decides nothing.

pub mod plan;
pub mod reference;
