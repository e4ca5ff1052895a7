//! What an explanation is about, and what the cluster knows of it.

use std::collections::BTreeMap;

use serde_json::Value;

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
    /// A Service that gives no answer.
    Service {
        /// Its name.
        name: String,
    },
}

impl Target {
    pub(super) fn is_job(&self) -> bool {
        matches!(self, Target::Workload { kind, .. } | Target::Object { kind, .. } if kind == "Job")
    }

    /// Whether it is the Service of this name.
    pub(super) fn names_service(&self, wanted: &str) -> bool {
        match self {
            Target::Object { kind, name } => kind == "Service" && name == wanted,
            Target::Service { name } => name == wanted,
            Target::Workload { .. } | Target::Selector(_) => false,
        }
    }
}

/// What the cluster knows, as JSON, every object with its `kind`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// The namespace.
    pub namespace: String,
    /// When it was taken, as the cluster writes times.
    pub now: Option<String>,
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
    /// The last log lines of containers, by pod and container: of the instance that ended, where one did.
    pub logs: BTreeMap<(String, String), Vec<String>>,
    /// The other Pods of the namespace.
    pub neighbours: Vec<Value>,
    /// The Jobs of the namespace that are not over.
    pub jobs: Vec<Value>,
    /// The object that is asked for, if no other list holds it.
    pub object: Option<Value>,
    /// `IngressClasses`, for an Ingress.
    pub ingress_classes: Vec<Value>,
    /// Names of Secrets that an Ingress takes its certificates from and that do not exist.
    pub missing_secrets: Vec<String>,
    /// Names of Services that StatefulSets name as theirs and that do not exist.
    pub missing_services: Vec<String>,
    /// What may not be listed, by its plural, with the reason.
    pub unreadable: BTreeMap<String, String>,
    /// Exit codes seen so far, by the Pod's uid and the container, with the number of restarts before each.
    pub exits: BTreeMap<(String, String), BTreeMap<i64, i64>>,
    /// Whether the question is why objects are still there.
    pub deleting: bool,
}
