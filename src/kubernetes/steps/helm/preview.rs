//! What an install or upgrade would change on the cluster: the rendered chart against what is there.

use std::path::Path;

use super::spec::ChartFields;
use crate::core::kind::Context;
use crate::core::model::outcome::Fault;
use crate::core::yaml::manifests;
use crate::kubernetes::apply::{ApplyOptions, DiffReport};
use crate::kubernetes::helm::Target;
use crate::process::command_context::{CommandContext, CommandError};
use crate::services::Clients;

/// Compares the chart's objects, hooks aside, by a server-side dry run. Helm takes fields over that others hold, so this
/// does too.
pub(super) async fn compared(
    chart: &ChartFields<'_>,
    release: &str,
    namespace: &str,
    cx: &Context,
) -> Result<DiffReport, CommandError> {
    let given = chart.chart(&cx.project);
    let text = cx.helm().template(release, namespace, &given, &Target::default(), &CommandContext::of(cx)).await?;
    let rendered = manifests::parse(&text, Path::new("rendered.yaml"));
    let rendered = rendered.map_err(|error| Fault::invalid(error.to_string()))?;
    let objects = rendered.into_iter().map(|it| it.object);
    let objects = objects.filter(|object| object["metadata"]["annotations"]["helm.sh/hook"].is_null()).collect();
    let options = ApplyOptions { namespace: namespace.to_owned(), force: true, ..ApplyOptions::default() };
    crate::kubernetes::preview::compared(cx, objects, options).await
}
