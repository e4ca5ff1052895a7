//! What pipeline.yaml says about the environment of a run: the cluster that may be touched, files of secrets, runners.

mod fresh;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use crate::core::model::units::as_written;
use crate::core::yaml::Segment;

pub use fresh::{FreshOrigin, FreshSettings, UNNAMED};

/// The settings of a run.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The project's folder (that of pipeline.yaml), absolute.
    pub project: PathBuf,
    /// Which cluster may be touched.
    pub cluster: ClusterSettings,
    /// The files that secrets come from, relative to the project: the only ones that may hold their values.
    pub secret_files: Vec<PathBuf>,
    /// Runners on other machines, by name.
    pub runners: BTreeMap<String, RunnerSettings>,
}

/// Which cluster may be touched, as pipeline.yaml says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClusterSettings {
    /// The only kubeconfig contexts that may be used.
    pub contexts: Vec<String>,
    /// The namespace for what names none; `default` where the file says nothing.
    pub namespace: Option<String>,
    /// Set if each run has a namespace of its own; `namespace` is its name once the run is known.
    pub fresh: Option<FreshSettings>,
    /// A context chosen on the command line (`--context`); must be among `contexts`.
    pub context: Option<String>,
    /// Where node ports and Ingresses answer in the place of the nodes' own addresses.
    pub address: Option<String>,
    /// A command that takes a docker-archive on its standard input and puts it into the cluster's runtime,
    /// for any context that is none of minikube, kind and k3d and has no command of its own in `loads`.
    pub load: Option<Vec<String>>,
    /// Such commands by context.
    pub loads: BTreeMap<String, Vec<String>>,
}

impl ClusterSettings {
    /// The namespace where the file says nothing.
    pub const DEFAULT: &str = "default";

    /// The namespace for what names none. Without a run, one that each run creates has no name: nothing can be done in it.
    pub fn namespace(&self) -> &str {
        let without = if self.fresh.is_some() { UNNAMED } else { Self::DEFAULT };
        self.namespace.as_deref().unwrap_or(without)
    }
}

/// What pipeline.yaml says of a runner whose commands run in Pods.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunnerSettings {
    /// The kubeconfig context, where it is not that of the pipeline.
    pub context: Option<String>,
    /// The namespace, where it is not that of the pipeline.
    pub namespace: Option<String>,
    /// The image; it has a shell, and tar where files are sent or returned.
    pub image: String,
    /// What a container may use.
    pub resources: Resources,
    /// The numeric user.
    pub user: Option<i64>,
    /// Where the Pods run, and as whom.
    pub placement: Placement,
    /// What else the Pods have, below all that a runner sets.
    pub template: Option<Value>,
    /// A PersistentVolumeClaim that keeps files by content.
    pub store: Option<String>,
    /// Pods at a time, services not counted; 0 is no limit.
    pub max: u32,
    /// What a whole run in a Pod needs.
    pub submit: Option<SubmitSettings>,
}

/// What is wrong with a runner's Pod template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateProblem {
    /// The place in it.
    pub path: Vec<Segment>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// What a whole run in a Pod needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmitSettings {
    /// The image with this program.
    pub image: String,
    /// The service account.
    pub service_account: Option<String>,
}

/// Where a Pod runs, and as whom.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Placement {
    /// The service account whose token it gets; without one it gets none.
    pub service_account: Option<String>,
    /// Labels that its node must have.
    pub node_selector: BTreeMap<String, String>,
    /// Taints of nodes that it tolerates, as in a Pod.
    pub tolerations: Vec<Value>,
    /// Labels of its Job and Pod, such as that of a queue.
    pub labels: BTreeMap<String, String>,
    /// Secrets with the credentials of registries.
    pub image_pull_secrets: Vec<String>,
}

/// What a container may use: requested, and its limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// Processors: `2`, `500m`.
    #[serde(default)]
    pub cpu: Option<Amount>,
    /// Memory: `4Gi`, `512Mi`.
    #[serde(default)]
    pub memory: Option<Amount>,
}

/// A quantity in the notation of Kubernetes: `2`, `500m`, `4Gi`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount(pub String);

impl Amount {
    fn parse(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let units = ["", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
        let fits = number.parse::<f64>().is_ok_and(|number| number > 0.0) && units.contains(&unit);
        fits.then(|| Amount(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = as_written(deserializer)?;
        Amount::parse(&text).ok_or_else(|| {
            de::Error::custom(format!("`{text}` is not a quantity of Kubernetes, such as 2, 500m or 4Gi"))
        })
    }
}

impl JsonSchema for Amount {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_those_of_kubernetes() {
        for text in ["2", "0.5", "500m", "4Gi"] {
            assert_eq!(Amount::parse(text), Some(Amount(text.to_owned())));
        }
        for text in ["", "0", "4GiB", "-1", "much"] {
            assert_eq!(Amount::parse(text), None, "{text}");
        }
    }
}
