//! Pods as runners: carries a step's command, its environment and its files to a container and its results back.
//! Knows no step.

mod attempt;
mod boot;
mod chunks;
mod executor;
mod judge;
mod owed;
mod pack;
mod record;
mod report;
mod stored;
mod submit;
mod transfer;
mod unpack;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::client::{Cluster, ClusterSettings};
use crate::core::kind::executor::{Assignment, Executor, Runner};
use crate::core::kind::settings::{RunnerSettings, SubmitSettings};
use crate::core::model::outcome::Fault;

pub use submit::{Place, Seen, Submission, submission_id};
pub use work::template_problems;

use executor::PodExecutor;
use owed::Owed;
use stored::Hashes;

/// How long an explanation may take.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Runs commands of steps in Pods.
#[derive(Debug)]
pub struct PodRunner {
    name: String,
    settings: RunnerSettings,
    cluster: Arc<Cluster>,
    /// A place for each Pod. The scheduler counts steps; here those of assertions are counted with them.
    places: Semaphore,
    hashes: Arc<Hashes>,
    owed: Owed,
}

impl PodRunner {
    /// Connects to nothing yet. `cluster` is the pipeline's own.
    pub fn new(name: &str, settings: RunnerSettings, cluster: &Arc<Cluster>) -> Self {
        let cluster = match &settings.context {
            None => Arc::clone(cluster),
            Some(context) => {
                // the run's own namespace is in the pipeline's cluster alone
                let settings =
                    ClusterSettings { context: Some(context.clone()), fresh: None, ..cluster.settings().clone() };
                Arc::new(Cluster::new(settings))
            }
        };
        let places = match settings.max {
            0 => Semaphore::MAX_PERMITS,
            max => usize::try_from(max).unwrap_or(Semaphore::MAX_PERMITS),
        };
        PodRunner {
            name: name.to_owned(),
            settings,
            cluster,
            places: Semaphore::new(places),
            hashes: Arc::default(),
            owed: Owed::default(),
        }
    }

    /// The cluster that its Pods run in.
    pub fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// What pipeline.yaml says of whole runs in its Pods.
    pub fn submit_settings(&self) -> Option<&SubmitSettings> {
        self.settings.submit.as_ref()
    }

    fn namespace(&self) -> Result<&str, Fault> {
        self.cluster.namespace_or(self.settings.namespace.as_deref())
    }
}

impl Runner for PodRunner {
    fn guard(&self) -> Result<(), Fault> {
        self.cluster.guard()?;
        self.namespace().map(drop)
    }

    fn executor(self: Arc<Self>, assignment: Assignment) -> Arc<dyn Executor> {
        Arc::new(PodExecutor { runner: self, assignment })
    }
}

/// The runners of a pipeline, by name.
#[derive(Debug, Default)]
pub struct PodRunners(pub BTreeMap<String, Arc<PodRunner>>);

impl PodRunners {
    /// Removes the Jobs that a run which ended at once has left, within a short time. Those that could not be removed.
    pub async fn remove_owed(&self) -> Vec<String> {
        let all = self.0.values().map(|runner| runner.owed.remove(&runner.cluster));
        futures::future::join_all(all).await.concat()
    }
}
