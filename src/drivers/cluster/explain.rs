//! Why live objects are not as they should be: gathers what the cluster knows of them, keeps it as evidence, and
//! names the causes. Knows no assertion.

mod admission;
mod advice;
mod causes;
mod containers;
mod describe;
mod evidence;
mod gather;
mod json;
mod pods;
mod related;
mod services;
mod workloads;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::Cluster;
use crate::outcome::Finding;

pub use causes::causes;

/// How long an explanation may take in all.
const LIMIT: Duration = Duration::from_secs(5);

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

/// What the cluster knows, as JSON, every object with its `kind`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// Pods.
    pub pods: Vec<Value>,
    /// Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs.
    pub workloads: Vec<Value>,
    /// Services.
    pub services: Vec<Value>,
    /// `EndpointSlices`.
    pub endpoint_slices: Vec<Value>,
    /// `PersistentVolumeClaims`.
    pub claims: Vec<Value>,
    /// `ResourceQuotas`.
    pub quotas: Vec<Value>,
    /// Nodes.
    pub nodes: Vec<Value>,
    /// Events.
    pub events: Vec<Value>,
    /// What may not be read, and the API server's words: `pods`, `pods is forbidden: …`.
    pub unread: Vec<(String, String)>,
    /// The last log lines of containers, by pod and container: of the instance that ended, where one did.
    pub logs: BTreeMap<(String, String), Vec<String>>,
}

impl Cluster {
    /// What explains that `target` is not as it should be, most telling first; `keep(name, text)` stores the
    /// evidence, whole. Takes 5 s at most. Says nothing where the cluster does not answer.
    pub async fn explain(&self, namespace: &str, target: &Target, keep: &(dyn Fn(&str, &str) + Sync)) -> Vec<Finding> {
        let deadline = Instant::now() + LIMIT;
        let Ok(Ok(client)) = tokio::time::timeout_at(deadline, self.client()).await else { return Vec::new() };
        let all = gather::snapshot(&client, namespace, deadline).await;
        let mut about = related::related(&all, target);
        let logs = gather::logs(&client, namespace, &about.pods, deadline).await;
        about.logs = logs.iter().map(|log| (log.container(), log.last_lines())).collect();
        evidence::keep_all(&about, &logs, target, keep);
        // Without pods and events no cause is found, and what is not read is not missing.
        let needed = |plural: &str| matches!(plural, "pods" | "events" | "deployments" | "statefulsets" | "daemonsets");
        let unread = all.unread.iter().filter(|(plural, _)| needed(plural));
        let mut unread: Vec<Finding> = unread
            .map(|(plural, why)| Finding::new(plural.as_str(), "NotMeasured", format!("not read: {why}")))
            .collect();
        if unread.is_empty()
            && let Some(missing) = related::missing(&all, &about, namespace, target)
        {
            return vec![missing];
        }
        let mut found = causes(&about, target);
        found.append(&mut unread);
        found
    }
}
