//! Which provider made the cluster of a context, from evidence: the cluster's own nodes, else this project's record, else
//! the naming of contexts. A profile of minikube may have any name, also one like `kind-a`.

use std::collections::BTreeMap;
use std::path::Path;

use k8s_openapi::api::core::v1::Node;
use kube::api::ListParams;

use super::{Provider, Record};
use crate::core::model::outcome::Fault;
use crate::kubernetes::client::{Cluster, ClusterError};

/// A provider, and what it calls the cluster.
pub type Owner = (Provider, String);

/// The provider of the cluster in use, whose context this is; `None` for another kind of cluster.
///
/// # Errors
/// [`Fault`] when the cluster does not answer.
pub async fn owner_of(project: &Path, cluster: &Cluster, context: &str) -> Result<Option<Owner>, Fault> {
    let client = cluster.client().await?;
    let list = ListParams::default().limit(100);
    let nodes = match cluster.ask("list nodes", kube::Api::<Node>::all(client).list(&list)).await {
        Ok(nodes) => nodes.items,
        // a user who may not list nodes may load images all the same
        Err(ClusterError::Refused(refusal)) if refusal.code == 403 => Vec::new(),
        Err(trouble) => {
            let message = format!("not measured: the provider of context \"{context}\": {trouble}");
            return Err(Fault { help: trouble.fault().help, ..Fault::environment(message).transient() });
        }
    };
    let facts = nodes.into_iter().map(|node| {
        let provider_id = node.spec.and_then(|spec| spec.provider_id).unwrap_or_default();
        (node.metadata.labels.unwrap_or_default(), provider_id)
    });
    let facts: Vec<(BTreeMap<String, String>, String)> = facts.collect();
    if let Some(owner) = of_nodes(&facts) {
        return Ok(Some(owner));
    }
    let records = Record::all(project)?;
    let record = records.into_iter().find(|record| record.context == context && record.identity.is_some());
    let recorded = record.and_then(|record| Some((Provider::named(&record.provider)?, record.name)));
    Ok(recorded.or_else(|| by_name(context)))
}

/// The provider that the nodes name: minikube in a label, kind and k3d in the provider's id.
fn of_nodes(nodes: &[(BTreeMap<String, String>, String)]) -> Option<Owner> {
    nodes.iter().find_map(|(labels, provider_id)| {
        if let Some(profile) = labels.get("minikube.k8s.io/name") {
            return Some((Provider::Minikube, profile.clone()));
        }
        if let Some(rest) = provider_id.strip_prefix("kind://") {
            let name = rest.split('/').nth(1)?;
            return Some((Provider::Kind, name.to_owned()));
        }
        let node = provider_id.strip_prefix("k3s://k3d-")?;
        let name = node.rsplit_once("-server-").or_else(|| node.rsplit_once("-agent-"))?.0;
        Some((Provider::K3d, name.to_owned()))
    })
}

/// The provider after whose habit a context is named.
fn by_name(context: &str) -> Option<Owner> {
    let named = |provider: Provider, prefix| context.strip_prefix(prefix).map(|name: &str| (provider, name.to_owned()));
    named(Provider::Kind, "kind-")
        .or_else(|| named(Provider::K3d, "k3d-"))
        .or_else(|| (context == "minikube").then(|| (Provider::Minikube, context.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(label: Option<&str>, provider_id: &str) -> (BTreeMap<String, String>, String) {
        let labels = label.map(|name| ("minikube.k8s.io/name".to_owned(), name.to_owned()));
        (labels.into_iter().collect(), provider_id.to_owned())
    }

    #[test]
    fn nodes_name_their_provider_whatever_the_context_is_called() {
        for (facts, expected) in [
            (node(Some("kind-a"), ""), Some((Provider::Minikube, "kind-a"))),
            (node(None, "kind://docker/kind-a/kind-a-control-plane"), Some((Provider::Kind, "kind-a"))),
            (node(None, "k3s://k3d-my-server-1-server-0"), Some((Provider::K3d, "my-server-1"))),
            (node(None, "aws:///eu/i-1"), None),
        ] {
            let expected = expected.map(|(provider, name)| (provider, name.to_owned()));
            assert_eq!(of_nodes(&[facts]), expected);
        }
    }

    #[test]
    fn one_prefix_of_a_context_is_taken_away() {
        assert_eq!(by_name("kind-kind-a"), Some((Provider::Kind, "kind-a".to_owned())));
        assert_eq!(by_name("k3d-kind-a"), Some((Provider::K3d, "kind-a".to_owned())));
        assert_eq!(by_name("local"), None);
        assert_eq!(Provider::Kind.name_in("kind-kind-a"), "kind-a");
        assert_eq!(Provider::Minikube.name_in("kind-a"), "kind-a");
    }
}
