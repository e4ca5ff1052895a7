//! A chart with its values, as helm's arguments.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::values::{merge, set, write};
use crate::core::mask::SecretText;
use crate::core::model::outcome::Fault;
use crate::process::command_context::CommandContext;

/// A chart and what is put into it.
#[derive(Debug, Clone, Default)]
pub struct Chart {
    /// A folder or an archive (absolute), an `oci://` reference, or a name in `repository`.
    pub chart: String,
    /// The repository's URL.
    pub repository: Option<String>,
    /// The version of a chart that is fetched.
    pub version: Option<String>,
    /// Values files, absolute; later ones win.
    pub files: Vec<PathBuf>,
    /// Values on top of the files.
    pub values: Map<String, Value>,
    /// Values by dotted path on top of those.
    pub set: Vec<(String, Value)>,
    /// Secret values by dotted path on top of all.
    pub secret_values: Vec<(String, SecretText)>,
    /// Fetches the chart's dependencies first.
    pub dependency_update: bool,
}

/// What a chart is rendered for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// The Kubernetes version that templates see; helm's own where none is given.
    pub kube_version: Option<String>,
    /// Further API versions that templates find.
    pub api_versions: Vec<String>,
    /// Whether the chart's tests are left out.
    pub skip_tests: bool,
}

impl Target {
    /// Helm's arguments for it.
    pub(super) fn arguments(&self) -> Vec<String> {
        let version = self.kube_version.iter().flat_map(|version| ["--kube-version".to_owned(), version.clone()]);
        let apis = self.api_versions.iter().flat_map(|api| ["--api-versions".to_owned(), api.clone()]);
        version.chain(apis).chain(self.skip_tests.then(|| "--skip-tests".to_owned())).collect()
    }
}

impl Chart {
    /// Helm's arguments for the chart and its values. Given values go into a private file in `call`'s scratch folder,
    /// which must be a folder of this call alone.
    ///
    /// # Errors
    /// [`Fault`] when a path of a value is none, or the file cannot be written.
    pub(super) fn arguments(&self, call: &CommandContext<'_>) -> Result<Vec<String>, Fault> {
        let mut args = vec![self.chart.clone()];
        for (name, value) in [("--repo", &self.repository), ("--version", &self.version)] {
            args.extend(value.iter().flat_map(|value| [name.to_owned(), value.clone()]));
        }
        args.extend(self.value_arguments(call)?);
        if self.dependency_update {
            args.push("--dependency-update".to_owned());
        }
        Ok(args)
    }

    /// Only those for its values: `helm lint` knows no others.
    pub(super) fn value_arguments(&self, call: &CommandContext<'_>) -> Result<Vec<String>, Fault> {
        let mut args = Vec::new();
        for file in &self.files {
            args.extend(["--values".to_owned(), file.to_string_lossy().into_owned()]);
        }
        let given = self.given()?;
        if !given.is_empty() {
            let file = call.scratch.join("values.json");
            write(&given, &file)?;
            args.extend(["--values".to_owned(), file.to_string_lossy().into_owned()]);
        }
        Ok(args)
    }

    fn given(&self) -> Result<Map<String, Value>, Fault> {
        let mut given = Map::new();
        merge(&mut given, self.values.clone());
        for (path, value) in &self.set {
            set(&mut given, path, value.clone()).map_err(Fault::invalid)?;
        }
        for (path, value) in &self.secret_values {
            set(&mut given, path, value.expose().into()).map_err(Fault::invalid)?;
        }
        Ok(given)
    }
}
