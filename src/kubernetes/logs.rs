//! Logs of pods: as they are now, or followed as pods come and go.

mod lives;
pub(super) mod node;
mod read;
mod rotated;
mod scan;

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DynamicObject, LogParams};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use node::not_of_the_application;
pub use scan::{LogQuery, LogScan, LogSource};

use super::client::pods::By;
use super::client::{Cluster, ClusterError, PodTarget, Refusal};

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
    /// Of init containers, too, where logs are followed.
    pub init: bool,
}

/// What is heard of a log that is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogEvent<'a> {
    /// A line of the container.
    Line(&'a str),
    /// Its lines are read, from the first one that is meant: those heard before of the same life come again.
    Begins,
    /// What the node says in the log's place.
    NoLog(&'a str),
    /// The log breaks off, and why.
    Broken(&'a str),
}

/// Hears the events of the logs that are followed, each with the life that it is of.
pub type LogListener = std::sync::Arc<dyn Fn(&Life, LogEvent<'_>) + Send + Sync>;

/// A container of a pod, in one of its lives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Life {
    /// The Pod's uid: a later Pod of the same name is another.
    pub uid: String,
    /// The Pod's name.
    pub pod: String,
    /// The container's name.
    pub container: String,
    /// Restarts before it.
    pub restarts: i64,
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
    /// Hands every line of the target's pods to `line`, which hears pod, container and line; `without` hears of every
    /// container that has no log yet, and why. Says how many pods.
    ///
    /// # Errors
    /// [`ClusterError`] when the target is not there, or a log breaks off.
    pub async fn logs(
        &self,
        namespace: &str,
        target: &PodTarget,
        options: &LogOptions,
        line: &mut (dyn FnMut(&str, &str, &str) + Send),
        without: &(dyn Fn(&str, &str, &str) + Sync),
    ) -> Result<usize, ClusterError> {
        let pods = self.pods_of(namespace, target).await?;
        let api = self.pods(namespace).await?;
        for pod in &pods {
            let name = pod.metadata.name.as_deref().unwrap_or_default();
            for container in containers(pod, options.container.as_deref()) {
                let doing = format!("read the log of {container} in pod/{name}");
                let asked = self.ask(&doing, api.log_stream(name, &options.parameters(&container, false))).await;
                let stream = match asked {
                    Ok(stream) => stream,
                    Err(ClusterError::Refused(refusal)) if has_none(&refusal) => {
                        without(name, &container, &refusal.message);
                        continue;
                    }
                    Err(trouble) => return Err(trouble),
                };
                let each = |text: &str| {
                    if not_of_the_application(text) {
                        without(name, &container, text);
                    } else {
                        line(name, &container, text);
                    }
                };
                read::lines(stream, each).await.map_err(|error| read::broken(&doing, &error))?;
            }
        }
        Ok(pods.len())
    }

    /// Follows the logs of the target's pods, also of those that come later, until dropped. `up` is called once the
    /// pods are known.
    ///
    /// # Errors
    /// [`ClusterError`] when the target is not there or cannot be watched.
    pub async fn follow_logs(
        &self,
        namespace: &str,
        target: &PodTarget,
        options: &LogOptions,
        listener: LogListener,
        up: impl Fn(),
    ) -> Result<(), ClusterError> {
        let found = self.find_pods(namespace, target).await?;
        let pod_kind = self.kind_of("v1", "Pod").await?;
        let api = self.pods(namespace).await?;
        let (found_life, mut newcomers) = mpsc::unbounded_channel::<Life>();
        let mut seen = BTreeSet::new();
        let mut note = |pod: &DynamicObject| {
            for life in started(pod, options.container.as_deref(), options.init) {
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
                let (api, listener) = (api.clone(), std::sync::Arc::clone(&listener));
                let parameters = options.parameters(&life.container, true);
                readers.spawn(async move {
                    let hear = |event: LogEvent<'_>| listener(&life, event);
                    let each = |text: &str| {
                        hear(if not_of_the_application(text) { LogEvent::NoLog(text) } else { LogEvent::Line(text) });
                    };
                    let broken = match api.log_stream(&life.pod, &parameters).await {
                        Ok(stream) => {
                            hear(LogEvent::Begins);
                            read::lines(stream, each).await.err().map(|error| error.to_string())
                        }
                        Err(kube::Error::Api(status)) => Some(status.message.clone()),
                        Err(_) => Some("the cluster does not answer".to_owned()),
                    };
                    if let Some(why) = broken {
                        hear(LogEvent::Broken(&why));
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

/// Whether it says that the container has no log yet: it waits to start, or has no earlier life.
fn has_none(refusal: &Refusal) -> bool {
    let words = ["is waiting to start", "waiting to start", "previous terminated container", "is not available"];
    refusal.code == 400 && words.iter().any(|words| refusal.message.contains(words))
}

/// The containers of a pod that have started, in their current life: only this one, if one is named; with `init` those
/// that prepare it, too.
pub(super) fn started(pod: &DynamicObject, only: Option<&str>, init: bool) -> Vec<Life> {
    let of = |key: &str| pod.data["status"][key].as_array().map(Vec::as_slice).unwrap_or_default();
    let init = if init { of("initContainerStatuses") } else { &[] };
    let statuses = init.iter().chain(of("containerStatuses"));
    let has_started =
        |status: &&Value| status["state"]["running"].is_object() || status["state"]["terminated"].is_object();
    statuses
        .filter(has_started)
        .filter_map(|status| {
            Some(Life {
                uid: pod.metadata.uid.clone().unwrap_or_default(),
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
    fn a_container_that_waits_is_no_failure_and_a_wrong_name_is() {
        let refusal = |message: &str| Refusal { code: 400, message: message.to_owned(), ..Refusal::default() };
        let waiting = "container \"web\" in pod \"web-1\" is waiting to start: trying and failing to pull image";
        assert!(has_none(&refusal(waiting)));
        assert!(has_none(&refusal("previous terminated container \"web\" in pod \"web-1\" not found")));
        assert!(!has_none(&refusal("container wbe is not valid for pod web-1")));
    }

    #[test]
    fn a_container_has_a_log_once_it_has_started() {
        let pod = serde_json::from_value(
            serde_json::json!({ "metadata": { "name": "web-1", "uid": "u1" }, "status": { "containerStatuses": [
            { "name": "web", "restartCount": 2, "state": { "running": {} } },
            { "name": "side", "restartCount": 0, "state": { "waiting": {} } } ] } }),
        )
        .expect("a pod");
        let web = Life { uid: "u1".to_owned(), pod: "web-1".to_owned(), container: "web".to_owned(), restarts: 2 };
        assert_eq!(started(&pod, None, false), [web]);
        assert_eq!(started(&pod, Some("side"), true), []);
    }
}
