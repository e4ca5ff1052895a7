//! minikube's addons: each is enabled by a call of its own, side by side, and minikube must confirm it afterwards.

use std::time::Duration;

use futures::future::join_all;
use serde_json::Value;

use super::failed;
use crate::core::model::outcome::{Failure, Fault, Finding};
use crate::kubernetes::providers::calls::Invocation;
use crate::kubernetes::providers::find::not_measured;
use crate::kubernetes::providers::host::{Host, QUERY};
use crate::process::command_context::CommandError;

/// How long one addon may take. minikube itself waits for up to six minutes for some.
const ADDON: Duration = Duration::from_secs(420);

/// Enables addons of a profile.
///
/// # Errors
/// [`CommandError::Failed`] that names every addon that is not enabled, and why; [`Fault`] when that was not measured.
pub async fn enable(host: &dyn Host, profile: &str, addons: &[String]) -> Result<(), CommandError> {
    if addons.is_empty() {
        return Ok(());
    }
    let mut missing = Vec::new();
    let enabled = listed(host, profile).await?;
    for addon in addons {
        match state(&enabled, addon) {
            Some("enabled") => host.say(&format!("addon {addon} is enabled already")),
            _ => missing.push(addon.as_str()),
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let mut findings = join_all(missing.iter().map(|addon| one(host, profile, addon))).await;
    // two calls may write the profile at once, and one of them loses its entry: those are enabled again, in turn
    let mut after = listed(host, profile).await?;
    for (addon, finding) in missing.iter().zip(&mut findings) {
        if finding.is_none() && state(&after, addon) != Some("enabled") {
            *finding = one(host, profile, addon).await;
            after = listed(host, profile).await?;
            if finding.is_none() && state(&after, addon) != Some("enabled") {
                let found = state(&after, addon).unwrap_or("unknown to minikube");
                let message = format!("minikube ended with exit code 0, but the addon is {found}");
                *finding = Some(Finding::new(format!("addon/{addon}"), "", message));
            }
        }
    }
    let findings: Vec<Finding> = findings.into_iter().flatten().collect();
    if findings.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = findings.iter().map(|finding| finding.object.trim_start_matches("addon/")).collect();
    let reasons: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
    let summary = format!("not enabled: addon {}: {}", names.join(", "), reasons.join("; "));
    let help = format!("`minikube addons list --profile={profile}` lists the addons there are");
    Err(CommandError::Failed(Failure::new(summary).because(findings).help(help)))
}

/// Enables one; why it is not enabled.
async fn one(host: &dyn Host, profile: &str, addon: &str) -> Option<Finding> {
    let call = Invocation::of("minikube", ["addons", "enable", addon, &format!("--profile={profile}")]);
    let why = match host.run(&call, Some(ADDON)).await {
        Ok(ran) if ran.code == Some(0) => return None,
        Ok(ran) => failed(&call, &ran).summary,
        Err(fault) => fault.message,
    };
    Some(Finding::new(format!("addon/{addon}"), "", why))
}

/// The profile's addons and their states.
async fn listed(host: &dyn Host, profile: &str) -> Result<Value, Fault> {
    let list = Invocation::of("minikube", ["addons", "list", "--output=json", &format!("--profile={profile}")]);
    let answer = host.ask(&list, QUERY).await?;
    let text = answer.whole().map_err(|why| not_measured(&list, &why))?;
    let found: Value =
        serde_json::from_str(text).map_err(|error| not_measured(&list, &format!("incomplete JSON: {error}")))?;
    if found.is_object() { Ok(found) } else { Err(not_measured(&list, "its JSON is not a map")) }
}

fn state<'a>(addons: &'a Value, addon: &str) -> Option<&'a str> {
    addons[addon]["Status"].as_str()
}
