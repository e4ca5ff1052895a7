//! Kinds that the cluster does not serve: misspelt, or of a CustomResourceDefinition that is gone.

use super::Catalog;
use crate::core::model::outcome::Fault;

/// How the help line for a typing error begins.
const MEANT: &str = "did you mean";
/// How it begins where another version or group of the kind is served.
const OTHER: &str = "write `apiVersion: ";

/// Whether a kind that the cluster does not serve resembles one that it serves: a typing error, and no proof that there
/// are no such objects.
pub fn misspelt(unserved: &Fault) -> bool {
    unserved.help.as_deref().is_some_and(|help| help.starts_with(MEANT) || help.starts_with(OTHER))
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
        if let Some(other) = self.other_version(written, group) {
            return Some(other);
        }
        let near = crate::core::model::diagnostic::did_you_mean(&written.to_ascii_lowercase(), self.names());
        near.filter(|help| help.starts_with(MEANT))
    }

    /// The apiVersion that the cluster serves a kind as, where another one was written.
    fn other_version(&self, kind: &str, group: Option<&str>) -> Option<String> {
        group?;
        let same = |it: &&super::Kind| it.resource.kind == kind;
        let found = self.kinds.iter().filter(same).find(|it| it.preferred).or_else(|| self.kinds.iter().find(same))?;
        Some(format!("{OTHER}{}`: the cluster serves {kind} so", found.resource.api_version))
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.kinds.iter().filter(|kind| kind.preferred).map(|kind| kind.singular.as_str())
    }
}
