//! The outside world, one file each. Only this room starts processes, opens sockets and speaks to clusters.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::core::model::outcome::Fault;
use crate::kubernetes::runner::{PodRunner, RunnerSettings, Runners};
use crate::process::executor::{Assignment, Executor};

/// What the drivers must know of a run.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The project's folder (where pipeline.yaml lies), absolute.
    pub project: PathBuf,
    /// Which cluster may be touched.
    pub cluster: crate::kubernetes::client::ClusterSettings,
    /// The files that secrets come from, relative to the project: the only ones that may hold their values.
    pub secret_files: Vec<PathBuf>,
    /// Runners on other machines, by name.
    pub runners: BTreeMap<String, RunnerSettings>,
}

/// The drivers of one run; every one connects lazily, on its first use.
#[derive(Debug)]
pub struct Services {
    /// The Kubernetes API.
    pub cluster: Arc<crate::kubernetes::client::Cluster>,
    /// Docker Compose.
    pub compose: Arc<crate::containers::compose::Compose>,
    /// Docker, Podman or Buildah.
    pub images: Arc<crate::containers::images::Images>,
    /// The helm binary and the release Secrets.
    pub helm: Arc<crate::kubernetes::helm::Helm>,
    /// HTTP requests.
    pub http: Arc<crate::http::Http>,
    /// Secrets in the arguments of processes.
    pub argv: Arc<crate::secrets::argv::ArgvWatch>,
    /// The files that secrets come from, relative to the project.
    pub secret_files: Vec<PathBuf>,
    /// Runners on other machines, by name.
    pub runners: Runners,
}

impl Services {
    /// Touches nothing yet.
    pub fn new(settings: Settings) -> Self {
        let cluster = Arc::new(crate::kubernetes::client::Cluster::new(settings.cluster));
        let runners = settings.runners.into_iter().map(|(name, settings)| {
            let runner = PodRunner::new(&name, settings, &cluster);
            (name, Arc::new(runner))
        });
        Services {
            runners: runners.collect(),
            images: Arc::new(crate::containers::images::Images::new(settings.project.clone(), Arc::clone(&cluster))),
            helm: Arc::new(crate::kubernetes::helm::Helm::new(settings.project, Arc::clone(&cluster))),
            http: Arc::new(crate::http::Http::new()),
            argv: Arc::default(),
            secret_files: settings.secret_files,
            compose: Arc::new(crate::containers::compose::Compose::new()),
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
