//! Which clusters this project created or started: files below `.pipeline/clusters/`, with each cluster's identity. An
//! intent is written before a creation and proves nothing: it only explains what a killed run left.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Identity;
use crate::core::files::state_file;
use crate::core::model::outcome::Fault;

/// What `up` did to a cluster; `down` takes back exactly that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// `up` created it: `down` deletes it.
    Created,
    /// It was stopped and `up` started it: `down` stops it.
    Started,
}

/// A cluster that `up` created or started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// `minikube`, `kind`, `k3d` or `command`.
    pub provider: String,
    /// The cluster's name at its provider.
    pub name: String,
    /// Its kubeconfig context.
    pub context: String,
    /// The user's own script that takes it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<String>,
    /// What `up` did. A record of an older version does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Act>,
    /// Which cluster it was. A record of an older version does not say: it authorizes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
}

/// A creation that was begun. It authorizes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The provider's program.
    pub provider: String,
    /// The cluster's name at its provider.
    pub name: String,
    /// When.
    pub begun: String,
}

/// The file of versions that kept one record, without an identity.
const OLD: &str = ".pipeline/cluster.json";

impl Record {
    /// Those of this project.
    ///
    /// # Errors
    /// [`Fault`] when one is there and cannot be read.
    pub fn all(project: &Path) -> Result<Vec<Self>, Fault> {
        let mut paths = state_file::list(&folder(project), "json")?;
        paths.insert(0, project.join(OLD));
        paths.iter().filter_map(|path| state_file::read(path).transpose()).collect()
    }

    /// The one of a provider's cluster.
    ///
    /// # Errors
    /// [`Fault`] when it is there and cannot be read.
    pub fn load(project: &Path, provider: &str, name: &str) -> Result<Option<Self>, Fault> {
        let all = Self::all(project)?;
        Ok(all.into_iter().find(|record| record.provider == provider && record.name == name))
    }

    /// Writes it, in the place of one without an identity.
    ///
    /// # Errors
    /// [`Fault`] when the file cannot be written.
    pub fn save(&self, project: &Path) -> Result<(), Fault> {
        state_file::save(&path(project, &self.provider, &self.name, "json"), self)?;
        if state_file::read(&project.join(OLD))?
            .is_some_and(|old: Record| old.provider == self.provider && old.name == self.name)
        {
            remove(&project.join(OLD))?;
        }
        Ok(())
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
            "the cluster recorded here has context \"{}\", which is not among this pipeline's: {}",
            self.context,
            contexts.join(", ")
        ))
        .help("allow it in cluster.contexts, or take it down by hand"))
    }

    /// What `down` will do, for people. Decided by the same fields that `down` reads.
    pub fn outlook(record: Option<&Self>) -> &'static str {
        match record.map(|record| (record.act, record.identity.is_some(), record.down.is_some())) {
            Some((Some(Act::Created), true, false)) => "`down` deletes it",
            Some((Some(Act::Created), true, true)) => "`down` runs `command.down`",
            Some((Some(Act::Started), true, _)) => "`down` stops it again",
            _ => "`down` leaves it as it is",
        }
    }

    /// Removes it.
    ///
    /// # Errors
    /// [`Fault`] when the file cannot be removed.
    pub fn forget(&self, project: &Path) -> Result<(), Fault> {
        remove(&path(project, &self.provider, &self.name, "json"))?;
        if state_file::read(&project.join(OLD))?.is_some_and(|old: Record| old == *self) {
            remove(&project.join(OLD))?;
        }
        // only an empty folder can be removed
        let _ = fs::remove_dir(folder(project));
        Ok(())
    }

    /// Where it is.
    pub fn file(&self, project: &Path) -> PathBuf {
        let path = path(project, &self.provider, &self.name, "json");
        if path.exists() { path } else { project.join(OLD) }
    }
}

impl Intent {
    /// The creation that was begun for a cluster, and not recorded as done.
    ///
    /// # Errors
    /// [`Fault`] when one is there and cannot be read.
    pub fn load(project: &Path, provider: &str, name: &str) -> Result<Option<Self>, Fault> {
        state_file::read(&path(project, provider, name, "begun"))
    }

    /// Those of this project, each by itself: what one does not say keeps nothing of the others from being reported.
    ///
    /// # Errors
    /// [`Fault`] when it is not known which there are.
    pub fn all(project: &Path) -> Result<Vec<Result<Self, Fault>>, Fault> {
        let paths = state_file::list(&folder(project), "begun")?;
        Ok(paths.iter().filter_map(|path| state_file::read(path).transpose()).collect())
    }

    /// Writes that a creation begins now.
    ///
    /// # Errors
    /// [`Fault`] when the file cannot be written.
    pub fn begin(project: &Path, provider: &str, name: &str) -> Result<(), Fault> {
        let begun = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        let intent = Intent { provider: provider.to_owned(), name: name.to_owned(), begun };
        state_file::save(&path(project, provider, name, "begun"), &intent)
    }

    /// The creation is recorded, or came to nothing.
    pub fn end(project: &Path, provider: &str, name: &str) {
        // where it cannot be removed it explains one thing too many, and authorizes nothing
        let _ = fs::remove_file(path(project, provider, name, "begun"));
        let _ = fs::remove_dir(folder(project));
    }
}

fn folder(project: &Path) -> PathBuf {
    project.join(".pipeline/clusters")
}

/// Names of clusters are letters, digits, dots and dashes; anything else gets a name that is safe in a path.
fn path(project: &Path, provider: &str, name: &str, ending: &str) -> PathBuf {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let name =
        if name.chars().all(fits) { name.to_owned() } else { blake3::hash(name.as_bytes()).to_hex().to_string() };
    folder(project).join(format!("{provider}-{name}.{ending}"))
}

fn remove(path: &Path) -> Result<(), Fault> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Fault::environment(format!("{} cannot be removed: {error}", path.display())))
        }
        _ => Ok(()),
    }
}
