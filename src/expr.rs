//! CEL expressions and `${{ }}` templates: parsed, their references named, evaluated. Knows no plan and no step.
//!
//! Parsing is our own (`token`, `parse`, `macros`): bounded nesting, exact places and plain words. Values and functions
//! are those of `cel` with the Kubernetes functions of `kube-cel` (`eval`).

mod cel;
mod eval;
mod functions;
mod macros;
mod parse;
mod references;
mod render;
mod template;
mod token;
mod tree;

pub use crate::document::Spelled;
pub use cel::{Expr, ExprError, MAX_TEXT, Reference, Scope};
pub use parse::MAX_NESTING;
pub use render::{RenderError, has_template, render};
pub use template::{Part, Template};
pub use tree::MAX_HEIGHT;
