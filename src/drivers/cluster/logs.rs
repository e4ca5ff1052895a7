//! Logs of pods: as they are now, or followed as pods come and go.

use std::collections::BTreeSet;

use futures::io::AsyncBufReadExt;
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DynamicObject, LogParams};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::pods::By;
use super::{Cluster, PodTarget, Trouble};
use crate::drivers::process::LineSink;

/// Which logs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Only this container; all of them where none is named.
    pub container: Option<String>,
    /// Only this many lines from the end, a container.
    pub tail: Option<i64>,
    /// Only lines of the last seconds.
    pub since_seconds: Option<i64>,
    /// Of the container before its last restart.
    pub previous: bool,
}

/// A container of a pod, in one of its lives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Life {
    pod: String,
    container: String,
    restarts: i64,
}

impl LogOptions {
    fn parameters(&self, container: &str, follow: bool) -> LogParams {
        LogParams {
            container: Some(container.to_owned()),
            follow,
            previous: self.previous,
            tail_lines: self.tail,
            since_seconds: self.since_seconds,
            ..LogParams::default()
        }
    }
}

impl Cluster {
    /// Hands every line of the target's pods to `line`, which hears pod, container and line. Says how many pods.
    ///
    /// # Errors
    /// [`Trouble`] when the target or a log is not there.
    pub async fn logs(
        &self,
        namespace: &str,
        target: &PodTarget,
        options: &LogOptions,
        line: &mut (dyn FnMut(&str, &str, &str) + Send),
    ) -> Result<usize, Trouble> {
        let pods = self.pods_of(namespace, target).await?;
        let api = self.pods(namespace).await?;
        for pod in &pods {
            let name = pod.metadata.name.as_deref().unwrap_or_default();
            for container in containers(pod, options.container.as_deref()) {
                let doing = format!("read the log of {container} in pod/{name}");
                let stream = self.ask(&doing, api.log_stream(name, &options.parameters(&container, false))).await?;
                let mut lines = stream.lines();
                while let Ok(Some(text)) = lines.try_next().await {
                    line(name, &container, &text);
                }
            }
        }
        Ok(pods.len())
    }

    /// Follows the logs of the target's pods, also of those that come later, until dropped. `up` is called once the
    /// pods are known.
    ///
    /// # Errors
    /// [`Trouble`] when the target is not there or cannot be watched.
    pub async fn follow_logs(
        &self,
        namespace: &str,
        target: &PodTarget,
        options: &LogOptions,
        sink: std::sync::Arc<dyn LineSink>,
        up: impl Fn(),
    ) -> Result<(), Trouble> {
        let found = self.find_pods(namespace, target).await?;
        let pod_kind = self.kind_of("v1", "Pod").await?;
        let api = self.pods(namespace).await?;
        let (found_life, mut newcomers) = mpsc::unbounded_channel::<Life>();
        let mut seen = BTreeSet::new();
        let mut note = |pod: &DynamicObject| {
            for life in started(pod, options.container.as_deref()) {
                if seen.insert(life.clone()) {
                    // The receiver lives as long as this future.
                    let _ = found_life.send(life);
                }
            }
        };
        let watch = async {
            match &found.by {
                By::Name(name) => {
                    self.until(&pod_kind, namespace, name, |pod| {
                        up();
                        pod.into_iter().for_each(&mut note);
                        None::<()>
                    })
                    .await
                }
                By::Labels(selector) => {
                    self.until_all(&pod_kind, namespace, selector, |pods| {
                        up();
                        pods.values().for_each(&mut note);
                        None::<()>
                    })
                    .await
                }
            }
        };
        let read = async {
            let mut readers = JoinSet::new();
            while let Some(life) = newcomers.recv().await {
                let (api, sink) = (api.clone(), std::sync::Arc::clone(&sink));
                let parameters = options.parameters(&life.container, true);
                readers.spawn(async move {
                    let Ok(stream) = api.log_stream(&life.pod, &parameters).await else { return };
                    let mut lines = stream.lines();
                    while let Some(Ok(text)) = lines.next().await {
                        sink.line(format!("{} {}: {text}", life.pod, life.container).as_bytes());
                    }
                });
            }
        };
        tokio::select! {
            result = watch => result,
            () = read => Ok(()),
        }
    }
}

fn containers(pod: &Pod, only: Option<&str>) -> Vec<String> {
    let all = pod.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let names = all.iter().map(|container| container.name.clone());
    match only {
        Some(name) => vec![name.to_owned()],
        None => names.collect(),
    }
}

/// The containers of a pod that have started, in their current life.
fn started(pod: &DynamicObject, only: Option<&str>) -> Vec<Life> {
    let statuses = pod.data["status"]["containerStatuses"].as_array().map(Vec::as_slice).unwrap_or_default();
    let has_started =
        |status: &&Value| status["state"]["running"].is_object() || status["state"]["terminated"].is_object();
    statuses
        .iter()
        .filter(has_started)
        .filter_map(|status| {
            Some(Life {
                pod: pod.metadata.name.clone()?,
                container: status["name"].as_str()?.to_owned(),
                restarts: status["restartCount"].as_i64().unwrap_or(0),
            })
        })
        .filter(|life| only.is_none_or(|only| only == life.container))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_has_a_log_once_it_has_started() {
        let pod = serde_json::from_value(
            serde_json::json!({ "metadata": { "name": "web-1" }, "status": { "containerStatuses": [
            { "name": "web", "restartCount": 2, "state": { "running": {} } },
            { "name": "side", "restartCount": 0, "state": { "waiting": {} } } ] } }),
        )
        .expect("a pod");
        let web = Life { pod: "web-1".to_owned(), container: "web".to_owned(), restarts: 2 };
        assert_eq!(started(&pod, None), [web]);
        assert_eq!(started(&pod, Some("side")), []);
    }
}
