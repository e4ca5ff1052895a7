//! The namespace that a run creates for itself, and those that other runs have left. Knows runs by their ids only;
//! decides nothing about what is removed.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::{Api, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::json;

use super::{Cluster, ClusterError, MANAGER};
use crate::core::kind::settings::{FreshOrigin, FreshSettings};
use crate::core::model::outcome::Fault;
use crate::kubernetes::ownership::labels::label_value;
use crate::kubernetes::ownership::owned::{FRESH, Owner, PIPELINE, RUN};

/// The annotation that says when it may be removed by any run.
const EXPIRES: &str = "pipeline.dev/expires";
/// The annotation of one that its run has left on purpose.
const KEPT: &str = "pipeline.dev/kept";
/// How long the service account of a new namespace is waited for: without it no Pod can be created.
const ACCOUNT: Duration = Duration::from_secs(10);
/// Between two checks for it.
const CHECK: Duration = Duration::from_millis(100);

impl FreshSettings {
    /// The run whose namespace this is.
    fn run_of<'n>(&self, name: &'n str) -> &'n str {
        name.strip_prefix(&self.prefix).map_or(name, |rest| rest.trim_start_matches('-'))
    }

    fn labels(&self, namespace: &str, run: &str) -> BTreeMap<String, String> {
        let owner = Owner { pipeline: label_value(&self.pipeline), home: namespace.to_owned(), run: label_value(run) };
        let mut labels = owner.labels();
        labels.insert(FRESH.to_owned(), self.prefix.clone());
        labels
    }

    /// What namespaces of this pipeline's runs carry.
    fn selector(&self) -> String {
        format!("{PIPELINE}={},{FRESH}={}", label_value(&self.pipeline), self.prefix)
    }

    fn expiry(&self) -> Timestamp {
        let after = SignedDuration::try_from(self.expires).unwrap_or(SignedDuration::MAX);
        Timestamp::now().checked_add(after).unwrap_or(Timestamp::MAX)
    }
}

/// A namespace that a run of this pipeline created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreshNamespace {
    /// Its name.
    pub name: String,
    /// The run that created it.
    pub run: String,
    /// When any run may remove it.
    pub expires: Option<Timestamp>,
    /// Its run has left it on purpose.
    pub kept: bool,
}

impl FreshNamespace {
    /// From the object, if its name is that of its run.
    fn of(meta: &ObjectMeta, fresh: &FreshSettings) -> Option<Self> {
        let run = meta.labels.as_ref()?.get(RUN)?;
        let name = meta.name.clone().filter(|name| *name == fresh.name(run))?;
        if meta.deletion_timestamp.is_some() {
            return None;
        }
        let note = |name: &str| meta.annotations.as_ref().and_then(|notes| notes.get(name));
        Some(FreshNamespace {
            name,
            run: run.clone(),
            expires: note(EXPIRES).and_then(|time| time.parse().ok()),
            kept: note(KEPT).is_some(),
        })
    }

    /// Whether its time is over.
    pub fn is_expired(&self) -> bool {
        self.expires.is_some_and(|time| time <= Timestamp::now())
    }
}

impl Cluster {
    /// Creates the run's own namespace, or finds that of an earlier run again, where the cluster can be reached.
    ///
    /// # Errors
    /// [`Fault`] of kind environment when its name is taken, this user may not create it, or an earlier run's is gone.
    pub async fn begin_fresh(&self) -> Result<(), Fault> {
        match self.connected().await {
            Ok(client) => self.ensure_fresh(&client).await,
            // A step may bring the cluster up; whatever connects first creates the namespace.
            Err(_) => Ok(()),
        }
    }

    /// Sees to it, once a connection, that the run's own namespace is there.
    pub(super) async fn ensure_fresh(&self, client: &kube::Client) -> Result<(), Fault> {
        let settings = self.settings();
        let (Some(fresh), Some(name)) = (&settings.fresh, &settings.namespace) else { return Ok(()) };
        let Some(origin) = fresh.origin else { return Ok(()) };
        let link = self.link();
        let ensured = link.fresh.get_or_try_init(|| async {
            match origin {
                FreshOrigin::Created => self.create_fresh(client, fresh, name).await,
                FreshOrigin::Left => self.find_fresh(client, fresh, name).await,
            }
        });
        ensured.await.copied()
    }

    async fn create_fresh(&self, client: &kube::Client, fresh: &FreshSettings, name: &str) -> Result<(), Fault> {
        let api: Api<Namespace> = Api::all(client.clone());
        let labels = fresh.labels(name, fresh.run_of(name));
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            annotations: Some([(EXPIRES.to_owned(), fresh.expiry().to_string())].into()),
            labels: Some(labels.clone()),
            ..ObjectMeta::default()
        };
        let parameters = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        let namespace = Namespace { metadata, ..Namespace::default() };
        let doing = format!("create namespace {name}");
        match self.ask(&doing, api.create(&parameters, &namespace)).await {
            Ok(_) => self.await_account(client, name).await,
            Err(ClusterError::Refused(refusal)) if refusal.code == 409 => {
                let there = self.ask("read the namespace", api.get_opt(name)).await?;
                let own = there.as_ref().and_then(|there| there.metadata.labels.as_ref());
                let same = own.is_some_and(|own| labels.iter().all(|(label, value)| own.get(label) == Some(value)));
                if same && there.is_some_and(|there| there.metadata.deletion_timestamp.is_none()) {
                    return Ok(());
                }
                Err(Fault::environment(format!(
                    "namespace {name} is taken: it is there, and no run of `{}` has created it",
                    fresh.pipeline
                ))
                .help("remove it, or choose another name for `cluster: { namespace: { fresh: … } }`"))
            }
            Err(ClusterError::Refused(refusal)) => Err(Fault::environment(refusal.to_string())
                .help("let this user create namespaces, or name one that is there: `cluster: { namespace: NAME }`")),
            Err(ClusterError::Fault(fault)) => Err(fault),
        }
    }

    /// Waits for what every Pod of a new namespace needs; where it does not come, the Pods say so.
    async fn await_account(&self, client: &kube::Client, name: &str) -> Result<(), Fault> {
        let api: Api<ServiceAccount> = Api::namespaced(client.clone(), name);
        let until = tokio::time::Instant::now() + ACCOUNT;
        while tokio::time::Instant::now() < until {
            match self.ask("read serviceaccount/default", api.get_opt("default")).await {
                Ok(None) => tokio::time::sleep(CHECK).await,
                Ok(Some(_)) | Err(ClusterError::Refused(_)) => break,
                Err(ClusterError::Fault(fault)) => return Err(fault),
            }
        }
        Ok(())
    }

    async fn find_fresh(&self, client: &kube::Client, fresh: &FreshSettings, name: &str) -> Result<(), Fault> {
        let api: Api<Namespace> = Api::all(client.clone());
        let there = self.ask(&format!("read namespace {name}"), api.get_opt(name)).await?;
        if there.is_some_and(|there| FreshNamespace::of(&there.metadata, fresh).is_some()) {
            return Ok(());
        }
        let help = if fresh.keep_failed {
            "start again: `pipeline run`"
        } else {
            "start again: `pipeline run`; with `cluster: { namespace: { fresh: …, keep: failed } }` a failed run leaves it"
        };
        Err(Fault::environment(format!("namespace {name}, which an earlier run created, is gone")).help(help))
    }

    /// The namespaces that runs of this pipeline created and that are there.
    ///
    /// # Errors
    /// [`Fault`] when they cannot be listed.
    pub async fn fresh_namespaces(&self, fresh: &FreshSettings) -> Result<Vec<FreshNamespace>, Fault> {
        let api: Api<Namespace> = Api::all(self.connected().await?);
        let wanted = ListParams::default().labels(&fresh.selector());
        let listed = self.list_metadata("list namespaces", &api, wanted).await?;
        let mut found: Vec<_> =
            listed.iter().filter_map(|object| FreshNamespace::of(&object.metadata, fresh)).collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Marks the run's own namespace as one that stays, and says until when.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be marked.
    pub async fn keep_fresh(&self, fresh: &FreshSettings) -> Result<Timestamp, Fault> {
        let api: Api<Namespace> = Api::all(self.connected().await?);
        let until = fresh.expiry();
        let notes = json!({ "metadata": { "annotations": { EXPIRES: until.to_string(), KEPT: "true" } } });
        let name = self.namespace();
        let parameters = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        self.ask(&format!("mark namespace {name}"), api.patch_metadata(name, &parameters, &Patch::Merge(&notes)))
            .await?;
        Ok(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::kind::settings::ClusterSettings;

    fn fresh() -> FreshSettings {
        FreshSettings {
            prefix: "todo".into(),
            pipeline: "Todo App".into(),
            keep_failed: false,
            expires: Duration::from_secs(60),
            origin: None,
        }
    }

    fn meta(name: &str, change: impl FnOnce(&mut ObjectMeta)) -> ObjectMeta {
        let labels = fresh().labels(name, "20261130-111334-8sfk");
        let mut meta = ObjectMeta { name: Some(name.into()), labels: Some(labels), ..ObjectMeta::default() };
        change(&mut meta);
        meta
    }

    #[test]
    fn the_namespace_of_a_run_is_named_after_it_and_is_known_by_its_labels() {
        let settings = ClusterSettings { fresh: Some(fresh()), ..ClusterSettings::default() };
        let of_run = settings.for_run("20261130-111334-8sfk").expect("each run has one");
        assert_eq!(of_run.fresh_namespace(), Some("todo-20261130-111334-8sfk"));
        assert_eq!(of_run.for_run("another"), None, "it is known");
        let found = FreshNamespace::of(&meta("todo-20261130-111334-8sfk", |_| {}), &fresh());
        assert_eq!(found.map(|found| found.run), Some("20261130-111334-8sfk".to_owned()));
        assert_eq!(FreshNamespace::of(&meta("todo-other", |_| {}), &fresh()), None, "labels alone are not enough");
        let going = |meta: &mut ObjectMeta| {
            meta.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(Timestamp::now()));
        };
        assert_eq!(FreshNamespace::of(&meta("todo-20261130-111334-8sfk", going), &fresh()), None);
    }

    #[test]
    fn a_namespace_without_a_run_cannot_be_used() {
        let cluster = Cluster::new(ClusterSettings { fresh: Some(fresh()), ..ClusterSettings::default() });
        assert!(cluster.namespace_or(None).is_err());
        assert_eq!(Cluster::new(ClusterSettings::default()).namespace_or(None), Ok("default"));
    }

    #[test]
    fn expires_when_its_time_is_over_and_never_without_one() {
        let at = |time: Option<&str>| FreshNamespace {
            name: "todo-1".into(),
            run: "1".into(),
            expires: time.map(|time| time.parse().expect("a time")),
            kept: true,
        };
        assert!(at(Some("2020-01-01T00:00:00Z")).is_expired());
        assert!(!at(Some("2999-01-01T00:00:00Z")).is_expired() && !at(None).is_expired());
    }
}
