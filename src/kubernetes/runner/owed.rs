//! Jobs that this run has started and not removed yet: an end that does not wait for its steps removes them last.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;

use crate::kubernetes::client::Cluster;

/// How long the removal may hold the end of the program.
const LIMIT: Duration = Duration::from_secs(2);

/// Jobs by namespace and name.
#[derive(Debug, Default)]
pub(super) struct Owed(Mutex<BTreeSet<(String, String)>>);

impl Owed {
    /// It is there, or may be.
    pub fn add(&self, namespace: &str, job: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((namespace.to_owned(), job.to_owned()));
    }

    /// It was removed.
    pub fn settle(&self, namespace: &str, job: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(namespace.to_owned(), job.to_owned()));
    }

    /// Removes all of them at once; those that could not be removed.
    pub async fn remove(&self, cluster: &Cluster) -> Vec<String> {
        let all = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let removals = all.into_iter().map(async |(namespace, job)| {
            let removal = tokio::time::timeout(LIMIT, cluster.remove_job(&namespace, &job));
            match removal.await {
                Ok(Ok(())) => None,
                _ => Some(job),
            }
        });
        join_all(removals).await.into_iter().flatten().collect()
    }
}
