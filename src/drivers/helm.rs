//! Helm: the binary (3 or 4) to act, the release Secret to read.

use std::path::PathBuf;
use std::sync::Arc;

use super::cluster::Cluster;

/// Helm, found on first use.
#[derive(Debug)]
pub struct Helm {
    project: PathBuf,
    cluster: Arc<Cluster>,
}

impl Helm {
    /// Touches nothing yet.
    pub fn new(project: PathBuf, cluster: Arc<Cluster>) -> Self {
        Helm { project, cluster }
    }

    /// The project's folder: charts and values files are relative to it.
    pub fn project(&self) -> &PathBuf {
        &self.project
    }

    /// The cluster that releases live in.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }
}
