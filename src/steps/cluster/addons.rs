//! `cluster: addons`: enables minikube's addons.

use super::desk;
use super::up::failed;
use crate::drivers::process::Exit;
use crate::drivers::providers::Provider;
use crate::kind::Context;
use crate::outcome::{Failure, Fault, Outcome};

pub(super) async fn enable(addons: &[String], cx: &Context) -> Result<Outcome, Fault> {
    let context = cx.world.cluster.context()?.unwrap_or_default();
    let desk = desk(cx);
    let Some((provider, name)) = Provider::of_context(&context).filter(|(it, _)| it.addon("", "").is_some()) else {
        return Ok(Outcome::Skipped(format!("context \"{context}\" is not minikube's, which alone has addons")));
    };
    if desk.find(provider).is_none() {
        return Err(Fault::environment(format!("context \"{context}\" is minikube's, but minikube is not installed"))
            .help("install minikube, or remove the step"));
    }
    for addon in addons {
        if let Some(failure) = one(cx, provider, name, addon).await? {
            return Ok(Outcome::Failed(failure));
        }
    }
    Ok(Outcome::passed())
}

/// Enables one; what came of it where it did not go well.
pub(super) async fn one(cx: &Context, provider: Provider, name: &str, addon: &str) -> Result<Option<Failure>, Fault> {
    let Some(call) = provider.addon(name, addon) else { return Ok(None) };
    let exit = desk(cx).run(provider, &call).await?;
    let help = "`minikube addons list` names the addons there are";
    match failed(&format!("minikube addons enable {addon}"), exit, help) {
        Outcome::Failed(failure) if exit != Exit::Code(0) => Ok(Some(failure)),
        _ => Ok(None),
    }
}
