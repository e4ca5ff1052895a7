//! Runners: where the commands of steps run, if not on this machine.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::common::Any;
use crate::core::kind::settings::{Placement, Resources, RunnerSettings, SubmitSettings};

/// The name of the runner that every pipeline has: this machine.
pub const LOCAL: &str = "local";
/// Pods at a time where nothing is written.
const MAX: u32 = 10;

/// A runner.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunnerSpec {
    /// Each command in a Pod of its own.
    pub pod: PodRunnerSpec,
}

/// Pods of a Kubernetes cluster that run the commands of steps, each as a Job that never retries. The image needs
/// `/bin/sh`, and tar where files are sent or returned.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PodRunnerSpec {
    /// The kubeconfig context, one of `cluster.contexts`; where absent that of the pipeline.
    #[serde(default)]
    pub context: Option<String>,
    /// The namespace; where absent `cluster.namespace`.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The image that the commands run in.
    pub image: String,
    /// What a Pod may use: requested, and its limit.
    #[serde(default)]
    pub resources: Resources,
    /// Pods at a time: 10 where nothing is written. They take no place of `--jobs`.
    #[serde(default)]
    #[schemars(range(min = 1, max = 10_000))]
    pub max: Option<u32>,
    /// The numeric user that the commands run as: 65532 where nothing is written. With 0 they run as root, and the security
    /// context is not restricted.
    #[serde(default)]
    #[schemars(range(min = 0, max = 4_294_967_294_i64))]
    pub user: Option<i64>,
    /// The service account whose token a Pod gets; without one it gets none.
    #[serde(default)]
    pub service_account: Option<String>,
    /// Labels that a Pod's node must have.
    #[serde(default)]
    pub node_selector: BTreeMap<String, String>,
    /// Taints of nodes that a Pod tolerates, as in a Pod's specification.
    #[serde(default)]
    pub tolerations: Vec<Any>,
    /// Labels of the Jobs and Pods, such as that of a queue.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Secrets of the namespace with the credentials of registries.
    #[serde(default)]
    pub image_pull_secrets: Vec<String>,
    /// What else a Pod has, as the `template` of a Job: volumes, affinity, annotations, more containers. The container of
    /// the step is `step`. What the runner sets itself cannot be in it.
    #[serde(default)]
    pub pod_template: Option<Any>,
    /// A PersistentVolumeClaim of the namespace that keeps `inputs` by content: what is unchanged is not sent again. The
    /// commands of steps cannot reach it. Without one everything is sent to each Pod.
    #[serde(default)]
    pub store: Option<String>,
    /// For `pipeline submit`: what a whole run needs to be in a Pod of this namespace.
    #[serde(default)]
    pub submit: Option<SubmitSpec>,
}

/// What a whole run needs to be in a Pod.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitSpec {
    /// The image: `pipeline`, a shell, tar, and what steps on that machine need.
    pub image: String,
    /// The service account of the run, `pipeline` where nothing is written; docs/runners.md has its permissions.
    #[serde(default)]
    pub service_account: Option<String>,
}

/// Where a command runs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RunsOn {
    /// A runner of pipeline.yaml, or `local`.
    Name(String),
    /// A runner, and what differs from it.
    With(RunsOnWith),
}

/// A runner, and what differs from it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunsOnWith {
    /// A runner of pipeline.yaml, or `local`.
    pub runner: String,
    /// The image in the place of the runner's.
    #[serde(default)]
    pub image: Option<String>,
}

impl RunsOn {
    /// The runner's name.
    pub fn runner(&self) -> &str {
        match self {
            RunsOn::Name(name) => name,
            RunsOn::With(with) => &with.runner,
        }
    }

    /// The image in the place of the runner's.
    pub fn image(&self) -> Option<&str> {
        match self {
            RunsOn::Name(_) => None,
            RunsOn::With(with) => with.image.as_deref(),
        }
    }
}

impl PodRunnerSpec {
    /// Pods at a time, at least 1.
    pub fn places(&self) -> u32 {
        self.max.unwrap_or(MAX).max(1)
    }

    /// As the drivers take it.
    pub fn settings(self) -> RunnerSettings {
        let max = self.places();
        let placement = Placement {
            service_account: self.service_account,
            node_selector: self.node_selector,
            tolerations: self.tolerations.into_iter().map(|toleration| toleration.0).collect(),
            labels: self.labels,
            image_pull_secrets: self.image_pull_secrets,
        };
        RunnerSettings {
            context: self.context,
            namespace: self.namespace,
            image: self.image,
            resources: self.resources,
            user: self.user,
            placement,
            template: self.pod_template.map(|template| template.0),
            store: self.store,
            submit: self
                .submit
                .map(|submit| SubmitSettings { image: submit.image, service_account: submit.service_account }),
            max,
        }
    }
}
