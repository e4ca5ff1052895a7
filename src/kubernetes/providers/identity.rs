//! What proves that a cluster is the one that was recorded. Pure.

use serde::{Deserialize, Serialize};

/// The identity of a cluster. A cluster that is deleted and created again under the same name has another one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The UID of namespace kube-system.
    pub uid: String,
    /// The provider's own id: the container of its first control plane, or a hash of its machine's key. Empty for a
    /// cluster that a user's command made.
    #[serde(default)]
    pub own: String,
}

impl Identity {
    /// Why a cluster is not this one, with both values; `None` where all that was measured agrees. What was not measured
    /// proves nothing: at least one part must be.
    pub fn mismatch(&self, own: Option<&str>, uid: Option<&str>) -> Option<String> {
        let differs = |what: &str, recorded: &str, found: &str| {
            (recorded != found).then(|| format!("{what} is {}, recorded was {}", short(found), short(recorded)))
        };
        let by_own = own.and_then(|own| differs("its node", &self.own, own));
        let by_uid = uid.and_then(|uid| differs("the UID of its kube-system", &self.uid, uid));
        match (by_own, by_uid) {
            (Some(own), Some(uid)) => Some(format!("{own}; {uid}")),
            (own, uid) => own.or(uid),
        }
    }
}

/// An id as people compare it.
fn short(id: &str) -> &str {
    if id.is_empty() {
        "unknown"
    } else if id.len() > 36 {
        &id[..12.min(id.len())]
    } else {
        id
    }
}
