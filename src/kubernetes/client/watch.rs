//! Shared watches: one per kind and namespace, kept while anything uses it. Knows no assertion.
//!
//! A watch lists, then follows; a closed or outdated one (410) is taken up again by itself. One that cannot be had at
//! all (403, no connection) is no silence: [`Cluster::objects`] says so, and later [`Objects::health`]. What the server
//! lists but does not let watch, such as metrics, is listed again and again.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;

use futures::{StreamExt, pin_mut};
use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use kube::core::TypeMeta;
use kube::runtime::watcher;
use tokio::sync::watch;

use super::Cluster;
use crate::core::model::outcome::{Fault, FaultKind};

/// How long a first list may take.
const SYNC_LIMIT: Duration = Duration::from_secs(15);
/// Seconds after which the server ends a watch and it is taken up again: a dead connection is noticed that soon.
const WATCH_SECONDS: u32 = 45;
/// Waits between attempts to have a watch that cannot be had: from this, doubled, to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Between two lists of what cannot be watched.
const LIST_PAUSE: Duration = Duration::from_secs(1);

/// What a watch is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    resource: ApiResource,
    /// None is all of them, or a kind that has none.
    namespace: Option<String>,
    /// Labels that the objects must carry.
    selector: Option<String>,
}

/// The watches in use.
#[derive(Debug, Default)]
pub struct Watches {
    held: Mutex<HashMap<Key, Weak<Objects>>>,
}

impl Watches {
    /// Forgets every watch, for another context. Those who hold one keep it.
    pub fn forget(&self) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn get(&self, key: Key, client: &kube::Client) -> Arc<Objects> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, objects| objects.strong_count() > 0);
        if let Some(objects) = held.get(&key).and_then(Weak::upgrade) {
            return objects;
        }
        let objects = Arc::new(Objects::start(client.clone(), &key));
        held.insert(key, Arc::downgrade(&objects));
        objects
    }
}

impl Cluster {
    /// The objects of a kind as they are and as they change: one shared watch per kind and namespace, complete when
    /// this returns, kept while anyone holds the `Arc`. `None` is all namespaces, or a kind that has none.
    ///
    /// # Errors
    /// [`Fault`] when the cluster cannot be reached, or refuses to list the kind.
    pub async fn objects(&self, resource: &ApiResource, namespace: Option<&str>) -> Result<Arc<Objects>, Fault> {
        self.objects_labelled(resource, namespace, None).await
    }

    /// As [`Cluster::objects`], only those that a label selector means.
    ///
    /// # Errors
    /// As those of [`Cluster::objects`].
    pub async fn objects_labelled(
        &self,
        resource: &ApiResource,
        namespace: Option<&str>,
        selector: Option<&str>,
    ) -> Result<Arc<Objects>, Fault> {
        let client = self.client().await?;
        let key = Key {
            resource: resource.clone(),
            namespace: namespace.map(str::to_owned),
            selector: selector.map(str::to_owned),
        };
        let objects = self.watches.get(key, &client);
        objects.synced().await?;
        Ok(objects)
    }
}

/// All objects of a kind in a namespace, kept up to date by a watch.
#[derive(Debug)]
pub struct Objects {
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    /// As `kind (namespace)`, for messages.
    name: String,
    /// By namespace and name.
    objects: RwLock<BTreeMap<ObjectKey, Arc<DynamicObject>>>,
    /// Moves on every change of an object or of the health.
    version: watch::Sender<u64>,
    health: watch::Sender<Health>,
}

type ObjectKey = (Option<String>, String);

#[derive(Debug, Clone, PartialEq)]
enum Health {
    /// Not complete yet.
    Syncing,
    /// Complete, and followed.
    Followed,
    /// Cannot be had; tried again all the time.
    Broken(Fault),
}

impl Objects {
    fn start(client: kube::Client, key: &Key) -> Self {
        let (resource, namespace) = (&key.resource, key.namespace.as_deref());
        let name = match namespace {
            Some(namespace) => format!("{} in namespace {namespace}", resource.plural),
            None => resource.plural.clone(),
        };
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, resource),
            None => Api::all_with(client, resource),
        };
        let shared = Arc::new(Shared {
            name,
            objects: RwLock::default(),
            version: watch::Sender::new(0),
            health: watch::Sender::new(Health::Syncing),
        });
        let task = tokio::spawn(follow(api, key.clone(), Arc::clone(&shared)));
        Objects { shared, task }
    }

    /// Every object as it is now, by namespace and name. `metadata.managedFields` is left out.
    pub fn list(&self) -> Vec<Arc<DynamicObject>> {
        self.shared.objects.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// A counter that moves on every change, also when the watch is lost or found again.
    pub fn version(&self) -> watch::Receiver<u64> {
        self.shared.version.subscribe()
    }

    /// Whether what [`Objects::list`] says is followed.
    ///
    /// # Errors
    /// [`Fault`] while the watch cannot be had: what is listed may be out of date.
    pub fn health(&self) -> Result<(), Fault> {
        match &*self.shared.health.borrow() {
            Health::Broken(fault) => Err(fault.clone()),
            Health::Syncing | Health::Followed => Ok(()),
        }
    }

    /// Comes back when the first list is complete, or cannot be had.
    async fn synced(&self) -> Result<(), Fault> {
        let mut health = self.shared.health.subscribe();
        let known = tokio::time::timeout(SYNC_LIMIT, health.wait_for(|health| *health != Health::Syncing)).await;
        match known {
            Ok(Ok(health)) => match &*health {
                Health::Broken(fault) => Err(fault.clone()),
                Health::Syncing | Health::Followed => Ok(()),
            },
            Ok(Err(_)) => Err(Fault::unknown(format!("the watch of {} ended", self.shared.name)).transient()),
            Err(_) => Err(Fault::environment(format!(
                "the cluster did not list {} within {} s",
                self.shared.name,
                SYNC_LIMIT.as_secs()
            ))
            .transient()),
        }
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn change(&self, edit: impl FnOnce(&mut BTreeMap<ObjectKey, Arc<DynamicObject>>)) {
        edit(&mut self.objects.write().unwrap_or_else(PoisonError::into_inner));
        self.version.send_modify(|version| *version += 1);
    }

    fn be(&self, health: Health) {
        if *self.health.borrow() != health {
            self.health.send_replace(health);
            self.version.send_modify(|version| *version += 1);
        }
    }
}

/// Lists and follows for ever. A watch that could not be started begins again with a list, so that its recovery is
/// seen (a watch taken up again says nothing until something changes).
async fn follow(api: Api<DynamicObject>, key: Key, shared: Arc<Shared>) {
    let mut pause = FIRST_PAUSE;
    loop {
        match follow_until_broken(&api, &key, &shared, &mut pause).await {
            Some(fault) => shared.be(Health::Broken(fault)),
            None => list_again_and_again(&api, &key, &shared, &mut pause).await,
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// What cannot be watched (metrics, which are made when asked for) is listed until that fails.
async fn list_again_and_again(api: &Api<DynamicObject>, of: &Key, shared: &Shared, pause: &mut Duration) {
    let wanted = ListParams { label_selector: of.selector.clone(), ..ListParams::default() };
    loop {
        match api.list(&wanted).await {
            Ok(list) => {
                let complete = |object| Arc::new(complete(object, &of.resource));
                let listed = list.items.into_iter().map(|object| (key(&object), complete(object)));
                let listed = listed.collect();
                shared.change(|objects| *objects = listed);
                shared.be(Health::Followed);
                *pause = FIRST_PAUSE;
            }
            Err(error) => return shared.be(Health::Broken(fault(&shared.name, &error))),
        }
        tokio::time::sleep(LIST_PAUSE).await;
    }
}

/// Follows until that fails; `None` where the kind cannot be watched at all.
async fn follow_until_broken(
    api: &Api<DynamicObject>,
    of: &Key,
    shared: &Shared,
    pause: &mut Duration,
) -> Option<Fault> {
    let resource = &of.resource;
    let config = watcher::Config { label_selector: of.selector.clone(), ..watcher::Config::default() };
    let events = watcher(api.clone(), config.timeout(WATCH_SECONDS));
    pin_mut!(events);
    let mut fresh = BTreeMap::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Init) => fresh.clear(),
            Ok(watcher::Event::InitApply(object)) => {
                fresh.insert(key(&object), Arc::new(complete(object, resource)));
            }
            Ok(watcher::Event::InitDone) => {
                let listed = std::mem::take(&mut fresh);
                shared.change(|objects| *objects = listed);
                shared.be(Health::Followed);
                *pause = FIRST_PAUSE;
            }
            Ok(watcher::Event::Apply(object)) => {
                let object = Arc::new(complete(object, resource));
                shared.change(|objects| {
                    objects.insert(key(&object), object);
                });
            }
            Ok(watcher::Event::Delete(object)) => shared.change(|objects| {
                objects.remove(&key(&object));
            }),
            // The watcher takes it up again at once: from where it was, or by a new list (410).
            Err(watcher::Error::WatchFailed(_) | watcher::Error::WatchError(_)) => {}
            Err(watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error)) => {
                return Some(fault(&shared.name, &error));
            }
            Err(watcher::Error::NoResourceVersion) => return None,
        }
    }
    Some(Fault::unknown(format!("the watch of {} ended", shared.name)).transient())
}

fn key(object: &DynamicObject) -> ObjectKey {
    (object.metadata.namespace.clone(), object.metadata.name.clone().unwrap_or_default())
}

/// Items of a list lack their own kind; managed fields are not needed here.
fn complete(mut object: DynamicObject, resource: &ApiResource) -> DynamicObject {
    if object.types.is_none() {
        object.types = Some(TypeMeta { api_version: resource.api_version.clone(), kind: resource.kind.clone() });
    }
    object.metadata.managed_fields = None;
    object
}

/// Why a watch cannot be had, and whether it is worth another try.
fn fault(name: &str, error: &kube::Error) -> Fault {
    let command = match name.split_once(" in namespace ") {
        Some((plural, namespace)) => format!("{plural} -n {namespace}"),
        None => format!("{name} --all-namespaces"),
    };
    match error {
        kube::Error::Api(status) if matches!(status.code, 401 | 403) => Fault {
            kind: FaultKind::Environment,
            message: format!("the cluster does not allow to list and watch {name}: {}", status.message),
            help: Some(format!("see what this user may do: kubectl auth can-i watch {command}")),
            transient: false,
        },
        kube::Error::Api(status) if status.code == 404 => {
            Fault::environment(format!("the cluster does not know {name}: {}", status.message)).transient()
        }
        kube::Error::Api(status) => {
            Fault::environment(format!("the cluster cannot list {name}: {} ({})", status.message, status.code))
                .transient()
        }
        other => Fault::environment(format!("lost the cluster while watching {name}: {other}")).transient(),
    }
}

#[cfg(test)]
mod tests;
