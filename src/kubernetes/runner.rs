//! Pods as runners: carries a step's command, its environment and its files to a container and its results back.
//! Knows no step.

mod attempt;
mod boot;
mod chunks;
mod judge;
mod owed;
mod pack;
mod record;
mod report;
mod stored;
mod submit;
mod transfer;
mod unpack;
mod work;

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Semaphore;

use super::client::{Cluster, ClusterError, ClusterSettings};
use super::job::{ContainerJob, JobEnd, Phase, StartedJob};
use crate::core::clock;
use crate::core::kind::executor::{Assignment, Capture, Executed, Executor, Runner, Service, Work};
use crate::core::kind::settings::{RunnerSettings, SubmitSettings};
use crate::core::model::outcome::{Fault, Finding};
use crate::core::model::units::TimeSpan;
use crate::process::{Command, Exit, Finished, LineSink, Output, Stop};

pub use submit::{Place, Seen, Submission, submission_id};
pub use work::template_problems;

use attempt::Attempt;
use boot::Streams;
use owed::Owed;
use report::Report;
use stored::Hashes;
use transfer::Container;
use unpack::Returned;

/// How long an explanation may take.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// How long after the end of a container its log and its files may take to come back.
const COMES_BACK_WITHIN: Duration = Duration::from_secs(120);
/// How long a command whose output is measured may wait for its container.
const STARTS_WITHIN: Duration = Duration::from_secs(300);

/// Runs commands of steps in Pods.
#[derive(Debug)]
pub struct PodRunner {
    name: String,
    settings: RunnerSettings,
    cluster: Arc<Cluster>,
    /// A place for each Pod. The scheduler counts steps; here those of assertions are counted with them.
    places: Semaphore,
    hashes: Arc<Hashes>,
    owed: Owed,
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
        let places = match settings.max {
            0 => Semaphore::MAX_PERMITS,
            max => usize::try_from(max).unwrap_or(Semaphore::MAX_PERMITS),
        };
        PodRunner {
            name: name.to_owned(),
            settings,
            cluster,
            places: Semaphore::new(places),
            hashes: Arc::default(),
            owed: Owed::default(),
        }
    }

    /// The cluster that its Pods run in.
    pub fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// What pipeline.yaml says of whole runs in its Pods.
    pub fn submit_settings(&self) -> Option<&SubmitSettings> {
        self.settings.submit.as_ref()
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

/// A command, and what becomes of its output.
struct Task<'a> {
    command: &'a Command,
    streams: Streams,
    sink: &'a dyn LineSink,
    stop: &'a Stop,
    service: Option<&'a Service>,
    /// How long it may run, counted from its start.
    limit: Option<Duration>,
}

/// How a command came to its end.
enum Ran {
    Ended(Done),
    Stopped,
    /// The limit of its time was over.
    Overdue,
}

/// What a command that ended has left.
struct Done {
    code: i32,
    findings: Vec<Finding>,
    returned: Returned,
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
        let place = if task.service.is_some() {
            None
        } else {
            tokio::select! {
                biased;
                place = self.runner.places.acquire() => place.ok(),
                () = task.stop.cancel.cancelled() => return Ok(Ran::Stopped),
            }
        };
        let wanted = self.job(task, namespace).await?;
        let begun = async {
            if let Some(job) = self.left(cluster, &wanted, task.sink).await? {
                return Ok((job, Begun::Before));
            }
            // known before it is there: a run that ends at once gives this up half way
            self.runner.owed.add(namespace, &wanted.name);
            let started = cluster.start_job(&wanted).await;
            if matches!(started, Err(ClusterError::Refused(_))) {
                self.runner.owed.settle(namespace, &wanted.name);
            }
            started.map(|job| (job, Begun::Now))
        };
        let (job, begun) = begun.await.map_err(|trouble| self.refused(trouble))?;
        self.runner.owed.add(namespace, job.name());
        let attempt = Attempt { cluster, namespace, job: &job, owed: &self.runner.owed };
        let mut carried = pin!(self.carry(&job, begun, task, wanted.store.is_some()));
        let waited = tokio::select! {
            biased;
            ended = &mut carried => Waited::Ended(ended),
            () = task.stop.cancel.cancelled() => Waited::Stopped,
            cause = attempt.fatal() => Waited::Hopeless(cause),
            over = overdue(&job, task.limit) => over,
        };
        let result = match waited {
            Waited::Ended(Ok((end, returned))) => self.judge(end, returned, task, &attempt).await.map(Ran::Ended),
            Waited::Ended(Err(fault)) => Err(fault),
            Waited::Stopped => {
                if !job.has_begun() {
                    attempt.explain_to(task.sink).await;
                }
                attempt.remove(task.stop.grace, task.sink).await;
                let _ = tokio::time::timeout(task.stop.grace + LAST_WORDS, carried).await;
                return Ok(Ran::Stopped);
            }
            Waited::Hopeless(cause) => Err(self.unstarted(&cause)),
            Waited::Overdue => Ok(Ran::Overdue),
            Waited::NotBegun => {
                let why = attempt.explain().await.into_iter().next().map(|cause| self.unstarted(&cause));
                let late = || format!("the container has not started within {}", TimeSpan(STARTS_WITHIN));
                Err(why.unwrap_or_else(|| self.fault(&late())))
            }
        };
        attempt.remove(Duration::ZERO, task.sink).await;
        drop(place);
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
        task: &Task<'_>,
        is_stored: bool,
    ) -> Result<(JobEnd, Option<Returned>), Fault> {
        let Assignment { project, inputs, artifacts, .. } = &self.assignment;
        if is_stored && job.preparing().await? {
            stored::send_stored(job, project, inputs, &self.runner.hashes, task.sink).await?;
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
            if artifacts.is_empty() && !task.streams.are_apart() {
                return Ok(None);
            }
            transfer::fetch(job, project, artifacts, task.streams.limit()).await
        };
        let mut files = pin!(files.fuse());
        let mut log = pin!(job.finish(task.sink).fuse());
        let mut news = pin!(announce(job, task.service).fuse());
        let mut late = pin!(long_over(job).fuse());
        let (mut end, mut returned, mut announced) = (None, None, false);
        // the end of one decides nothing for the other: a container that is lost ends both
        while end.is_none() || returned.is_none() {
            tokio::select! {
                ended = &mut log, if end.is_none() => end = Some(ended?),
                files = &mut files, if returned.is_none() => returned = Some(files?),
                news = &mut news, if !announced => {
                    announced = true;
                    news?;
                }
                () = &mut late => {
                    return Err(self.fault("the container is over, and its log or files have not come back").transient());
                }
            }
        }
        let end = end.ok_or_else(|| Fault::unknown("the container has no end"))?;
        Ok((end, returned.flatten()))
    }
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

/// The runners of a pipeline, by name.
#[derive(Debug, Default)]
pub struct PodRunners(pub BTreeMap<String, Arc<PodRunner>>);

impl PodRunners {
    /// Removes the Jobs that a run which ended at once has left, within a short time. Those that could not be removed.
    pub async fn remove_owed(&self) -> Vec<String> {
        let all = self.0.values().map(|runner| runner.owed.remove(&runner.cluster));
        futures::future::join_all(all).await.concat()
    }
}
