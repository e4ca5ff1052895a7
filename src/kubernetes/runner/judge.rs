//! What the end of a command's container means: an exit code, or a fault.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use super::attempt::Attempt;
use super::executor::{Done, PodExecutor, Task};
use super::report::Report;
use super::unpack::Returned;
use crate::core::model::outcome::{Fault, FaultKind, Finding};
use crate::kubernetes::client::ClusterError;
use crate::kubernetes::job::JobEnd;
use crate::process::Command;

impl PodExecutor {
    /// What the end of a container means.
    pub(super) async fn judge(
        &self,
        end: JobEnd,
        returned: Option<Returned>,
        task: &Task<'_>,
        attempt: &Attempt<'_>,
    ) -> Result<Done, Fault> {
        let out_of_memory = ran_out_of_memory(&end);
        let findings = if out_of_memory { memory(attempt).await } else { Vec::new() };
        if let Some(returned) = returned {
            keep_output(task.command, &returned.output)?;
            return Ok(Done { code: returned.code, findings, returned });
        }
        match end {
            JobEnd::Exited { code, message, .. } => match Report::of(&message) {
                Some(Report::Exit { code, output, .. }) if !self.returns(task) => {
                    keep_output(task.command, output.as_bytes())?;
                    Ok(Done { code, findings, returned: Returned::default() })
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
                _ if out_of_memory => Ok(Done { code, findings, returned: Returned::default() }),
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
                Err(fault.help(format!("image {} needs /bin/sh", self.image())))
            }
            JobEnd::Lost { cause, message } => {
                let fault = self.fault(&format!("the cluster ended the container: {cause}: {message}"));
                Err(fault.help("`retry: { attempts: 2, on: fault }` runs it again by itself").transient())
            }
        }
    }

    pub(super) fn fault(&self, message: &str) -> Fault {
        Fault::environment(format!("runner {}: {message}", self.runner.name))
    }

    pub(super) fn unstarted(&self, cause: &Finding) -> Fault {
        self.fault(&format!("{} does not start: {}: {}", cause.object, cause.cause, cause.message))
    }

    pub(super) fn refused(&self, trouble: ClusterError) -> Fault {
        let fault = trouble.fault();
        Fault {
            kind: FaultKind::Environment,
            message: format!("runner {}: {}", self.runner.name, fault.message),
            ..fault
        }
    }
}

/// Whether the kernel ended a process of the container because of its memory limit: as its runtime says, or as the
/// container itself has counted.
fn ran_out_of_memory(end: &JobEnd) -> bool {
    let JobEnd::Exited { out_of_memory, message, .. } = end else { return false };
    *out_of_memory || matches!(Report::of(message), Some(Report::Exit { out_of_memory: true, .. }))
}

/// The cause of a container that ran out of memory, in the cluster's words where it has some.
async fn memory(attempt: &Attempt<'_>) -> Vec<Finding> {
    const CAUSE: &str = "OOMKilled";
    let mut findings = attempt.explain().await;
    if !findings.iter().any(|finding| finding.cause == CAUSE) {
        let object = format!("job.batch/{}", attempt.job.name());
        findings.insert(0, Finding::new(object, CAUSE, "a process needed more memory than the container may have"));
    }
    findings
}

/// What the command wrote to `$PIPELINE_OUTPUT`, in the file that it would have written on this machine.
fn keep_output(command: &Command, output: &[u8]) -> Result<(), Fault> {
    let Some(file) = command.variable("PIPELINE_OUTPUT").filter(|_| !output.is_empty()) else { return Ok(()) };
    let mut options = std::fs::OpenOptions::new();
    let opened = options.write(true).create(true).truncate(true).mode(0o600).open(file);
    opened
        .and_then(|mut open| open.write_all(output))
        .map_err(|error| Fault::unknown(format!("the step's outputs cannot be kept: {error}")))
}
