//! The image engine: Docker, Podman or Buildah, whichever answers; and image archives on disk.

use std::path::PathBuf;
use std::sync::Arc;

use super::cluster::Cluster;

/// The image engine, found on first use.
#[derive(Debug)]
pub struct Images {
    project: PathBuf,
    cluster: Arc<Cluster>,
}

impl Images {
    /// Touches nothing yet.
    pub fn new(project: PathBuf, cluster: Arc<Cluster>) -> Self {
        Images { project, cluster }
    }

    /// The project's folder: build contexts are relative to it.
    pub fn project(&self) -> &PathBuf {
        &self.project
    }

    /// The cluster that images are loaded into.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }
}
