//! Which objects are ours: labels, leases, and what may be removed.

mod bystanders;
pub mod labels;
pub mod lease;
pub mod owned;
mod owner;
pub mod proof;
pub mod removal;
