//! Values of a chart that are pinned to what was pushed, and whether its objects have that digest then.

use std::collections::BTreeMap;

use crate::core::kind::{Context, PushedImage};
use crate::core::model::outcome::{Failure, Fault};
use crate::kubernetes::helm::{Chart, Target};
use crate::process::command_context::{CommandContext, CommandError};
use crate::services::Clients;

/// The chart with the pinned values on top of all that are not secret.
pub(super) fn chart(mut chart: Chart, pin: &BTreeMap<String, PushedImage>, cx: &Context) -> Result<Chart, Fault> {
    for (path, step) in pin {
        let pin = cx.pin(step)?;
        let value = pin.value(path);
        cx.say(format!("{path} pinned to {value}"));
        chart.set.push((path.clone(), value.into()));
    }
    Ok(chart)
}

/// Renders the chart first where values are pinned: what does not use them is not deployed. What cannot be rendered without
/// the cluster is checked when helm has recorded it.
pub(super) async fn before(
    chart: &Chart,
    pin: &BTreeMap<String, PushedImage>,
    release: &str,
    namespace: &str,
    cx: &Context,
    call: &CommandContext<'_>,
) -> Result<(), CommandError> {
    if pin.is_empty() {
        return Ok(());
    }
    match cx.helm().template(release, namespace, chart, &Target::default(), call).await {
        Ok(text) => holds(&text, pin, cx),
        Err(_) => Ok(()),
    }
}

/// Whether every pinned digest is in these manifests.
pub(super) fn holds(manifests: &str, pin: &BTreeMap<String, PushedImage>, cx: &Context) -> Result<(), CommandError> {
    for (path, step) in pin {
        let digest = cx.pin(step)?.digest;
        if !manifests.contains(&digest) {
            let summary = format!(
                "the chart does not use `{path}` for an image: {digest}, which the step `{}` has pushed, is in none of \
                 its objects",
                step.0
            );
            let help = "name the value that the templates build the image's name from, such as image.tag";
            return Err(CommandError::Failed(Failure::new(summary).help(help)));
        }
    }
    Ok(())
}
