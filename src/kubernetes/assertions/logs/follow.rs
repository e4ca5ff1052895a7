//! Follows logs while an assertion waits: wakes it up when a line concerns it, and remembers what Pods wrote that are
//! gone when it is measured.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::tally::{Patterns, Tally};
use crate::core::kind::Watch;
use crate::core::kind::services::Services;
use crate::kubernetes::client::PodTarget;
use crate::kubernetes::logs::{Life, LogEvent, LogListener, LogOptions};
use crate::services::Clients;

/// Lines often come together: they are measured together.
const TOGETHER: Duration = Duration::from_millis(150);
/// Without news the logs are read again after this time: a stream may have broken off.
const AGAIN: Duration = Duration::from_secs(5);
/// Before a target that is not there yet is followed again.
const PAUSE: Duration = Duration::from_millis(500);

/// What the newest watch of an assertion has heard, by the lives of containers. Not part of what is written: all are
/// equal.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard(Arc<Mutex<BTreeMap<Life, OfLife>>>);

/// What one life of a container wrote.
#[derive(Debug, Clone, Default)]
struct OfLife {
    tally: Tally,
    /// Why some of it was not heard.
    gap: Option<String>,
}

impl Heard {
    /// What the Pods with these uids do not account for: lines of Pods that are gone, and what of them was not heard.
    pub fn of_gone(&self, there: impl Fn(&str) -> bool) -> (Tally, Vec<String>) {
        let heard = self.lock();
        let (mut all, mut gaps) = (Tally::default(), Vec::new());
        for (life, of) in heard.iter().filter(|(life, _)| !there(&life.uid)) {
            all.add(&of.tally);
            let why = |gap: &String| format!("{} {}, which is gone: {gap}", life.pod, life.container);
            gaps.extend(of.gap.as_ref().map(why));
        }
        (all, gaps)
    }

    fn hear(&self, patterns: &Patterns, life: &Life, event: LogEvent<'_>) {
        let mut heard = self.lock();
        let of = heard.entry(life.clone()).or_default();
        match event {
            LogEvent::Begins => *of = OfLife::default(),
            LogEvent::Line(line) => of.tally.take(patterns, &format!("{} {}", life.pod, life.container), line),
            LogEvent::Broken(why) => of.gap = Some(format!("its log broke off: {why}")),
            // the node's last word when the log was read to its end is no gap
            LogEvent::NoLog(why) if of.tally.lines == 0 => of.gap = Some(why.to_owned()),
            LogEvent::NoLog(_) => {}
        }
    }

    fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Life, OfLife>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
            let listener: LogListener = Arc::new(move |life, event| {
                heard.hear(&patterns, life, event);
                let news = match event {
                    LogEvent::Begins => false,
                    LogEvent::Line(line) => patterns.concern(line),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_pod_that_was_replaced_under_its_name_stay_and_what_was_not_heard_is_a_gap() {
        let life =
            |uid: &str| Life { uid: uid.to_owned(), pod: "db-0".to_owned(), container: "app".to_owned(), restarts: 0 };
        let patterns = Patterns { contains: Some("panic".to_owned()), ..Patterns::default() };
        let heard = Heard::default();
        let hear = |uid: &str, event: LogEvent<'_>| heard.hear(&patterns, &life(uid), event);
        let gone = || {
            let (tally, gaps) = heard.of_gone(|uid| uid == "new");
            (tally.lines, tally.counted, gaps)
        };
        hear("old", LogEvent::Begins);
        hear("old", LogEvent::Line("panic"));
        hear("new", LogEvent::Begins);
        hear("new", LogEvent::Line("ready"));
        hear("new", LogEvent::Broken("the connection was closed"));
        assert_eq!(gone(), (1, 1, vec![]));
        hear("old", LogEvent::NoLog("no such file"));
        assert_eq!(gone(), (1, 1, vec![]));
        hear("old", LogEvent::Broken("the connection was closed"));
        let gap = "db-0 app, which is gone: its log broke off: the connection was closed";
        assert_eq!(gone(), (1, 1, vec![gap.to_owned()]));
        // read again from its beginning
        hear("old", LogEvent::Begins);
        assert_eq!(gone(), (0, 0, vec![]));
    }
}
