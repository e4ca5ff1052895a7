//! Which Service an address belongs to: by a node port, a cluster address, a load balancer, or its name in the cluster.
//! And why a Service at an address gives no answer.

use std::net::IpAddr;
use std::time::Duration;

use kube::api::{Api, DynamicObject, ListParams};
use serde_json::Value;

use super::Cluster;
use crate::core::model::outcome::Finding;
use crate::http::is_this_machine;
use crate::kubernetes::explain::Target;

/// How long it may take to find out.
const LIMIT: Duration = Duration::from_secs(3);

/// A Service that an address leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How the address belongs to it: `port 30080 is its node port`.
    pub words: String,
}

impl Cluster {
    /// The Service that an address leads to; `None` where no Service has it, or this pipeline names no cluster.
    pub async fn service_at(&self, host: &str, port: u16) -> Option<Owner> {
        if self.settings().contexts.is_empty() || self.guard().is_err() {
            return None;
        }
        tokio::time::timeout(LIMIT, self.find_service(host, port)).await.ok().flatten()
    }

    async fn find_service(&self, host: &str, port: u16) -> Option<Owner> {
        let client = self.client().await.ok()?;
        let service = self.kind_of("v1", "Service").await.ok()?;
        let own: Api<DynamicObject> = Api::namespaced_with(client.clone(), self.namespace(), &service.resource);
        let all: Api<DynamicObject> = Api::all_with(client.clone(), &service.resource);
        let mut services = own.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default();
        // Others only after the pipeline's own: a user may not be allowed to see them.
        services.extend(all.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default());
        let on_node = is_this_machine(host) || self.is_node(&client, host).await;
        services.iter().find_map(|service| owner(service, host, port, on_node, self.namespace()))
    }

    async fn is_node(&self, client: &kube::Client, host: &str) -> bool {
        let Ok(kind) = self.kind_of("v1", "Node").await else { return false };
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &kind.resource);
        let nodes = api.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default();
        let mut addresses =
            nodes.iter().flat_map(|node| node.data["status"]["addresses"].as_array().into_iter().flatten());
        addresses.any(|address| address["address"] == host)
    }

    /// Why the Service at an address gives no answer, and that it is this Service; nothing where no Service has it.
    pub async fn explain_address(&self, host: &str, port: u16, keep: &(dyn Fn(&str, &str) + Sync)) -> Vec<Finding> {
        let Some(owner) = self.service_at(host, port).await else { return Vec::new() };
        let object = format!("service/{}", owner.name);
        let mut findings = self.explain(&owner.namespace, &Target::Service { name: owner.name.clone() }, keep).await;
        match findings.iter_mut().find(|finding| finding.object == object) {
            Some(finding) => finding.message = format!("{}; {}", owner.words, finding.message),
            None => findings.insert(0, Finding::new(object, "", owner.words)),
        }
        findings
    }

    /// Why a Service gives no answer.
    pub async fn explain_service(
        &self,
        name: &str,
        namespace: Option<&str>,
        keep: &(dyn Fn(&str, &str) + Sync),
    ) -> Vec<Finding> {
        let target = Target::Service { name: name.to_owned() };
        self.explain(namespace.unwrap_or_else(|| self.namespace()), &target, keep).await
    }

    /// The causes of a Service that waiting cannot fix.
    pub async fn fatal_service(&self, name: &str, namespace: Option<&str>) -> Vec<Finding> {
        self.fatal(namespace.unwrap_or_else(|| self.namespace()), &Target::Service { name: name.to_owned() }).await
    }

    /// The causes that waiting cannot fix of the Service at an address.
    pub async fn fatal_address(&self, host: &str, port: u16) -> Vec<Finding> {
        match self.service_at(host, port).await {
            Some(owner) => self.fatal(&owner.namespace, &Target::Service { name: owner.name }).await,
            None => Vec::new(),
        }
    }
}

/// The Service as the owner of the address, if it is.
fn owner(service: &DynamicObject, host: &str, port: u16, on_node: bool, home: &str) -> Option<Owner> {
    let name = service.metadata.name.clone()?;
    let namespace = service.metadata.namespace.clone()?;
    let ports = service.data["spec"]["ports"].as_array()?;
    let has = |key: &str| ports.iter().any(|one| one[key] == port);
    let lists = |list: &Value, key: Option<&str>| {
        let all = list.as_array().into_iter().flatten();
        all.into_iter().any(|one| key.map_or(one, |key| &one[key]) == host)
    };
    let words = if on_node && has("nodePort") {
        format!("port {port} is its node port")
    } else if !has("port") {
        return None;
    } else if host.parse::<IpAddr>().is_ok() && lists(&service.data["spec"]["clusterIPs"], None) {
        format!("{host} is its cluster address")
    } else if lists(&service.data["status"]["loadBalancer"]["ingress"], Some("ip"))
        || lists(&service.data["status"]["loadBalancer"]["ingress"], Some("hostname"))
        || lists(&service.data["spec"]["externalIPs"], None)
    {
        format!("{host} is the address of its load balancer")
    } else if is_name_of(host, &name, &namespace, home) {
        format!("{host} is its name in the cluster")
    } else {
        return None;
    };
    let words = if namespace == home { words } else { format!("{words}, in namespace {namespace}") };
    Some(Owner { namespace, name, words })
}

fn is_name_of(host: &str, name: &str, namespace: &str, home: &str) -> bool {
    let full = format!("{name}.{namespace}");
    host == full || host.starts_with(&format!("{full}.svc")) || (host == name && namespace == home)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn service() -> DynamicObject {
        serde_json::from_value(json!({
            "metadata": {"name": "shop", "namespace": "todo"},
            "spec": {"clusterIPs": ["10.0.0.7"], "ports": [{"port": 80, "nodePort": 31806}]},
            "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.4"}]}}
        }))
        .expect("a Service")
    }

    #[test]
    fn an_address_belongs_to_the_service_that_has_it() {
        let words =
            |host: &str, port: u16, on_node: bool| owner(&service(), host, port, on_node, "todo").map(|it| it.words);
        let said = |text: &str| Some(text.to_owned());
        assert_eq!(words("127.0.0.1", 31806, true), said("port 31806 is its node port"));
        assert_eq!(words("10.0.0.7", 80, false), said("10.0.0.7 is its cluster address"));
        assert_eq!(words("192.0.2.4", 80, false), said("192.0.2.4 is the address of its load balancer"));
        assert_eq!(
            words("shop.todo.svc.cluster.local", 80, false),
            said("shop.todo.svc.cluster.local is its name in the cluster")
        );
        for (host, port, on_node) in [("127.0.0.1", 80, true), ("192.0.2.9", 31806, false), ("shop.other", 80, false)] {
            assert_eq!(words(host, port, on_node), None);
        }
        let elsewhere = owner(&service(), "127.0.0.1", 31806, true, "other").map(|it| it.words);
        assert_eq!(elsewhere, said("port 31806 is its node port, in namespace todo"));
    }
}
