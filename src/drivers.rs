//! The outside world, one file each. Only this room starts processes, opens sockets and speaks to clusters.

pub mod argv;
pub mod ask;
pub mod call;
pub mod clock;
pub mod cluster;
pub mod compose;
pub mod executor;
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

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::outcome::Fault;
use cluster::runner::{PodRunner, RunnerSettings, Runners};
use executor::{Assignment, Executor};

/// What the drivers must know of a run.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The project's folder (where pipeline.yaml lies), absolute.
    pub project: PathBuf,
    /// Which cluster may be touched.
    pub cluster: cluster::ClusterSettings,
    /// The files that secrets come from, relative to the project: the only ones that may hold their values.
    pub secret_files: Vec<PathBuf>,
    /// Runners on other machines, by name.
    pub runners: BTreeMap<String, RunnerSettings>,
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
    /// Runners on other machines, by name.
    pub runners: Runners,
}

impl World {
    /// Touches nothing yet.
    pub fn new(settings: Settings) -> Self {
        let cluster = Arc::new(cluster::Cluster::new(settings.cluster));
        let runners = settings.runners.into_iter().map(|(name, settings)| {
            let runner = PodRunner::new(&name, settings, &cluster);
            (name, Arc::new(runner))
        });
        World {
            runners: runners.collect(),
            images: Arc::new(images::Images::new(settings.project.clone(), Arc::clone(&cluster))),
            helm: Arc::new(helm::Helm::new(settings.project, Arc::clone(&cluster))),
            http: Arc::new(http::Http::new()),
            argv: Arc::default(),
            secret_files: settings.secret_files,
            compose: Arc::new(compose::Compose::new()),
            cluster,
        }
    }

    /// What runs the commands of one step on the runner of this name.
    ///
    /// # Errors
    /// [`Fault`] when there is no such runner.
    pub fn executor(&self, runner: &str, assignment: Assignment) -> Result<Arc<dyn Executor>, Fault> {
        Ok(self.runner(runner)?.executor(assignment))
    }

    /// Whether a runner may be used.
    ///
    /// # Errors
    /// [`Fault`] of kind environment when its cluster or namespace may not be touched.
    pub fn guard_runner(&self, runner: &str) -> Result<(), Fault> {
        self.runner(runner)?.guard()
    }

    fn runner(&self, name: &str) -> Result<&Arc<PodRunner>, Fault> {
        self.runners.get(name).ok_or_else(|| Fault::invalid(format!("there is no runner `{name}`")))
    }
}
