//! What an expression can see, and the names it refers to.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::core::expr::meter::Limits;
use crate::core::yaml::{Spelled, Written};

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
    /// Whether it only asks if the last name is there: `has(vars.x)`.
    pub tested: bool,
}

/// The values an expression can see, by root name.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// `vars`, `secrets`, `env`, `run`, `stages`, `steps`, `item`, `self` …
    pub roots: BTreeMap<String, Value>,
    /// What an evaluation may cost, and what ends it.
    pub limits: Limits,
    /// How numbers in them are written, by root name: `${{ vars.v }}` in a text is `1.10` where the file has `1.10`.
    pub spelled: Arc<Spelled>,
}

impl Scope {
    /// Puts in the item of a `for_each`.
    pub fn see_item(&mut self, item: &Written) {
        self.roots.insert("item".to_owned(), item.value.clone());
        self.spell("item", &item.spelled);
    }

    /// Sets how the numbers of a root are written.
    pub fn spell(&mut self, root: &str, spelled: &Spelled) {
        if !(spelled.is_empty() && self.spelled.is_empty()) {
            Arc::make_mut(&mut self.spelled).set(root, spelled);
        }
    }
}
