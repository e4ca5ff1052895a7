//! The commands of one step in Pods, from the Job to its end.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::attempt::Attempt;
use super::boot::Streams;
use super::report::Report;
use super::transfer::{self, Container};
use super::unpack::Returned;
use super::{LAST_WORDS, PodRunner, stored};
use crate::core::clock;
use crate::core::kind::executor::{Assignment, Capture, Executed, Executor, Service, Work};
use crate::core::model::outcome::{Fault, Finding};
use crate::core::model::units::TimeSpan;
use crate::kubernetes::client::{Cluster, ClusterError};
use crate::kubernetes::job::{ContainerJob, JobEnd, Phase, StartedJob};
use crate::process::{Command, Exit, Finished, LineSink, Output, Stop};

/// How long after the end of a container its log and its files may take to come back.
const COMES_BACK_WITHIN: Duration = Duration::from_secs(120);
/// How long a command whose output is measured may wait for its container.
pub(super) const STARTS_WITHIN: Duration = Duration::from_secs(300);

/// Runs the commands of one step in Pods of a runner, a Job for each.
#[derive(Debug)]
pub(super) struct PodExecutor {
    pub runner: Arc<PodRunner>,
    pub assignment: Assignment,
}

/// A command, and what becomes of its output.
pub(super) struct Task<'a> {
    pub command: &'a Command,
    pub streams: Streams,
    pub sink: &'a dyn LineSink,
    pub stop: &'a Stop,
    pub service: Option<&'a Service>,
    /// How long it may run, counted from its start.
    pub limit: Option<Duration>,
}

/// How a command came to its end.
enum Ran {
    Ended(Done),
    Stopped,
    /// The limit of its time was over.
    Overdue,
}

/// What a command that ended has left.
pub(super) struct Done {
    pub code: i32,
    pub findings: Vec<Finding>,
    pub returned: Returned,
}

/// Takes no line: the output of a command that is measured comes back as files.
struct NoLines;

impl LineSink for NoLines {
    fn line(&self, _line: &[u8]) {}
}

impl Executor for PodExecutor {
    fn execute<'a>(&'a self, work: Work<'a>) -> BoxFuture<'a, Result<Executed, Fault>> {
        let Work { command, sink, stop, service, .. } = work;
        let task = Task { command, streams: Streams::Joined, sink, stop, service, limit: None };
        async move {
            let (exit, findings) = match Box::pin(self.run(&task)).await? {
                Ran::Ended(done) => (Exit::Code(done.code), done.findings),
                Ran::Stopped | Ran::Overdue => (Exit::Stopped, Vec::new()),
            };
            Ok(Executed { finished: Finished { exit, ended_leftovers: false }, findings })
        }
        .boxed()
    }

    fn capture<'a>(&'a self, work: Capture<'a>) -> BoxFuture<'a, Result<Option<Output>, Fault>> {
        let Capture { command, limit, timeout, stop } = work;
        let streams = Streams::Apart { limit };
        async move {
            let task = Task { command, streams, sink: &NoLines, stop, service: None, limit: Some(timeout) };
            match Box::pin(self.run(&task)).await? {
                Ran::Ended(Done { code, returned, .. }) => {
                    let (stdout, stderr) = (returned.stdout, returned.stderr);
                    Ok(Some(Output { code: Some(code), signal: None, stdout, stderr }))
                }
                Ran::Overdue => Ok(None),
                Ran::Stopped => Err(Fault::unknown("stopped")),
            }
        }
        .boxed()
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
    Overdue,
    NotBegun,
}

impl PodExecutor {
    async fn run(&self, task: &Task<'_>) -> Result<Ran, Fault> {
        let (cluster, namespace) = (&*self.runner.cluster, self.runner.namespace()?);
        // a service runs beside what needs it: it must not wait for a place that this has
        let _place = if task.service.is_some() {
            None
        } else {
            tokio::select! {
                biased;
                place = self.runner.places.acquire() => place.ok(),
                () = task.stop.cancel.cancelled() => return Ok(Ran::Stopped),
            }
        };
        let wanted = self.job(task, namespace).await?;
        let left = self.left(cluster, &wanted, task.sink).await.map_err(|trouble| self.refused(trouble))?;
        if let Some(job) = left
            && let Some(ran) = Box::pin(self.see(&job, Begun::Before, task, &wanted)).await?
        {
            return Ok(ran);
        }
        // known before it is there: a run that ends at once gives this up half way
        self.runner.owed.add(namespace, &wanted.name);
        let started = cluster.start_job(&wanted).await;
        if matches!(started, Err(ClusterError::Refused(_))) {
            self.runner.owed.settle(namespace, &wanted.name);
        }
        let job = started.map_err(|trouble| self.refused(trouble))?;
        let ran = Box::pin(self.see(&job, Begun::Now, task, &wanted)).await?;
        ran.ok_or_else(|| Fault::unknown("the results of the container went to another run"))
    }

    /// Waits for the end of a Job, and removes it; nothing where the run that started it has taken its results and died
    /// before they were in its record.
    async fn see(
        &self,
        job: &StartedJob<'_>,
        begun: Begun,
        task: &Task<'_>,
        wanted: &ContainerJob,
    ) -> Result<Option<Ran>, Fault> {
        let (cluster, namespace) = (&*self.runner.cluster, wanted.namespace.as_str());
        self.runner.owed.add(namespace, job.name());
        let attempt = Attempt { cluster, namespace, job, owed: &self.runner.owed };
        let mut carried = pin!(self.carry(job, begun, task, wanted.store.is_some()));
        let waited = tokio::select! {
            biased;
            ended = &mut carried => Waited::Ended(ended),
            () = task.stop.cancel.cancelled() => Waited::Stopped,
            cause = attempt.fatal() => Waited::Hopeless(cause),
            over = overdue(job, task.limit) => over,
        };
        let result = match waited {
            Waited::Ended(Ok((end, None))) if begun == Begun::Before && self.returns(task) && has_reported(&end) => {
                task.sink.line(format!("the results of job.batch/{} are lost; it runs again", job.name()).as_bytes());
                Ok(None)
            }
            Waited::Ended(Ok((end, returned))) => {
                self.judge(end, returned, task, &attempt).await.map(|done| Some(Ran::Ended(done)))
            }
            Waited::Ended(Err(fault)) => Err(fault),
            Waited::Stopped => {
                if !job.has_begun() {
                    attempt.explain_to(task.sink).await;
                }
                attempt.remove(task.stop.grace, task.sink).await;
                let _ = tokio::time::timeout(task.stop.grace + LAST_WORDS, carried).await;
                return Ok(Some(Ran::Stopped));
            }
            Waited::Hopeless(cause) => Err(self.unstarted(&cause)),
            Waited::Overdue => Ok(Some(Ran::Overdue)),
            Waited::NotBegun => {
                let why = attempt.explain().await.into_iter().next().map(|cause| self.unstarted(&cause));
                let late = || format!("the container has not started within {}", TimeSpan(STARTS_WITHIN));
                Err(why.unwrap_or_else(|| self.fault(&late())))
            }
        };
        attempt.remove(Duration::ZERO, task.sink).await;
        result
    }

    /// Whether files come back from the container.
    pub(super) fn returns(&self, task: &Task<'_>) -> bool {
        task.streams.are_apart() || !self.assignment.artifacts.is_empty()
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
            Phase::Over(end) => self.assignment.artifacts.is_empty() && has_reported(&end),
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
        task: &Task<'_>,
        is_stored: bool,
    ) -> Result<(JobEnd, Option<Returned>), Fault> {
        let Assignment { project, inputs, artifacts, .. } = &self.assignment;
        if is_stored && job.preparing().await? {
            tokio::select! {
                biased;
                sent = stored::send_stored(job, project, inputs, &self.runner.hashes, task.sink) => sent?,
                over = job.prepared() => over?,
            }
        }
        if let Phase::Over(end) = job.begun().await?
            && !end.has_run()
        {
            return Ok((end, None));
        }
        let files = async {
            let are_there = is_stored || begun == Begun::Before && transfer::has_files(job).await?;
            if !inputs.is_empty() && !are_there {
                transfer::send(job, Container::Step, project, inputs).await?;
            }
            if !self.returns(task) {
                return Ok(None);
            }
            transfer::fetch(job, project, artifacts, task.streams.limit()).await
        };
        let whole = async {
            let (log, news) = (job.finish(task.sink), announce(job, task.service));
            // the end of one decides nothing for the others: a container that is lost ends all
            let (end, returned, ()) = futures::try_join!(log, files, news)?;
            Ok((end, returned))
        };
        tokio::select! {
            biased;
            whole = whole => whole,
            () = long_over(job) => {
                Err(self.fault("the container is over, and its log or files have not come back").transient())
            }
        }
    }
}

/// Whether the command of a container has ended, and its exit code is known.
fn has_reported(end: &JobEnd) -> bool {
    matches!(end, JobEnd::Exited { message, .. } if matches!(Report::of(message), Some(Report::Exit { .. })))
}

/// Comes back some time after a container is over: a connection may be lost without a word.
async fn long_over(job: &StartedJob<'_>) {
    if job.ended().await.is_err() {
        return std::future::pending().await;
    }
    clock::sleep(COMES_BACK_WITHIN).await;
}

/// Reports that a service runs, and that it is up.
async fn announce(job: &StartedJob<'_>, service: Option<&Service>) -> Result<(), Fault> {
    let Some(service) = service else { return Ok(()) };
    let address = job.address().unwrap_or_default();
    // a literal address of version 6 needs brackets in a URL
    service.has_begun(if address.contains(':') { format!("[{address}]") } else { address });
    if service.probe.is_some() && job.ready().await? {
        service.is_up();
    }
    Ok(())
}

/// Comes back when the time of a command is over, or that in which it must begin.
async fn overdue(job: &StartedJob<'_>, limit: Option<Duration>) -> Waited {
    let Some(limit) = limit else { return std::future::pending().await };
    match tokio::time::timeout(STARTS_WITHIN, job.begun()).await {
        Err(_) => return Waited::NotBegun,
        // the wait for its end says what is wrong
        Ok(Err(_)) => return std::future::pending().await,
        Ok(Ok(_)) => {}
    }
    clock::sleep(limit).await;
    Waited::Overdue
}
