//! Values of parameters, as a run takes them: those that are known, and those that only the run knows.

use std::sync::Arc;

use super::declared::{Declared, Given};
use crate::core::model::outcome::Fault;
use crate::core::spec::TypeSpec;
use crate::core::yaml::{Node, Written};

/// The values of all parameters of a part or a gate file.
#[derive(Debug, Default)]
pub struct Args {
    /// The values known before the run: a mapping, as `params` in expressions.
    pub known: Written,
    /// Those that only the run knows.
    pub open: Vec<OpenArg>,
    /// The item of the entry that uses the file, with `for_each`: `open` may refer to it.
    pub item: Option<Written>,
    /// The values of the gate file that uses this one: `open` may refer to them.
    pub outer: Option<Arc<Args>>,
}

/// A value that only the run knows.
#[derive(Debug, Clone)]
pub struct OpenArg {
    /// The parameter.
    pub name: String,
    /// What `with:` gives, to be rendered with what the caller sees.
    pub value: Node,
    /// Whether it carries a secret: kinds that evaluate expressions do not see it then.
    pub secret: bool,
    pub(super) declared: Option<Declared>,
}

impl OpenArg {
    /// A rendered value as the parameter's type.
    ///
    /// # Errors
    /// [`Fault`] of kind invalid when the declaration does not permit it. It does not show a secret's value.
    pub fn fit(&self, value: Node) -> Result<Node, Fault> {
        match &self.declared {
            Some(declared) if declared.kind != TypeSpec::Secret => declared
                .take(value, Given::Written)
                .map_err(|problem| Fault::invalid(format!("the parameter `{}` {problem}", self.name))),
            _ => Ok(value),
        }
    }
}
