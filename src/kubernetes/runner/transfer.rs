//! Files to and from a container that runs, by tar through an exec: in parts, whole or not at all, again where the
//! connection breaks.

use std::io;
use std::path::Path;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, maybe_done};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::AttachParams;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::task::spawn_blocking;

use super::boot::{FILES, FOLDER};
use super::chunks::{ChunkReader, ChunkWriter, from_chunks, to_chunks};
use super::pack::{COMPLETE, pack};
use super::unpack::{Refused, Returned, unpack};
use crate::core::model::outcome::{Fault, FaultKind};
use crate::kubernetes::client::{Attached, ClusterError};
use crate::kubernetes::job::{STEP_FOLDER, StartedJob};

/// Attempts to send the files, or to get them back.
const ATTEMPTS: usize = 5;
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(500);
/// How long after a failure in a container the news that it is over may come.
const SETTLES: Duration = Duration::from_secs(10);
/// Bytes that are read at once.
const CHUNK: usize = 64 * 1024;
/// Bytes of what tar says that are shown.
const SAID: usize = 400;

/// Which container of a Pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    /// That of the step.
    Step,
    /// That which prepares the files.
    Preparing,
}

impl Container {
    /// Whether its work is over, where something failed in it: the news of its end may come after the failure.
    async fn is_soon_over(self, job: &StartedJob<'_>) -> bool {
        let over = async {
            match self {
                Container::Step => job.ended().await.is_ok(),
                Container::Preparing => job.prepared().await.is_ok(),
            }
        };
        tokio::time::timeout(SETTLES, over).await.unwrap_or(false)
    }
}

/// Sends something until it has arrived, again where the connection breaks.
///
/// # Errors
/// [`Unsent`] when it does not arrive. Nothing where the container is over: its end says why.
pub(super) async fn arrives<'a>(
    job: &StartedJob<'_>,
    to: Container,
    attempt: impl Fn() -> BoxFuture<'a, Result<(), Unsent>> + Send,
) -> Result<(), Unsent> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match attempt().await {
            Ok(()) => return Ok(()),
            Err(unread @ Unsent::Unread(_)) => return Err(unread),
            Err(_) if to.is_soon_over(job).await => return Ok(()),
            Err(Unsent::Lost(fault)) if fault.transient && attempts < ATTEMPTS => tokio::time::sleep(PAUSE).await,
            Err(unsent) => return Err(unsent),
        }
    }
}

/// Sends the files that the patterns name.
///
/// # Errors
/// [`Fault`] when they cannot be read, or do not arrive. Nothing where the container is over: its end says why.
pub(super) async fn send(
    job: &StartedJob<'_>,
    to: Container,
    project: &Path,
    patterns: &[String],
) -> Result<(), Fault> {
    // the files are there when tar has ended: it sets the modes of folders last
    let script = format!("cd {FOLDER} && tar -xpof - && [ -e {COMPLETE} ] && : > {FILES}");
    let attempt = || {
        let (project, patterns) = (project.to_owned(), patterns.to_vec());
        unpack_in(job, to, &script, move |out| pack(&project, &patterns, out)).boxed()
    };
    arrives(job, to, attempt).await.map_err(Unsent::fault)
}

/// Whether the files of the step are there already, or are needed no more because its container is over.
///
/// # Errors
/// [`Fault`] when the container cannot be asked.
pub(super) async fn has_files(job: &StartedJob<'_>) -> Result<bool, Fault> {
    let script = format!("[ -e {FOLDER}/{FILES} ] && echo there || echo missing");
    let mut attempts = 0;
    loop {
        attempts += 1;
        match ask_in(job, Container::Step, &script, Vec::new()).await {
            Ok(answer) if answer == b"there\n" => return Ok(true),
            Ok(answer) if answer == b"missing\n" => return Ok(false),
            _ if Container::Step.is_soon_over(job).await => return Ok(true),
            Err(Unsent::Lost(fault)) if !fault.transient || attempts == ATTEMPTS => return Err(fault),
            _ if attempts == ATTEMPTS => {
                let message = "the container could not be asked whether it has the files of the step";
                return Err(Fault::environment(message).transient());
            }
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Why something was not sent.
#[derive(Debug)]
pub(super) enum Unsent {
    /// The container cannot be reached. Where the fault is transient another attempt may be whole.
    Lost(Fault),
    /// It cannot be read here.
    Unread(io::Error),
    /// The container does not take it.
    Refused(String),
}

impl Unsent {
    pub fn fault(self) -> Fault {
        match self {
            Unsent::Lost(fault) => fault,
            Unsent::Unread(error) => Fault::unknown(format!("the files of the step cannot be sent: {error}")),
            Unsent::Refused(said) => {
                Fault::environment(format!("the files of the step could not be unpacked in the Pod: {said}"))
            }
        }
    }
}

/// Hands what `write` writes to a script in a container, which ends by itself.
pub(super) async fn unpack_in(
    job: &StartedJob<'_>,
    to: Container,
    script: &str,
    write: impl FnOnce(ChunkWriter) -> io::Result<()> + Send + 'static,
) -> Result<(), Unsent> {
    let Attached { stdin, stderr, end, .. } = exec(job, to, script).await.map_err(Unsent::Lost)?;
    let (writer, mut chunks) = to_chunks();
    let packing = spawn_blocking(move || write(writer));
    let feed = async move {
        // the packer ends with its receiver, which goes away with this
        let Some(mut stdin) = stdin else { return false };
        while let Some(chunk) = chunks.recv().await {
            if stdin.write_all(&chunk).await.is_err() {
                return false;
            }
        }
        stdin.shutdown().await.is_ok()
    };
    let (fed, said) = futures::join!(feed, said(stderr));
    let packed = packing.await.map_err(|_| Unsent::Unread(io::Error::other("the packing broke")))?;
    if fed {
        packed.map_err(Unsent::Unread)?;
    }
    match ended(end.status().await) {
        Ended::Well if fed => Ok(()),
        Ended::With(message) => Err(Unsent::Refused(if said.is_empty() { message } else { said })),
        Ended::Well | Ended::Lost => Err(Unsent::Lost(lost("the connection broke while files were sent to the Pod"))),
    }
}

/// Runs a script in a container with a short input, and hands back what it printed.
pub(super) async fn ask_in(
    job: &StartedJob<'_>,
    to: Container,
    script: &str,
    input: Vec<u8>,
) -> Result<Vec<u8>, Unsent> {
    let Attached { stdin, mut stdout, stderr, end } = exec(job, to, script).await.map_err(Unsent::Lost)?;
    let feed = async move {
        if let Some(mut stdin) = stdin {
            let _ = stdin.write_all(&input).await;
            let _ = stdin.shutdown().await;
        }
    };
    let read = async move {
        let mut answer = Vec::new();
        let _ = stdout.read_to_end(&mut answer).await;
        answer
    };
    let ((), answer, said) = futures::join!(feed, read, said(stderr));
    match ended(end.status().await) {
        Ended::Well => Ok(answer),
        Ended::With(message) => Err(Unsent::Refused(if said.is_empty() { message } else { said })),
        Ended::Lost => Err(Unsent::Lost(lost("the connection to the Pod broke"))),
    }
}

fn lost(why: &str) -> Fault {
    Fault::environment(why).transient()
}

/// Waits for the end of the step's command, and gets its exit code, outputs and the files that the patterns name.
///
/// Of each stream of the command that comes back as a file at most `streams` bytes are taken.
///
/// # Errors
/// [`Fault`] when what comes back is refused or cannot be kept. `None` where the container is over without.
pub(super) async fn fetch(
    job: &StartedJob<'_>,
    project: &Path,
    patterns: &[String],
    streams: usize,
) -> Result<Option<Returned>, Fault> {
    loop {
        match fetch_once(job, project, patterns, streams).await {
            Ok(returned) => return Ok(Some(returned)),
            // what came, or this machine, is wrong: not the container
            Err(fault) if fault.kind != FaultKind::Environment => return Err(fault),
            Err(_) if Container::Step.is_soon_over(job).await => return Ok(None),
            Err(fault) if !fault.transient => return Err(fault),
            // as long as the container runs it waits for this
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn fetch_once(
    job: &StartedJob<'_>,
    project: &Path,
    patterns: &[String],
    streams: usize,
) -> Result<Returned, Fault> {
    let staging = staging(project)?;
    let (project, patterns, folder) = (project.to_owned(), patterns.to_vec(), staging.path().to_owned());
    let collect = format!("exec /bin/sh {STEP_FOLDER}/collect");
    fetch_archive(job, &collect, |reader| move || unpack(reader, &project, &patterns, &folder, streams)).await
}

/// Reads the archive that a script of the step's container sends, and answers `whole` when it was taken over.
///
/// # Errors
/// [`Fault`] when it is refused, or does not arrive.
pub(super) async fn fetch_archive<T, U>(
    job: &StartedJob<'_>,
    script: &str,
    unpack: impl FnOnce(ChunkReader) -> U,
) -> Result<T, Fault>
where
    T: Send + 'static,
    U: FnOnce() -> Result<T, Refused> + Send + 'static,
{
    let Attached { stdin, mut stdout, stderr, end } = exec(job, Container::Step, script).await?;
    let (sender, reader) = from_chunks();
    let mut unpacking = spawn_blocking(unpack(reader));
    let hung = &end;
    let unpacked = async move {
        let reading = async move {
            let mut chunk = vec![0; CHUNK];
            while let Ok(read @ 1..) = stdout.read(&mut chunk).await {
                if sender.send(chunk[..read].to_vec()).await.is_err() {
                    // refused in the middle: what is not read would keep the script from its end
                    return hung.hang_up();
                }
            }
        };
        let mut reading = std::pin::pin!(maybe_done(reading));
        // tar's end of archive ends the unpacking: the stream stays open for our answer
        let unpacked = tokio::select! {
            unpacked = &mut unpacking => unpacked,
            () = &mut reading => (&mut unpacking).await,
        };
        match (&unpacked, stdin) {
            (Ok(Ok(_)), Some(mut stdin)) => {
                let _ = stdin.write_all(b"whole\n").await;
                let _ = stdin.shutdown().await;
            }
            // without an answer the script fails, and the container goes on waiting
            (Ok(Err(Refused::Broken(_))), Some(mut stdin)) => {
                let _ = stdin.shutdown().await;
                reading.await;
            }
            _ => hung.hang_up(),
        }
        unpacked
    };
    let (unpacked, said) = futures::join!(unpacked, said(stderr));
    match unpacked.map_err(|_| Fault::unknown("the artifacts could not be unpacked"))? {
        Ok(returned) => Ok(returned),
        Err(refused @ Refused::Hostile(_)) => Err(Fault::unknown(refused.to_string())
            .help("see what the step writes: an artifact is a file, a folder or a link inside the project")),
        Err(refused @ Refused::Unkept(_)) => Err(Fault::unknown(refused.to_string())),
        Err(refused @ Refused::Broken(_)) => match ended(end.status().await) {
            Ended::With(_) if !said.is_empty() => {
                Err(Fault::environment(format!("the artifacts could not be packed in the Pod: {said}")))
            }
            _ => Err(lost(&refused.to_string())),
        },
    }
}

/// A folder beside the project's files, so that moving from it is one step for each of them.
fn staging(project: &Path) -> Result<tempfile::TempDir, Fault> {
    let place = project.join(".pipeline");
    let made =
        std::fs::create_dir_all(&place).and_then(|()| tempfile::Builder::new().prefix("artifacts-").tempdir_in(&place));
    made.map_err(|error| Fault::unknown(format!("the artifacts cannot be kept in {}: {error}", place.display())))
}

/// Starts a script in a container.
async fn exec(job: &StartedJob<'_>, to: Container, script: &str) -> Result<Attached, Fault> {
    let parameters = AttachParams { stdin: true, stdout: true, stderr: true, ..AttachParams::default() };
    let command = ["/bin/sh", "-c", script];
    let started = match to {
        Container::Step => job.exec(&command, parameters).await,
        Container::Preparing => job.exec_preparing(&command, parameters).await,
    };
    started.map_err(|trouble| match trouble {
        // who may not do it now may not do it later either
        ClusterError::Refused(ref refusal) if refusal.code == 403 => trouble.fault(),
        _ => trouble.fault().transient(),
    })
}

/// How an exec ended.
enum Ended {
    Well,
    With(String),
    Lost,
}

fn ended(status: Option<Status>) -> Ended {
    match status {
        None => Ended::Lost,
        Some(status) if status.status.as_deref() == Some("Success") => Ended::Well,
        Some(status) => Ended::With(status.message.unwrap_or_default()),
    }
}

/// What is said on a stream, its beginning.
async fn said(mut stream: impl AsyncRead + Unpin) -> String {
    let (mut said, mut chunk) = (Vec::new(), vec![0; 4096]);
    while let Ok(read @ 1..) = stream.read(&mut chunk).await {
        said.extend_from_slice(&chunk[..read.min(SAID.saturating_sub(said.len()))]);
    }
    String::from_utf8_lossy(&said).trim().replace('\n', "; ")
}
