//! Why live objects are not as they should be: gathers what the cluster knows of them, keeps it as evidence, and
//! names the causes. Knows no assertion.

mod admission;
mod causes;
mod describe;
mod evidence;
mod gather;
pub(super) mod json;
mod probes;
pub(super) mod recent;
mod related;
mod revisions;
mod snapshot;
mod timeline;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::client::Cluster;
use crate::core::model::outcome::Finding;

pub(crate) use admission::cause as admission_cause;
pub use causes::causes;
pub use snapshot::{Snapshot, Target};

/// The class of a Service without Pods.
const NO_ENDPOINTS: &str = "NoEndpoints";

/// How long an explanation may take in all.
const LIMIT: Duration = Duration::from_secs(5);

impl Cluster {
    /// What explains that `target` is not as it should be, most telling first; `keep(name, text)` stores the
    /// evidence, whole. Takes 5 s at most. Says nothing where the cluster does not answer.
    pub async fn explain(&self, namespace: &str, target: &Target, keep: &(dyn Fn(&str, &str) + Sync)) -> Vec<Finding> {
        let deadline = Instant::now() + LIMIT;
        let Ok(Ok(client)) = tokio::time::timeout_at(deadline, self.client()).await else { return Vec::new() };
        let mut all = gather::snapshot(&client, namespace, deadline).await;
        self.add_object(&client, &mut all, target, deadline).await;
        self.recent.note_exits(&mut all);
        let mut about = related::related(&all, target);
        let remembered = about.pods.is_empty().then(|| self.recent.ended(namespace, target)).flatten();
        let logs = match remembered {
            // The Job controller removes the Pod of a Job that has failed.
            Some(ended) => {
                about.pods = ended.pods;
                ended.logs
            }
            None => gather::logs(&client, namespace, &about.pods, deadline).await,
        };
        about.logs = logs.iter().map(|log| (log.container(), log.last_lines())).collect();
        evidence::keep_all(&about, &logs, target, keep);
        if let Some(missing) = related::missing(&all, &about, namespace, target) {
            return vec![missing];
        }
        causes(&about, target)
    }

    /// The causes seen now that waiting cannot fix. Answers from a snapshot that is about a second old at most, shared
    /// by all who ask. Empty if the cluster does not answer.
    pub async fn fatal(&self, namespace: &str, target: &Target) -> Vec<Finding> {
        let deadline = Instant::now() + LIMIT;
        let Ok(Ok(client)) = tokio::time::timeout_at(deadline, self.client()).await else { return Vec::new() };
        let all = self.recent.snapshot(&client, namespace, deadline).await;
        let mut about = if related::needs_object(target) {
            let mut all = Snapshot::clone(&all);
            self.add_object(&client, &mut all, target, deadline).await;
            related::related(&all, target)
        } else {
            related::related(&all, target)
        };
        let crashed: Vec<Value> =
            about.pods.iter().filter(|pod| gather::crashed_at_once(pod)).take(2).cloned().collect();
        if !crashed.is_empty() {
            let logs = gather::logs(&client, namespace, &crashed, deadline).await;
            about.logs = logs.iter().map(|log| (log.container(), log.last_lines())).collect();
        }
        if target.is_job() {
            let ended: Vec<Value> = about.pods.iter().filter(|pod| gather::has_failed(pod)).cloned().collect();
            if self.recent.is_new(namespace, target, &ended) {
                let logs = gather::logs(&client, namespace, &ended, deadline).await;
                self.recent.remember(namespace, target, ended, logs);
            }
        }
        // What a controller has not seen yet may still change everything.
        if about.workloads.iter().any(|workload| !json::is_observed(workload)) {
            return Vec::new();
        }
        let mut findings = causes::fatal(&about, target);
        // Pods of a Service that has none may still come: that is final only after a while.
        let lasts =
            |it: &Finding| it.fatal.as_deref() != Some(NO_ENDPOINTS) || self.recent.is_lasting(namespace, &it.object);
        findings.retain(lasts);
        findings
    }

    /// What keeps objects that are being deleted from going: their finalizers, and the Pods that have not ended.
    /// Without a target all Pods of the namespace count.
    pub async fn holds_deletion(&self, namespace: &str, target: Option<&Target>) -> Vec<Finding> {
        let deadline = Instant::now() + LIMIT;
        let Ok(Ok(client)) = tokio::time::timeout_at(deadline, self.client()).await else { return Vec::new() };
        let all = gather::snapshot(&client, namespace, deadline).await;
        let whole = Target::Object { kind: "Namespace".to_owned(), name: namespace.to_owned() };
        let mut about = match target {
            Some(target) => related::related(&all, target),
            None => Snapshot { events: Vec::new(), claims: Vec::new(), ..all },
        };
        about.deleting = true;
        about.pods.retain(|pod| !pod["metadata"]["deletionTimestamp"].is_null());
        (about.services, about.workloads, about.nodes) = (Vec::new(), Vec::new(), Vec::new());
        (about.claims, about.unreadable) = (Vec::new(), BTreeMap::new());
        causes(&about, target.unwrap_or(&whole)).into_iter().filter(|finding| finding.cause == "Terminating").collect()
    }

    /// Adds the object itself, and what belongs to its kind, if no list of the snapshot holds it.
    async fn add_object(&self, client: &kube::Client, all: &mut Snapshot, target: &Target, deadline: Instant) {
        let Target::Object { kind, name } = target else { return };
        if !related::needs_object(target) {
            return;
        }
        let get = async {
            let found = self.kind_named(kind).await.ok()?;
            let object = found.api(client.clone(), &all.namespace).get_opt(name).await.ok()??;
            let mut object = serde_json::to_value(object).ok()?;
            if found.resource.group.is_empty() && found.resource.kind == "Secret" {
                super::secret_values::hide(&mut object);
            }
            object["kind"] = kind.as_str().into();
            Some(object)
        };
        all.object = tokio::time::timeout_at(deadline, get).await.ok().flatten();
        if kind == "Ingress" {
            gather::ingress_classes(client, all, deadline).await;
            gather::missing_secrets(client, all, deadline).await;
        }
    }
}
