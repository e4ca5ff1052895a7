//! The outside world, one file each. Only this room starts processes, opens sockets and speaks to clusters.

pub mod argv;
pub mod ask;
pub mod call;
pub mod clock;
pub mod cluster;
pub mod compose;
pub mod files;
pub mod glob;
pub mod grpc;
pub mod helm;
pub mod http;
pub mod images;
pub mod inputs;
pub mod kept;
pub mod kustomize;
pub mod lock;
pub mod orphans;
pub mod plain;
pub mod process;
pub mod prometheus;
pub mod providers;
pub mod reports;
pub mod script;
pub mod signals;
pub mod survey;
pub mod tcp;
pub mod traces;
pub mod traffic;
pub mod tree;
pub mod vault;

use std::path::PathBuf;
use std::sync::Arc;

/// What the drivers must know of a run.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The project's folder (where pipeline.yaml lies), absolute.
    pub project: PathBuf,
    /// Which cluster may be touched.
    pub cluster: cluster::ClusterSettings,
    /// The files that secrets come from, relative to the project: the only ones that may hold their values.
    pub secret_files: Vec<PathBuf>,
}

/// The drivers of one run; every one connects lazily, on its first use.
#[derive(Debug)]
pub struct World {
    /// The Kubernetes API.
    pub cluster: Arc<cluster::Cluster>,
    /// Docker Compose.
    pub compose: Arc<compose::Compose>,
    /// Docker, Podman or Buildah.
    pub images: Arc<images::Images>,
    /// The helm binary and the release Secrets.
    pub helm: Arc<helm::Helm>,
    /// HTTP requests.
    pub http: Arc<http::Http>,
    /// Secrets in the arguments of processes.
    pub argv: Arc<argv::ArgvWatch>,
    /// The files that secrets come from, relative to the project.
    pub secret_files: Vec<PathBuf>,
}

impl World {
    /// Touches nothing yet.
    pub fn new(settings: Settings) -> Self {
        let cluster = Arc::new(cluster::Cluster::new(settings.cluster));
        World {
            images: Arc::new(images::Images::new(settings.project.clone(), Arc::clone(&cluster))),
            helm: Arc::new(helm::Helm::new(settings.project, Arc::clone(&cluster))),
            http: Arc::new(http::Http::new()),
            argv: Arc::default(),
            secret_files: settings.secret_files,
            compose: Arc::new(compose::Compose::new()),
            cluster,
        }
    }
}
