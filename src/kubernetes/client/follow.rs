//! Waiting for objects by watch: a set of them is followed until a plain function over it decides. Nothing sleeps here.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures::StreamExt;
use kube::api::{Api, DynamicObject};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};

use super::{Cluster, ClusterError, Kind};
use crate::core::model::outcome::Fault;

/// The objects followed, by name.
pub type Followed = BTreeMap<String, DynamicObject>;

/// How long a broken watch is taken up again before we give up.
const PATIENCE: Duration = Duration::from_secs(30);

impl Cluster {
    /// Follows one object until `decide` says something; it is called with `None` where the object is not there.
    /// Unbounded in time: the caller stops it.
    ///
    /// # Errors
    /// [`ClusterError`] when the object cannot be watched.
    pub async fn until<T>(
        &self,
        kind: &Kind,
        namespace: &str,
        name: &str,
        mut decide: impl FnMut(Option<&DynamicObject>) -> Option<T>,
    ) -> Result<T, ClusterError> {
        let api = kind.api(self.client().await?, namespace);
        let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
        self.follow(&kind.named(name), api, config, |objects| decide(objects.get(name))).await
    }

    /// Follows the objects that carry the labels until `decide` says something.
    /// Unbounded in time: the caller stops it.
    ///
    /// # Errors
    /// [`ClusterError`] when they cannot be watched.
    pub async fn until_all<T>(
        &self,
        kind: &Kind,
        namespace: &str,
        selector: &str,
        decide: impl FnMut(&Followed) -> Option<T>,
    ) -> Result<T, ClusterError> {
        let api = kind.api(self.client().await?, namespace);
        let config = watcher::Config::default().labels(selector);
        self.follow(&format!("{} {selector}", kind.resource.plural), api, config, decide).await
    }

    async fn follow<T>(
        &self,
        what: &str,
        api: Api<DynamicObject>,
        config: watcher::Config,
        mut decide: impl FnMut(&Followed) -> Option<T>,
    ) -> Result<T, ClusterError> {
        let mut events = pin!(watcher(api, config).default_backoff());
        let (mut now, mut coming) = (Followed::new(), Followed::new());
        let mut outage = Outage::default();
        while let Some(event) = events.next().await {
            let changed = match event {
                Ok(event) => {
                    outage = Outage::default();
                    take_in(event, &mut now, &mut coming)
                }
                Err(error) => {
                    let trouble = self.watch_trouble(what, error);
                    let hopeless = !matches!(&trouble, ClusterError::Fault(fault) if fault.transient);
                    if outage.lasts(Instant::now()) > PATIENCE || hopeless {
                        return Err(trouble);
                    }
                    false
                }
            };
            if changed && let Some(decision) = decide(&now) {
                return Ok(decision);
            }
        }
        Err(ClusterError::Fault(Fault::unknown(format!("the watch of {what} ended")).transient()))
    }

    fn watch_trouble(&self, what: &str, error: watcher::Error) -> ClusterError {
        let doing = format!("watch {what}");
        let endpoint = self.link().endpoint();
        match error {
            watcher::Error::InitialListFailed(error)
            | watcher::Error::WatchStartFailed(error)
            | watcher::Error::WatchFailed(error) => ClusterError::of(&doing, error, &endpoint),
            // Only 410 Gone comes this way: the watcher lists again.
            watcher::Error::WatchError(status) => {
                ClusterError::Fault(Fault::unknown(format!("could not {doing}: {}", status.message)).transient())
            }
            watcher::Error::NoResourceVersion => {
                ClusterError::Fault(Fault::unknown(format!("could not {doing}: this kind cannot be watched")))
            }
        }
    }
}

/// A watch that breaks, and breaks again. One that was taken up and has no news for long is well: the next error begins
/// another outage.
#[derive(Debug, Default)]
struct Outage {
    /// When the first error of it came, and the last one.
    errors: Option<(Instant, Instant)>,
}

impl Outage {
    /// How long it lasts with another error now.
    fn lasts(&mut self, now: Instant) -> Duration {
        let going_on = self.errors.filter(|(_, last)| now.duration_since(*last) <= 2 * PATIENCE);
        let (first, _) = going_on.unwrap_or((now, now));
        self.errors = Some((first, now));
        now.duration_since(first)
    }
}

/// Takes an event into the set; says whether the set is whole and may have changed.
fn take_in(event: Event<DynamicObject>, now: &mut Followed, coming: &mut Followed) -> bool {
    let name = |object: &DynamicObject| object.metadata.name.clone().unwrap_or_default();
    match event {
        Event::Init => coming.clear(),
        Event::InitApply(object) => {
            coming.insert(name(&object), object);
        }
        Event::InitDone => {
            *now = std::mem::take(coming);
            return true;
        }
        Event::Apply(object) => {
            now.insert(name(&object), object);
            return true;
        }
        Event::Delete(object) => {
            now.remove(&name(&object));
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(name: &str) -> DynamicObject {
        serde_json::from_value(serde_json::json!({ "metadata": { "name": name } })).expect("an object")
    }

    #[test]
    fn an_outage_that_ended_long_ago_does_not_count() {
        let (start, mut outage) = (Instant::now(), Outage::default());
        let mut lasts = |seconds: u64| outage.lasts(start + Duration::from_secs(seconds)).as_secs();
        assert_eq!([lasts(0), lasts(20), lasts(80)], [0, 20, 80]);
        assert_eq!([lasts(141), lasts(150)], [0, 9]);
    }

    #[test]
    fn a_list_taken_again_replaces_what_was_there_all_at_once() {
        let (mut now, mut coming) = (Followed::from([("old".to_owned(), object("old"))]), Followed::new());
        assert!(!take_in(Event::InitApply(object("new")), &mut now, &mut coming));
        assert_eq!(now.keys().collect::<Vec<_>>(), ["old"]);
        assert!(take_in(Event::InitDone, &mut now, &mut coming));
        assert_eq!(now.keys().collect::<Vec<_>>(), ["new"]);
        assert!(take_in(Event::Delete(object("new")), &mut now, &mut coming));
        assert!(now.is_empty());
    }
}
