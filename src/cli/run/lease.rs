//! The Lease that a run holds on its namespace: taken before it starts, renewed while it goes on, given back at its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::super::out;
use crate::cli::doctor::needs::Needs;
use crate::core::engine::Interrupt;
use crate::core::journal::Store;
use crate::core::kind::services::Services;
use crate::core::model::outcome::Fault;
use crate::core::plan::Plan;
use crate::kubernetes::ownership::lease::{Attempt, Claim, DURATION, Held, RENEWAL};
use crate::services::Clients;

/// How long a cluster that is there may take to say who holds a namespace.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// Between two attempts to get a Lease that could not be had yet: no namespace, no cluster.
const SOON: Duration = Duration::from_secs(1);

/// A Lease held, or hoped for, in the background.
pub(super) struct LeaseGuard {
    services: Arc<Services>,
    claim: Claim,
    keeper: JoinHandle<()>,
}

impl LeaseGuard {
    /// Takes the Lease of a plan's namespace, waiting for its holder for `patience` at most. Where the cluster or the
    /// namespace is not there yet, it is taken as soon as it is.
    ///
    /// # Errors
    /// [`Fault`] of kind environment when another run holds it.
    pub async fn begin(
        services: &Arc<Services>,
        plan: &Plan,
        holder: String,
        store: &Store,
        patience: Duration,
        lost: UnboundedSender<Interrupt>,
    ) -> Result<Self, Fault> {
        let cluster = services.cluster();
        let claim = Claim { namespace: cluster.namespace().to_owned(), name: lease_name(plan.pipeline()), holder };
        let brings_cluster = Needs::of(plan).brings_cluster;
        let asked = Instant::now();
        let until = asked + patience;
        let mut seen: Option<(Held, Instant)> = None;
        let mut reported = false;
        let held = loop {
            match cluster.claim(&claim).await {
                Ok(Attempt::Ours) => break true,
                // a cluster that a step brings up is not there yet; one that is may be held by another run
                Err(fault) if fault.transient && !brings_cluster => {
                    if asked.elapsed() >= ANSWERS_WITHIN {
                        let message = &fault.message;
                        out::say(&format!("warning: whether another run is in the namespace is not known: {message}"));
                        break false;
                    }
                    tokio::time::sleep(SOON).await;
                }
                Ok(Attempt::NoNamespace) | Err(_) => break false,
                Ok(Attempt::Forbidden(why)) => {
                    out::say(&format!(
                        "warning: no lease can be held in namespace {} ({why}): another run there is not kept out",
                        claim.namespace
                    ));
                    break true;
                }
                Ok(Attempt::Held(held)) => {
                    let is_dead = is_dead(&held.holder, store);
                    let silent = match &seen {
                        Some((before, since)) if before.version == held.version => since.elapsed(),
                        _ => {
                            seen = Some((held.clone(), Instant::now()));
                            Duration::ZERO
                        }
                    };
                    // Clocks of two machines may differ: who is believed to be gone must be silent before our eyes too.
                    let is_gone = silent >= DURATION || (held.is_stale && silent >= RENEWAL);
                    if is_dead || is_gone {
                        if cluster.take_over(&claim, &held).await? {
                            out::say(&format!("namespace {} was held by {}: taken over", claim.namespace, gone(&held)));
                            break true;
                        }
                    } else if !held.is_stale && Instant::now() >= until {
                        return Err(taken(&claim, &held));
                    } else {
                        if !std::mem::replace(&mut reported, true) {
                            out::say(&format!("waiting: namespace {} is held by {}", claim.namespace, held.holder));
                        }
                        tokio::time::sleep(SOON).await;
                    }
                }
            }
        };
        let keeper = tokio::spawn(keep(Arc::clone(services), claim.clone(), store.clone(), held, lost));
        Ok(LeaseGuard { services: Arc::clone(services), claim, keeper })
    }

    /// Whether another run has it now: nothing in its namespace may be touched any more.
    pub fn is_lost(&self) -> bool {
        self.keeper.is_finished()
    }

    /// Gives it back.
    pub async fn end(self) {
        self.keeper.abort();
        let _ = self.keeper.await;
        let release = self.services.cluster().release(&self.claim);
        let _ = tokio::time::timeout(Duration::from_secs(5), release).await;
    }
}

/// Renews it for ever; says so where another run has it.
async fn keep(services: Arc<Services>, claim: Claim, store: Store, mut held: bool, lost: UnboundedSender<Interrupt>) {
    let (mut answers, mut hopeless) = (true, false);
    loop {
        tokio::time::sleep(if (held && answers) || hopeless { RENEWAL } else { SOON }).await;
        let claimed = services.cluster().claim(&claim).await;
        // Who comes back after an outage is asked at once: another may have taken the namespace meanwhile.
        answers = claimed.is_ok();
        // What no other try changes is not tried every second: a credential plugin is a program of the user's.
        hopeless = claimed.as_ref().is_err_and(|fault| !fault.transient);
        match claimed {
            Ok(Attempt::Ours) => held = true,
            Ok(Attempt::NoNamespace) => held = false,
            // A cluster that does not answer has not refused; a run that may not hold it was refused at the start.
            Err(_) | Ok(Attempt::Forbidden(_)) => {}
            // It came with a namespace or a cluster that was not there when this run began.
            Ok(Attempt::Held(other)) if !held && (other.is_stale || is_dead(&other.holder, &store)) => {
                held = services.cluster().take_over(&claim, &other).await.unwrap_or(false);
            }
            Ok(Attempt::Held(other)) => {
                let fault = taken(&claim, &other);
                let _ = lost.send(Interrupt::Lost(fault));
                return;
            }
        }
    }
}

/// Whether it is a run of this project on this machine that has died.
pub(in crate::cli) fn is_dead(holder: &str, store: &Store) -> bool {
    let Some((run, host)) = holder.split_once('@') else { return false };
    host == crate::cli::lock::host() && store.get(run).is_some_and(|folder| !folder.is_running())
}

fn gone(held: &Held) -> String {
    let renewed = held.renewed.map(|time| format!(", last heard of at {}", time.strftime("%Y-%m-%d %H:%M:%SZ")));
    format!("{}{}", held.holder, renewed.unwrap_or_default())
}

fn taken(claim: &Claim, held: &Held) -> Fault {
    let since = held.since.map(|time| format!(" since {}", time.strftime("%Y-%m-%d %H:%M:%SZ"))).unwrap_or_default();
    Fault::environment(format!("namespace {} is held by run {}{since}", claim.namespace, held.holder))
        .help(format!("wait for it with `--wait 10m`; it is lease/{} in that namespace", claim.name))
}

/// The longest name of a pipeline in the name of its Lease.
const LONGEST: usize = 63;

/// The name of a pipeline's Lease: `pipeline-NAME`, as an object may be called.
pub(in crate::cli) fn lease_name(pipeline: &str) -> String {
    let tame: String =
        pipeline.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let tame = tame.trim_matches('-');
    // Names of objects have up to 253 characters.
    if tame.len() <= LONGEST {
        return format!("pipeline-{tame}");
    }
    let digest = blake3::hash(pipeline.as_bytes()).to_hex();
    format!("pipeline-{}-{}", tame[..LONGEST - 11].trim_end_matches('-'), &digest[..10])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_objects_becomes_one() {
        assert_eq!(lease_name("Todo_Chatbot"), "pipeline-todo-chatbot");
    }

    #[test]
    fn a_run_of_this_machine_that_is_not_going_on_is_dead() {
        let project = tempfile::tempdir().expect("a folder");
        let store = Store::new(project.path());
        let run = store.create(jiff::Timestamp::now()).expect("a run");
        let here = crate::cli::lock::host();
        assert!(is_dead(&format!("{}@{here}", run.id()), &store));
        assert!(!is_dead(&format!("{}@elsewhere", run.id()), &store));
        assert!(!is_dead(&format!("20200101-000000-aaaa@{here}"), &store));
    }
}
