//! CEL expressions and `${{ }}` templates: parsed, their references named, evaluated. Knows no plan and no step.

mod cel;
mod render;
mod template;

pub use cel::{Expr, ExprError, Reference, Scope};
pub use render::{RenderError, has_template, render};
pub use template::{Part, Template};
