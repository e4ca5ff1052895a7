//! One command's Job while it is waited for: why it does not start, and its removal.

use std::time::Duration;

use super::LAST_WORDS;
use crate::core::model::outcome::Finding;
use crate::kubernetes::client::Cluster;
use crate::kubernetes::explain::Target;
use crate::kubernetes::job::StartedJob;
use crate::process::LineSink;

/// Between two checks for causes that keep a container from starting.
const CHECK: Duration = Duration::from_secs(1);

/// One command's Job.
pub(super) struct Attempt<'a> {
    pub cluster: &'a Cluster,
    pub namespace: &'a str,
    pub job: &'a StartedJob<'a>,
}

impl Attempt<'_> {
    /// Comes back with a cause that keeps it from starting and that waiting cannot fix, seen in two checks in a row.
    pub async fn fatal(&self) -> Finding {
        let mut seen: Option<String> = None;
        loop {
            tokio::time::sleep(CHECK).await;
            if self.job.has_begun() {
                return std::future::pending().await;
            }
            let found =
                self.cluster.fatal(self.namespace, &self.target()).await.into_iter().find(|it| it.fatal.is_some());
            match found {
                Some(found) if found.fatal == seen => return found,
                found => seen = found.and_then(|found| found.fatal),
            }
        }
    }

    fn target(&self) -> Target {
        Target::Workload { kind: "Job".to_owned(), name: self.job.name().to_owned() }
    }

    /// What explains its state; takes 3 s at most.
    pub async fn explain(&self) -> Vec<Finding> {
        let target = self.target();
        let explained = self.cluster.explain(self.namespace, &target, &|_, _| {});
        tokio::time::timeout(LAST_WORDS, explained).await.unwrap_or_default()
    }

    /// Removes the Job. What cannot be removed carries the run's labels: `clean` finds it.
    pub async fn remove(&self, grace: Duration, sink: &dyn LineSink) {
        if let Err(trouble) = self.job.remove(grace).await {
            sink.line(
                format!("job.batch/{} stays: {trouble}; `pipeline clean` removes it", self.job.name()).as_bytes(),
            );
        }
    }
}
