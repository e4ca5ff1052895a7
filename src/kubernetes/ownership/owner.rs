//! Whose the objects are that runs make, and the labels that say so.

use std::collections::BTreeMap;

use super::labels::label_value;
use crate::core::kind::Context;
use crate::kubernetes::client::Cluster;

/// The label that names the pipeline whose object it is.
pub const PIPELINE: &str = "pipeline.dev/pipeline";
/// The label that names the namespace of that pipeline: the same pipeline elsewhere is another.
pub const HOME: &str = "pipeline.dev/namespace";
/// The label that names the run that made it.
pub const RUN: &str = "pipeline.dev/run";
/// The label of a namespace that a run made for itself alone. It holds what the names of such namespaces begin with.
pub const FRESH: &str = "pipeline.dev/fresh";

/// Whose objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner {
    /// The pipeline.
    pub pipeline: String,
    /// Its namespace.
    pub home: String,
    /// The run.
    pub run: String,
}

impl Owner {
    /// Whose the objects are that this attempt makes in a cluster: this run's, if there is one.
    pub fn of(cx: &Context) -> Option<Self> {
        let pipeline = cx.scope.roots.get("run").and_then(|run| run["pipeline"].as_str());
        let pipeline = pipeline.filter(|name| !name.is_empty())?;
        let home = cx.services.get::<Cluster>().namespace().to_owned();
        Some(Owner { pipeline: label_value(pipeline), home, run: cx.run.to_string() })
    }

    /// What an object made by this run carries.
    pub fn labels(&self) -> BTreeMap<String, String> {
        [(PIPELINE, &self.pipeline), (HOME, &self.home), (RUN, &self.run)]
            .map(|(label, value)| (label.to_owned(), value.clone()))
            .into()
    }

    /// Whether an object with these labels is this pipeline's, whichever run made it.
    pub fn owns(&self, labels: &BTreeMap<String, String>) -> bool {
        let is = |label: &str, value: &String| labels.get(label) == Some(value);
        is(PIPELINE, &self.pipeline) && is(HOME, &self.home)
    }

    pub(super) fn selector(&self) -> String {
        format!("{PIPELINE}={},{HOME}={}", self.pipeline, self.home)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_pipeline_in_the_same_namespace_is_the_owner() {
        let owner = |pipeline: &str, home: &str, run: &str| Owner {
            pipeline: pipeline.into(),
            home: home.into(),
            run: run.into(),
        };
        let labels = owner("todo", "a", "r1").labels();
        assert!(owner("todo", "a", "r2").owns(&labels), "whichever run made it");
        assert!(!owner("todo", "b", "r1").owns(&labels) && !owner("other", "a", "r1").owns(&labels));
        assert!(!owner("todo", "a", "r1").owns(&BTreeMap::new()));
    }
}
