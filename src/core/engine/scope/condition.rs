//! Whether a condition holds.

use crate::core::expr::{Expr, Scope};
use crate::core::model::outcome::Fault;

/// Whether a `when:` holds.
///
/// # Errors
/// A fault of kind invalid where it cannot be evaluated, or is neither true nor false.
pub(crate) fn holds(when: &Expr, scope: &Scope) -> Result<bool, Fault> {
    let value = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| when.eval(scope)))
        .map_err(|_| Fault::invalid(format!("when: `{}` cannot be evaluated", when.text())))?
        .map_err(|error| error.into_fault(format_args!("when: `{}`", when.text())))?;
    value.as_bool().ok_or_else(|| {
        Fault::invalid(format!("when: `{}` is {value}, expected true or false", when.text()))
            .help("compare it with something, such as `vars.x == \"yes\"`")
    })
}
