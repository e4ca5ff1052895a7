//! A Lease in the cluster, so that two runs on different machines do not deploy over each other. Knows holders by their
//! names only.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, DeleteParams, ObjectMeta, PostParams, Preconditions};

use crate::core::model::outcome::Fault;
use crate::kubernetes::client::MANAGER;
use crate::kubernetes::client::{Cluster, ClusterError};

/// How long a Lease counts after its last renewal.
pub const DURATION: Duration = Duration::from_secs(30);
/// Between two renewals, and before a silent holder is believed to be gone.
pub const RENEWAL: Duration = Duration::from_secs(10);

/// Which Lease, and for whom.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Who takes it: `RUN@HOST`.
    pub holder: String,
}

/// What came of an attempt to take or renew it.
#[derive(Debug, Clone, PartialEq)]
pub enum Attempt {
    /// It is ours.
    Ours,
    /// Another holds it.
    Held(Held),
    /// Its namespace is not there, or is going.
    NoNamespace,
    /// This user may not.
    Forbidden(String),
}

/// Another's Lease.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// Who holds it.
    pub holder: String,
    /// When it was taken.
    pub since: Option<Timestamp>,
    /// When it was last renewed.
    pub renewed: Option<Timestamp>,
    /// The version of the object: another one means that its holder lives.
    pub version: String,
    /// Its time is over by this machine's clock.
    pub is_stale: bool,
}

impl Cluster {
    /// Takes the Lease where it is free or ours, and renews it.
    ///
    /// # Errors
    /// [`Fault`] when the cluster gives no answer.
    pub async fn claim(&self, claim: &Claim) -> Result<Attempt, Fault> {
        // Another process may be as fast; then one more read shows which it was.
        for _ in 0..4 {
            match self.claim_once(claim).await {
                Ok(Some(attempt)) => return Ok(attempt),
                Ok(None) => {}
                Err(ClusterError::Fault(fault)) => return Err(fault),
                Err(ClusterError::Refused(refusal))
                    if matches!(refusal.cause.as_str(), "NamespaceMissing" | "NamespaceTerminating") =>
                {
                    return Ok(Attempt::NoNamespace);
                }
                Err(ClusterError::Refused(refusal)) => return Ok(Attempt::Forbidden(refusal.message)),
            }
        }
        Err(Fault::unknown(format!("lease/{} changes too fast to be taken", claim.name)).transient())
    }

    async fn claim_once(&self, claim: &Claim) -> Result<Option<Attempt>, ClusterError> {
        let api: Api<Lease> = Api::namespaced(self.client().await?, &claim.namespace);
        let doing = format!("hold lease/{}", claim.name);
        let parameters = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        let written = match self.ask(&doing, api.get_opt(&claim.name)).await? {
            None => self.ask(&doing, api.create(&parameters, &lease(claim, None))).await,
            Some(there) => {
                if let Some(held) = held(&there).filter(|held| held.holder != claim.holder) {
                    return Ok(Some(Attempt::Held(held)));
                }
                self.ask(&doing, api.replace(&claim.name, &parameters, &lease(claim, Some(there)))).await
            }
        };
        lost_race(written)
    }

    /// Takes the Lease from a holder that is gone, unless it has changed since `held` was seen.
    ///
    /// # Errors
    /// [`Fault`] when the cluster gives no answer, or refuses.
    pub async fn take_over(&self, claim: &Claim, held: &Held) -> Result<bool, Fault> {
        let api: Api<Lease> = Api::namespaced(self.client().await?, &claim.namespace);
        let doing = format!("take over lease/{}", claim.name);
        let Some(there) = self.ask(&doing, api.get_opt(&claim.name)).await.map_err(ClusterError::fault)? else {
            return Ok(false);
        };
        if there.metadata.resource_version.as_deref() != Some(&held.version) {
            return Ok(false);
        }
        let parameters = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        let written = self.ask(&doing, api.replace(&claim.name, &parameters, &lease(claim, Some(there)))).await;
        Ok(lost_race(written).map_err(ClusterError::fault)?.is_some())
    }

    /// Gives the Lease back, where it is ours: nothing of it stays.
    pub async fn release(&self, claim: &Claim) {
        let Ok(client) = self.client().await else { return };
        let api: Api<Lease> = Api::namespaced(client, &claim.namespace);
        let Ok(Some(there)) = self.ask("read the lease", api.get_opt(&claim.name)).await else { return };
        if held(&there).is_none_or(|held| held.holder == claim.holder) {
            let preconditions =
                Preconditions { uid: there.metadata.uid, resource_version: there.metadata.resource_version };
            let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
            // What cannot be given back runs out.
            let _ = self.ask("give the lease back", api.delete(&claim.name, &parameters)).await;
        }
    }
}

/// `None` if another process wrote it in between.
#[expect(clippy::result_large_err, reason = "a refusal is rare, and read at once")]
fn lost_race(written: Result<Lease, ClusterError>) -> Result<Option<Attempt>, ClusterError> {
    match written {
        Ok(_) => Ok(Some(Attempt::Ours)),
        Err(ClusterError::Refused(refusal)) if refusal.code == 409 => Ok(None),
        // It was there a moment ago; whether its namespace is, the next look tells.
        Err(ClusterError::Refused(refusal)) if refusal.code == 404 && refusal.cause != "NamespaceMissing" => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

/// The object as we write it: new, or over one that is there.
fn lease(claim: &Claim, there: Option<Lease>) -> Lease {
    let now = MicroTime(Timestamp::now());
    let (metadata, before) = if let Some(there) = there {
        (there.metadata, there.spec.unwrap_or_default())
    } else {
        let metadata = ObjectMeta {
            name: Some(claim.name.clone()),
            namespace: Some(claim.namespace.clone()),
            labels: Some([("app.kubernetes.io/managed-by".to_owned(), MANAGER.to_owned())].into()),
            ..ObjectMeta::default()
        };
        (metadata, LeaseSpec::default())
    };
    let is_ours = before.holder_identity.as_deref() == Some(&claim.holder);
    let transitions = before.lease_transitions.unwrap_or(0) + i32::from(!is_ours);
    let seconds = i32::try_from(DURATION.as_secs()).unwrap_or(i32::MAX);
    let spec = LeaseSpec {
        holder_identity: Some(claim.holder.clone()),
        lease_duration_seconds: Some(seconds),
        acquire_time: if is_ours { before.acquire_time } else { Some(now.clone()) },
        renew_time: Some(now),
        lease_transitions: Some(transitions),
        ..before
    };
    Lease { metadata, spec: Some(spec) }
}

/// Who holds it; `None` if it is free.
fn held(lease: &Lease) -> Option<Held> {
    let spec = lease.spec.as_ref()?;
    let holder = spec.holder_identity.clone().filter(|holder| !holder.is_empty())?;
    let renewed = spec.renew_time.as_ref().map(|time| time.0);
    let duration = spec
        .lease_duration_seconds
        .and_then(|seconds| u64::try_from(seconds).ok())
        .map_or(DURATION, Duration::from_secs);
    // A time to come, of a clock that is ahead of ours, is now.
    let since = |renewed| Timestamp::now().duration_since(renewed).max(SignedDuration::ZERO).unsigned_abs();
    let age = renewed.map(since);
    Some(Held {
        holder,
        since: spec.acquire_time.as_ref().map(|time| time.0),
        renewed,
        version: lease.metadata.resource_version.clone().unwrap_or_default(),
        is_stale: age.is_none_or(|age| age > duration),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(holder: &str) -> Claim {
        Claim { namespace: "todo".into(), name: "pipeline-todo".into(), holder: holder.into() }
    }

    #[test]
    fn a_renewal_keeps_when_it_was_taken_and_a_new_holder_counts() {
        let first = lease(&claim("a@x"), None);
        let taken = first.spec.as_ref().expect("written").acquire_time.clone();
        let renewed = lease(&claim("a@x"), Some(first)).spec.expect("written");
        assert_eq!((renewed.acquire_time.clone(), renewed.lease_transitions), (taken, Some(1)));
        let other =
            lease(&claim("b@y"), Some(Lease { spec: Some(renewed), ..Lease::default() })).spec.expect("written");
        assert_eq!((other.holder_identity.as_deref(), other.lease_transitions), (Some("b@y"), Some(2)));
    }

    #[test]
    fn a_lease_is_stale_when_its_time_is_over_and_never_by_a_clock_that_is_ahead() {
        let mut seen = lease(&claim("a@x"), None);
        let mut at = |seconds: i64| {
            let time = Timestamp::now().checked_add(SignedDuration::from_secs(seconds)).expect("a time");
            seen.spec.as_mut().expect("written").renew_time = Some(MicroTime(time));
            held(&seen).expect("held").is_stale
        };
        assert_eq!([at(-20), at(-60), at(3600)], [false, true, false]);
    }
}
