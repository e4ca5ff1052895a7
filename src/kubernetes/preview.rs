//! What objects would change on the cluster, for `plan --diff --live`.

use serde_json::Value;

use crate::core::kind::{Context, Preview, PreviewedObject};
use crate::core::model::outcome::{Failure, Fault};
use crate::kubernetes::apply::{ApplyOptions, DiffReport};
use crate::kubernetes::client::Refusal;
use crate::process::command_context::CommandError;
use crate::services::Clients;

/// Compares objects with what is there. What the API server would refuse is a failure.
///
/// # Errors
/// [`CommandError`] as above, or when the cluster does not answer.
pub async fn compared(cx: &Context, objects: Vec<Value>, options: ApplyOptions) -> Result<DiffReport, CommandError> {
    let options = ApplyOptions { dry_run: true, ..options };
    let report = cx.unless_cancelled(cx.cluster().diff(objects, &options, None)).await??;
    if report.refused.is_empty() {
        return Ok(report);
    }
    let said = |(_, name, refusal): &(usize, String, Refusal)| format!("{name} would be refused: {refusal}");
    Err(CommandError::Failed(Failure::new(report.refused.iter().map(said).collect::<Vec<_>>().join("; "))))
}

/// As a step reports it.
///
/// # Errors
/// The fault.
pub fn preview(found: Result<DiffReport, CommandError>) -> Result<Preview, Fault> {
    let report = match found {
        Ok(report) => report,
        Err(CommandError::Failed(failure)) => return Ok(Preview::Refused(failure)),
        Err(CommandError::Fault(fault)) => return Err(fault),
    };
    let objects = report.objects.into_iter().map(|object| PreviewedObject {
        shown: object.shown,
        kind: object.kind,
        namespace: object.namespace,
        difference: object.difference.word(),
        diff: object.text,
        unchecked: object.unchecked,
    });
    Ok(Preview::Compared(objects.collect()))
}
