//! `pipeline.yaml`: what runs, with which vars and secrets, and the cluster it may touch.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::common::{Any, EnvText};
use super::runner::RunnerSpec;
use super::secret::SecretSource;
use crate::core::model::units::TimeSpan;

/// A pipeline file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PipelineSpec {
    /// The version of this format: 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// The pipeline's name.
    #[schemars(extend("format" = "name"))]
    pub pipeline: String,
    /// What it is for, in a sentence.
    #[serde(default)]
    pub description: Option<String>,
    /// The cluster it may touch.
    #[serde(default)]
    pub cluster: Option<ClusterSpec>,
    /// Values that expressions reach as `vars.NAME`; `--var NAME=VALUE`, `--var-file FILE` and profiles override them. A
    /// value, or a declaration: `{ type: integer, default: 2, min: 1 }`, with `one_of`, `matches`, `max` and `description`.
    #[serde(default)]
    pub vars: IndexMap<String, Any>,
    /// Where secret values come from; never a literal.
    #[serde(default)]
    pub secrets: IndexMap<String, SecretSource>,
    /// The limit for all stages together; `on_failure` and `finally` steps have none.
    #[serde(default)]
    pub timeout: Option<TimeSpan>,
    /// Environment variables for every step.
    #[serde(default)]
    pub env: IndexMap<String, EnvText>,
    /// Named sets of overrides, chosen with `--profile`.
    #[serde(default)]
    pub profiles: IndexMap<String, ProfileSpec>,
    /// Named limits on how many steps with `pool: NAME` run at once.
    #[serde(default)]
    pub pools: IndexMap<String, u32>,
    /// Parts by name, which steps take over with `use: NAME`; a part file is used by its path.
    #[serde(default)]
    pub parts: IndexMap<String, Any>,
    /// Other machines that steps with `runs_on: NAME` run on.
    #[serde(default)]
    pub runners: IndexMap<String, RunnerSpec>,
    /// Assertions that must hold before the first stage and again after the last.
    #[serde(default)]
    pub gate: Vec<Any>,
    /// The stages: files relative to this file, patterns such as `stages/*.yaml` (sorted with numbers as numbers), and
    /// stages written in place, each with the keys of a stage file. Or a mapping of names to stages.
    pub stages: Vec<String>,
    /// Steps that always run at the end, also after a failure or Ctrl-C.
    #[serde(default)]
    pub finally: IndexMap<String, Any>,
}

/// The cluster a pipeline may touch.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterSpec {
    /// The only kubeconfig contexts it may touch; any other is refused before anything runs.
    pub contexts: Vec<String>,
    /// The namespace for whatever names none; `default` where absent. Or one for each run:
    /// `{ fresh: todo, keep: failed, expires: 2h }`.
    #[serde(default)]
    pub namespace: Option<NamespaceSpec>,
    /// Where node ports and Ingresses answer, if this machine cannot reach the nodes' own addresses: `127.0.0.1` beside
    /// `minikube tunnel` or with kind's `extraPortMappings`, in Docker on macOS and Windows.
    #[serde(default)]
    pub address: Option<String>,
    /// How images get into clusters that are none of minikube, kind and k3d, which have loaders of their own: a command
    /// for each context, which gets a docker-archive on its standard input: `load: { local: [tools/cluster-load] }`.
    #[serde(default)]
    pub load: IndexMap<String, Vec<String>>,
}

impl ClusterSpec {
    /// The key under `load` of older files: one command for every context that no provider loads.
    pub const ANY: &'static str = "command";
}

/// The namespace for what names none: one that is there, or one for each run.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum NamespaceSpec {
    /// Its name.
    Name(String),
    /// One that each run creates and removes.
    Fresh(FreshSpec),
}

/// A namespace that each run creates as `NAME-RUN`, holds, and removes at its end with all that the run has made, so that
/// several runs can share a cluster. `run.namespace` is its name.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FreshSpec {
    /// What the names begin with: `todo` for `todo-20261130-111334-8sfk`. At most 42 characters.
    pub fresh: String,
    /// Which runs leave their namespace: `failed` for those that did not pass, until `pipeline clean` or its time is over.
    /// `run --resume` needs it.
    #[serde(default)]
    pub keep: KeepNamespace,
    /// After what time a namespace that a run has left is removed by any later run of this pipeline, and by `clean`.
    #[serde(default)]
    #[schemars(extend("default" = "24h"))]
    pub expires: Option<TimeSpan>,
}

impl FreshSpec {
    /// The longest `fresh`: a name has up to 63 characters, and a run's id has 20.
    pub const LONGEST: usize = 42;
}

/// Which runs leave their namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeepNamespace {
    /// None.
    #[default]
    Never,
    /// Those that did not pass.
    Failed,
}

/// Overrides that `--profile` chooses.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileSpec {
    /// Vars that take the place of the pipeline's.
    #[serde(default)]
    pub vars: IndexMap<String, Any>,
    /// Environment variables that take the place of the pipeline's.
    #[serde(default)]
    pub env: IndexMap<String, EnvText>,
    /// What takes the place of the pipeline's own `cluster`.
    #[serde(default)]
    pub cluster: Option<ProfileClusterSpec>,
}

/// What a profile says of the cluster.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileClusterSpec {
    /// Where node ports and Ingresses answer: `127.0.0.1`.
    #[serde(default)]
    pub address: Option<String>,
}
