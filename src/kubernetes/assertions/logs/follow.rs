//! Follows logs while an assertion waits: wakes it up when a line concerns it, and remembers what Pods wrote that are
//! gone when it is measured.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::tally::{Patterns, Tally};
use crate::core::kind::Watch;
use crate::core::kind::services::Services;
use crate::kubernetes::client::PodTarget;
use crate::kubernetes::logs::{LogEvent, LogListener, LogOptions};
use crate::services::Clients;

/// Lines often come together: they are measured together.
const TOGETHER: Duration = Duration::from_millis(150);
/// Without news the logs are read again after this time: a stream may have broken off.
const AGAIN: Duration = Duration::from_secs(5);
/// Before a target that is not there yet is followed again.
const PAUSE: Duration = Duration::from_millis(500);

/// What the newest watch of an assertion has heard, by Pod. Not part of what is written: all are equal.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard(Arc<Mutex<BTreeMap<String, Tally>>>);

impl Heard {
    /// What these Pods do not account for: lines of Pods that are gone.
    pub fn of_gone(&self, there: impl Fn(&str) -> bool) -> Tally {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = Tally::default();
        heard.iter().filter(|(pod, _)| !there(pod)).for_each(|(_, tally)| all.add(tally));
        all
    }

    fn take(&self, patterns: &Patterns, pod: &str, container: &str, line: &str) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.entry(pod.to_owned()).or_default().take(patterns, &format!("{pod} {container}"), line);
    }

    fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// What to follow.
pub(super) struct Followed {
    pub services: Arc<Services>,
    pub namespace: String,
    pub target: PodTarget,
    pub container: Option<String>,
    /// Seconds before now from which on lines count.
    pub since_seconds: Option<i64>,
    pub patterns: Patterns,
}

/// Wakes up when a line concerns the assertion.
pub(super) struct Following {
    news: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Following {
    /// Begins to follow.
    pub fn start(followed: Followed, heard: &Heard) -> Self {
        heard.forget();
        let news = Arc::new(Notify::new());
        let (heard, notify) = (heard.clone(), Arc::clone(&news));
        let task = tokio::spawn(async move {
            let Followed { services, namespace, target, container, since_seconds, patterns } = followed;
            let changed = Arc::clone(&notify);
            let listener: LogListener = Arc::new(move |pod, container, event| {
                let news = match event {
                    LogEvent::Line(line) => {
                        heard.take(&patterns, pod, container, line);
                        patterns.concern(line)
                    }
                    LogEvent::NoLog(_) | LogEvent::Broken(_) => true,
                };
                if news {
                    changed.notify_one();
                }
            });
            let options = LogOptions { container, since_seconds, init: true, ..LogOptions::default() };
            loop {
                // comes back only when the target cannot be followed: it may not be there yet
                let listener = Arc::clone(&listener);
                let up = || notify.notify_one();
                let _ = services.cluster().follow_logs(&namespace, &target, &options, listener, up).await;
                notify.notify_one();
                tokio::time::sleep(PAUSE).await;
            }
        });
        Following { news, task }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[async_trait]
impl Watch for Following {
    async fn changed(&mut self) {
        if tokio::time::timeout(AGAIN, self.news.notified()).await.is_ok() {
            tokio::time::sleep(TOGETHER).await;
        }
    }
}
