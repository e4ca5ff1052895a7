//! A command inside a pod, its output line by line, its exit code.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::AttachParams;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use super::attached::Attached;
use super::{Cluster, ClusterError};
use crate::core::model::outcome::Fault;
use crate::process::{Captured, LineSink, Lines};

/// Bytes of standard output that are handed back.
const KEPT: usize = 64 * 1024;

/// A command to run in a pod.
#[derive(Debug, Clone, Default)]
pub struct PodCommand<'a> {
    /// The pod's namespace.
    pub namespace: &'a str,
    /// The pod.
    pub pod: &'a str,
    /// The container; the pod's only or default one where none is named.
    pub container: Option<&'a str>,
    /// Program and arguments; no shell.
    pub command: &'a [String],
    /// What it reads; `None` is an empty input.
    pub stdin: Option<&'a [u8]>,
}

/// How it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PodExit {
    /// Its exit code; `None` where the cluster could not start it.
    pub code: Option<i32>,
    /// The cluster's words where there is no exit code.
    pub message: String,
    /// Its standard output, up to 64 KiB.
    pub stdout: Captured,
}

impl Cluster {
    /// Runs it to its end; dropped, it hangs up, and the command goes on as after a lost terminal.
    ///
    /// # Errors
    /// [`ClusterError`] when the pod or container is not there, the cluster does not answer, or the connection is lost.
    pub async fn exec(&self, command: &PodCommand<'_>, sink: &dyn LineSink) -> Result<PodExit, ClusterError> {
        let parameters = AttachParams {
            container: command.container.map(str::to_owned),
            stdin: command.stdin.is_some(),
            stdout: true,
            stderr: true,
            ..AttachParams::default()
        };
        let Attached { stdin, stdout, stderr, end } =
            self.attach(command.namespace, command.pod, command.command, &parameters).await?;
        let input = async {
            if let (Some(text), Some(mut stdin)) = (command.stdin, stdin) {
                // A command that does not read its input closes it: its exit code tells more than that.
                let _ = stdin.write_all(text).await;
                let _ = stdin.shutdown().await;
            }
        };
        let (out, _, ()) = futures::join!(lines(stdout, sink, KEPT), lines(stderr, sink, 0), input);
        // it may have done its work to the end
        let lost = || Fault::environment("the connection to the pod was lost: how the command ended is not known");
        let status = end.status().await.ok_or_else(|| lost().transient())?;
        let (code, message) = exit_of(&status);
        Ok(PodExit { code, message, stdout: out })
    }
}

/// Exit code and message of the status that ends an exec.
fn exit_of(status: &Status) -> (Option<i32>, String) {
    if status.status.as_deref() == Some("Success") {
        return (Some(0), String::new());
    }
    let causes = status.details.as_ref().and_then(|details| details.causes.as_deref()).unwrap_or_default();
    let cause = causes.iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"));
    let code = cause.and_then(|cause| cause.message.as_deref()?.parse().ok());
    (code, status.message.clone().unwrap_or_default())
}

/// Hands every line to the sink, and returns the first `keep` bytes of all.
async fn lines(mut stream: impl AsyncRead + Unpin, sink: &dyn LineSink, keep: usize) -> Captured {
    let mut kept = Captured::up_to(keep);
    let (mut lines, mut rest, mut chunk) = (Lines::default(), Vec::new(), vec![0; 16 * 1024]);
    while let Ok(read @ 1..) = stream.read(&mut chunk).await {
        kept.extend(&chunk[..read]);
        rest.extend_from_slice(&chunk[..read]);
        lines.take(&mut rest, sink);
    }
    lines.end(&mut rest, sink);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_exit_code_from_the_status() {
        let status: Status = serde_json::from_str(
            r#"{ "status": "Failure", "reason": "NonZeroExitCode", "message": "command terminated with non-zero exit code",
                 "details": { "causes": [{ "reason": "ExitCode", "message": "3" }] } }"#,
        )
        .expect("a status");
        assert_eq!(exit_of(&status).0, Some(3));
        let success = Status { status: Some("Success".to_owned()), ..Status::default() };
        assert_eq!(exit_of(&success), (Some(0), String::new()));
    }
}
