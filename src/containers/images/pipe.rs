//! Large outputs: a command's standard output handed to a reader as it comes, or to another command's standard input.
//! Nothing of it is held. Everything else about processes is `drivers::process`'s.

use std::io::{self, PipeReader, Read};
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command as Started};
use tokio_util::sync::CancellationToken;

use crate::core::model::outcome::Fault;
use crate::process::{Command, LineSink, Stop, find_program};

/// Bytes of a producer's standard error that are kept.
const WORDS_LIMIT: usize = 16 * 1024;

/// How a producer ended.
#[derive(Debug)]
pub struct Ended {
    /// Whether with success.
    pub success: bool,
    /// Its standard error, cut.
    pub words: String,
}

/// Starts `command` and hands its standard output to `read` on a thread for blocking work.
///
/// # Errors
/// [`Fault`] when it cannot be started or was stopped.
pub async fn read_through<T: Send + 'static>(
    command: &Command,
    stop: &Stop,
    read: impl FnOnce(&mut dyn Read) -> T + Send + 'static,
) -> Result<(T, Ended), Fault> {
    let (mut output, input) = pipe()?;
    let mut producer = Running::start(command, Stdio::null(), input.into(), Stdio::piped())?;
    let reading = tokio::task::spawn_blocking(move || {
        let value = read(&mut output);
        // a reader that left early must not make the producer fail
        let _ = io::copy(&mut output, &mut io::sink());
        value
    });
    let words = producer.words();
    let all = async { (producer.child.wait().await, words.await, reading.await) };
    tokio::select! {
        biased;
        () = stop.cancel.cancelled() => {}
        (status, words, value) = all => {
            let status = status.map_err(|error| lost(command, &error))?;
            let value = value.map_err(|error| Fault::unknown(format!("reading broke off: {error}")))?;
            return Ok((value, Ended { success: status.success(), words }));
        }
    }
    producer.end(stop).await;
    Err(Fault::unknown("stopped"))
}

/// Runs `producer | consumer`; the consumer's lines go to `sink`. Hands back how both ended.
///
/// # Errors
/// [`Fault`] when one of them cannot be started, or they were stopped.
pub async fn through(
    producer: &Command,
    consumer: &Command,
    sink: &dyn LineSink,
    stop: &Stop,
) -> Result<(Ended, ExitStatus), Fault> {
    let (output, input) = pipe()?;
    let mut first = Running::start(producer, Stdio::null(), input.into(), Stdio::piped())?;
    let mut second = Running::start(consumer, output.into(), Stdio::piped(), Stdio::piped())?;
    let said = (lines(second.child.stdout.take(), sink), lines(second.child.stderr.take(), sink));
    let words = first.words();
    let all = async {
        let (status, words, ended, (), ()) =
            tokio::join!(first.child.wait(), words, second.child.wait(), said.0, said.1);
        Ok((Ended { success: status?.success(), words }, ended?))
    };
    tokio::select! {
        biased;
        () = stop.cancel.cancelled() => {}
        both = all => return both.map_err(|error: io::Error| lost(consumer, &error)),
    }
    tokio::join!(first.end(stop), second.end(stop));
    Err(Fault::unknown("stopped"))
}

fn pipe() -> Result<(PipeReader, io::PipeWriter), Fault> {
    io::pipe().map_err(|error| Fault::unknown(format!("no pipe could be made: {error}")))
}

fn lost(command: &Command, error: &io::Error) -> Fault {
    Fault::unknown(format!("{} could not be waited for: {error}", command.program.to_string_lossy()))
}

/// A reader that ends with an error when the attempt is stopped.
pub struct Cancellable<R> {
    /// The stream.
    pub inner: R,
    /// Set when the attempt is stopped.
    pub cancel: CancellationToken,
}

impl<R: Read> Read for Cancellable<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other("stopped"));
        }
        self.inner.read(buffer)
    }
}

/// A process in a group of its own; killed when dropped.
struct Running {
    child: Child,
}

impl Running {
    fn start(command: &Command, stdin: Stdio, stdout: Stdio, stderr: Stdio) -> Result<Self, Fault> {
        let path = command.variable("PATH");
        let child = Started::new(find_program(&command.program, path, &command.dir)?)
            .args(&command.args)
            .env_clear()
            .envs(command.base.iter())
            .envs(&command.env)
            .current_dir(&command.dir)
            .stdin(stdin)
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        let program = command.program.to_string_lossy();
        child
            .map(|child| Running { child })
            .map_err(|error| Fault::unknown(format!("{program} could not be started: {error}")))
    }

    /// What it says on standard error, cut.
    fn words(&mut self) -> impl Future<Output = String> + use<> {
        let stderr = self.child.stderr.take();
        async move {
            let mut kept = Vec::new();
            if let Some(mut stderr) = stderr {
                let mut chunk = [0; 4096];
                while let Ok(count) = tokio::io::AsyncReadExt::read(&mut stderr, &mut chunk).await {
                    if count == 0 {
                        break;
                    }
                    kept.extend_from_slice(&chunk[..count.min(WORDS_LIMIT - kept.len().min(WORDS_LIMIT))]);
                }
            }
            String::from_utf8_lossy(&kept).trim().to_owned()
        }
    }

    /// SIGTERM to the group, the grace, SIGKILL to the group.
    async fn end(&mut self, stop: &Stop) {
        self.signal(rustix::process::Signal::TERM);
        if tokio::time::timeout(stop.grace, self.child.wait()).await.is_err() {
            self.signal(rustix::process::Signal::KILL);
            let _ = self.child.wait().await;
        }
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let group = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(group) = group {
            let _ = rustix::process::kill_process_group(group, signal);
        }
    }
}

async fn lines(stream: Option<impl AsyncRead + Unpin>, sink: &dyn LineSink) {
    let Some(stream) = stream else { return };
    let mut lines = BufReader::new(stream).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        sink.line(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::time::Duration;

    fn command(script: &str) -> Command {
        Command {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            dir: "/".into(),
            ..Command::default()
        }
    }

    fn stop() -> Stop {
        Stop { cancel: CancellationToken::new(), grace: Duration::from_millis(50) }
    }

    struct CollectedLines(Mutex<Vec<String>>);

    impl LineSink for CollectedLines {
        fn line(&self, line: &[u8]) {
            self.0.lock().expect("never poisoned").push(String::from_utf8_lossy(line).into_owned());
        }
    }

    #[tokio::test]
    async fn hands_large_output_to_a_reader_and_tells_the_words() {
        let script = command("head -c 3000000 /dev/zero; echo broken >&2; exit 3");
        let (count, ended) =
            read_through(&script, &stop(), |stream| io::copy(stream, &mut io::sink())).await.expect("started");
        assert_eq!((count.expect("readable"), ended.success, ended.words.as_str()), (3_000_000, false, "broken"));
    }

    #[tokio::test]
    async fn a_reader_that_leaves_early_does_not_make_the_producer_fail() {
        let script = command("head -c 3000000 /dev/zero");
        let ((), ended) = read_through(&script, &stop(), |_| ()).await.expect("started");
        assert!(ended.success);
    }

    #[tokio::test]
    async fn joins_two_commands() {
        let kept = CollectedLines(Mutex::default());
        let (first, second) = through(&command("head -c 3000000 /dev/zero"), &command("wc -c; exit 4"), &kept, &stop())
            .await
            .expect("started");
        assert!(first.success);
        assert_eq!(second.code(), Some(4));
        assert_eq!(kept.0.lock().expect("never poisoned").as_slice(), ["3000000"]);
    }

    #[tokio::test]
    async fn stops_a_producer_that_ignores_sigterm() {
        let stop = stop();
        stop.cancel.cancel();
        let script = command("trap '' TERM; while :; do sleep 1; done");
        let fault = read_through(&script, &stop, |stream| io::copy(stream, &mut io::sink())).await;
        assert_eq!(fault.expect_err("stopped").message, "stopped");
    }
}
