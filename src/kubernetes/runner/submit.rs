//! A whole run in a Pod: the project goes there, `pipeline run` is its command, and the record of the run comes back,
//! while it goes on and at its end. The machine that started it is not needed in between.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::attempt::Attempt;
use super::boot::{self, FOLDER, quoted};
use super::record::{Record, unpack_record};
use super::transfer::{self, Container};
use super::{PodRunner, report, work};
use crate::core::kind::settings::ClusterSettings;
use crate::core::mask::SecretText;
use crate::core::model::outcome::Fault;
use crate::kubernetes::client::{Cluster, ClusterError};
use crate::kubernetes::job::{ContainerJob, JobEnd, Phase, STEP_FOLDER, StartedJob, job_name};
use crate::kubernetes::ownership::labels::label_value;
use crate::process::LineSink;

/// The longest that a run may take.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Between SIGTERM and SIGKILL: `finally` steps run.
const GRACE: Duration = Duration::from_secs(300);
/// The label of the Job that a whole run is in.
const STEP: &str = "submitted";
/// Attempts to read the record of a run that goes on.
const ATTEMPTS: usize = 4;
/// Between two attempts.
const PAUSE: Duration = Duration::from_secs(1);
/// What the log may still take once the record is here.
const REST: Duration = Duration::from_secs(20);
/// The place of the API server's address in a text.
const SERVER: &str = "address-of-the-api-server";
/// Where a Pod finds its service account.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// A run to be started.
#[derive(Debug)]
pub struct Submission<'a> {
    /// A name that no other submission has.
    pub id: &'a str,
    /// The image: `pipeline`, a shell, tar, and what its steps need.
    pub image: &'a str,
    /// The service account of the run.
    pub service_account: &'a str,
    /// The project's folder.
    pub project: &'a Path,
    /// Patterns of the files that are packed.
    pub files: &'a [String],
    /// Arguments of `pipeline`.
    pub args: &'a [String],
    /// Variables; their values travel in the Job's Secret.
    pub env: Vec<(String, SecretText)>,
    /// How long the Pod waits for its record to be read.
    pub keep: Duration,
}

/// Where a run was started.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[allow(clippy::unsafe_derive_deserialize, reason = "the macros of tokio have it, nothing here")]
pub struct Place {
    /// The kubeconfig context.
    pub context: Option<String>,
    /// The namespace.
    pub namespace: String,
    /// The Job.
    pub job: String,
    /// The Job's identity: another one of its name is not it.
    pub uid: String,
}

impl PodRunner {
    /// Starts a run and sends its project. It needs nothing of this machine afterwards.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be started, or its files do not arrive. Nothing stays then.
    pub async fn submit(&self, wanted: Submission<'_>, sink: &dyn LineSink) -> Result<Place, Fault> {
        let (namespace, context) = (self.namespace()?.to_owned(), self.cluster.context()?);
        let (project, patterns) = (wanted.project, wanted.files);
        let mut job = work::container(
            &self.settings,
            ContainerJob {
                name: job_name(wanted.id, STEP),
                namespace: namespace.clone(),
                run: wanted.id.to_owned(),
                step: STEP.to_owned(),
                command: boot::command(),
                env: wanted.env,
                files: [
                    ("boot", boot_script(context.as_deref(), &namespace, wanted.args, wanted.keep)),
                    ("record", record()),
                ]
                .map(|(name, text)| (name.to_owned(), SecretText::new(text)))
                .to_vec(),
                deadline: Some(LONGEST + wanted.keep),
                grace: GRACE,
                ..ContainerJob::default()
            },
        );
        wanted.image.clone_into(&mut job.image);
        job.placement.service_account = Some(wanted.service_account.to_owned());
        job.store = None;
        let started = self.cluster.start_job(&job).await.map_err(ClusterError::fault)?;
        let attempt = Attempt { cluster: &self.cluster, namespace: &namespace, job: &started, owed: &self.owed };
        let sent = async {
            let begun = tokio::select! {
                biased;
                begun = started.begun() => begun?,
                cause = attempt.fatal() => {
                    return Err(Fault::environment(format!("{} does not start: {}: {}", cause.object, cause.cause, cause.message)));
                }
            };
            if let Phase::Over(end) = begun {
                return Err(ended_early(&end));
            }
            transfer::send(&started, Container::Step, project, patterns).await?;
            match started.phase() {
                Phase::Over(end) => Err(ended_early(&end)),
                _ => Ok(()),
            }
        };
        if let Err(fault) = sent.await {
            attempt.remove(Duration::ZERO, sink).await;
            return Err(fault);
        }
        Ok(Place { context, namespace, job: job.name, uid: started.uid().to_owned() })
    }
}

fn ended_early(end: &JobEnd) -> Fault {
    let why = match end {
        JobEnd::Exited { message, code, .. } => match report::Report::of(message) {
            Some(report::Report::Setup { why }) => why,
            _ => format!("its container ended with exit code {code}"),
        },
        JobEnd::NotStarted { cause, message } | JobEnd::Lost { cause, message } => format!("{cause}: {message}"),
    };
    Fault::environment(format!("the run could not be started: {why}"))
        .help("the image needs `pipeline`, /bin/sh and tar: see docs/runners.md")
}

/// What is there of a run that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It goes on; its record so far was taken over.
    GoesOn,
    /// It is over, with this exit code; its record was taken over.
    Over(i32),
    /// Its Pod is gone, and with it what was not read.
    Gone(String),
}

impl Place {
    /// The cluster it is in. Only its context may be touched.
    fn cluster(&self) -> Arc<Cluster> {
        let contexts = self.context.iter().cloned().collect();
        let (context, namespace) = (self.context.clone(), Some(self.namespace.clone()));
        Arc::new(Cluster::new(ClusterSettings { contexts, namespace, context, ..ClusterSettings::default() }))
    }

    /// Takes over its record as it is now, into `.pipeline/runs` below `into`. One that is over is removed from the cluster.
    ///
    /// # Errors
    /// [`Fault`] when the cluster gives no answer, or the record cannot be kept.
    pub async fn update(&self, into: &Path) -> Result<Seen, Fault> {
        let cluster = self.cluster();
        let Some(job) = self.job(&cluster).await? else { return Ok(self.gone()) };
        let record = tokio::select! {
            biased;
            record = fetch(&job, into, false) => record?,
            end = job.ended() => return Ok(Seen::Gone(words(&end?))),
        };
        self.seen(&job, &record).await
    }

    /// Hands on its log until it is over, and takes over its record.
    ///
    /// # Errors
    /// As [`Place::update`].
    pub async fn follow(&self, into: &Path, sink: &dyn LineSink) -> Result<Seen, Fault> {
        let cluster = self.cluster();
        let Some(job) = self.job(&cluster).await? else { return Ok(self.gone()) };
        let mut log = pin!(job.finish(sink));
        let record = tokio::select! {
            biased;
            record = fetch(&job, into, true) => record?,
            end = &mut log => return Ok(Seen::Gone(words(&end?))),
        };
        // the container ends now that its record was read
        let _ = tokio::time::timeout(REST, log).await;
        self.seen(&job, &record).await
    }

    /// Ends it: its `finally` steps run, for at most five minutes. What is not read of its record is lost.
    ///
    /// # Errors
    /// [`Fault`] when the cluster gives no answer.
    pub async fn stop(&self) -> Result<(), Fault> {
        let cluster = self.cluster();
        let Some(job) = self.job(&cluster).await? else { return Ok(()) };
        job.remove(GRACE).await.map_err(ClusterError::fault)
    }

    async fn job<'c>(&self, cluster: &'c Cluster) -> Result<Option<StartedJob<'c>>, Fault> {
        cluster.job_named(&self.namespace, &self.job, &self.uid).await.map_err(ClusterError::fault)
    }

    async fn seen(&self, job: &StartedJob<'_>, record: &Record) -> Result<Seen, Fault> {
        let Some(code) = record.code else { return Ok(Seen::GoesOn) };
        // a finished Job that cannot be removed goes by itself
        let _ = job.remove(Duration::ZERO).await;
        Ok(Seen::Over(code))
    }

    fn gone(&self) -> Seen {
        Seen::Gone(format!("job.batch/{} is not in namespace {} any more", self.job, self.namespace))
    }
}

fn words(end: &JobEnd) -> String {
    match end {
        JobEnd::Exited { code, .. } => format!("its container ended with exit code {code} before its record was read"),
        JobEnd::NotStarted { cause, message } | JobEnd::Lost { cause, message } => format!("{cause}: {message}"),
    }
}

/// Reads the record; with `wait` at the end of the run.
async fn fetch(job: &StartedJob<'_>, into: &Path, wait: bool) -> Result<Record, Fault> {
    let script = format!("exec /bin/sh {STEP_FOLDER}/record {}", if wait { "wait" } else { "now" });
    let mut attempts = 0;
    loop {
        attempts += 1;
        let folder = into.to_owned();
        match transfer::fetch_archive(job, &script, |reader| move || unpack_record(reader, &folder)).await {
            // as long as the run goes on, its end can be waited for again
            Err(fault) if fault.transient && (wait || attempts < ATTEMPTS) => tokio::time::sleep(PAUSE).await,
            fetched => return fetched,
        }
    }
}

/// The script of the container: it waits for the project, runs, and waits until its record was read.
fn boot_script(context: Option<&str>, namespace: &str, args: &[String], keep: Duration) -> String {
    let kubeconfig = context.map(|context| kubeconfig(context, namespace)).unwrap_or_default();
    let args: Vec<String> = args.iter().map(|arg| quoted(arg)).collect();
    format!(
        "{reporting}\
         {has_tar}\
         {has_pipeline}\
         export HOME={FOLDER}/home\n\
         {own_tmp}\
         {kubeconfig}\
         {wait}\
         cd work\n\
         stopped=\n\
         pipeline {args} < /dev/null 2>&1 &\n\
         child=$!\n\
         trap 'stopped=1; kill -TERM \"$child\" 2> /dev/null' TERM\n\
         while :; do wait \"$child\"; code=$?; kill -0 \"$child\" 2> /dev/null || break; done\n\
         cd {FOLDER}/io\n\
         printf '%s' \"$code\" > exit.new && mv exit.new exit\n\
         report \"exit $code\"\n\
         polls=0\n\
         while [ ! -e collected ] && [ \"$polls\" -lt {keep} ] && [ -z \"$stopped\" ]; do\n\
         polls=$((polls + 1)); sleep 1\n\
         done\n\
         exit \"$code\"\n",
        reporting = boot::reporting(),
        has_tar = boot::needs("tar"),
        has_pipeline = boot::needs("pipeline"),
        own_tmp = boot::own_tmp(),
        wait = boot::wait_for_files(),
        args = args.join(" "),
        keep = keep.as_secs(),
    )
}

/// Writes the kubeconfig by which the run finds its own cluster under the name that pipeline.yaml allows.
fn kubeconfig(context: &str, namespace: &str) -> String {
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": context,
        "clusters": [{ "name": "own", "cluster": {
            "server": format!("https://{SERVER}"), "certificate-authority": format!("{ACCOUNT}/ca.crt"),
        } }],
        "users": [{ "name": "own", "user": { "tokenFile": format!("{ACCOUNT}/token") } }],
        "contexts": [{ "name": context, "context": { "cluster": "own", "user": "own", "namespace": namespace } }],
    });
    let text = config.to_string();
    let (start, end) = text.split_once(SERVER).unwrap_or((&text, ""));
    format!(
        "host=$KUBERNETES_SERVICE_HOST\n\
         case \"$host\" in *:*) host=\"[$host]\" ;; esac\n\
         export KUBECONFIG={FOLDER}/home/kubeconfig\n\
         ( umask 077; printf '%s%s:%s%s' {} \"$host\" \"$KUBERNETES_SERVICE_PORT\" {} > \"$KUBECONFIG\" )\n",
        quoted(start),
        quoted(end)
    )
}

/// The script that sends the record: the exit code first, if the run is over, then its folder, then the mark of the end.
fn record() -> String {
    format!(
        "cd {FOLDER}\n\
         if [ \"$1\" = wait ]; then while [ ! -e io/exit ]; do sleep 1; done; fi\n\
         set --\n\
         [ ! -e io/exit ] || set -- io/exit\n\
         over=$#\n\
         [ ! -d work/.pipeline/runs ] || set -- \"$@\" work/.pipeline/runs\n\
         : > io/artifacts-complete\n\
         tar -cf - \"$@\" io/artifacts-complete\n\
         [ $? -le 1 ] || exit 3\n\
         read -r answer && [ \"$answer\" = whole ] || exit 4\n\
         [ \"$over\" = 0 ] || : > io/collected\n"
    )
}

/// A name for the labels of a submission.
pub fn submission_id(random: &str) -> String {
    label_value(&format!("submitted-{}", random.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_finds_its_own_cluster_under_the_name_that_the_pipeline_allows() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("home")).expect("made");
        let script = kubeconfig("it's mine", "ci").replace(FOLDER, &folder.path().display().to_string());
        for (host, shown) in [("10.0.0.1", "10.0.0.1"), ("fd00::1", "[fd00::1]")] {
            let mut sh = std::process::Command::new("sh");
            let sh =
                sh.args(["-euc", &script]).env("KUBERNETES_SERVICE_HOST", host).env("KUBERNETES_SERVICE_PORT", "443");
            assert!(sh.status().expect("started").success());
            let text = std::fs::read_to_string(folder.path().join("home/kubeconfig")).expect("written");
            let config: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(config["clusters"][0]["cluster"]["server"], format!("https://{shown}:443"));
            assert_eq!(
                (&config["current-context"], &config["contexts"][0]["name"]),
                (&json!("it's mine"), &json!("it's mine"))
            );
        }
    }
}
