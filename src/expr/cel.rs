//! One CEL expression (kube-cel), with limits on its length and nesting and the names it refers to.

use std::collections::BTreeMap;

use serde_json::Value;

/// Why an expression cannot be used, and where in its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExprError {
    /// Byte offset in the expression's text.
    pub offset: usize,
    /// Length in bytes; 0 where unknown.
    pub len: usize,
    /// One lower-case sentence.
    pub message: String,
}

/// A dotted name in an expression: `steps.build.outputs.digest` is `["steps", "build", "outputs", "digest"]`.
/// Constant indexes count as fields: `vars["a-b"]` is `["vars", "a-b"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The names, the root first; cut at the first index that is not constant.
    pub path: Vec<String>,
    /// Byte offset of the root name in the expression's text.
    pub offset: usize,
    /// Length in bytes.
    pub len: usize,
}

/// The values an expression can see, by root name.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// `vars`, `secrets`, `env`, `run`, `stages`, `steps`, `item`, `self` …
    pub roots: BTreeMap<String, Value>,
}

/// A parsed CEL expression.
#[derive(Debug, Clone)]
pub struct Expr {
    text: String,
}

impl Expr {
    /// Parses; no name is looked up yet.
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        Ok(Expr { text: text.to_owned() })
    }

    /// The text as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Every free name it refers to, in reading order (names bound by `all`, `exists`, `map`, `filter` are not free).
    pub fn references(&self) -> &[Reference] {
        &[]
    }

    /// Its value in a scope.
    pub fn eval(&self, scope: &Scope) -> Result<Value, ExprError> {
        let _ = scope;
        Err(ExprError { offset: 0, len: self.text.len(), message: "not written yet".to_owned() })
    }
}
