//! The assertion kinds: one file each, and the table that registers them.

mod answers;
mod changes;
mod events;
mod file;
mod grpc;
mod helm;
mod http;
mod image;
mod leftover;
mod live;
mod logs;
mod metric;
mod pods;
mod policy;
mod refused;
mod reports;
mod resource;
mod rollout;
mod secrets;
mod shell;
mod tcp;
mod traffic;

use crate::kind::AssertionKind;

/// Every assertion kind, sorted by name.
#[rustfmt::skip]
pub const ASSERTIONS: &[&AssertionKind] = &[
    &answers::KIND,
    &changes::KIND,
    &events::KIND,
    &file::KIND,
    &grpc::KIND,
    &helm::KIND,
    &http::KIND,
    &image::KIND,
    &leftover::KIND,
    &logs::KIND,
    &metric::KIND,
    &pods::KIND,
    &policy::KIND,
    &refused::KIND,
    &reports::KIND,
    &resource::KIND,
    &rollout::KIND,
    &secrets::KIND,
    &shell::KIND,
    &tcp::KIND,
    &traffic::KIND,
];
