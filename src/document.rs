//! YAML files as trees of values with spans. Knows YAML and shapes; not what a stage or a step is.

mod decode;
pub mod manifests;
mod node;
mod parse;
mod shape;

pub use decode::{DecodeError, decode};
pub use node::{Entry, Node, Segment, Value};
pub use parse::parse;
pub use shape::{Format, Formats, Found, Shape};
