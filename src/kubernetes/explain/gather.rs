//! Asks the cluster for all that may explain something, within a time limit. What may not be read is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};

use super::json::{items, name, seconds_between, text};
use super::snapshot::Snapshot;
use crate::core::mask::{cut, of_run};
use crate::kubernetes::logs::node::not_of_the_application;

/// How long one list may take: the logs need their time too.
const LIST_LIMIT: Duration = Duration::from_millis(2500);
/// Lines of a log that are kept, and how many of them are shown.
const KEPT_LINES: usize = 1000;
const SHOWN_LINES: usize = 10;
/// Characters of a line that are shown.
const SHOWN_CHARS: usize = 240;
/// Containers whose logs are fetched.
const LOGS: usize = 24;

/// The log of one instance of a container.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Log {
    pub pod: String,
    pub container: String,
    /// Of the instance before.
    pub previous: bool,
    pub text: String,
}

impl Log {
    /// Pod and container.
    pub fn container(&self) -> (String, String) {
        (self.pod.clone(), self.container.clone())
    }

    /// The last lines, cut to a readable length, without the run's secrets.
    pub fn last_lines(&self) -> Vec<String> {
        let masker = of_run();
        let text = masker.mask(&self.text);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(SHOWN_LINES)..].iter().map(|line| cut(line, SHOWN_CHARS)).collect()
    }
}

/// Everything in a namespace that may explain something.
pub(super) async fn snapshot(client: &kube::Client, namespace: &str, deadline: Instant) -> Snapshot {
    let refused = std::sync::Mutex::new(BTreeMap::new());
    let list = async |group: &str, plural: &str, kind: &'static str| -> Vec<Value> {
        let url = match plural {
            "nodes" => format!("/{group}/{plural}"),
            _ => format!("/{group}/namespaces/{namespace}/{plural}"),
        };
        let limit = LIST_LIMIT.min(deadline.saturating_duration_since(Instant::now()));
        match timeout(limit, get(client, &url)).await.unwrap_or_else(|_| Err("no answer in time".to_owned())) {
            Ok(list) => named(list, kind),
            Err(why) => {
                refused.lock().unwrap_or_else(PoisonError::into_inner).insert(plural.to_owned(), why);
                Vec::new()
            }
        }
    };
    let workloads = join_all([
        list("apis/apps/v1", "deployments", "Deployment"),
        list("apis/apps/v1", "replicasets", "ReplicaSet"),
        list("apis/apps/v1", "statefulsets", "StatefulSet"),
        list("apis/apps/v1", "daemonsets", "DaemonSet"),
        list("apis/batch/v1", "jobs", "Job"),
    ]);
    let (pods, events, services, endpoint_slices, claims, quotas, nodes, workloads) = tokio::join!(
        list("api/v1", "pods", "Pod"),
        list("api/v1", "events", "Event"),
        list("api/v1", "services", "Service"),
        list("apis/discovery.k8s.io/v1", "endpointslices", "EndpointSlice"),
        list("api/v1", "persistentvolumeclaims", "PersistentVolumeClaim"),
        list("api/v1", "resourcequotas", "ResourceQuota"),
        list("api/v1", "nodes", "Node"),
        workloads,
    );
    let workloads = workloads.into_iter().flatten().collect();
    Snapshot {
        namespace: namespace.to_owned(),
        now: Some(jiff::Timestamp::now().to_string()),
        pods,
        workloads,
        services,
        endpoint_slices,
        claims,
        quotas,
        nodes,
        events,
        unreadable: refused.into_inner().unwrap_or_else(PoisonError::into_inner),
        ..Snapshot::default()
    }
}

/// Adds the `IngressClasses`.
pub(super) async fn ingress_classes(client: &kube::Client, all: &mut Snapshot, deadline: Instant) {
    let limit = LIST_LIMIT.min(deadline.saturating_duration_since(Instant::now()));
    let listed = timeout(limit, get(client, "/apis/networking.k8s.io/v1/ingressclasses")).await;
    match listed.unwrap_or_else(|_| Err("no answer in time".to_owned())) {
        Ok(list) => all.ingress_classes = named(list, "IngressClass"),
        Err(why) => drop(all.unreadable.insert("ingressclasses".to_owned(), why)),
    }
}

/// Adds the names of Secrets that the Ingress takes its certificates from and that do not exist: asked for by name, and no
/// more of them than that they are there.
pub(super) async fn missing_secrets(client: &kube::Client, all: &mut Snapshot, deadline: Instant) {
    let Some(ingress) = &all.object else { return };
    let named: BTreeSet<&str> =
        items(&ingress["spec"]["tls"]).iter().map(|tls| text(&tls["secretName"])).filter(|it| !it.is_empty()).collect();
    let api: Api<Secret> = Api::namespaced(client.clone(), &all.namespace);
    let mut missing = Vec::new();
    for name in named {
        // What may not be read is not missing.
        if let Ok(Ok(None)) = timeout_at(deadline, api.get_metadata_opt(name)).await {
            missing.push(name.to_owned());
        }
    }
    all.missing_secrets = missing;
}

/// Whether a container of the Pod has ended with an exit code other than 0.
pub(super) fn has_failed(pod: &Value) -> bool {
    // One that is being deleted may have been stopped.
    if !pod["metadata"]["deletionTimestamp"].is_null() {
        return false;
    }
    let all = ["initContainerStatuses", "containerStatuses"].map(|list| items(&pod["status"][list]));
    all.into_iter().flatten().any(|status| {
        let ends = [&status["state"]["terminated"], &status["lastState"]["terminated"]];
        ends.into_iter().any(|ended| ended["exitCode"].as_i64().is_some_and(|code| code != 0))
    })
}

/// Whether a container of the Pod ended within a second, as one does whose program the node cannot execute.
pub(super) fn crashed_at_once(pod: &Value) -> bool {
    let all = ["initContainerStatuses", "containerStatuses"].map(|list| items(&pod["status"][list]));
    all.into_iter().flatten().any(|status| {
        let ends = [&status["state"]["terminated"], &status["lastState"]["terminated"]];
        ends.into_iter().any(|ended| {
            let code = ended["exitCode"].as_i64().unwrap_or_default();
            let lasted = seconds_between(&ended["startedAt"], ended["finishedAt"].as_str());
            matches!(code, 1 | 126 | 127 | 255) && lasted.is_some_and(|seconds| seconds <= 1)
        })
    })
}

/// The `PodDisruptionBudgets` of a namespace; `None` where they may not be read.
pub(super) async fn budgets(client: &kube::Client, namespace: &str, deadline: Instant) -> Option<Vec<Value>> {
    let url = format!("/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets");
    let limit = LIST_LIMIT.min(deadline.saturating_duration_since(Instant::now()));
    let list = timeout(limit, get(client, &url)).await.ok()?.ok()?;
    Some(named(list, "PodDisruptionBudget"))
}

/// What a path of the API answers; else why it does not.
async fn get(client: &kube::Client, url: &str) -> Result<Value, String> {
    let request = http::Request::get(url).body(Vec::new()).map_err(|error| error.to_string())?;
    client.request(request).await.map_err(|error| match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    })
}

/// Items of a list, each with its kind, without the parts that are not used.
fn named(mut list: Value, kind: &str) -> Vec<Value> {
    let api_version = list["apiVersion"].take();
    let Value::Array(mut objects) = list["items"].take() else { return Vec::new() };
    for object in &mut objects {
        if let Some(fields) = object.as_object_mut() {
            fields.shift_insert(0, "kind".to_owned(), kind.into());
            fields.shift_insert(0, "apiVersion".to_owned(), api_version.clone());
            fields.get_mut("metadata").and_then(Value::as_object_mut).map(|metadata| metadata.remove("managedFields"));
        }
    }
    objects
}

/// The logs of the containers of `pods`, those in trouble first; of the instance that ended, where one did.
pub(super) async fn logs(client: &kube::Client, namespace: &str, pods: &[Value], deadline: Instant) -> Vec<Log> {
    let mut wanted: Vec<(bool, &str, &str, bool)> = Vec::new();
    for pod in pods {
        let statuses = ["initContainerStatuses", "containerStatuses"].map(|list| items(&pod["status"][list]));
        for status in statuses.into_iter().flatten() {
            let (state, ended) = (&status["state"], &status["lastState"]["terminated"]);
            let begun = ended.is_object() || state["running"].is_object() || state["terminated"].is_object();
            let well = status["ready"] == true && !ended.is_object();
            if begun {
                let previous = ended.is_object() && !state["terminated"].is_object();
                wanted.push((well, name(pod), text(&status["name"]), previous));
            }
        }
    }
    wanted.sort_by_key(|(well, ..)| *well);
    let mut fetched: FuturesUnordered<_> = wanted
        .into_iter()
        .take(LOGS)
        .map(|(_, pod, container, previous)| log(client, namespace, pod, container, previous))
        .collect();
    let mut logs = Vec::new();
    while let Ok(Some(log)) = timeout_at(deadline, fetched.next()).await {
        logs.extend(log);
    }
    logs.sort_by_key(Log::container);
    logs
}

async fn log(client: &kube::Client, namespace: &str, pod: &str, container: &str, previous: bool) -> Option<Log> {
    let url = format!(
        "/api/v1/namespaces/{namespace}/pods/{pod}/log?container={container}&previous={previous}&tailLines={KEPT_LINES}"
    );
    let request = http::Request::get(url).body(Vec::new()).ok()?;
    let text = client.request_text(request).await.ok()?;
    // what the node writes in place of a log is not from the application
    let text: String = text.split_inclusive('\n').filter(|line| !not_of_the_application(line)).collect();
    Some(Log { pod: pod.to_owned(), container: container.to_owned(), previous, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_last_lines_of_a_log_cut_to_length() {
        let lines: Vec<String> = (1..=20).map(|number| format!("line {number}\n\n")).collect();
        let mut text = lines.concat();
        text.push_str(&"é".repeat(300));
        let log = Log { pod: "a".to_owned(), container: "b".to_owned(), previous: true, text };
        let lines = log.last_lines();
        assert_eq!((lines.len(), lines[0].as_str(), lines[8].as_str()), (10, "line 12", "line 20"));
        assert_eq!(lines[9], format!("{}…", "é".repeat(240)));
    }
}
