//! The functions of expressions, one file a library: those of CEL, its extensions, and Kubernetes.

mod base64;
mod convert;
mod core;
mod data;
mod format;
mod ip;
mod lists;
mod math;
mod named_format;
mod optional;
mod quantity;
mod regex;
mod semver;
mod sets;
mod text;
mod time;
mod url;

pub(super) use self::lists::sorted_by;
pub(super) use self::time::{arithmetic as time_arithmetic, time_text};

use super::overload::Overload;

/// Every function of every library.
pub(super) fn all() -> impl Iterator<Item = &'static Overload> {
    [
        base64::FUNCTIONS,
        convert::FUNCTIONS,
        core::FUNCTIONS,
        data::FUNCTIONS,
        format::FUNCTIONS,
        ip::FUNCTIONS,
        lists::FUNCTIONS,
        math::FUNCTIONS,
        named_format::FUNCTIONS,
        optional::FUNCTIONS,
        quantity::FUNCTIONS,
        regex::FUNCTIONS,
        semver::FUNCTIONS,
        sets::FUNCTIONS,
        text::FUNCTIONS,
        time::FUNCTIONS,
        url::FUNCTIONS,
    ]
    .into_iter()
    .flatten()
}

/// The error for arguments that the table should have kept out.
fn unexpected(name: &str, args: &[super::value::Value]) -> super::failure::Error {
    super::value::unfit(name, args)
}
