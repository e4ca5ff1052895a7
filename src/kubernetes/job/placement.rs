//! Where a Pod runs, as whom, and what it may use, as Kubernetes reads it. Pure.

use serde_json::{Map, Value, json};

use crate::core::kind::executor::Probe;
use crate::core::kind::settings::{Placement, Resources};

/// The name of the container of a step.
pub(super) const CONTAINER: &str = "step";

/// Puts a placement into a Pod's specification.
pub(super) fn place(placement: &Placement, pod: &mut Value) {
    if let Some(account) = &placement.service_account {
        pod["serviceAccountName"] = account.as_str().into();
    }
    if !placement.node_selector.is_empty() {
        pod["nodeSelector"] = json!(placement.node_selector);
    }
    if !placement.tolerations.is_empty() {
        pod["tolerations"] = json!(placement.tolerations);
    }
    if !placement.image_pull_secrets.is_empty() {
        let named = placement.image_pull_secrets.iter().map(|name| json!({ "name": name }));
        pod["imagePullSecrets"] = named.collect();
    }
}

/// What a container may use, as Kubernetes reads it.
pub(super) fn quantities(resources: &Resources) -> Map<String, Value> {
    let all = [("cpu", &resources.cpu), ("memory", &resources.memory)];
    let written = all.into_iter().filter_map(|(name, amount)| Some((name, amount.as_ref()?)));
    written.map(|(name, amount)| (name.to_owned(), amount.0.as_str().into())).collect()
}

/// A container's readiness probe.
pub(super) fn readiness(probe: &Probe) -> Value {
    let mut readiness = json!({ "periodSeconds": 1, "timeoutSeconds": 2, "failureThreshold": 2 });
    match probe {
        Probe::Tcp { port } => readiness["tcpSocket"] = json!({ "port": port }),
        Probe::Http { port, path, tls } => {
            let scheme = if *tls { "HTTPS" } else { "HTTP" };
            readiness["httpGet"] = json!({ "port": port, "path": path, "scheme": scheme });
        }
    }
    readiness
}

/// A volume that keeps files by content, and how it is used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Store {
    /// The PersistentVolumeClaim.
    pub claim: String,
    /// What the container that prepares the files starts. The step's own container does not have the volume.
    pub command: Vec<String>,
}
