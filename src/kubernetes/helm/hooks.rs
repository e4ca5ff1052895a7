//! What the Pods of a release's hooks did while helm was at work: kept as they come, because helm may remove them at
//! once. Knows no step.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::io::AsyncBufReadExt;
use futures::stream::FuturesUnordered;
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ApiResource, DynamicObject, LogParams};
use serde_json::Value;

use super::Helm;
use super::release::Hook;
use crate::core::mask::{cut, of_run};
use crate::core::model::outcome::Finding;
use crate::kubernetes::explain::{Snapshot, Target, causes};
use crate::kubernetes::logs::{Life, started};

/// Between two reads of the release's record, and before a watch that failed is tried again.
const PAUSE: Duration = Duration::from_millis(300);
/// Lines of a container that are kept, and how many are shown.
const KEPT: usize = 1000;
const SHOWN: usize = 10;
/// Characters of a line that are kept.
const WIDTH: usize = 4000;

/// What was seen of the hooks so far.
#[derive(Debug, Default)]
pub struct HookWatch(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    hooks: Vec<Hook>,
    /// The last state of each Pod, by name.
    pods: BTreeMap<String, Value>,
    /// By Pod and container.
    logs: BTreeMap<(String, String), VecDeque<String>>,
}

impl Helm {
    /// Watches the hooks of a release until it is dropped. Gives up in silence where the cluster does not let it.
    pub async fn watch_hooks(&self, release: &str, namespace: &str, watch: &HookWatch) {
        let resource = ApiResource::erase::<Pod>(&());
        let objects = loop {
            match self.cluster().objects(&resource, Some(namespace)).await {
                Ok(objects) => break objects,
                Err(fault) if fault.transient => tokio::time::sleep(PAUSE).await,
                Err(_) => return,
            }
        };
        let Ok(client) = self.cluster().client().await else { return };
        let api: Api<Pod> = Api::namespaced(client, namespace);
        let mut version = objects.version();
        let before: BTreeSet<String> = objects.list().iter().filter_map(|pod| pod.metadata.uid.clone()).collect();
        let mut read_at = None;
        let mut lives = BTreeSet::new();
        let mut readers = FuturesUnordered::new();
        loop {
            let all = objects.list();
            let new = || all.iter().filter(|pod| pod.metadata.uid.as_ref().is_none_or(|uid| !before.contains(uid)));
            let due = read_at.is_none_or(|at: tokio::time::Instant| at.elapsed() >= PAUSE);
            if due && new().next().is_some() {
                read_at = Some(tokio::time::Instant::now());
                if let Ok(Some(record)) = self.release(release, namespace).await {
                    watch.seen().hooks = record.hooks;
                }
            }
            for pod in new() {
                if watch.note(pod) {
                    for life in started(pod, None, true).into_iter().filter(|life| lives.insert(life.clone())) {
                        readers.push(read(api.clone(), life, watch));
                    }
                }
            }
            tokio::select! {
                changed = version.changed() => if changed.is_err() { return },
                Some(()) = readers.next() => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }
}

impl HookWatch {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the state of a Pod that belongs to a hook; whether it does.
    fn note(&self, pod: &DynamicObject) -> bool {
        let mut seen = self.seen();
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let owners = pod.metadata.owner_references.as_deref().unwrap_or_default();
        let belongs = seen.hooks.iter().any(|hook| {
            let is_it = hook.kind == "Pod" && hook.name == name;
            is_it || owners.iter().any(|owner| owner.kind == hook.kind && owner.name == hook.name)
        });
        if belongs && let Ok(mut value) = serde_json::to_value(pod) {
            value["kind"] = "Pod".into();
            // Its status before the deletion says more than the deletion.
            if let Some(metadata) = value["metadata"].as_object_mut() {
                metadata.remove("deletionTimestamp");
            }
            seen.pods.insert(name.to_owned(), value);
        }
        belongs
    }

    /// The hooks as targets of explanations.
    pub fn targets(&self) -> Vec<Target> {
        let seen = self.seen();
        let hooks = seen.hooks.iter().filter(|hook| {
            let of_hook = |pod: &Value| {
                let owners = pod["metadata"]["ownerReferences"].as_array().into_iter().flatten();
                owners.into_iter().any(|owner| owner["name"] == hook.name.as_str())
            };
            seen.pods.iter().any(|(name, pod)| *name == hook.name || of_hook(pod))
        });
        let target = |hook: &Hook| match hook.kind.as_str() {
            "Pod" => Target::Object { kind: "Pod".to_owned(), name: hook.name.clone() },
            kind => Target::Workload { kind: kind.to_owned(), name: hook.name.clone() },
        };
        hooks.map(target).collect()
    }

    /// Hands the states and logs of the hooks' Pods to `keep`.
    pub fn keep(&self, keep: &dyn Fn(&str, &str)) {
        let seen = self.seen();
        for (name, pod) in &seen.pods {
            let yaml = serde_saphyr::to_string(pod).unwrap_or_else(|_| pod.to_string());
            keep(&format!("hooks/{name}.yaml"), &yaml);
        }
        for ((pod, container), lines) in &seen.logs {
            let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
            keep(&format!("hooks/{pod}.{container}.log"), &text);
        }
    }

    /// Why hooks did not end well, with the last log lines of their Pods.
    pub fn findings(&self) -> Vec<Finding> {
        let seen = self.seen();
        let last = |lines: &VecDeque<String>| {
            let mut lines = lines.iter().cloned().collect();
            // a secret of several lines is known by all of them
            of_run().mask_lines(&mut lines);
            lines.split_off(lines.len().saturating_sub(SHOWN))
        };
        let logs: BTreeMap<(String, String), Vec<String>> =
            seen.logs.iter().map(|(container, lines)| (container.clone(), last(lines))).collect();
        let mut findings = Vec::new();
        for (name, pod) in seen.pods.iter().filter(|(_, pod)| pod["status"]["phase"] != "Succeeded") {
            let alone = Snapshot { pods: vec![pod.clone()], logs: logs.clone(), ..Snapshot::default() };
            let target = Target::Object { kind: "Pod".to_owned(), name: name.clone() };
            let found = causes(&alone, &target);
            if found.is_empty() {
                let phase = pod["status"]["phase"].as_str().unwrap_or("Unknown");
                let mut finding = Finding::new(format!("pod/{name}"), phase, "had not ended when helm did");
                finding.lines =
                    logs.iter().filter(|((pod, _), _)| pod == name).flat_map(|(_, lines)| lines.clone()).collect();
                findings.push(finding);
            }
            findings.extend(found);
        }
        findings
    }

    fn line(&self, life: &Life, line: &str) {
        let mut seen = self.seen();
        let lines = seen.logs.entry((life.pod.clone(), life.container.clone())).or_default();
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(cut(line, WIDTH));
    }
}

/// Reads the log of one life to its end.
async fn read(api: Api<Pod>, life: Life, watch: &HookWatch) {
    let tail = i64::try_from(KEPT).ok();
    let parameters =
        LogParams { container: Some(life.container.clone()), follow: true, tail_lines: tail, ..LogParams::default() };
    let Ok(stream) = api.log_stream(&life.pod, &parameters).await else { return };
    let mut lines = stream.lines();
    while let Ok(Some(line)) = lines.try_next().await {
        watch.line(&life, &line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(name: &str, owner: &str, state: &Value) -> DynamicObject {
        serde_json::from_value(json!({
            "metadata": {"name": name, "deletionTimestamp": "2026-01-01T00:00:00Z",
                "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": owner, "uid": "u"}]},
            "spec": {"restartPolicy": "Never"},
            "status": {"phase": "Failed", "containerStatuses": [{"name": "mig", "restartCount": 0, "state": state}]}
        }))
        .expect("a Pod")
    }

    #[test]
    fn a_failed_hook_is_explained_by_its_last_lines_even_when_it_is_gone() {
        let watch = HookWatch::default();
        watch.seen().hooks = vec![Hook { name: "migrate".to_owned(), kind: "Job".to_owned(), ..Hook::default() }];
        let ended = pod("migrate-x", "migrate", &json!({"terminated": {"exitCode": 5, "reason": "Error"}}));
        assert!(watch.note(&ended));
        assert!(!watch.note(&pod("web-1", "web", &json!({"running": {}}))));
        for life in started(&ended, None, true) {
            watch.line(&life, "table users is locked");
        }
        let findings = watch.findings();
        let shown: Vec<String> =
            findings.iter().map(|it| format!("{} {} {}", it.object, it.cause, it.message)).collect();
        assert_eq!(shown, ["pod/migrate-x Error container mig: exited with code 5"]);
        assert_eq!(findings[0].lines, ["table users is locked"]);
        assert_eq!(watch.targets(), [Target::Workload { kind: "Job".to_owned(), name: "migrate".to_owned() }]);
    }
}
