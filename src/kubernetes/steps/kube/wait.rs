//! `wait`: until objects are as described, by watch.

mod seen;
mod until;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use kube::api::DynamicObject;
use schemars::JsonSchema;
use serde::Deserialize;

use super::delete::is_answer;
use super::verb_context::{AGAIN, VerbContext, Workload};
use super::{Verb, exec};
use crate::core::expr::Limits;
use crate::core::kind::CheckContext;
use crate::core::model::diagnostic::Code;
use crate::core::model::outcome::{Failure, Fault, Finding, Outcome};
use crate::kubernetes::client::{ClusterError, Followed, Kind, Reference};
use crate::kubernetes::explain::Target;
use until::{NOT_MEASURED, Until, all, bare_name, none_left, same};

/// How often the cluster is asked whether it serves a kind by now.
const KIND_PAUSE: Duration = Duration::from_millis(500);

/// Objects that are shown as they were seen last, and the cause that they are named by.
const SEEN: usize = 3;
const UNMET: &str = "Unmet";

/// Waits until objects are as described. A kind that the cluster does not serve yet is waited for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(clippy::unsafe_derive_deserialize, reason = "the macros of tokio have it, nothing here")]
pub struct Wait {
    /// The object, as `pod/web`.
    target: Option<Reference>,
    /// With `selector`: the kind of the objects, as `pods`.
    kind: Option<String>,
    /// With `kind`: the labels that the objects carry; there must be one at least, and all must be as described.
    selector: Option<String>,
    /// What they must be: `condition=Ready` (or `condition=Ready=False`), `deleted`, `rollout` (of a Deployment,
    /// StatefulSet or DaemonSet, with its Pods up), `exists`, or a CEL expression over `self`, such as `self.status.phase == "Running"`.
    #[serde(rename = "for")]
    until: String,
}

#[async_trait]
impl Verb for Wait {
    fn check(&self, at: &str, cx: &mut CheckContext<'_>) {
        if self.kind.is_some() == self.selector.is_some() {
            exec::check_target(at, self.target.is_some(), self.selector.as_deref(), cx);
        } else {
            let help = "write both: `kind: pods` and `selector: app=todo`".to_owned();
            cx.error(&[at.into()], Code::InvalidValue, "`kind` and `selector` belong together", Some(help));
        }
        if let Some(name) = bare_name(&self.until) {
            let message = format!("`{name}` is a name alone, and never true");
            let help = Some(format!("write `for: condition={name}`, or CEL over `self`"));
            cx.error(&[at.into(), "for".into()], Code::InvalidValue, message, help);
        } else if let Err(error) = Until::parse(&self.until) {
            let others =
                "write `condition=Ready`, `deleted`, `rollout`, `exists`, or CEL: `self.status.phase == \"Running\"`";
            let help = error.help.unwrap_or_else(|| others.to_owned());
            cx.error(&[at.into(), "for".into()], Code::InvalidExpression, error.message, Some(help));
        }
    }

    fn title(&self) -> String {
        format!("wait for {}: {}", self.shown(), self.until)
    }

    async fn run(&self, on: &VerbContext<'_>) -> Result<Outcome, Fault> {
        let until =
            Until::parse(&self.until).map_err(|error| error.into_fault(format_args!("`for: {}`", self.until)))?;
        let (written, name) = match (&self.target, &self.kind) {
            (Some(target), _) => (&target.kind, Some(target.name.clone())),
            (None, Some(kind)) => (kind, None),
            (None, None) => return Err(Fault::invalid("`wait` has neither `target` nor `kind` and `selector`")),
        };
        let kind = match self.served(on, written, &until).await? {
            Ok(kind) => kind,
            Err(outcome) => return Ok(outcome),
        };
        until.suits(&kind, &self.shown())?;
        let limits = &on.cx.scope.limits;
        let said = Mutex::new(String::new());
        let note = |line: &str| {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            if *said != line {
                on.say(format!("{}: {line}", self.shown()));
                line.clone_into(&mut said);
            }
        };
        let (mut first, mut all_first) = (None, None);
        let last = Mutex::new(Vec::new());
        let remember = |objects: Vec<DynamicObject>| *last.lock().unwrap_or_else(PoisonError::into_inner) = objects;
        let found = async {
            loop {
                let reached = if let Some(name) = &name {
                    let decide = |object: Option<&DynamicObject>| {
                        let object = same(&until, object, &mut first);
                        remember(object.cloned().into_iter().collect());
                        match until.holds(&kind, object, limits) {
                            Ok(false) => None,
                            Ok(true) => Some(Ok(object.cloned().into_iter().collect())),
                            Err(failed) => Some(Err((name.clone(), failed))),
                        }
                    };
                    on.cluster.until(&kind, on.namespace, name, decide).await?
                } else {
                    let selector = self.selector.as_deref().unwrap_or_default();
                    let decide = |objects: &Followed| {
                        let other = |object: &&DynamicObject| until.holds(&kind, Some(object), limits) != Ok(true);
                        remember(objects.values().filter(other).take(SEEN).cloned().collect());
                        if matches!(until, Until::Deleted) {
                            return none_left(objects, &mut all_first).then(|| Ok(Vec::new()));
                        }
                        all(&until, &kind, objects, limits)
                    };
                    on.cluster.until_all(&kind, on.namespace, selector, decide).await?
                };
                match reached {
                    Err((name, (cause, message)))
                        if on.failed_before(&of(on, &kind, &name), &cause, &message).await =>
                    {
                        note("its progress deadline was missed by an earlier ReplicaSet");
                        tokio::time::sleep(AGAIN).await;
                    }
                    Err((_, failed)) => return Ok::<_, ClusterError>(Err(failed)),
                    Ok(objects) if settled(on, &until, &kind, &objects, &note).await? => return Ok(Ok(())),
                    // It may fail again: the rollout is judged once more.
                    Ok(_) => tokio::time::sleep(AGAIN).await,
                }
            }
        };
        let begun = std::time::Instant::now();
        let target = self.target(&kind, name.as_deref()).filter(|_| until.expects_health());
        let hopeless = async {
            match &target {
                Some(target) => on.fatal_of(on.namespace, target).await,
                None => std::future::pending().await,
            }
        };
        let result = tokio::select! {
            biased;
            result = found => Some(result),
            () = on.cx.cancelled() => None,
            cause = hopeless => {
                let mut findings = self.explain(on, &kind, name.as_deref()).await;
                self.add_seen(&until, &kind, &last, limits, &mut findings);
                let failure = Failure::new(format!("{} is not so: {}", self.shown(), self.until)).because(findings);
                return Ok(Outcome::Failed(on.ended_early(failure, begun, cause)));
            }
        };
        let summary = match result {
            Some(Ok(Ok(()))) => {
                on.say(format!("{}: {}", self.shown(), self.until));
                return Ok(Outcome::passed());
            }
            Some(Err(trouble)) => return trouble.outcome(self.shown()),
            Some(Ok(Err(failed))) => return self.never(on, &kind, name.as_deref(), failed).await,
            None => format!("stopped before {} was so: {}", self.shown(), self.until),
        };
        let mut findings = self.explain(on, &kind, name.as_deref()).await;
        self.add_seen(&until, &kind, &last, limits, &mut findings);
        Ok(Outcome::Failed(Failure::new(summary).because(findings)))
    }
}

impl Wait {
    /// How it ends where it cannot come about, or cannot be measured.
    async fn never(
        &self,
        on: &VerbContext<'_>,
        kind: &Kind,
        name: Option<&str>,
        (cause, message): (String, String),
    ) -> Result<Outcome, Fault> {
        if cause == NOT_MEASURED {
            return Err(Fault::unknown(format!("{}: {cause}: {message}", self.shown())));
        }
        let mut findings = self.explain(on, kind, name).await;
        findings.push(Finding::new(self.shown(), cause, &message));
        let summary = format!("{} will not be so: {}: {message}", self.shown(), self.until);
        Ok(Outcome::Failed(Failure::new(summary).because(findings)))
    }
}

/// An object of the kind.
fn of(on: &VerbContext<'_>, kind: &Kind, name: &str) -> Workload {
    Workload { kind: kind.clone(), namespace: on.namespace.to_owned(), name: name.to_owned() }
}

/// Whether the Pods of workloads that are waited for to roll out are up.
async fn settled(
    on: &VerbContext<'_>,
    until: &Until,
    kind: &Kind,
    objects: &[DynamicObject],
    note: &(dyn Fn(&str) + Sync),
) -> Result<bool, ClusterError> {
    for object in objects.iter().filter(|_| matches!(until, Until::Rollout)) {
        let workload = of(on, kind, object.metadata.name.as_deref().unwrap_or_default());
        if !on.pods_settled(&workload, object, note).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Wait {
    /// The kind, once the cluster serves it: its CustomResourceDefinition may still come, unless its name is probably
    /// misspelt. Of a kind that is not served all objects are gone. The outcome where the wait is over with that.
    async fn served(&self, on: &VerbContext<'_>, written: &str, until: &Until) -> Result<Result<Kind, Outcome>, Fault> {
        let mut said = false;
        loop {
            let fault = match on.cx.unless_cancelled(on.cluster.kind_named(written)).await? {
                Ok(kind) => return Ok(Ok(kind)),
                Err(fault) if !is_answer(&fault) => return Err(fault),
                Err(fault) => fault,
            };
            if !std::mem::replace(&mut said, true) {
                on.say(&fault.message);
            }
            if matches!(until, Until::Deleted) {
                return Ok(Err(Outcome::passed()));
            }
            tokio::select! {
                biased;
                () = on.cx.cancelled() => {
                    let summary = format!("stopped before {} was so: {}: {}", self.shown(), self.until, fault.message);
                    let finding = Finding::new(self.shown(), "NoSuchKind", fault.message);
                    return Ok(Err(Outcome::Failed(Failure::new(summary).because(vec![finding]))));
                }
                () = tokio::time::sleep(KIND_PAUSE) => {}
            }
        }
    }

    /// Adds what was seen last: how the objects are, or that there is none.
    fn add_seen(
        &self,
        until: &Until,
        kind: &Kind,
        last: &Mutex<Vec<DynamicObject>>,
        limits: &Limits,
        findings: &mut Vec<Finding>,
    ) {
        let last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_empty() && findings.is_empty() {
            findings.push(Finding::new(self.shown(), UNMET, "it is not there"));
        }
        for object in last.iter() {
            let name = object.metadata.name.as_deref().unwrap_or_default();
            findings.push(Finding::new(kind.named(name), UNMET, until.seen(kind, object, limits)));
        }
    }

    fn shown(&self) -> String {
        match &self.target {
            Some(target) => target.to_string(),
            None => {
                format!("{} {}", self.kind.as_deref().unwrap_or_default(), self.selector.as_deref().unwrap_or_default())
            }
        }
    }

    async fn explain(&self, on: &VerbContext<'_>, kind: &Kind, name: Option<&str>) -> Vec<Finding> {
        match self.target(kind, name) {
            Some(target) if matches!(Until::parse(&self.until), Ok(Until::Deleted)) => {
                on.cluster.holds_deletion(on.namespace, Some(&target)).await
            }
            Some(target) => on.explain_target(on.namespace, &target).await,
            None => Vec::new(),
        }
    }

    /// What explains that it is not so; nothing for a set of objects other than Pods.
    fn target(&self, kind: &Kind, name: Option<&str>) -> Option<Target> {
        match name {
            Some(name) => {
                let namespace = String::new();
                Some(Workload { kind: kind.clone(), namespace, name: name.to_owned() }.target())
            }
            None => (kind.resource.kind == "Pod").then(|| Target::Selector(self.selector.clone().unwrap_or_default())),
        }
    }
}
