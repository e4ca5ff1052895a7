//! Waits for a cluster's nodes, and reports which cluster it is.

use kube::api::{ApiResource, DynamicObject};

use k8s_openapi::api::core::v1::Node;

use crate::core::kind::Context;
use crate::core::model::outcome::{Failure, Fault, Finding, Outcome, Outputs};
use crate::kubernetes::client::watch::Objects;
use crate::kubernetes::providers::{Record, owner_of};
use crate::services::Clients;

/// Waits until every node is ready, then passes with the step's outputs. Unbounded in time: the engine stops it.
pub(super) async fn outputs(cx: &Context, provider: &str, context: &str) -> Result<Outcome, Fault> {
    let version = version(cx).await?;
    let mut outputs = Outputs::new();
    outputs.insert("provider".to_owned(), provider.into());
    outputs.insert("context".to_owned(), context.into());
    outputs.insert("version".to_owned(), version.clone().into());
    match cx.cluster().objects(&nodes(), None).await {
        Ok(nodes) => {
            let count = cx.unless_cancelled(all_ready(&nodes)).await?;
            cx.say(format!("Kubernetes {version}, {} ready", crate::core::model::units::counted(count, "node")));
            outputs.insert("nodes".to_owned(), count.into());
        }
        // A user who may not list nodes may use the cluster all the same.
        Err(fault) if !fault.transient => cx.say(format!("nodes are not looked at: {}", fault.message)),
        Err(fault) => return Err(fault),
    }
    Ok(Outcome::Passed(outputs))
}

/// Tells which cluster is in use; fails where a node is not ready.
pub(super) async fn status(cx: &Context) -> Result<Outcome, Fault> {
    let cluster = &cx.cluster();
    cluster.client().await?;
    let context = cluster.context()?.unwrap_or_default();
    let listed = cluster.objects(&nodes(), None).await?;
    let nodes = listed.list();
    if let Some(failure) = unready(nodes.iter().map(|node| &**node), &context) {
        return Ok(Outcome::Failed(failure));
    }
    let by_command = Record::all(&cx.project)?.iter().any(|it| it.context == context && it.down.is_some());
    let provider = match owner_of(&cx.project, cluster, &context).await? {
        Some((provider, _)) => provider.program(),
        None if by_command => "command",
        None => "existing",
    };
    outputs(cx, provider, &context).await
}

/// Why the nodes of a cluster are no place for Pods: some are not ready, or there is none.
fn unready<'a>(nodes: impl Iterator<Item = &'a DynamicObject>, context: &str) -> Option<Failure> {
    let looks: Vec<Option<Finding>> = nodes.map(not_ready).collect();
    if looks.is_empty() {
        return Some(Failure::new(format!("the cluster of {context} has no node")));
    }
    let (all, findings) = (looks.len(), looks.into_iter().flatten().collect::<Vec<_>>());
    let summary = format!("{} of {all} nodes of {context} are not ready", findings.len());
    (!findings.is_empty()).then(|| Failure::new(summary).because(findings))
}

async fn version(cx: &Context) -> Result<String, Fault> {
    let cluster = &cx.cluster();
    let client = cluster.client().await?;
    let version = cluster.ask("read the version of the API server", client.apiserver_version());
    let version = cx.unless_cancelled(version).await?;
    version.map(|version| version.git_version).map_err(|trouble| trouble.fault().transient())
}

async fn all_ready(nodes: &Objects) -> usize {
    let mut version = nodes.version();
    loop {
        let list = nodes.list();
        if !list.is_empty() && nodes.health().is_ok() && list.iter().all(|node| not_ready(node).is_none()) {
            return list.len();
        }
        if version.changed().await.is_err() {
            return list.len();
        }
    }
}

fn not_ready(node: &DynamicObject) -> Option<Finding> {
    let conditions = node.data["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready");
    if ready.is_some_and(|ready| ready["status"] == "True") {
        return None;
    }
    let message = ready.and_then(|ready| ready["message"].as_str()).unwrap_or("has not reported its state yet");
    let name = node.metadata.name.as_deref().unwrap_or_default();
    Some(Finding::new(format!("node/{name}"), "NodeNotReady", message))
}

fn nodes() -> ApiResource {
    ApiResource::erase::<Node>(&())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_cluster_without_nodes_is_not_ready() {
        let node = |ready: &str| -> DynamicObject {
            serde_json::from_value(json!({ "metadata": { "name": "n" },
                "status": { "conditions": [{ "type": "Ready", "status": ready }] } }))
            .expect("a node")
        };
        let of = |nodes: &[DynamicObject]| unready(nodes.iter(), "local").map(|failure| failure.summary);
        assert_eq!(of(&[]).as_deref(), Some("the cluster of local has no node"));
        assert_eq!(of(&[node("True"), node("False")]).as_deref(), Some("1 of 2 nodes of local are not ready"));
        assert_eq!(of(&[node("True")]), None);
    }
}
