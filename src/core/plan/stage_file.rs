//! A stage file as far as it could be read.

use std::sync::Arc;

use crate::core::model::source::Span;
use crate::core::yaml::Node;

/// A stage file as far as it could be read.
pub(super) struct StageFile {
    pub name: String,
    pub name_span: Span,
    pub node: Arc<Node>,
}
