//! One container that runs once: a Job that never retries, its log in order, how it ended. Knows no step and no files.

mod end;
mod log;
mod manifest;
mod placement;
mod stamps;
mod template;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::{
    Api, ApiResource, AttachParams, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams,
    Preconditions,
};
use serde_json::{Value, json};

use super::client::MANAGER;
use super::client::watch::Objects;
use super::client::{Attached, Cluster, ClusterError};
use super::ownership::owned::RUN;
use crate::core::model::outcome::Fault;

pub use end::{JobEnd, Phase};
pub use manifest::{ContainerJob, PullPolicy, STEP, STEP_FOLDER, STORE_FOLDER, job_name};
pub use placement::Store;

use end::phase_of;

/// How long the watch of the Pods may be lost before there is no answer any more.
const OUTAGE: Duration = Duration::from_secs(60);

/// A Job that was created.
#[derive(Debug)]
pub struct StartedJob<'c> {
    cluster: &'c Cluster,
    namespace: String,
    name: String,
    uid: String,
    pods: Arc<Objects>,
    /// Its Pod's name, once it was seen.
    seen: OnceLock<String>,
}

impl Cluster {
    /// Creates the Job and what it reads. Nothing stays when that fails.
    ///
    /// # Errors
    /// [`ClusterError`] when the cluster refuses or gives no answer.
    pub async fn start_job(&self, job: &ContainerJob) -> Result<StartedJob<'_>, ClusterError> {
        // followed before the Job is there: no change is missed
        let pods = self.pods_of_run(&job.namespace, &job.run).await?;
        let secret = match job.secret() {
            Some(secret) => Some(self.create::<Secret>("secret", &job.namespace, &job.name, secret).await?),
            None => None,
        };
        let created = match self.create::<Job>("job.batch", &job.namespace, &job.name, job.manifest()?).await {
            Ok(created) => created,
            Err(trouble) => {
                if secret.is_some() {
                    self.remove_secret(&job.namespace, &job.name).await;
                }
                return Err(trouble);
            }
        };
        let (uid, seen) = (created.metadata.uid.unwrap_or_default(), OnceLock::new());
        let started =
            StartedJob { cluster: self, namespace: job.namespace.clone(), name: job.name.clone(), uid, pods, seen };
        if secret.is_some()
            && let Err(trouble) = started.own_secret().await
        {
            started.remove(Duration::ZERO).await?;
            self.remove_secret(&job.namespace, &job.name).await;
            return Err(trouble);
        }
        Ok(started)
    }

    /// A Job that a run which died has left, for the same work of the same step. It runs still, or has ended.
    ///
    /// # Errors
    /// [`ClusterError`] when the Jobs cannot be listed.
    pub async fn find_job(&self, job: &ContainerJob) -> Result<Option<StartedJob<'_>>, ClusterError> {
        let Some(selector) = job.same_work() else { return Ok(None) };
        let api = self.objects_of::<Job>(&job.namespace).await?;
        let doing = format!("list jobs in {}", job.namespace);
        let found = self.list(&doing, &api, ListParams::default().labels(&selector)).await?;
        let Some(there) = found.into_iter().find(|job| job.metadata.deletion_timestamp.is_none()) else {
            return Ok(None);
        };
        self.started(&job.namespace, there).await.map(Some)
    }

    /// The Job of this name and identity, while it is there.
    ///
    /// # Errors
    /// [`ClusterError`] when the cluster gives no answer.
    pub async fn job_named(
        &self,
        namespace: &str,
        name: &str,
        uid: &str,
    ) -> Result<Option<StartedJob<'_>>, ClusterError> {
        let api = self.objects_of::<Job>(namespace).await?;
        let doing = format!("list jobs in {namespace}");
        let found = self.list(&doing, &api, ListParams::default().fields(&format!("metadata.name={name}"))).await?;
        let Some(there) = found.into_iter().find(|job| job.metadata.uid.as_deref() == Some(uid)) else {
            return Ok(None);
        };
        self.started(namespace, there).await.map(Some)
    }

    /// A Job that is there.
    async fn started(&self, namespace: &str, there: DynamicObject) -> Result<StartedJob<'_>, ClusterError> {
        let run = there.metadata.labels.as_ref().and_then(|labels| labels.get(RUN)).cloned().unwrap_or_default();
        let pods = self.pods_of_run(namespace, &run).await?;
        Ok(StartedJob {
            cluster: self,
            namespace: namespace.to_owned(),
            name: there.metadata.name.unwrap_or_default(),
            uid: there.metadata.uid.unwrap_or_default(),
            pods,
            seen: OnceLock::new(),
        })
    }

    /// The Pods of one run's Jobs, by one watch for all of them.
    async fn pods_of_run(&self, namespace: &str, run: &str) -> Result<Arc<Objects>, Fault> {
        let selector = manifest::selector(run);
        self.objects_labelled(&ApiResource::erase::<Pod>(&()), Some(namespace), Some(&selector)).await
    }

    async fn create<K: kube::Resource<DynamicType = ()>>(
        &self,
        kind: &str,
        namespace: &str,
        name: &str,
        object: Value,
    ) -> Result<DynamicObject, ClusterError> {
        let object: DynamicObject = serde_json::from_value(object)
            .map_err(|error| Fault::invalid(format!("the {kind} for this step is not an object: {error}")))?;
        let api = self.objects_of::<K>(namespace).await?;
        let parameters = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        self.ask(&format!("create {kind}/{name} in {namespace}"), api.create(&parameters, &object)).await
    }

    async fn objects_of<K: kube::Resource<DynamicType = ()>>(
        &self,
        namespace: &str,
    ) -> Result<Api<DynamicObject>, Fault> {
        Ok(Api::namespaced_with(self.client().await?, namespace, &ApiResource::erase::<K>(&())))
    }

    /// Removes a Job by its name alone, with what it owns, and its Secret where that has no owner yet. No other object has the
    /// name of an attempt.
    ///
    /// # Errors
    /// [`ClusterError`] when the cluster refuses or gives no answer.
    pub async fn remove_job(&self, namespace: &str, name: &str) -> Result<(), ClusterError> {
        let (jobs, secrets) = (self.objects_of::<Job>(namespace).await?, self.objects_of::<Secret>(namespace).await?);
        let (of_job, of_secret) = (DeleteParams::background(), DeleteParams::default());
        let (doing, also) = (format!("delete job.batch/{name}"), format!("delete secret/{name}"));
        let job = self.ask(&doing, jobs.delete(name, &of_job));
        let secret = self.ask(&also, secrets.delete(name, &of_secret));
        let (job, secret) = futures::join!(job, secret);
        gone(job).and(gone(secret))
    }

    /// Removes a Secret that has no owner yet. What cannot be removed now carries our labels: `clean` finds it.
    async fn remove_secret(&self, namespace: &str, name: &str) {
        if let Ok(api) = self.objects_of::<Secret>(namespace).await {
            let parameters = DeleteParams::default();
            let _ = self.ask(&format!("delete secret/{name}"), api.delete(name, &parameters)).await;
        }
    }
}

impl StartedJob<'_> {
    /// Its identity.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The Job owns the Secret: it goes with it.
    async fn own_secret(&self) -> Result<(), ClusterError> {
        let owner = json!({ "apiVersion": "batch/v1", "kind": "Job", "name": self.name, "uid": self.uid });
        let patch = json!({ "metadata": { "ownerReferences": [owner] } });
        let api = self.cluster.objects_of::<Secret>(&self.namespace).await?;
        let (parameters, patch) = (PatchParams::default(), Patch::Merge(&patch));
        let request = api.patch(&self.name, &parameters, &patch);
        self.cluster.ask(&format!("patch secret/{}", self.name), request).await.map(drop)
    }

    /// Its Pod, once there is one.
    fn pod(&self) -> Option<Arc<DynamicObject>> {
        let owned =
            |pod: &DynamicObject| pod.metadata.owner_references.iter().flatten().any(|owner| owner.uid == self.uid);
        let pod = self.pods.list().into_iter().find(|pod| owned(pod))?;
        // where it was seen before, the name is the same: a Job that never retries has one Pod
        let _ = self.seen.set(pod.metadata.name.clone().unwrap_or_default());
        Some(pod)
    }

    /// How far its container is.
    pub fn phase(&self) -> Phase {
        match (self.pod(), self.seen.get()) {
            (Some(pod), _) => phase_of(&pod),
            (None, Some(name)) => Phase::Over(JobEnd::deleted(name)),
            (None, None) => Phase::Pending,
        }
    }

    /// Whether its container has started, or is over.
    pub fn has_begun(&self) -> bool {
        self.phase() != Phase::Pending
    }

    /// Whether its container is over, or will never start.
    pub fn is_over(&self) -> bool {
        matches!(self.phase(), Phase::Over(_))
    }

    /// Its Pod's address in the cluster, once it has one.
    pub fn address(&self) -> Option<String> {
        self.pod().and_then(|pod| pod.data["status"]["podIP"].as_str().map(str::to_owned))
    }

    /// Whether one of its containers runs or has run: nothing keeps it from starting any more.
    pub fn is_under_way(&self) -> bool {
        self.has_begun() || self.is_preparing()
    }

    /// Whether the container that prepares files runs.
    pub fn is_preparing(&self) -> bool {
        self.pod().is_some_and(|pod| end::prepares(&pod, manifest::PREPARING))
    }

    /// Comes back when the container that prepares files runs, and `true`; with `false` when it is over already.
    ///
    /// # Errors
    /// [`Fault`] when the cluster gives no answer.
    pub async fn preparing(&self) -> Result<bool, Fault> {
        self.until(|phase| match phase {
            Phase::Pending => self.is_preparing().then_some(true),
            _ => Some(false),
        })
        .await
    }

    /// Comes back when the container that prepares files does not run any more.
    ///
    /// # Errors
    /// [`Fault`] when the cluster gives no answer.
    pub async fn prepared(&self) -> Result<(), Fault> {
        self.until(|_| (!self.is_preparing()).then_some(())).await
    }

    /// Comes back when its container is ready, and `true`; with `false` when it is over.
    ///
    /// # Errors
    /// [`Fault`] when the cluster gives no answer.
    pub async fn ready(&self) -> Result<bool, Fault> {
        let is_ready = || self.pod().is_some_and(|pod| end::is_ready(&pod));
        self.until(|phase| match phase {
            Phase::Over(_) => Some(false),
            _ => is_ready().then_some(true),
        })
        .await
    }

    /// Starts a program in the container that prepares its files.
    ///
    /// # Errors
    /// As [`StartedJob::exec`].
    pub async fn exec_preparing(&self, command: &[&str], how: AttachParams) -> Result<Attached, ClusterError> {
        self.exec_in(manifest::PREPARING, command, how).await
    }

    /// Starts a program in its container, beside its own.
    ///
    /// # Errors
    /// [`ClusterError`] when there is no container that runs, or the cluster does not answer.
    pub async fn exec(&self, command: &[&str], how: AttachParams) -> Result<Attached, ClusterError> {
        self.exec_in(manifest::CONTAINER, command, how).await
    }

    async fn exec_in(&self, container: &str, command: &[&str], how: AttachParams) -> Result<Attached, ClusterError> {
        let pod = self.pod_name().ok_or_else(|| Fault::environment("its pod is not there").transient())?;
        let parameters = AttachParams { container: Some(container.to_owned()), ..how };
        self.cluster.attach(&self.namespace, &pod, command, &parameters).await
    }

    /// The name of its Pod, once there is one.
    pub fn pod_name(&self) -> Option<String> {
        self.pod().and_then(|pod| pod.metadata.name.clone())
    }

    /// Waits until `wanted` says something of the phase.
    async fn until<T>(&self, mut wanted: impl FnMut(Phase) -> Option<T>) -> Result<T, Fault> {
        let mut version = self.pods.version();
        let mut broken: Option<Instant> = None;
        loop {
            version.borrow_and_update();
            match self.pods.health() {
                Ok(()) => {
                    broken = None;
                    if let Some(found) = wanted(self.phase()) {
                        return Ok(found);
                    }
                }
                Err(fault) if broken.get_or_insert_with(Instant::now).elapsed() > OUTAGE => return Err(fault),
                Err(_) => {}
            }
            // a watch that stays lost changes nothing by itself
            let _ = tokio::time::timeout(OUTAGE / 4, version.changed()).await;
        }
    }

    /// Comes back when the container runs, or is over.
    ///
    /// # Errors
    /// [`Fault`] when the cluster gives no answer.
    pub async fn begun(&self) -> Result<Phase, Fault> {
        self.until(|phase| (!matches!(phase, Phase::Pending)).then_some(phase)).await
    }

    /// How it ended.
    ///
    /// # Errors
    /// [`Fault`] when the cluster gives no answer.
    pub async fn ended(&self) -> Result<JobEnd, Fault> {
        self.until(|phase| if let Phase::Over(end) = phase { Some(end) } else { None }).await
    }

    /// Removes the Job with its Pod, which gets `grace` to end; another object of the same name stays.
    ///
    /// # Errors
    /// [`ClusterError`] when the cluster refuses or gives no answer.
    pub async fn remove(&self, grace: Duration) -> Result<(), ClusterError> {
        let running = self.pod().filter(|pod| !matches!(phase_of(pod), Phase::Over(_)));
        if let Some(pod) = running.as_ref().and_then(|pod| pod.metadata.name.as_deref()) {
            // the Pod is stopped at once: the garbage collector would come to it a little later
            let seconds = u32::try_from(grace.as_secs()).unwrap_or(u32::MAX);
            let parameters = DeleteParams { grace_period_seconds: Some(seconds), ..DeleteParams::default() };
            let api = self.cluster.objects_of::<Pod>(&self.namespace).await?;
            gone(self.cluster.ask(&format!("delete pod/{pod}"), api.delete(pod, &parameters)).await)?;
        }
        let preconditions = Preconditions { uid: Some(self.uid.clone()), resource_version: None };
        let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::background() };
        let api = self.cluster.objects_of::<Job>(&self.namespace).await?;
        gone(self.cluster.ask(&format!("delete job.batch/{}", self.name), api.delete(&self.name, &parameters)).await)
    }
}

/// What is gone, or has made place for another object of that name, needs no removal.
#[expect(clippy::result_large_err, reason = "a refusal is rare, and read at once")]
fn gone<T>(removed: Result<T, ClusterError>) -> Result<(), ClusterError> {
    match removed {
        Err(ClusterError::Refused(refusal)) if matches!(refusal.code, 404 | 409) => Ok(()),
        other => other.map(drop),
    }
}
