//! Pods as runners: carries a step's command, its environment and its files to a container and its results back.
//! Knows no step.

mod attempt;
mod boot;
mod chunks;
mod pack;
mod report;
mod transfer;
mod unpack;

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::client::{Cluster, ClusterError, ClusterSettings};
use super::job::{ContainerJob, JobEnd, Phase, StartedJob, job_name};
use super::ownership::labels::label_value;
use super::ownership::owned::Owner;
use crate::core::files::inputs;
use crate::core::kind::executor::{Assignment, Executed, Executor, Runner, Work};
use crate::core::kind::settings::RunnerSettings;
use crate::core::mask::SecretText;
use crate::core::model::outcome::{Fault, Finding};
use crate::process::{Exit, Finished, LineSink};

use attempt::Attempt;
use report::Report;
use unpack::Returned;

/// What the cluster may take beyond the timeout and the grace before it ends the container itself.
const MARGIN: Duration = Duration::from_secs(60);
/// The longest that a container without a timeout lives: a runner that was killed leaves nothing for good.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// How long an explanation may take.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Runs commands of steps in Pods.
#[derive(Debug)]
pub struct PodRunner {
    name: String,
    settings: RunnerSettings,
    cluster: Arc<Cluster>,
}

impl PodRunner {
    /// Connects to nothing yet. `cluster` is the pipeline's own.
    pub fn new(name: &str, settings: RunnerSettings, cluster: &Arc<Cluster>) -> Self {
        let cluster = match &settings.context {
            None => Arc::clone(cluster),
            Some(context) => {
                // the run's own namespace is in the pipeline's cluster alone
                let settings =
                    ClusterSettings { context: Some(context.clone()), fresh: None, ..cluster.settings().clone() };
                Arc::new(Cluster::new(settings))
            }
        };
        PodRunner { name: name.to_owned(), settings, cluster }
    }

    /// The cluster that its Pods run in.
    pub fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    fn namespace(&self) -> Result<&str, Fault> {
        self.cluster.namespace_or(self.settings.namespace.as_deref())
    }
}

impl Runner for PodRunner {
    fn guard(&self) -> Result<(), Fault> {
        self.cluster.guard()?;
        self.namespace().map(drop)
    }

    fn executor(self: Arc<Self>, assignment: Assignment) -> Arc<dyn Executor> {
        Arc::new(PodExecutor { runner: self, assignment })
    }
}

/// Runs the commands of one step in Pods of a runner, a Job for each.
#[derive(Debug)]
struct PodExecutor {
    runner: Arc<PodRunner>,
    assignment: Assignment,
}

impl Executor for PodExecutor {
    fn execute<'a>(&'a self, work: Work<'a>) -> BoxFuture<'a, Result<Executed, Fault>> {
        self.run(work).boxed()
    }
}

/// Which run has started a Job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    /// This one.
    Now,
    /// An earlier one.
    Before,
}

/// How the wait for a container was over.
enum Waited {
    Ended(Result<(JobEnd, Option<Returned>), Fault>),
    Stopped,
    Hopeless(Finding),
}

impl PodExecutor {
    async fn run(&self, work: Work<'_>) -> Result<Executed, Fault> {
        let (cluster, namespace) = (&*self.runner.cluster, self.runner.namespace()?);
        let wanted = self.job(&work, namespace).await?;
        // not given up half way: what was created must be known to be removed
        let begun = async {
            match self.left(cluster, &wanted, work.sink).await? {
                Some(job) => Ok((job, Begun::Before)),
                None => cluster.start_job(&wanted).await.map(|job| (job, Begun::Now)),
            }
        };
        let (job, begun) = begun.await.map_err(|trouble| self.refused(trouble))?;
        let attempt = Attempt { cluster, namespace, job: &job };
        let mut carried = pin!(self.carry(&job, begun, work.sink));
        let waited = tokio::select! {
            biased;
            ended = &mut carried => Waited::Ended(ended),
            () = work.stop.cancel.cancelled() => Waited::Stopped,
            cause = attempt.fatal() => Waited::Hopeless(cause),
        };
        let result = match waited {
            Waited::Ended(Ok((end, returned))) => self.judge(end, returned, &attempt).await,
            Waited::Ended(Err(fault)) => Err(fault),
            Waited::Stopped => {
                if !job.has_begun() {
                    for finding in attempt.explain().await {
                        work.sink
                            .line(format!("{}: {}: {}", finding.object, finding.cause, finding.message).as_bytes());
                    }
                }
                attempt.remove(work.stop.grace, work.sink).await;
                let _ = tokio::time::timeout(work.stop.grace + LAST_WORDS, carried).await;
                return Ok(stopped());
            }
            Waited::Hopeless(cause) => Err(self.unstarted(&cause)),
        };
        attempt.remove(Duration::ZERO, work.sink).await;
        result
    }

    /// What a run that died has left of the same work: a container that has not ended, or one whose result is known.
    async fn left<'c>(
        &self,
        cluster: &'c Cluster,
        wanted: &ContainerJob,
        sink: &dyn LineSink,
    ) -> Result<Option<StartedJob<'c>>, ClusterError> {
        if !self.assignment.resumes {
            return Ok(None);
        }
        let Some(job) = cluster.find_job(wanted).await? else { return Ok(None) };
        let is_usable = match job.phase() {
            Phase::Pending | Phase::Running => true,
            Phase::Over(JobEnd::Exited { message, .. }) => {
                self.assignment.artifacts.is_empty() && matches!(Report::of(&message), Some(Report::Exit { .. }))
            }
            Phase::Over(_) => false,
        };
        if !is_usable {
            job.remove(Duration::ZERO).await?;
            return Ok(None);
        }
        sink.line(format!("goes on with job.batch/{} of an earlier run", job.name()).as_bytes());
        Ok(Some(job))
    }

    /// The log and the files of a container, until it is over.
    async fn carry(
        &self,
        job: &StartedJob<'_>,
        begun: Begun,
        sink: &dyn LineSink,
    ) -> Result<(JobEnd, Option<Returned>), Fault> {
        if let Phase::Over(end) = job.begun().await?
            && !end.has_run()
        {
            return Ok((end, None));
        }
        let files = async {
            let are_there = begun == Begun::Before && transfer::has_files(job).await;
            if !self.assignment.inputs.is_empty() && !are_there {
                transfer::send(job, &self.assignment.project, &self.assignment.inputs).await?;
            }
            match self.assignment.artifacts.as_slice() {
                [] => Ok(None),
                artifacts => transfer::fetch(job, &self.assignment.project, artifacts).await,
            }
        };
        let mut files = pin!(files.fuse());
        let mut log = pin!(job.finish(sink).fuse());
        let (mut end, mut returned) = (None, None);
        // the end of one decides nothing for the other: a container that is lost ends both
        while end.is_none() || returned.is_none() {
            tokio::select! {
                ended = &mut log, if end.is_none() => end = Some(ended?),
                files = &mut files, if returned.is_none() => returned = Some(files?),
            }
        }
        let end = end.ok_or_else(|| Fault::unknown("the container has no end"))?;
        Ok((end, returned.flatten()))
    }

    /// What its end means.
    async fn judge(&self, end: JobEnd, returned: Option<Returned>, attempt: &Attempt<'_>) -> Result<Executed, Fault> {
        if let Some(returned) = returned {
            self.keep_output(&returned.output)?;
            let findings = match end {
                JobEnd::Exited { out_of_memory: true, .. } => attempt.explain().await,
                _ => Vec::new(),
            };
            return Ok(exited(returned.code, findings));
        }
        match end {
            JobEnd::Exited { code, out_of_memory, message } => match Report::of(&message) {
                Some(Report::Exit { code, output }) if self.assignment.artifacts.is_empty() => {
                    self.keep_output(output.as_bytes())?;
                    let findings = if out_of_memory { attempt.explain().await } else { Vec::new() };
                    Ok(exited(code, findings))
                }
                Some(Report::Setup { why }) => {
                    Err(self.fault(&why).help("the image needs /bin/sh, and tar where files are sent or returned"))
                }
                Some(Report::LargeOutput { size }) => {
                    let message =
                        format!("$PIPELINE_OUTPUT has {size} bytes, at most 3500 come back without `artifacts`");
                    Err(self.fault(&message).help("hand the values on in a file: `artifacts: [values.json]`"))
                }
                Some(Report::IrregularOutput) => Err(self.fault("$PIPELINE_OUTPUT is not a regular file any more")),
                _ if out_of_memory => Ok(exited(code, attempt.explain().await)),
                Some(Report::Exit { .. }) => {
                    Err(self.fault("the container ended before its artifacts had come back").transient())
                }
                None => {
                    let message =
                        format!("the container ended with exit code {code}, and its step has not reported its own");
                    Err(self.fault(&message).transient())
                }
            },
            JobEnd::NotStarted { cause, message } => {
                let fault = self.fault(&format!("the container did not start: {cause}: {message}"));
                Err(fault.help(format!("image {} needs /bin/sh", self.runner.settings.image)))
            }
            JobEnd::Lost { cause, message } => {
                let fault = self.fault(&format!("the cluster ended the container: {cause}: {message}"));
                Err(fault.help("`retry: { attempts: 2, on: fault }` runs it again by itself").transient())
            }
        }
    }

    fn fault(&self, message: &str) -> Fault {
        Fault::environment(format!("runner {}: {message}", self.runner.name))
    }

    fn unstarted(&self, cause: &Finding) -> Fault {
        self.fault(&format!("{} does not start: {}: {}", cause.object, cause.cause, cause.message))
    }

    fn refused(&self, trouble: ClusterError) -> Fault {
        let fault = trouble.fault();
        Fault {
            kind: crate::core::model::outcome::FaultKind::Environment,
            message: format!("runner {}: {}", self.runner.name, fault.message),
            ..fault
        }
    }

    /// What the step wrote to `$PIPELINE_OUTPUT`, in the place where a local step would have written it.
    fn keep_output(&self, output: &[u8]) -> Result<(), Fault> {
        if output.is_empty() {
            return Ok(());
        }
        let file = &self.assignment.output_file;
        let mut options = std::fs::OpenOptions::new();
        let opened = options.write(true).create(true).truncate(true).mode(0o600).open(file);
        opened
            .and_then(|mut open| open.write_all(output))
            .map_err(|error| Fault::unknown(format!("the step's outputs cannot be kept: {error}")))
    }

    async fn job(&self, work: &Work<'_>, namespace: &str) -> Result<ContainerJob, Fault> {
        let (assignment, settings) = (&self.assignment, &self.runner.settings);
        let limit = assignment.timeout.map_or(LONGEST, |timeout| timeout + work.stop.grace + MARGIN);
        let home = self.runner.cluster.namespace().to_owned();
        let files = boot::files(work.command, assignment)?;
        let work_digest = self.digest(&files).await;
        Ok(ContainerJob {
            name: job_name(&assignment.run, &assignment.step),
            namespace: namespace.to_owned(),
            run: assignment.run.to_string(),
            step: assignment.step.to_string(),
            owner: Some(Owner { pipeline: label_value(&assignment.pipeline), home, run: assignment.run.to_string() }),
            image: settings.image.clone(),
            command: boot::command(),
            files,
            work: work_digest,
            resources: settings.resources.clone(),
            user: settings.user,
            placement: settings.placement.clone(),
            deadline: Some(limit),
            grace: work.stop.grace,
            ..ContainerJob::default()
        })
    }

    /// All that decides what a container does, in one digest. None where it cannot be reported: then nothing is found again.
    async fn digest(&self, files: &[(String, SecretText)]) -> Option<String> {
        let assignment = &self.assignment;
        let mut hasher = blake3::Hasher::new_keyed(&assignment.key?);
        hasher.update(self.runner.settings.image.as_bytes());
        for (name, text) in files {
            hasher.update(name.as_bytes());
            // the run's id differs from run to run
            let lines = text.expose().lines().filter(|line| !line.starts_with("export PIPELINE_RUN="));
            lines.for_each(|line| _ = hasher.update(line.as_bytes()).update(b"\n"));
        }
        if !assignment.inputs.is_empty() {
            let (project, patterns) = (Arc::clone(&assignment.project), assignment.inputs.clone());
            let digest = move || inputs::digest(&project, patterns.iter().map(String::as_str));
            hasher.update(&tokio::task::spawn_blocking(digest).await.ok()?.ok()?);
        }
        Some(hasher.finalize().to_hex()[..32].to_owned())
    }
}

fn exited(code: i32, findings: Vec<Finding>) -> Executed {
    Executed { finished: Finished { exit: Exit::Code(code), ended_leftovers: false }, findings }
}

fn stopped() -> Executed {
    Executed { finished: Finished { exit: Exit::Stopped, ended_leftovers: false }, findings: Vec::new() }
}

/// The runners of a pipeline, by name.
#[derive(Debug, Default)]
pub struct PodRunners(pub BTreeMap<String, Arc<PodRunner>>);
