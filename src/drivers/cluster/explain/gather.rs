//! Asks the cluster for all that may explain something, within a time limit. What may not be read is left out.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};

use super::Snapshot;
use super::json::{items, name, text};
use crate::drivers::cluster::logs::not_of_the_application;

/// How long one list may take: the logs need their time too.
const LIST_LIMIT: Duration = Duration::from_millis(2500);
/// Lines of a log that are kept, and how many of them are shown.
const KEPT_LINES: usize = 1000;
const SHOWN_LINES: usize = 10;
/// Bytes of a line that are shown.
const SHOWN_BYTES: usize = 240;
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

    /// The last lines, cut to a readable length.
    pub fn last_lines(&self) -> Vec<String> {
        let lines: Vec<&str> = self.text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(SHOWN_LINES)..].iter().map(|line| cut(line)).collect()
    }
}

fn cut(line: &str) -> String {
    let mut end = line.len().min(SHOWN_BYTES);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    if end < line.len() { format!("{}…", &line[..end]) } else { line.to_owned() }
}

/// Everything in a namespace that may explain something.
pub(super) async fn snapshot(client: &kube::Client, namespace: &str, deadline: Instant) -> Snapshot {
    let unread = Mutex::new(Vec::new());
    let list = async |group: &str, plural: &str, kind: &'static str| -> Vec<Value> {
        let url = match plural {
            "nodes" => format!("/{group}/{plural}"),
            _ => format!("/{group}/namespaces/{namespace}/{plural}"),
        };
        let limit = LIST_LIMIT.min(deadline.saturating_duration_since(Instant::now()));
        let why = match timeout(limit, get(client, &url)).await {
            Ok(Ok(list)) => return named(list, kind),
            Ok(Err(Some(why))) => why,
            // No such kind here, or no answer at all: then there is nothing to say of this one.
            Ok(Err(None)) => return Vec::new(),
            Err(_) => "timed out".to_owned(),
        };
        unread.lock().unwrap_or_else(PoisonError::into_inner).push((plural.to_owned(), why));
        Vec::new()
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
    let unread = unread.into_inner().unwrap_or_else(PoisonError::into_inner);
    let logs = BTreeMap::new();
    Snapshot { pods, workloads, services, endpoint_slices, claims, quotas, nodes, events, logs, unread }
}

/// The `PodDisruptionBudgets` of a namespace; `None` where they may not be read.
pub(super) async fn budgets(client: &kube::Client, namespace: &str, deadline: Instant) -> Option<Vec<Value>> {
    let url = format!("/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets");
    let limit = LIST_LIMIT.min(deadline.saturating_duration_since(Instant::now()));
    let list = timeout(limit, get(client, &url)).await.ok()?.ok()?;
    Some(named(list, "PodDisruptionBudget"))
}

/// A list; where it may not be read, the API server's words.
async fn get(client: &kube::Client, url: &str) -> Result<Value, Option<String>> {
    let request = http::Request::get(url).body(Vec::new()).map_err(|_| None)?;
    client.request(request).await.map_err(|error| match error {
        kube::Error::Api(status) if matches!(status.code, 401 | 403) => Some(status.message.clone()),
        _ => None,
    })
}

/// Items of a list, each with its kind, without what nobody reads.
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
    // What the node says in a log's place is nothing that the application wrote.
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
        text.push_str(&"é".repeat(200));
        let log = Log { pod: "a".to_owned(), container: "b".to_owned(), previous: true, text };
        let lines = log.last_lines();
        assert_eq!((lines.len(), lines[0].as_str(), lines[8].as_str()), (10, "line 12", "line 20"));
        assert_eq!(lines[9], format!("{}…", "é".repeat(120)));
    }
}
