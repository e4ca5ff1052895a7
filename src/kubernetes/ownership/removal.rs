//! Objects of a pipeline are removed: in the order that lets controllers do their part, waited for, and only as far as
//! nothing of others goes with them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::{StreamExt, stream};
use kube::api::{DeleteParams, DynamicObject, Preconditions};

use super::owned::{Left, Owned, Owner, holding, stage};
use crate::core::model::outcome::{Fault, Finding};
use crate::kubernetes::client::{Cluster, ClusterError};

/// Requests under way at a time.
const IN_FLIGHT: usize = 16;
/// How long is waited where there is no limit.
const LONGEST: Duration = Duration::from_secs(30 * 365 * 86_400);

/// How objects are removed.
#[derive(Debug, Clone, Copy)]
pub struct Removal<'a> {
    /// Whose they are.
    pub owner: &'a Owner,
    /// The name of the Lease that its runs hold.
    pub lease: &'a str,
    /// Releases of helm whose objects are still there, and go.
    pub releases: &'a [String],
    /// How long to wait until all is gone.
    pub limit: Duration,
}

impl<'a> Removal<'a> {
    /// For an owner; without a limit.
    pub fn new(owner: &'a Owner) -> Self {
        Removal { owner, lease: "", releases: &[], limit: Duration::MAX }
    }
}

/// What came of a removal.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RemovalReport {
    /// What is there still, with what holds it.
    pub held: Vec<Finding>,
    /// What was not removed on purpose.
    pub left: Vec<Left>,
}

impl Cluster {
    /// What of these objects is left, where they are removed now, and what is left beside them. Changes nothing.
    ///
    /// # Errors
    /// [`Fault`] when the cluster gives no answer.
    pub async fn would_leave(&self, objects: &[Owned], removal: &Removal<'_>) -> Result<Vec<Left>, Fault> {
        let (mut followers, claims) = self.followers(objects).await?;
        let mut left = Vec::new();
        for object in objects {
            left.extend(self.bystanders(object, &mut followers, removal).await?);
        }
        let going = |namespace: &str| objects.iter().any(|object| is_going(object, namespace, &left));
        let stay: Vec<Left> = claims.into_iter().filter(|claim| !going(&claim.namespace)).collect();
        left.extend(stay);
        Ok(left)
    }

    /// Removes them and waits until they are gone, for the limit at most; `each` hears of every one that is. Custom
    /// objects go first, while their controllers are there; namespaces and definitions of kinds last, and only
    /// if others have made nothing in them.
    ///
    /// # Errors
    /// [`Fault`] when the cluster gives no answer or refuses.
    pub async fn remove(
        &self,
        objects: &[Owned],
        removal: &Removal<'_>,
        each: &(dyn Fn(&Owned) + Sync),
    ) -> Result<RemovalReport, Fault> {
        let now = tokio::time::Instant::now();
        let until = now.checked_add(removal.limit).unwrap_or(now + LONGEST);
        let mut report = RemovalReport::default();
        let (mut followers, claims) = self.followers(objects).await?;
        for objects in objects.chunk_by(|a, b| stage(a) == stage(b)) {
            let mut going = Vec::new();
            for object in objects {
                match self.bystanders(object, &mut followers, removal).await {
                    Ok(None) => going.push(object),
                    Ok(Some(left)) => report.left.push(left),
                    Err(fault) => report.held.push(Finding::new(
                        object.shown(),
                        "NotKnown",
                        format!("whether others have made anything in it is not known: {}", fault.message),
                    )),
                }
            }
            let removals: Vec<_> =
                going.into_iter().map(|object| async move { (object, self.remove_one(object).await) }).collect();
            let mut asked = Vec::new();
            for (object, removed) in stream::iter(removals).buffer_unordered(IN_FLIGHT).collect::<Vec<_>>().await {
                if removed? {
                    asked.push(object);
                }
            }
            let waits: Vec<_> = asked.into_iter().map(|object| self.gone(object, until, each)).collect();
            let waited = stream::iter(waits).buffer_unordered(IN_FLIGHT).collect::<Vec<_>>().await;
            for finding in waited {
                report.held.extend(finding?);
            }
        }
        let going = |namespace: &str| objects.iter().any(|object| is_going(object, namespace, &report.left));
        let stay: Vec<Left> = claims.into_iter().filter(|claim| !going(&claim.namespace)).collect();
        report.left.extend(stay);
        Ok(report)
    }

    /// Asks for its removal; `false` where it is gone already.
    async fn remove_one(&self, object: &Owned) -> Result<bool, Fault> {
        let api = object.kind.api(self.client().await?, &object.namespace);
        let preconditions = Preconditions { uid: Some(object.uid.clone()), resource_version: None };
        let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::background() };
        match self.ask(&format!("delete {}", object.shown()), api.delete(&object.name, &parameters)).await {
            Ok(_) => Ok(true),
            // Gone, or another object of the same name by now.
            Err(ClusterError::Refused(refusal)) if matches!(refusal.code, 404 | 409) => Ok(false),
            Err(trouble) => Err(trouble.fault()),
        }
    }

    /// Waits until it is gone; what holds it where that takes too long.
    async fn gone(
        &self,
        object: &Owned,
        until: tokio::time::Instant,
        each: &(dyn Fn(&Owned) + Sync),
    ) -> Result<Option<Finding>, Fault> {
        let last: Mutex<Option<DynamicObject>> = Mutex::new(None);
        let decide = |seen: Option<&DynamicObject>| {
            let there = seen.filter(|seen| seen.metadata.uid.as_deref() == Some(&object.uid));
            *last.lock().unwrap_or_else(PoisonError::into_inner) = there.cloned();
            there.is_none().then_some(())
        };
        let gone = self.until(&object.kind, &object.namespace, &object.name, decide);
        if let Ok(result) = tokio::time::timeout_at(until, gone).await {
            result.map_err(ClusterError::fault)?;
            each(object);
            return Ok(None);
        }
        let there = last.lock().unwrap_or_else(PoisonError::into_inner).take();
        if there.is_none() {
            each(object);
        }
        Ok(there.map(|there| holding(&object.shown(), &there)))
    }
}

/// Whether an object is this namespace, and not among those that stay.
fn is_going(object: &Owned, namespace: &str, left: &[Left]) -> bool {
    let shown = object.kind.named(&object.name);
    object.kind.resource.kind == "Namespace"
        && object.name == namespace
        && !left.iter().any(|left| left.object == shown)
}
