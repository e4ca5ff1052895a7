//! Makes the services of a run from its settings.

use std::path::PathBuf;
use std::sync::Arc;

use crate::containers::compose::Compose;
use crate::containers::images::Images;
use crate::core::kind::services::{HasServices, Services};
use crate::core::kind::settings::Settings;
use crate::http::Http;
use crate::kubernetes::client::Cluster;
use crate::kubernetes::helm::Helm;
use crate::kubernetes::runner::{PodRunner, PodRunners};
use crate::process::executor::ThisMachine;
use crate::secrets::argv::ArgvWatch;

/// The services of a run with these settings. Connects to nothing.
pub fn services_of(settings: Settings) -> Services {
    let Settings { project, cluster, secret_files, runners } = settings;
    let mut services = Services::new(Arc::new(ThisMachine));
    let cluster = Arc::new(Cluster::new(cluster));
    let runners = runners.into_iter().map(|(name, settings)| {
        let runner = PodRunner::new(&name, settings, &cluster);
        (name, Arc::new(runner))
    });
    let runners = PodRunners(runners.collect());
    for (name, runner) in &runners.0 {
        services.add_runner(name, Arc::clone(runner) as _);
    }
    services.add(Arc::new(runners));
    services.add(Arc::new(Images::new(project.clone(), Arc::clone(&cluster))));
    services.add(Arc::new(Helm::new(project, Arc::clone(&cluster))));
    services.add(Arc::new(Http::new()));
    services.add(Arc::new(ArgvWatch::default()));
    services.add(Arc::new(Compose::new()));
    services.add(Arc::new(SecretFiles(secret_files)));
    services.add_preflight(Arc::clone(&cluster) as _);
    services.set_facts(Arc::clone(&cluster) as _);
    services.add(cluster);
    services
}

/// The files that secrets come from, relative to the project.
#[derive(Debug)]
pub struct SecretFiles(pub Vec<PathBuf>);

/// The services by name, for what has them: a run's [`Services`], and the context of a kind.
pub trait Clients: HasServices {
    /// The Kubernetes API.
    fn cluster(&self) -> &Arc<Cluster> {
        self.services().get()
    }

    /// Docker Compose.
    fn compose(&self) -> &Arc<Compose> {
        self.services().get()
    }

    /// Docker, Podman or Buildah.
    fn images(&self) -> &Arc<Images> {
        self.services().get()
    }

    /// The helm binary and the release Secrets.
    fn helm(&self) -> &Arc<Helm> {
        self.services().get()
    }

    /// HTTP requests.
    fn http(&self) -> &Arc<Http> {
        self.services().get()
    }

    /// Secrets in the arguments of processes.
    fn argv(&self) -> &Arc<ArgvWatch> {
        self.services().get()
    }

    /// The files that secrets come from, relative to the project.
    fn secret_files(&self) -> &[PathBuf] {
        &self.services().get::<SecretFiles>().0
    }

    /// Runners in Pods, by name.
    fn pod_runners(&self) -> &Arc<PodRunners> {
        self.services().get()
    }
}

impl<T: HasServices + ?Sized> Clients for T {}
