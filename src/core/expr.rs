//! CEL expressions and `${{ }}` templates: parsed, their references named, evaluated. Knows no plan and no step.
//!
//! Parsing, evaluation and all functions are our own: bounded nesting, bounded cost, exact places and plain words. The
//! semantics are those of the CEL specification and of Kubernetes (docs/decisions/0040).

mod access;
mod arithmetic;
mod calls;
mod cel;
mod check;
mod equal;
mod error;
mod evaluate;
mod facts;
mod failure;
mod functions;
mod json;
mod library;
mod lookup;
mod meter;
mod number;
mod opaque;
mod overload;
mod parse;
mod pattern;
mod reference;
mod references;
mod render;
mod run;
mod scope;
mod signature;
mod template;
mod token;
mod tree;
mod types;
mod value;

pub use crate::core::yaml::Spelled;
pub use cel::{Expr, MAX_TEXT};
pub use error::ExprError;
pub use facts::{Ask, FACTS, Fact};
pub use meter::{CHECK_COST, Ended, Limits, RUN_COST, interrupt, interrupts};
pub use parse::MAX_NESTING;
pub use reference::page;
pub use render::{RenderError, has_template, render, weight};
pub use scope::{Reference, Scope};
pub use template::{Part, Template};
pub use tree::MAX_HEIGHT;
