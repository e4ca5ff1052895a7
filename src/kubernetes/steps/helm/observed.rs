//! An act of helm on the cluster, observed while it lasts: its hooks' Pods, and the causes that waiting cannot fix.

use std::time::Instant;

use futures::FutureExt;

use super::act;
use super::spec::Verb;
use crate::core::kind::{Context, until_fatal};
use crate::core::model::event::EndedEarly;
use crate::core::model::outcome::{Failure, Fault, Finding, Outcome};
use crate::core::model::units::TimeSpan;
use crate::kubernetes::explain::Target;
use crate::kubernetes::helm::HookWatch;
use crate::kubernetes::helm::release::Release;
use crate::kubernetes::rollout::rolls_out;
use crate::process::Stop;
use crate::process::command_context::CommandContext;
use crate::process::command_context::CommandError;
use crate::services::Clients;

/// Workloads of a release that are explained; each takes a moment.
const EXPLAINED: usize = 4;

/// Runs a verb that acts on a release, and explains how it failed.
pub(super) async fn run(verb: &Verb<'_>, release: &str, namespace: &str, cx: &Context) -> Result<Outcome, Fault> {
    let hooks = HookWatch::default();
    let mut call = CommandContext::of(cx);
    call.stop = Stop { cancel: call.stop.cancel.child_token(), grace: call.stop.grace };
    let begun = Instant::now();
    let mut acting = std::pin::pin!(act(verb, cx, &call));
    let mut watching = std::pin::pin!(async {
        cx.helm().watch_hooks(release, namespace, &hooks).await;
        std::future::pending::<()>().await;
    });
    let check = || fatal(verb, release, namespace, &hooks, cx).boxed();
    let mut hopeless = std::pin::pin!(until_fatal(&cx.waits.tolerate, check));
    let (result, cause) = loop {
        tokio::select! {
            biased;
            result = &mut acting => break (result, None),
            () = &mut watching => {}
            cause = &mut hopeless, if ends_well_when_stopped(verb) => {
                call.stop.cancel.cancel();
                break (acting.await, Some(cause));
            }
        }
    };
    match (result, cause) {
        (Ok(outputs), _) => Ok(Outcome::Passed(outputs)),
        (Err(CommandError::Fault(fault)), None) => Err(fault),
        (Err(_), Some(cause)) => {
            let ended = EndedEarly { after: begun.elapsed(), of: Some(limit(verb, cx)), cause: cause.cause.clone() };
            let failure = Failure::new(format!("helm {} of {release} failed: {ended}", word(verb)));
            let mut failure = explained(failure, release, namespace, &hooks, cx).await;
            if !failure.findings.iter().any(|finding| finding.fatal == cause.fatal) {
                failure.findings.insert(0, cause);
            }
            Ok(Outcome::Failed(failure))
        }
        (Err(CommandError::Failed(failure)), None) => {
            Ok(Outcome::Failed(explained(failure, release, namespace, &hooks, cx).await))
        }
    }
}

fn word(verb: &Verb<'_>) -> &'static str {
    match verb {
        Verb::Install(_) => "install",
        Verb::Upgrade(_) => "upgrade",
        Verb::Test(_) => "test",
        Verb::Rollback(_) => "rollback",
        Verb::Uninstall(_) => "uninstall",
        Verb::Lint(_) => "lint",
        Verb::Template(_) => "template",
    }
}

/// Whether helm leaves a release in order when it is stopped: of the verbs that wait, only these do. A stopped rollback
/// would leave the release pending.
fn ends_well_when_stopped(verb: &Verb<'_>) -> bool {
    matches!(verb, Verb::Install(_) | Verb::Upgrade(_) | Verb::Test(_))
}

/// How long helm would have waited.
fn limit(verb: &Verb<'_>, cx: &Context) -> std::time::Duration {
    let own: Option<TimeSpan> = match verb {
        Verb::Install(spec) => spec.timeout,
        Verb::Upgrade(spec) => spec.timeout,
        Verb::Test(spec) => spec.timeout,
        _ => None,
    };
    let own = own.map_or(std::time::Duration::from_secs(300), |time| time.0);
    cx.waits.timeout.map_or(own, |timeout| timeout.min(own))
}

/// The causes on what helm waits for: its hooks, and the workloads where it waits for these.
async fn fatal(verb: &Verb<'_>, release: &str, namespace: &str, hooks: &HookWatch, cx: &Context) -> Vec<Finding> {
    let waits = match verb {
        Verb::Install(spec) => spec.wait || spec.atomic,
        Verb::Upgrade(spec) => spec.wait || spec.atomic,
        _ => false,
    };
    let mut findings = Vec::new();
    for target in hooks.targets() {
        findings.extend(cx.cluster().fatal(namespace, &target).await);
    }
    if waits
        && let Ok(Some(recorded)) = cx.helm().release(release, namespace).await
        && recorded.status.starts_with("pending-")
    {
        for target in workloads(&recorded).iter().filter(|target| !is_job(target)) {
            let causes = cx.cluster().fatal(namespace, target).await;
            findings.extend(causes.into_iter().filter(keeps_waiting));
        }
    }
    findings
}

/// `--wait` does not wait for the Jobs of a release.
fn is_job(target: &Target) -> bool {
    matches!(target, Target::Workload { kind, .. } if kind == "Job")
}

/// Whether helm waits while a workload has this cause: a DaemonSet that matches no node and a paused Deployment are ready
/// to it.
fn keeps_waiting(cause: &Finding) -> bool {
    !matches!(cause.cause.as_str(), "NoNodes" | "Paused")
}

/// The workloads and Jobs of a release that are explained.
fn workloads(release: &Release) -> Vec<Target> {
    release.workloads(|kind| rolls_out(kind) || kind == "Job", EXPLAINED)
}

/// Adds what is known of the hooks, and what the cluster says of the workloads of the release's last revision.
async fn explained(mut failure: Failure, release: &str, namespace: &str, hooks: &HookWatch, cx: &Context) -> Failure {
    let keep = |name: &str, text: &str| cx.evidence.keep(name, text);
    hooks.keep(&keep);
    let of_hooks = hooks.findings();
    let mut findings = of_hooks.clone();
    // A hook that failed keeps the rest from being made: the workloads explain nothing then.
    if of_hooks.is_empty()
        && let Ok(Some(recorded)) = cx.helm().release(release, namespace).await
    {
        for target in workloads(&recorded) {
            findings.extend(cx.cluster().explain(namespace, &target, &keep).await);
        }
    }
    findings.dedup();
    // The causes say more than helm's own lines.
    findings.append(&mut failure.findings);
    Failure { findings, ..failure }
}
