//! YAML files as trees of values with spans. Knows YAML and shapes; not what a stage or a step is.

mod build;
mod decode;
pub mod manifests;
mod node;
mod parse;
mod repaired;
mod scalar;
mod shape;
mod syntax;
mod tabs;
pub mod template;
mod text;

pub use decode::{DecodeError, decode};
pub use node::{Entry, Node, Segment, Value};
pub use parse::parse;
pub use shape::{Field, Format, Formats, Found, Shape};
pub use text::{MAX_BYTES, TextError, bytes_of, text_of};
