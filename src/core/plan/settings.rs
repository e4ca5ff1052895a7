//! What the drivers must know of a run, from pipeline.yaml and the chosen context.

use std::path::{Component, Path, PathBuf};

use crate::core::spec::{ClusterSpec, PipelineSpec, SecretSource};
use crate::kubernetes::client::ClusterSettings;
use crate::services::Settings;

/// The settings of a pipeline whose folder is `root`; `context` is the cluster's context that was chosen.
pub(super) fn settings(spec: PipelineSpec, context: Option<String>, root: &Path) -> Settings {
    let plain =
        |file: &str| Path::new(file).components().filter(|part| *part != Component::CurDir).collect::<PathBuf>();
    let secret_files = spec.secrets.values().flat_map(SecretSource::files).map(plain).collect();
    let mut cluster = spec.cluster.unwrap_or_default();
    let any_is_context = cluster.contexts.iter().any(|context| context == ClusterSpec::ANY);
    let load = if any_is_context { None } else { cluster.load.shift_remove(ClusterSpec::ANY) };
    let loads = cluster.load.into_iter().collect();
    Settings {
        project: root.canonicalize().unwrap_or_else(|_| root.to_owned()),
        cluster: ClusterSettings { contexts: cluster.contexts, namespace: cluster.namespace, context, load, loads },
        secret_files,
        runners: spec.runners.into_iter().map(|(name, runner)| (name, runner.pod.settings())).collect(),
    }
}
