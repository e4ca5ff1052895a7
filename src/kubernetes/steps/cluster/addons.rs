//! `cluster: addons`: enables minikube's addons.

use super::{desk, outcome};
use crate::core::kind::Context;
use crate::core::model::outcome::{Fault, Outcome, Outputs};
use crate::kubernetes::providers::{Host, Provider, enable_addons, owner_of};
use crate::services::Clients;

pub(super) async fn enable(addons: &[String], cx: &Context) -> Result<Outcome, Fault> {
    let Some(context) = cx.cluster().context()? else {
        return Err(Fault::environment(format!(
            "addons {} need a cluster, and there is no current context",
            addons.join(", ")
        ))
        .help("let a `cluster: { up: … }` step come first, or choose a context with `--context NAME`"));
    };
    match here(addons, &context, cx).await {
        Ok(Ok(enabled)) => {
            let names = enabled.into_iter().map(serde_json::Value::from).collect();
            Ok(Outcome::Passed(Outputs::from([("addons".to_owned(), names), ("context".to_owned(), context.into())])))
        }
        Ok(Err(why)) => Ok(Outcome::Skipped(why)),
        Err(undone) => outcome(undone),
    }
}

/// Enables the addons of the cluster in use. Those that are enabled; else why this cluster has none.
pub(super) async fn here(
    addons: &[String],
    context: &str,
    cx: &Context,
) -> Result<Result<Vec<String>, String>, crate::process::command_context::CommandError> {
    if addons.is_empty() {
        return Ok(Ok(Vec::new()));
    }
    let Some((Provider::Minikube, profile)) = owner_of(&cx.project, cx.cluster(), context).await? else {
        let names = addons.join(", ");
        return Ok(Err(format!("context \"{context}\" is not minikube's, which alone has addons ({names})")));
    };
    let desk = desk(cx);
    if !desk.has_program(Provider::Minikube.program()) {
        return Err(Fault::environment(format!("context \"{context}\" is minikube's, but minikube is not installed"))
            .help("install minikube, or remove the addons")
            .into());
    }
    enable_addons(&desk, &profile, addons).await?;
    Ok(Ok(addons.to_vec()))
}
