//! Text with `${{ }}` in it: literal parts and expressions. `$${{` writes the characters themselves.

use super::cel::{Expr, ExprError, Scope};
use serde_json::Value;

/// A text with expressions in it.
#[derive(Debug, Clone)]
pub struct Template {
    /// Its parts in order.
    pub parts: Vec<Part>,
}

/// A part of a template.
#[derive(Debug, Clone)]
pub enum Part {
    /// Text as it is (escapes already undone).
    Literal(String),
    /// An expression.
    Expr {
        /// The expression.
        expr: Expr,
        /// Byte offset of the expression's text (after `${{` and blanks) in the template's text.
        offset: usize,
    },
}

impl Template {
    /// Parses a text; offsets in the error count from the start of `text`.
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        Ok(Template { parts: vec![Part::Literal(text.to_owned())] })
    }

    /// Its value: a template that is only `${{ x }}` keeps the type of `x`; any other is text.
    pub fn eval(&self, scope: &Scope) -> Result<Value, ExprError> {
        let _ = scope;
        Ok(Value::Null)
    }
}
