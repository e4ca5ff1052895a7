//! The assertion kinds: one file each, and the table that registers them.

mod answers;
mod file;
mod helm;
mod http;
mod image;
mod live;
mod pods;
mod policy;
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
    &file::KIND,
    &helm::KIND,
    &http::KIND,
    &image::KIND,
    &pods::KIND,
    &policy::KIND,
    &resource::KIND,
    &rollout::KIND,
    &secrets::KIND,
    &shell::KIND,
    &tcp::KIND,
    &traffic::KIND,
];
