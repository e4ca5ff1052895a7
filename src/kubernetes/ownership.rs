//! Which objects are ours: labels, leases, and what may be removed.

pub mod labels;
pub mod lease;
pub mod owned;
