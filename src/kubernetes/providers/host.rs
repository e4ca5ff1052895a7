//! What the logic of providers needs of its surroundings. The real one is [`super::ProviderContext`]; tests put a fake in its place
//! that fails, hangs or answers in part at any call.

use std::time::Duration;

use async_trait::async_trait;

use super::calls::Invocation;
use crate::core::model::outcome::Fault;

/// How long a query may take. A query that takes longer is a fault: nothing follows from it.
pub const QUERY: Duration = Duration::from_secs(60);

/// The answer to a query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// How an action ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ran {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Its last lines.
    pub lines: Vec<String>,
}

/// Programs, the API of clusters, and the log.
#[async_trait]
pub trait Host: Send + Sync {
    /// Whether a program is installed.
    fn has_program(&self, program: &str) -> bool;

    /// A variable of the environment that programs get.
    fn variable(&self, name: &str) -> Option<String>;

    /// Whether a path exists.
    ///
    /// # Errors
    /// [`Fault`] when that cannot be read.
    fn exists(&self, path: &std::path::Path) -> Result<bool, Fault>;

    /// The content of a file.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read.
    fn read(&self, path: &std::path::Path) -> Result<Vec<u8>, Fault>;

    /// Runs a query.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be started, or takes longer than `limit`.
    async fn ask(&self, query: &Invocation, limit: Duration) -> Result<Answer, Fault>;

    /// Runs an action, its lines in the log. Without a limit the caller's own ends it.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be started, was stopped, or takes longer than `limit`.
    async fn run(&self, action: &Invocation, limit: Option<Duration>) -> Result<Ran, Fault>;

    /// The UID of namespace kube-system of the cluster behind a context, which no other cluster has.
    ///
    /// # Errors
    /// [`Fault`] when the cluster does not answer or does not show it.
    async fn cluster_uid(&self, context: &str) -> Result<String, Fault>;

    /// Says something in the log.
    fn say(&self, line: &str);

    /// Waits.
    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
