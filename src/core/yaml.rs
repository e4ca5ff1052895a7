//! YAML files as trees of values with spans. Knows YAML and shapes; not what a stage or a step is.

mod build;
mod decode;
pub mod manifests;
mod node;
mod parse;
mod repaired;
mod scalar;
mod schema;
mod spelling;
mod syntax;
pub mod template;
mod text;

pub use decode::{DecodeError, decode};
pub(crate) use decode::{MANIFEST, WRITTEN};
pub use node::{Entry, Node, Segment, Value};
pub use parse::parse;
pub(crate) use scalar::resolve as resolve_scalar;
pub use schema::{CompiledSchema, Field, Format, Formats, Found};
pub use spelling::{Spelled, Written};
pub use text::{MAX_BYTES, TextError, bytes_of, text_of};
