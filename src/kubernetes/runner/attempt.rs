//! One command's Job while it is waited for: why it does not start, and its removal.

use std::time::Duration;

use futures::FutureExt;

use super::LAST_WORDS;
use super::owed::Owed;
use crate::core::kind::{Tolerate, until_seen};
use crate::core::model::outcome::Finding;
use crate::kubernetes::client::Cluster;
use crate::kubernetes::explain::Target;
use crate::kubernetes::job::StartedJob;
use crate::process::LineSink;

/// The cause of a Pod that a quota refuses.
const QUOTA: &str = "QuotaExceeded";
/// Checks in a row that must see it.
const QUOTA_CHECKS: u32 = 6;

/// One command's Job.
pub(super) struct Attempt<'a> {
    pub cluster: &'a Cluster,
    pub namespace: &'a str,
    pub job: &'a StartedJob<'a>,
    pub owed: &'a Owed,
}

impl Attempt<'_> {
    /// Comes back with a cause that keeps it from starting and that waiting cannot fix, seen in two checks in a row; that of
    /// a quota in more: it is counted again some time after a Pod has ended.
    pub async fn fatal(&self) -> Finding {
        let checks = |cause: &Finding| if cause.cause == QUOTA { QUOTA_CHECKS } else { 2 };
        let check = || {
            async {
                if self.job.is_under_way() {
                    return Vec::new();
                }
                self.cluster.fatal(self.namespace, &self.target()).await
            }
            .boxed()
        };
        until_seen(&Tolerate::Nothing, checks, check).await
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

    /// Says in the log what explains its state.
    pub async fn explain_to(&self, sink: &dyn LineSink) {
        for finding in self.explain().await {
            sink.line(format!("{}: {}: {}", finding.object, finding.cause, finding.message).as_bytes());
        }
    }

    /// Removes the Job. What cannot be removed carries the run's labels: `clean` finds it.
    pub async fn remove(&self, grace: Duration, sink: &dyn LineSink) {
        let removed = self.job.remove(grace).await;
        self.owed.settle(self.namespace, self.job.name());
        if let Err(trouble) = removed {
            sink.line(
                format!("job.batch/{} stays: {trouble}; `pipeline clean` removes it", self.job.name()).as_bytes(),
            );
        }
    }
}
