//! The `rollout` assertion: how far a Deployment, StatefulSet or DaemonSet is, and what it rolled out.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ApiResource, DynamicObject};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::live::{Changes, current};
use super::pods::{full, running};
use crate::core::kind::{Assertion, AssertionKind, CheckContext, Context, Watch};
use crate::core::model::diagnostic::Code;
use crate::core::model::expect::Expect;
use crate::core::model::outcome::{Fault, Finding, Measure, Verdict};
use crate::core::model::units::{Count, Text};
use crate::core::yaml::Segment;
use crate::kubernetes::client::Reference;
use crate::kubernetes::explain::Target;
use crate::kubernetes::rollout;
use crate::services::Clients;

/// A container without a probe is up only after a while, which no change announces.
const AGAIN: Duration = Duration::from_secs(1);

/// `rollout`: a workload has rolled out, and what it rolled out. Stricter than `kubectl rollout status`: old pods that a
/// strategy keeps (`OnDelete`, a partition) or that are still ending count.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-short" = "workload"))]
pub struct Rollout {
    /// The workload: `deployment/backend`, `statefulset/db`, `daemonset/agent`.
    workload: Reference,
    /// Its namespace; else the pipeline's.
    namespace: Option<String>,
    /// That every replica is of the newest revision and available, and no old one is left, not even one that is being
    /// deleted and still runs. A container without a probe counts once it has run for 3s, and once it has ended before,
    /// for 10s. `true` where nothing is said. `false` expects a rollout that is under way or stuck. A
    /// DaemonSet that matches no node is not complete.
    complete: Option<bool>,
    /// Its revision: 1 when created, one more with each change of its pods and each undo.
    revision: Option<Expect<Count>>,
    /// How it rolls out: `RollingUpdate`, `Recreate`, `OnDelete`.
    strategy: Option<Expect<Text>>,
    /// Replicas that are available.
    replicas: Option<Expect<Count>>,
    /// An image that one of its containers or sidecars has.
    image: Option<String>,
}

/// The row of this kind.
pub const KIND: AssertionKind = AssertionKind::assertion::<Rollout>(
    "rollout",
    "A Deployment, StatefulSet or DaemonSet has fully rolled out; its revision, strategy, replicas and image.",
    "workload: deployment/backend\nrevision: \">= 2\"\nstrategy: RollingUpdate\nreplicas: 2\n",
)
.cluster();

#[async_trait]
impl Assertion for Rollout {
    fn check(&self, cx: &mut CheckContext<'_>) {
        if kind_of(&self.workload.kind).is_none() {
            cx.error(
                &[Segment::Key("workload".to_owned())],
                Code::InvalidValue,
                format!("`{}` does not roll out", self.workload),
                Some("write deployment/NAME, statefulset/NAME or daemonset/NAME".to_owned()),
            );
        }
    }

    fn title(&self) -> String {
        format!("rollout {}", self.workload)
    }

    async fn watch(&self, cx: &Context) -> Result<Box<dyn Watch>, Fault> {
        let (kind, resource) = self.kind()?;
        let cluster = &cx.cluster();
        let mut objects = vec![cluster.objects(&resource, Some(self.namespace(cx))).await?];
        if self.needs_revisions(kind) {
            objects.push(cluster.objects(&revisions(), Some(self.namespace(cx))).await?);
        }
        // Where they may not be listed, the measurement says so once it needs them.
        objects.extend(cluster.objects(&pods(), Some(self.namespace(cx))).await.ok());
        Ok(Box::new(Changes::of(objects).or_after(AGAIN)))
    }

    async fn measure(&self, cx: &Context) -> Result<Verdict, Fault> {
        let (kind, resource) = self.kind()?;
        let cluster = &cx.cluster();
        let workloads = current(&*cluster.objects(&resource, Some(self.namespace(cx))).await?)?;
        let revisions = if self.needs_revisions(kind) {
            current(&*cluster.objects(&revisions(), Some(self.namespace(cx))).await?)?
        } else {
            Vec::new()
        };
        let workload = workloads.iter().find(|it| it.metadata.name.as_ref() == Some(&self.workload.name));
        let done = workload.is_some_and(|it| rollout::state_of(kind, it) == rollout::Rollout::Done);
        let pods =
            if done { current(&*cluster.objects(&pods(), Some(self.namespace(cx))).await?)? } else { Vec::new() };
        Ok(Verdict::of(self.measures(kind, workload, &revisions, &pods)))
    }

    async fn blockers(&self, cx: &Context, verdict: &Verdict) -> Vec<Finding> {
        // What the objects say of themselves (revision, strategy, image) is not what a cause of Pods keeps from coming.
        let waits = |name: &str| matches!(name, "complete" | "replicas");
        let awaited = verdict.measures().iter().any(|measure| !measure.holds && waits(&measure.name));
        let Some(target) = self.target().filter(|_| awaited && self.complete.unwrap_or(true)) else {
            return Vec::new();
        };
        cx.cluster().fatal(self.namespace(cx), &target).await
    }

    async fn explain(&self, cx: &Context) -> Vec<Finding> {
        let Some(target) = self.target() else { return Vec::new() };
        let keep = |name: &str, text: &str| cx.evidence.keep(name, text);
        cx.cluster().explain(self.namespace(cx), &target, &keep).await
    }
}

impl Rollout {
    fn namespace<'a>(&'a self, cx: &'a Context) -> &'a str {
        self.namespace.as_deref().unwrap_or_else(|| cx.namespace())
    }

    fn target(&self) -> Option<Target> {
        let (kind, _) = self.kind().ok()?;
        Some(Target::Workload { kind: kind.to_owned(), name: self.workload.name.clone() })
    }

    fn kind(&self) -> Result<(&'static str, ApiResource), Fault> {
        kind_of(&self.workload.kind).ok_or_else(|| {
            Fault::invalid(format!("`{}` does not roll out", self.workload))
                .help("write deployment/NAME, statefulset/NAME or daemonset/NAME")
        })
    }

    /// A Deployment carries its revision; that of the others is in ControllerRevisions.
    fn needs_revisions(&self, kind: &str) -> bool {
        self.revision.is_some() && kind != "Deployment"
    }

    fn measures(
        &self,
        kind: &str,
        workload: Option<&Arc<DynamicObject>>,
        revisions: &[Arc<DynamicObject>],
        pods: &[Arc<DynamicObject>],
    ) -> Vec<Measure> {
        let complete = self.complete.unwrap_or(true);
        let expected = if complete { "rolled out" } else { "not rolled out" };
        let Some(workload) = workload else {
            return vec![Measure::new("complete", format!("there is no {}", self.workload), expected, false)];
        };
        if workload.metadata.deletion_timestamp.is_some() {
            return vec![Measure::new("complete", "it is being deleted", expected, false)];
        }
        let (actual, done) = match rollout::state_of(kind, workload) {
            rollout::Rollout::Done => {
                let ending = rollout::terminating_pods(kind, workload, pods.iter().map(AsRef::as_ref));
                let unsettled =
                    || rollout::unsettled_of(kind, workload, pods.iter().map(AsRef::as_ref), Timestamp::now());
                if !ending.is_empty() {
                    (rollout::terminating_message(&ending), false)
                } else if let Some(why) = unsettled() {
                    (why, false)
                } else {
                    ("rolled out".to_owned(), true)
                }
            }
            rollout::Rollout::Waiting(why) => (why, false),
            rollout::Rollout::Held(held) => (format!("{}: {}", held.cause, held.message), false),
            rollout::Rollout::Failed { cause, message } => (format!("{cause}: {message}"), false),
        };
        let mut measures = vec![Measure::new("complete", actual, expected, done == complete)];
        if let Some(expect) = &self.revision {
            let revision = revision(kind, workload, revisions);
            measures.push(match revision {
                Some(revision) => expect.measure("revision", &Count(revision)),
                None => Measure::new("revision", "none yet", expect, false),
            });
        }
        let (spec, status) = (&workload.data["spec"], &workload.data["status"]);
        if let Some(expect) = &self.strategy {
            let key = if kind == "Deployment" { "strategy" } else { "updateStrategy" };
            let strategy = spec[key]["type"].as_str().unwrap_or("RollingUpdate");
            measures.push(expect.measure("strategy", &Text(strategy.to_owned())));
        }
        if let Some(expect) = &self.replicas {
            let key = if kind == "DaemonSet" { "numberAvailable" } else { "availableReplicas" };
            measures.push(expect.measure("replicas", &Count(status[key].as_i64().unwrap_or(0))));
        }
        if let Some(image) = &self.image {
            let containers = running(&spec["template"]["spec"]);
            let images: Vec<&str> =
                containers.into_iter().filter_map(|container| container["image"].as_str()).collect();
            let holds = images.iter().any(|one| full(one) == full(image));
            measures.push(Measure::new("image", images.join(", "), image, holds));
        }
        measures
    }
}

/// The revision that a workload is at, or is rolling out to.
fn revision(kind: &str, workload: &DynamicObject, revisions: &[Arc<DynamicObject>]) -> Option<i64> {
    if kind == "Deployment" {
        return workload.metadata.annotations.as_ref()?.get("deployment.kubernetes.io/revision")?.parse().ok();
    }
    let is_owner = |owner: &k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference| {
        owner.kind == kind && Some(&owner.name) == workload.metadata.name.as_ref()
    };
    let owned = |it: &&Arc<DynamicObject>| it.metadata.owner_references.iter().flatten().any(is_owner);
    let update = workload.data["status"]["updateRevision"].as_str();
    let meant = |it: &&Arc<DynamicObject>| update.is_none() || it.metadata.name.as_deref() == update;
    revisions.iter().filter(owned).filter(meant).filter_map(|it| it.data.get("revision").and_then(Value::as_i64)).max()
}

fn revisions() -> ApiResource {
    ApiResource::erase::<ControllerRevision>(&())
}

fn pods() -> ApiResource {
    ApiResource::erase::<Pod>(&())
}

/// The kind that a loose name means, of those that roll out. Needs no discovery.
fn kind_of(written: &str) -> Option<(&'static str, ApiResource)> {
    let written = written.to_ascii_lowercase();
    let bare = written.strip_suffix(".apps").or_else(|| written.strip_suffix(".v1.apps")).unwrap_or(&written);
    match bare {
        "deployment" | "deployments" | "deploy" => Some(("Deployment", ApiResource::erase::<Deployment>(&()))),
        "statefulset" | "statefulsets" | "sts" => Some(("StatefulSet", ApiResource::erase::<StatefulSet>(&()))),
        "daemonset" | "daemonsets" | "ds" => Some(("DaemonSet", ApiResource::erase::<DaemonSet>(&()))),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
