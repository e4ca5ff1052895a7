//! How a client reaches a Service: by its load balancer, a node's port, an Ingress, or its endpoints themselves.
//! Knows no request. A port-forward is no way: it pins one pod, and breaks when that pod goes.

mod slices;

use std::sync::Arc;

use kube::api::{Api, DynamicObject};
use serde_json::Value;
use tokio::sync::watch;

use super::{Cluster, Kind};
use crate::core::model::outcome::{Failure, Fault};
use crate::http::load::Addresses;
use crate::process::command_context::CommandError;
use slices::{SlicePort, ready};

/// A way to a Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// An address of `status.loadBalancer`.
    LoadBalancer,
    /// A port of a node.
    NodePort,
    /// A rule of an Ingress that leads to it.
    Ingress,
    /// The ready addresses of its `EndpointSlice`s, kept up to date.
    Endpoints,
    /// The name outside of the cluster that it means; the only way to an `ExternalName` Service.
    ExternalName,
}

/// A Service to be reached.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub service: &'a str,
    /// One of its ports, by number or name; may be left out where it has only one.
    pub port: Option<&'a str>,
    /// The ways; the first that it has is taken.
    pub ways: &'a [Via],
}

/// How it is reached.
#[derive(Debug)]
pub struct Reached {
    /// Where connections go.
    pub addresses: Addresses,
    /// The name to ask for, where it is not the address: an Ingress' host, a Service's own name.
    pub host: Option<String>,
    /// The way.
    pub via: Via,
    /// In words: `node port 30080 of node local`.
    pub words: String,
    /// Keeps the endpoints up to date as long as it lives.
    pub keeper: Option<Keeper>,
}

/// Keeps a list of endpoints up to date; ends when dropped.
#[derive(Debug)]
pub struct Keeper(tokio::task::JoinHandle<()>);

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Cluster {
    /// The way a client takes to a Service.
    ///
    /// # Errors
    /// [`CommandError::Failed`] when there is no such Service or port, or no such way: the deployment lacks it. A fault when the
    /// cluster does not answer.
    pub async fn reach(&self, wanted: &Wanted<'_>) -> Result<Reached, CommandError> {
        let service = self.get("v1", "Service", wanted.namespace, wanted.service).await?;
        if service["spec"]["type"] == "ExternalName" {
            return external(&service, wanted);
        }
        let port = port_of(&service, wanted)?;
        let mut missing = Vec::new();
        for via in wanted.ways {
            let found = match via {
                Via::LoadBalancer => balancer(&service, &port).ok_or("it has no address of a load balancer"),
                Via::NodePort => self.node_port(&port).await?,
                Via::Ingress => self.ingress(wanted, &port).await?.ok_or("no Ingress with an address leads to it"),
                Via::Endpoints | Via::ExternalName => return self.endpoints(wanted, &service, &port).await,
            };
            match found {
                Ok((addresses, host, words)) => {
                    return Ok(Reached { addresses, host, via: *via, words, keeper: None });
                }
                Err(why) => missing.push(why),
            }
        }
        Err(CommandError::Failed(
            Failure::new(format!(
                "service/{} in {} cannot be reached from outside the cluster: {}",
                wanted.service,
                wanted.namespace,
                missing.join(", ")
            ))
            .help("make it `type: NodePort`, add an Ingress, or write `via: endpoints` where this machine reaches the pods"),
        ))
    }

    /// The one port of a Service, by number.
    ///
    /// # Errors
    /// As [`Cluster::reach`], and when it has several ports.
    pub async fn service_port(&self, namespace: &str, service: &str) -> Result<String, CommandError> {
        let object = self.get("v1", "Service", namespace, service).await?;
        let port = port_of(&object, &Wanted { namespace, service, port: None, ways: &[] })?;
        Ok(port["port"].to_string())
    }

    async fn get(&self, version: &str, kind: &str, namespace: &str, name: &str) -> Result<Value, CommandError> {
        let kind: Kind = self.kind_of(version, kind).await?;
        let api = kind.api(self.client().await?, namespace);
        let shown = kind.named(name);
        let found = self.ask(&format!("get {shown} in {namespace}"), api.get_opt(name)).await;
        let object = found.map_err(super::ClusterError::fault)?.ok_or_else(|| {
            let help = "apply it first, or name its namespace: `namespace: …`";
            CommandError::Failed(Failure::new(format!("there is no {shown} in {namespace}")).help(help))
        })?;
        Ok(object.data)
    }

    async fn node_port(&self, port: &Value) -> Result<Result<Way, &'static str>, Fault> {
        let Some(number) = number(&port["nodePort"]) else { return Ok(Err("it is of no type that has a node port")) };
        if let Some(address) = &self.settings.address {
            let words = format!("node port {number} at {address}");
            return Ok(Ok((Addresses::Host(address.clone(), number), None, words)));
        }
        let kind = self.kind_of("v1", "Node").await?;
        let api: Api<DynamicObject> = Api::all_with(self.client().await?, &kind.resource);
        let nodes = self.ask("list nodes", api.list(&kube::api::ListParams::default())).await;
        let nodes = nodes.map_err(super::ClusterError::fault)?;
        let way = nodes.items.iter().find_map(|node| {
            let address = node_address(&node.data)?;
            let name = node.metadata.name.as_deref().unwrap_or_default();
            Some((Addresses::Host(address, number), None, format!("node port {number} of node {name}")))
        });
        Ok(way.ok_or("no node is ready"))
    }

    async fn ingress(&self, wanted: &Wanted<'_>, port: &Value) -> Result<Option<Way>, Fault> {
        let kind = self.kind_of("networking.k8s.io/v1", "Ingress").await?;
        let api = kind.api(self.client().await?, wanted.namespace);
        let all = self.ask("list ingresses", api.list(&kube::api::ListParams::default())).await;
        let all = all.map_err(super::ClusterError::fault)?;
        let at = self.settings.address.as_deref();
        Ok(all.items.iter().find_map(|ingress| ingress_way(&ingress.data, wanted.service, port, at)))
    }

    async fn endpoints(&self, wanted: &Wanted<'_>, service: &Value, port: &Value) -> Result<Reached, CommandError> {
        let (resource, _) = self.discover("discovery.k8s.io/v1", "EndpointSlice").await?;
        let objects = self.objects(&resource, Some(wanted.namespace)).await?;
        let name = wanted.service.to_owned();
        let wanted_port = SlicePort {
            name: port["name"].as_str().unwrap_or_default().to_owned(),
            unlisted: number(&port["port"]).filter(|_| lists_no_port(service)),
        };
        let mut version = objects.version();
        let (sender, endpoints) = watch::channel(Arc::new(ready(&objects, &name, &wanted_port)));
        let keeper = tokio::spawn(async move {
            while version.changed().await.is_ok() {
                let now = ready(&objects, &name, &wanted_port);
                sender.send_if_modified(|before| {
                    let differs = **before != now;
                    *before = Arc::new(now);
                    differs
                });
            }
        });
        let host = service["metadata"]["name"].as_str().map(|_| format!("{}.{}", wanted.service, wanted.namespace));
        let words = format!("the endpoints of service/{}", wanted.service);
        let (addresses, via) = (Addresses::Spread(endpoints), Via::Endpoints);
        Ok(Reached { addresses, host, via, words, keeper: Some(Keeper(keeper)) })
    }
}

type Way = (Addresses, Option<String>, String);

fn number(value: &Value) -> Option<u16> {
    value.as_u64().and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0)
}

/// The name outside of the cluster of an `ExternalName` Service.
fn external(service: &Value, wanted: &Wanted<'_>) -> Result<Reached, CommandError> {
    let name = service["spec"]["externalName"].as_str().unwrap_or_default().trim_end_matches('.').to_owned();
    let port = match (wanted.port, wanted.port.and_then(|port| port.parse().ok())) {
        // it has no need to list its ports
        (Some(_), Some(number)) => number,
        _ => number(&port_of(service, wanted)?["port"]).unwrap_or_default(),
    };
    let words = format!("its external name {name}");
    let addresses = Addresses::Host(name.clone(), port);
    Ok(Reached { addresses, host: Some(name), via: Via::ExternalName, words, keeper: None })
}

/// The number of a port that is written as one.
fn number_of(port: &str) -> Option<u16> {
    port.parse().ok().filter(|port| *port > 0)
}

fn port_of(service: &Value, wanted: &Wanted<'_>) -> Result<Value, CommandError> {
    let ports = service["spec"]["ports"].as_array().cloned().unwrap_or_default();
    let is_wanted = |port: &Value| match wanted.port {
        None => true,
        Some(written) => port["name"] == written || number(&port["port"]).is_some_and(|it| it.to_string() == written),
    };
    let mut found: Vec<Value> = ports.iter().filter(|port| is_wanted(port)).cloned().collect();
    let listed = || {
        let names = ports.iter().map(|port| match port["name"].as_str() {
            Some(name) => format!("{} ({name})", port["port"]),
            None => port["port"].to_string(),
        });
        names.collect::<Vec<_>>().join(", ")
    };
    match (found.len(), wanted.port) {
        (1, _) => Ok(found.remove(0)),
        // A headless Service lists none, and leads to every port of its Pods.
        (0, Some(port)) if ports.is_empty() && service["spec"]["clusterIP"] == "None" && number_of(port).is_some() => {
            Ok(serde_json::json!({ "port": number_of(port) }))
        }
        (0, Some(port)) if !ports.is_empty() => {
            let summary = format!("service/{} has no port {port}; it has {}", wanted.service, listed());
            Err(CommandError::Failed(Failure::new(summary)))
        }
        (0, Some(port)) => {
            let summary = format!("service/{} lists no port: which one is {port} is not known", wanted.service);
            Err(CommandError::Failed(Failure::new(summary).help("write its number: `port: 8080`")))
        }
        (0, None) => {
            let summary = format!("service/{} lists no port", wanted.service);
            Err(CommandError::Failed(Failure::new(summary).help("say which: `port: 8080`")))
        }
        _ => Err(Fault::invalid(format!("service/{} has several ports: {}", wanted.service, listed()))
            .help("say which: `port: …`")
            .into()),
    }
}

fn balancer(service: &Value, port: &Value) -> Option<Way> {
    let number = number(&port["port"])?;
    let address = status_address(service)?;
    let words = format!("load balancer {address}:{number}");
    Some((Addresses::Host(address, number), None, words))
}

/// An address of `status.loadBalancer.ingress`.
fn status_address(object: &Value) -> Option<String> {
    let listed = object["status"]["loadBalancer"]["ingress"].as_array()?;
    listed.iter().find_map(|one| one["ip"].as_str().or(one["hostname"].as_str())).map(str::to_owned)
}

/// Where a ready node takes connections: its outer address, else the one in the cluster's network.
fn node_address(node: &Value) -> Option<String> {
    let conditions = node["status"]["conditions"].as_array()?;
    let ready = conditions.iter().any(|one| one["type"] == "Ready" && one["status"] == "True");
    let addresses = node["status"]["addresses"].as_array()?;
    let of = |kind: &str| addresses.iter().find(|one| one["type"] == kind).and_then(|one| one["address"].as_str());
    ready.then(|| of("ExternalIP").or_else(|| of("InternalIP")).map(str::to_owned)).flatten()
}

/// The way through an Ingress, at its own address or `at` another one.
fn ingress_way(ingress: &Value, service: &str, port: &Value, at: Option<&str>) -> Option<Way> {
    let leads = |backend: &Value| {
        let to = &backend["service"];
        let same_port =
            to["port"]["number"] == port["port"] || (to["port"]["name"] == port["name"] && !port["name"].is_null());
        to["name"] == service && same_port
    };
    let rules = ingress["spec"]["rules"].as_array().cloned().unwrap_or_default();
    let rule = rules.iter().find(|rule| {
        rule["http"]["paths"].as_array().is_some_and(|paths| paths.iter().any(|path| leads(&path["backend"])))
    });
    let host = match rule {
        Some(rule) => rule["host"].as_str().map(str::to_owned),
        None if leads(&ingress["spec"]["defaultBackend"]) => None,
        None => return None,
    };
    let address = at.map(str::to_owned).or_else(|| status_address(ingress))?;
    let words = format!("an Ingress at {address}");
    Some((Addresses::Host(address, 80), host, words))
}

fn lists_no_port(service: &Value) -> bool {
    service["spec"]["ports"].as_array().is_none_or(Vec::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn wanted(port: Option<&'static str>) -> Wanted<'static> {
        Wanted { namespace: "todo", service: "web", port, ways: &[] }
    }

    #[test]
    fn a_port_is_chosen_by_number_name_or_because_there_is_no_other() {
        let two = json!({ "spec": { "ports": [{ "port": 80, "name": "http" }, { "port": 9090, "name": "metrics" }] } });
        let said = |undone: CommandError| undone.into_fault().message;
        let port = |port| port_of(&two, &wanted(port)).map(|port| port["port"].clone()).map_err(said);
        assert_eq!(port(Some("http")), Ok(json!(80)));
        assert_eq!(port(Some("9090")), Ok(json!(9090)));
        assert_eq!(port(None), Err("service/web has several ports: 80 (http), 9090 (metrics)".to_owned()));
        assert_eq!(
            port(Some("8080")),
            Err("service/web has no port 8080; it has 80 (http), 9090 (metrics)".to_owned())
        );
        let one = json!({ "spec": { "ports": [{ "port": 80 }] } });
        assert_eq!(port_of(&one, &wanted(None)).map(|port| port["port"].clone()).map_err(said), Ok(json!(80)));
    }

    #[test]
    fn an_external_name_is_where_connections_go_and_needs_no_list_of_ports() {
        let service = json!({ "spec": { "type": "ExternalName", "externalName": "db.example.com." } });
        let reached = external(&service, &wanted(Some("5432"))).map_err(CommandError::into_fault).expect("a way");
        assert!(matches!(&reached.addresses, Addresses::Host(host, 5432) if host == "db.example.com"));
        assert_eq!(reached.words, "its external name db.example.com");
        let none = external(&service, &wanted(None)).map_err(|undone| undone.into_fault().message);
        assert_eq!(none.map(|it| it.words), Err("service/web lists no port".to_owned()));
        let named = external(&service, &wanted(Some("pg"))).map_err(|undone| undone.into_fault().message);
        let why = "service/web lists no port: which one is pg is not known";
        assert_eq!(named.map(|it| it.words), Err(why.to_owned()));
    }

    #[test]
    fn a_headless_service_without_ports_leads_to_any_port_of_its_pods() {
        let service = json!({ "spec": { "clusterIP": "None" } });
        let port = port_of(&service, &wanted(Some("8080"))).map_err(CommandError::into_fault).expect("a port");
        assert_eq!(port, json!({ "port": 8080 }));
        assert!(lists_no_port(&service) && port_of(&service, &wanted(None)).is_err());
    }

    #[test]
    fn a_node_that_is_not_ready_is_no_way() {
        let node = |ready: &str| {
            json!({ "status": {
                "conditions": [{ "type": "Ready", "status": ready }],
                "addresses": [{ "type": "Hostname", "address": "n" }, { "type": "InternalIP", "address": "10.0.0.2" }],
            } })
        };
        assert_eq!(node_address(&node("True")), Some("10.0.0.2".to_owned()));
        assert_eq!(node_address(&node("Unknown")), None);
    }

    #[test]
    fn an_ingress_leads_by_its_rule_and_asks_for_its_host() {
        let ingress = json!({
            "spec": { "rules": [{ "host": "todo.example", "http": { "paths": [
                { "path": "/", "backend": { "service": { "name": "web", "port": { "number": 80 } } } } ] } }] },
            "status": { "loadBalancer": { "ingress": [{ "ip": "10.0.0.9" }] } },
        });
        let way = |service, at| ingress_way(&ingress, service, &json!({ "port": 80 }), at);
        let (addresses, host, _) = way("web", None).expect("a way");
        assert!(matches!(addresses, Addresses::Host(address, 80) if address == "10.0.0.9"));
        assert_eq!(host.as_deref(), Some("todo.example"));
        assert!(way("api", None).is_none());
        let (addresses, host, words) = way("web", Some("127.0.0.1")).expect("a way");
        assert!(matches!(addresses, Addresses::Host(address, 80) if address == "127.0.0.1"));
        assert_eq!((host.as_deref(), words.as_str()), (Some("todo.example"), "an Ingress at 127.0.0.1"));
    }
}
