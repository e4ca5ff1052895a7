//! Kinds that the cluster does not serve: misspelt, or of a CustomResourceDefinition that is gone.

use super::Catalog;
use crate::core::model::outcome::Fault;

/// How the help line for a typing error begins.
const MEANT: &str = "did you mean";

/// Whether a kind that the cluster does not serve resembles one that it serves: a typing error, and no proof that there
/// are no such objects.
pub fn misspelt(unserved: &Fault) -> bool {
    unserved.help.as_deref().is_some_and(|help| help.starts_with(MEANT))
}

impl Catalog {
    /// The kind that was probably meant; none for a kind whose group is a custom one that is not served (any more).
    pub(super) fn near(&self, written: &str, group: Option<&str>) -> Option<String> {
        let served = |group: &str| self.kinds.iter().any(|kind| kind.resource.group == group);
        let custom = |group: &str| {
            let behind = group.split_once('.').map_or("", |(_, behind)| behind);
            group.contains('.') && !served(group) && !served(behind)
        };
        if group.is_some_and(custom) {
            return None;
        }
        let near = crate::core::model::diagnostic::did_you_mean(&written.to_ascii_lowercase(), self.names());
        near.filter(|help| help.starts_with(MEANT))
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.kinds.iter().filter(|kind| kind.preferred).map(|kind| kind.singular.as_str())
    }
}
