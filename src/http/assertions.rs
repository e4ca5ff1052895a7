//! The assertion kinds of this technology: one file each, and the table that registers them.

pub mod grpc;
pub mod http;
pub mod metric;
pub mod traffic;

use crate::core::kind::AssertionKind;

/// Every assertion kind of this technology, sorted by name.
#[rustfmt::skip]
pub const ASSERTIONS: &[&AssertionKind] = &[
    &grpc::KIND,
    &http::KIND,
    &metric::KIND,
    &traffic::KIND,
];
