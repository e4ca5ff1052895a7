//! `pod`: one container in the cluster, run to its end: a Job that never retries. Judged by its exit code.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::FutureExt;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::core::kind::settings::{Placement, Resources};
use crate::core::kind::{CheckContext, Context, OutputRow, SecretField, Step, StepKind, Tail, until_fatal};
use crate::core::model::diagnostic::Code;
use crate::core::model::event::EndedEarly;
use crate::core::model::expect::Expect;
use crate::core::model::namespace::refuse_system_namespace;
use crate::core::model::outcome::{Failure, Fault, Finding, Outcome, Outputs};
use crate::core::model::units::Count;
use crate::kubernetes::explain::Target;
use crate::kubernetes::job::{ContainerJob, JobEnd, PullPolicy, StartedJob, job_name};
use crate::kubernetes::ownership::owned::Owner;
use crate::services::Clients;

/// The row of the table.
pub const KIND: StepKind = StepKind::step::<Pod>(
    "pod",
    "runs one container in the cluster to its end",
    "image: python:3.11-slim\ncommand: [python3, -c, \"print('ready')\"]\n",
)
.outputs(&[OutputRow { name: "exit_code", summary: "the exit code" }])
.cluster();

/// What the cluster may take beyond `timeout` and the grace before it ends the container itself.
const MARGIN: Duration = Duration::from_secs(30);
/// How long an explanation may take.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// What a container that was stopped may take beyond the grace until its end is seen.
const END_SEEN: Duration = Duration::from_secs(3);

/// One container, run to its end by a Job that never retries, with a restricted security context. Its lines are the
/// step's log. It fails when its exit code is not as expected; where the cluster takes it away (an eviction, a deletion,
/// a lost node) there is no answer, and the step has a fault. It is removed with the step, also after Ctrl-C and
/// `timeout`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pod {
    /// The image.
    image: String,
    /// When the image is pulled: `Always`, `IfNotPresent`, or `Never` where it must have been loaded. Kubernetes' default
    /// where nothing is written: `Always` for the tag `latest`, else `IfNotPresent`.
    #[serde(default)]
    pull_policy: Option<PullPolicy>,
    /// Program and arguments in the place of the image's entrypoint. No shell: write `[sh, -c, "…"]` for one.
    #[serde(default)]
    #[schemars(length(min = 1))]
    command: Option<Vec<String>>,
    /// Arguments in the place of the image's own.
    #[serde(default)]
    args: Vec<String>,
    /// Environment variables; `${{ secrets.NAME }}` may be in them. They reach the container by a Secret of its own.
    #[serde(default)]
    env: BTreeMap<String, SecretField>,
    /// The exit code that passes: 0 where nothing is written, also `0..1` or `!= 2`.
    #[serde(default)]
    exit_code: Option<Expect<Count>>,
    /// The namespace; else the pipeline's `cluster.namespace`.
    #[serde(default)]
    namespace: Option<String>,
    /// What it may use: requested, and its limit.
    #[serde(default)]
    resources: Resources,
    /// The numeric user that it runs as; 65532 where nothing is written. With 0 it runs as root, and its security context
    /// is not restricted.
    #[serde(default)]
    #[schemars(range(min = 0, max = 4_294_967_294_i64))]
    user: Option<i64>,
    /// The service account whose token it gets; without one it gets none.
    #[serde(default)]
    service_account: Option<String>,
}

/// How the wait for its end was over.
enum Waited {
    Ended(Result<JobEnd, Fault>),
    Stopped,
    Hopeless(Finding),
}

#[async_trait]
impl Step for Pod {
    fn check(&self, cx: &mut CheckContext<'_>) {
        if let Some(fault) = self.namespace.as_deref().and_then(|namespace| refuse_system_namespace(namespace).err()) {
            cx.error(&["namespace".into()], Code::InvalidValue, fault.message, fault.help);
        }
        if self.image.trim().is_empty() {
            let help = Some("name one: `image: python:3.11-slim`".to_owned());
            cx.error(&["image".into()], Code::InvalidValue, "the image has no name", help);
        }
    }

    fn title(&self) -> String {
        let words = self.command.iter().flatten().chain(&self.args).map(String::as_str);
        let text = [self.image.as_str()].into_iter().chain(words).collect::<Vec<_>>().join(" ");
        if text.chars().count() <= 60 { text } else { text.chars().take(59).chain(['…']).collect() }
    }

    async fn run(&self, cx: &Context) -> Result<Outcome, Fault> {
        let cluster = cx.cluster();
        let namespace = cx.namespace_or(self.namespace.as_deref())?;
        // before anything else, so that a credential plugin that hangs ends with the attempt
        cx.unless_cancelled(cluster.client()).await??;
        let wanted = self.job(cx, namespace);
        // not given up half way: what was created must be known to be removed
        let job = match cluster.start_job(&wanted).await {
            Ok(job) => job,
            Err(trouble) => return trouble.outcome(format!("job.batch/{}", wanted.name)),
        };
        let attempt = Attempt { cx, namespace, job: &job, target: target(&job) };
        let tail = Tail::new(&*cx.log, None);
        let begun = Instant::now();
        let mut finish = pin!(job.finish(&tail));
        let waited = tokio::select! {
            biased;
            end = &mut finish => Waited::Ended(end),
            () = cx.cancelled() => Waited::Stopped,
            cause = attempt.fatal() => Waited::Hopeless(cause),
        };
        match waited {
            Waited::Ended(Ok(end)) => {
                let outcome = self.judge(end, &attempt, &tail).await;
                attempt.remove(Duration::ZERO).await;
                outcome
            }
            Waited::Ended(Err(fault)) => {
                attempt.remove(Duration::ZERO).await;
                Err(fault)
            }
            Waited::Stopped => {
                let findings = attempt.unstarted().await;
                attempt.remove(cx.signals.grace).await;
                let _ = tokio::time::timeout(cx.signals.grace + END_SEEN, finish).await;
                let failure = Failure::new("stopped before the container had ended").because(findings);
                Ok(Outcome::Failed(failure.because(tail.findings(cx))))
            }
            Waited::Hopeless(cause) => {
                let findings = attempt.explain().await;
                attempt.remove(Duration::ZERO).await;
                let ended = EndedEarly { after: begun.elapsed(), of: cx.waits.timeout, cause: cause.cause.clone() };
                let shown = findings.iter().any(|finding| finding.fatal == cause.fatal);
                let findings = (!shown).then_some(cause).into_iter().chain(findings).collect();
                let summary = format!("the container of {} has not started; {ended}", self.image);
                Ok(Outcome::Failed(Failure::new(summary).because(findings)))
            }
        }
    }
}

impl Pod {
    fn job(&self, cx: &Context, namespace: &str) -> ContainerJob {
        ContainerJob {
            name: job_name(&cx.run, &cx.name),
            namespace: namespace.to_owned(),
            run: cx.run.to_string(),
            step: cx.name.to_string(),
            owner: Owner::of(cx),
            image: self.image.clone(),
            command: self.command.clone().unwrap_or_default(),
            args: self.args.clone(),
            env: self.env.iter().map(|(name, value)| (name.clone(), value.0.clone())).collect(),
            resources: self.resources.clone(),
            pull_policy: self.pull_policy,
            user: self.user,
            placement: Placement { service_account: self.service_account.clone(), ..Placement::default() },
            deadline: cx.waits.timeout.map(|timeout| timeout + cx.signals.grace + MARGIN),
            grace: cx.signals.grace,
            ..ContainerJob::default()
        }
    }

    /// What its end means.
    async fn judge(&self, end: JobEnd, attempt: &Attempt<'_>, tail: &Tail<'_>) -> Result<Outcome, Fault> {
        let image = &self.image;
        match end {
            JobEnd::Exited { code, out_of_memory, .. } => {
                let passes = self.exit_code.as_ref().map_or(code == 0, |expect| expect.holds(&Count(code.into())));
                if passes {
                    return Ok(Outcome::Passed(Outputs::from([("exit_code".to_owned(), code.into())])));
                }
                let expected = self.exit_code.as_ref().map_or_else(|| "0".to_owned(), ToString::to_string);
                let summary = format!("the container of {image} ended with exit code {code}, expected {expected}");
                let memory = if out_of_memory { attempt.explain().await } else { Vec::new() };
                let failure = Failure { exit_code: Some(code), ..Failure::new(summary) };
                Ok(Outcome::Failed(failure.because(memory).because(tail.findings(attempt.cx))))
            }
            JobEnd::NotStarted { cause, message } => {
                let summary = format!("the container of {image} did not start: {cause}: {message}");
                let help = "name a program that is in the image: `command: [program, argument]`";
                Ok(Outcome::Failed(Failure::new(summary).help(help)))
            }
            JobEnd::Lost { cause, message } => {
                let message = format!("the cluster ended the container of {image}: {cause}: {message}");
                Err(Fault::environment(message).help("run it again: its own exit code is not known").transient())
            }
        }
    }
}

/// One attempt's Job.
struct Attempt<'a> {
    cx: &'a Context,
    namespace: &'a str,
    job: &'a StartedJob<'a>,
    target: Target,
}

impl Attempt<'_> {
    /// Comes back with a cause that keeps it from starting and that waiting cannot fix.
    async fn fatal(&self) -> Finding {
        let cluster = &self.cx.cluster();
        until_fatal(&self.cx.waits.tolerate, || {
            async {
                if self.job.has_begun() {
                    return Vec::new();
                }
                cluster.fatal(self.namespace, &self.target).await
            }
            .boxed()
        })
        .await
    }

    /// Why it has not started, if it has not.
    async fn unstarted(&self) -> Vec<Finding> {
        if self.job.has_begun() { Vec::new() } else { self.explain().await }
    }

    async fn explain(&self) -> Vec<Finding> {
        let keep = |name: &str, text: &str| self.cx.evidence.keep(name, text);
        let explained = self.cx.cluster().explain(self.namespace, &self.target, &keep);
        tokio::time::timeout(LAST_WORDS, explained).await.unwrap_or_default()
    }

    /// Removes the Job. What cannot be removed carries the run's labels: `clean` finds it.
    async fn remove(&self, grace: Duration) {
        if let Err(trouble) = self.job.remove(grace).await {
            self.cx.say(format!("job.batch/{} stays: {trouble}; `pipeline clean` removes it", self.job.name()));
        }
    }
}

fn target(job: &StartedJob<'_>) -> Target {
    Target::Workload { kind: "Job".to_owned(), name: job.name().to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::kind::test_context::{TestContext, body, complaints};

    #[test]
    fn says_what_runs_in_a_few_words() {
        let pod: Pod = body(&json!({ "image": "python:3.11-slim", "command": ["python3"], "args": ["-V"] }));
        assert_eq!(pod.title(), "python:3.11-slim python3 -V");
    }

    #[test]
    fn refuses_a_namespace_of_the_system_and_an_image_without_a_name() {
        let json = json!({ "image": " ", "namespace": "kube-system" });
        let found = complaints(&json, false, |cx| body::<Pod>(&json).check(cx));
        let messages: Vec<&str> = found.iter().map(|(_, message)| message.as_str()).collect();
        assert_eq!(messages.len(), 2, "{messages:?}");
        assert!(messages.contains(&"the image has no name"), "{messages:?}");
    }

    #[test]
    fn the_cluster_ends_it_after_the_steps_own_timeout() {
        let mut trial = TestContext::new();
        let pod: Pod = body(&json!({ "image": "a" }));
        assert_eq!(pod.job(&trial.cx, "ci").deadline, None);
        trial.cx.waits.timeout = Some(Duration::from_secs(60));
        let margin = trial.cx.signals.grace + MARGIN;
        assert_eq!(pod.job(&trial.cx, "ci").deadline, Some(Duration::from_secs(60) + margin));
    }
}
