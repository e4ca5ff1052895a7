//! Which cluster a pipeline made itself: the file that lets a later `down` take down that one and no other.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::drivers::kept;
use crate::outcome::Fault;

/// What was brought up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// `minikube`, `kind`, `k3d` or `command`.
    pub provider: String,
    /// The cluster's name at its provider.
    pub name: String,
    /// Its kubeconfig context.
    pub context: String,
    /// The user's own script that takes it down, where one brought it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<String>,
    /// The pipeline that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
}

impl Record {
    /// The one of this project, if there is one.
    ///
    /// # Errors
    /// [`Fault`] when it is there and cannot be read.
    pub fn load(project: &Path) -> Result<Option<Self>, Fault> {
        let path = path(project);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Fault::environment(format!("{} cannot be read: {error}", path.display()))),
        };
        serde_json::from_str(&text).map(Some).map_err(|error| {
            Fault::environment(format!("{} is not what a cluster step wrote: {error}", path.display()))
                .help("take the cluster down by hand, and remove the file")
        })
    }

    /// Writes it down.
    ///
    /// # Errors
    /// [`Fault`] when the file cannot be written.
    pub fn save(&self, project: &Path) -> Result<(), Fault> {
        kept::save(&path(project), self)
    }

    /// That its context is among those that the pipeline may touch.
    ///
    /// # Errors
    /// [`Fault`] when it is not.
    pub fn allowed_by(&self, contexts: &[String]) -> Result<(), Fault> {
        if self.context.is_empty() || contexts.contains(&self.context) {
            return Ok(());
        }
        Err(Fault::environment(format!(
            "the cluster made here has context \"{}\", which is not among this pipeline's: {}",
            self.context,
            contexts.join(", ")
        ))
        .help("allow it in cluster.contexts, or take it down by hand"))
    }

    /// Whether another pipeline of the project made it.
    pub fn is_of_another(&self, pipeline: &str) -> bool {
        self.pipeline.as_deref().is_some_and(|maker| maker != pipeline)
    }

    /// Removes the one of this project.
    pub fn forget(project: &Path) {
        // Where it cannot be removed the next `down` asks its provider for what is gone already, which is no harm.
        let _ = fs::remove_file(path(project));
    }
}

fn path(project: &Path) -> PathBuf {
    project.join(".pipeline/cluster.json")
}
