//! The pods behind a workload, a Service or a selector, and which of them to speak to.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use serde_json::Value;

use super::{Cluster, ClusterError, Reference, Refusal};
use crate::core::model::outcome::Fault;

/// What names pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PodTarget {
    /// A pod, or an object that selects pods: a workload or a Service.
    Object(Reference),
    /// A label selector in kubectl's notation.
    Selector(String),
}

impl std::fmt::Display for PodTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PodTarget::Object(reference) => reference.fmt(f),
            PodTarget::Selector(selector) => write!(f, "pods {selector}"),
        }
    }
}

/// How the pods of a target are found, and what else the target says of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    /// A label selector; or the name of the one pod.
    pub by: By,
    /// The target itself, where it is an object other than a pod.
    pub object: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum By {
    Name(String),
    Labels(String),
}

impl Cluster {
    /// Every pod of the target that is not on its way out, the best to speak to first.
    ///
    /// # Errors
    /// [`ClusterError`] when the target is not there, or selects no pods.
    pub async fn pods_of(&self, namespace: &str, target: &PodTarget) -> Result<Vec<Pod>, ClusterError> {
        let found = self.find_pods(namespace, target).await?;
        let api = self.pods(namespace).await?;
        let mut pods = match &found.by {
            By::Name(name) => vec![self.ask(&format!("get pod/{name}"), api.get(name)).await?],
            By::Labels(selector) => {
                let wanted = ListParams::default().labels(selector);
                self.list(&format!("list pods {selector}"), &api, wanted).await?
            }
        };
        if matches!(found.by, By::Labels(_)) {
            pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
        }
        pods.sort_by_key(|pod| (!is_ready(pod), !is_running(pod), pod.metadata.name.clone()));
        Ok(pods)
    }

    /// The client's view of the pods of a namespace.
    ///
    /// # Errors
    /// [`Fault`] when the cluster does not answer.
    pub async fn pods(&self, namespace: &str) -> Result<Api<Pod>, Fault> {
        Ok(Api::namespaced(self.client().await?, namespace))
    }

    pub(crate) async fn find_pods(&self, namespace: &str, target: &PodTarget) -> Result<Found, ClusterError> {
        let reference = match target {
            PodTarget::Selector(selector) => return Ok(Found { by: By::Labels(selector.clone()), object: None }),
            PodTarget::Object(reference) => reference,
        };
        let (kind, name) = self.resolve(reference).await?;
        if kind.resource.kind == "Pod" && kind.resource.group.is_empty() {
            return Ok(Found { by: By::Name(name), object: None });
        }
        let api = kind.api(self.client().await?, namespace);
        let object = self.ask(&format!("get {} in {namespace}", kind.named(&name)), api.get(&name)).await?;
        let selector = selector_text(&object.data["spec"]["selector"]).ok_or_else(|| {
            ClusterError::Refused(Refusal {
                doing: format!("find the pods of {}", kind.named(&name)),
                cause: "NoSelector".to_owned(),
                message: "it selects none".to_owned(),
                help: Some(
                    "name a pod, a Deployment, a StatefulSet, a DaemonSet, a Job or a Service with a selector"
                        .to_owned(),
                ),
                ..Refusal::default()
            })
        })?;
        Ok(Found { by: By::Labels(selector), object: Some(object.data) })
    }
}

/// A workload's or a Service's selector in kubectl's notation; `None` where it selects nothing.
pub fn selector_text(selector: &Value) -> Option<String> {
    let structured = selector.get("matchLabels").is_some() || selector.get("matchExpressions").is_some();
    let pairs = if structured { selector.get("matchLabels") } else { Some(selector) };
    let mut parts: Vec<String> = pairs
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    for test in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
        let key = test["key"].as_str().unwrap_or_default();
        let values: Vec<&str> = test["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        parts.push(match test["operator"].as_str().unwrap_or_default() {
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            _ => format!("{key} in ({})", values.join(",")),
        });
    }
    (!parts.is_empty()).then(|| parts.join(","))
}

/// Whether the pod's Ready condition holds.
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    pod.metadata.deletion_timestamp.is_none() && conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True")
}

fn is_running(pod: &Pod) -> bool {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running")
}

/// The number that a port means in this pod: a number as it is, a name by its containers.
pub(super) fn port_of(pod: &Pod, port: &str) -> Option<u16> {
    if let Ok(number) = port.parse() {
        return Some(number);
    }
    let containers = pod.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let mut ports = containers.iter().flat_map(|container| container.ports.as_deref().unwrap_or_default());
    let named = ports.find(|known| known.name.as_deref() == Some(port))?;
    u16::try_from(named.container_port).ok()
}

/// The target port of a Service's port (by number or name), as its spec says.
pub(super) fn target_port(service: &Value, port: &str) -> Option<String> {
    let ports = service["spec"]["ports"].as_array()?;
    let number: Option<u64> = port.parse().ok();
    let is_it = |known: &&Value| (number.is_some() && known["port"].as_u64() == number) || known["name"] == port;
    let found = ports.iter().find(is_it)?;
    match &found["targetPort"] {
        Value::String(name) => Some(name.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => Some(found["port"].to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn writes_a_selector_as_kubectl_takes_it() {
        assert_eq!(selector_text(&json!({ "app": "web" })).as_deref(), Some("app=web"));
        assert_eq!(
            selector_text(&json!({ "matchLabels": { "app": "web" }, "matchExpressions": [
                { "key": "tier", "operator": "In", "values": ["a", "b"] }, { "key": "canary", "operator": "DoesNotExist" } ] }))
            .as_deref(),
            Some("app=web,tier in (a,b),!canary")
        );
        assert_eq!(selector_text(&json!({})), None);
        assert_eq!(selector_text(&Value::Null), None);
    }

    #[test]
    fn follows_a_services_port_to_the_containers() {
        let service =
            json!({ "spec": { "ports": [{ "port": 80, "name": "http", "targetPort": "web" }, { "port": 9000 }] } });
        assert_eq!(target_port(&service, "80").as_deref(), Some("web"));
        assert_eq!(target_port(&service, "http").as_deref(), Some("web"));
        assert_eq!(target_port(&service, "9000").as_deref(), Some("9000"));
        assert_eq!(target_port(&service, "81"), None);
        let pod: Pod = serde_json::from_value(json!({ "spec": { "containers": [
            { "name": "c", "ports": [{ "name": "web", "containerPort": 8080 }] }] } }))
        .expect("a pod");
        assert_eq!(port_of(&pod, "web"), Some(8080));
        assert_eq!(port_of(&pod, "8081"), Some(8081));
        assert_eq!(port_of(&pod, "other"), None);
    }
}
