//! Where a run is: its id, and the namespaces for what names none.

use std::sync::Arc;

use crate::core::expr::{Scope, Template};
use crate::core::model::namespace::refuse_system_namespace;
use crate::core::model::outcome::Fault;

/// Which run, and where in the cluster.
#[derive(Debug, Clone, Copy)]
pub(in crate::core::engine) struct RunPlace<'a> {
    /// Its id.
    pub run: &'a str,
    /// The namespace for what names none.
    pub namespace: &'a str,
}

/// A namespace as it is rendered.
///
/// # Errors
/// A fault of kind invalid where it cannot be rendered or is not a name, and of kind environment for one of the system's.
pub(super) fn namespace(written: Option<&Template>, scope: &Scope) -> Result<Option<Arc<str>>, Fault> {
    let Some(written) = written else { return Ok(None) };
    let name = written.text(scope).map_err(|error| error.into_fault(format_args!("namespace")))?;
    refuse_system_namespace(&name)?;
    Ok(Some(name.into()))
}
