//! Data that expressions read but do not take apart: what Kubernetes' functions give. Knows no values and no functions.

mod ip;
mod named_format;
mod quantity;
mod semver;
mod url;

pub(super) use self::ip::{Cidr, parse_ip};
pub(super) use self::named_format::NamedFormat;
pub(super) use self::quantity::Quantity;
pub(super) use self::semver::Semver;
pub(super) use self::url::Url;
