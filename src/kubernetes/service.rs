//! A Service by its name: how a check on this machine reaches it, and how a user writes that.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::oneshot;

use crate::core::kind::{CheckContext, Context};
use crate::core::model::diagnostic::Code;
use crate::core::model::namespace::refuse_system_namespace;
use crate::core::model::outcome::{Failure, Fault, Finding};
use crate::core::model::units::as_written;
use crate::http::load::Addresses;
use crate::http::{Proxies, Request, authority};
use crate::kubernetes::client::reach::{self, Wanted};
use crate::kubernetes::client::{Forward, PodTarget, Reference};
use crate::process::command_context::CommandError;
use crate::process::tcp::{self, TcpError};
use crate::services::Clients;

/// How long an address may take to show that this machine reaches it at all.
const PROBE: Duration = Duration::from_secs(2);
/// How long a port-forward may take to be up.
const FORWARD: Duration = Duration::from_secs(10);

/// How a Service is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// The first way that it has.
    Auto,
    /// An address of its load balancer.
    LoadBalancer,
    /// A port of a node.
    NodePort,
    /// An Ingress that leads to it.
    Ingress,
    /// Its ready pods.
    Endpoints,
    /// A port of this machine that leads to one of its pods. Refused for `traffic`: it breaks when that pod goes.
    PortForward,
}

impl Via {
    /// The ways that a client outside of the cluster takes, the first one first; a port-forward is not one.
    pub fn ways(self) -> &'static [reach::Via] {
        match self {
            Via::Auto => &[reach::Via::LoadBalancer, reach::Via::NodePort, reach::Via::Ingress],
            Via::LoadBalancer => &[reach::Via::LoadBalancer],
            Via::NodePort => &[reach::Via::NodePort],
            Via::Ingress => &[reach::Via::Ingress],
            Via::Endpoints => &[reach::Via::Endpoints],
            Via::PortForward => &[],
        }
    }
}

/// A port by number or name, as text.
///
/// # Errors
/// When it is neither a number nor a text.
pub fn port<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    as_written(deserializer).map(|text| Some(text.into_owned()))
}

/// The schema of [`port`].
pub fn number_or_name(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": ["integer", "string"] })
}

/// What a user writes of a Service.
#[derive(Debug, Clone, Copy)]
pub struct ServiceName<'a> {
    /// Its name.
    pub service: Option<&'a str>,
    /// Its namespace; else the pipeline's.
    pub namespace: Option<&'a str>,
    /// One of its ports, by number or name.
    pub port: Option<&'a str>,
    /// How it is reached.
    pub via: Option<Via>,
}

/// A Service that is reached.
#[derive(Debug)]
pub struct Door {
    /// Where connections go.
    pub host: String,
    /// Its port there.
    pub port: u16,
    /// The name to ask for, where it is not `host`: an Ingress' host.
    pub name: Option<String>,
    /// The way: `node_port`, `load_balancer`, `ingress`, `endpoints`, `external_name`, `port_forward`.
    pub via: &'static str,
    /// The way in words: `node port 30080 of node local`.
    pub words: String,
    /// Ends a port-forward when dropped.
    _forward: Option<Forwarding>,
}

#[derive(Debug)]
struct Forwarding(tokio::task::JoinHandle<()>);

impl Drop for Forwarding {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Door {
    /// Whether a name that cannot be resolved here is nowhere: an external name, but for one of the cluster itself.
    pub fn is_outside(&self) -> bool {
        let last = self.host.rsplit('.').next().unwrap_or_default();
        self.via == "external_name" && !["local", "svc"].contains(&last)
    }

    /// `host:port`, an IPv6 address between brackets.
    pub fn authority(&self) -> String {
        authority(&self.host, self.port)
    }
}

impl ServiceName<'_> {
    /// Complains where it is not one address that is asked, `key` being that of an address; and of what belongs to a Service
    /// alone.
    pub fn check(&self, key: &str, address: Option<&str>, cx: &mut CheckContext<'_>) {
        match (address, self.service) {
            (Some(_), Some(_)) => cx.only_one(&["service".into()], &[key, "service"]),
            (None, None) => {
                let example = if key == "url" { "\"http://127.0.0.1:8080/\"" } else { "\"127.0.0.1:5432\"" };
                let help = format!("write `{key}: {example}`, or `service: NAME` for one in the cluster");
                cx.error(&[], Code::MissingKey, format!("it has neither `{key}` nor `service`"), Some(help));
            }
            _ => {}
        }
        if self.service.is_none() {
            let only =
                [("namespace", self.namespace.is_some()), ("port", self.port.is_some()), ("via", self.via.is_some())];
            for (name, _) in only.iter().filter(|(_, there)| *there) {
                let help = Some(format!("write `service: NAME` in place of `{key}`"));
                cx.error(
                    &[(*name).into()],
                    Code::InvalidValue,
                    format!("`{name}` says how to reach a `service`"),
                    help,
                );
            }
        }
        if let Some(fault) = self.namespace.and_then(|name| refuse_system_namespace(name).err()) {
            cx.error(&["namespace".into()], Code::InvalidValue, fault.message, fault.help);
        }
    }

    /// What messages call it: `service/todo-frontend`.
    pub fn shown(&self) -> String {
        format!("service/{}", self.service.unwrap_or_default())
    }

    /// Finds the way to it. With `via: auto` also its pods, where this machine reaches them.
    ///
    /// # Errors
    /// [`CommandError::Failed`] when there is no such Service or port, or no ready endpoint: the deployment lacks it. [`Fault`] of
    /// kind environment when there is no way that this machine can take.
    pub async fn reach(&self, cx: &Context) -> Result<Door, CommandError> {
        let cluster = cx.cluster();
        let namespace = cx.namespace_or(self.namespace)?;
        let service = self.service.unwrap_or_default();
        let via = self.via.unwrap_or(Via::Auto);
        if via == Via::PortForward {
            return self.forward(namespace, cx).await;
        }
        let ways: Vec<reach::Via> = match via {
            Via::Auto => via.ways().iter().copied().chain([reach::Via::Endpoints]).collect(),
            _ => via.ways().to_vec(),
        };
        let wanted = Wanted { namespace, service, port: self.port, ways: &ways };
        let reached = cx.unless_cancelled(cluster.reach(&wanted)).await??;
        let (host, port) = match &reached.addresses {
            Addresses::Host(host, port) => (host.clone(), *port),
            Addresses::Spread(endpoints) => {
                let first = endpoints.borrow().first().copied();
                let first = first.ok_or_else(|| {
                    let help =
                        format!("see `kubectl -n {namespace} get pods,endpointslices`: no ready pod has its labels");
                    let summary = format!("{} in {namespace} has no ready endpoint", self.shown());
                    CommandError::Failed(Failure::new(summary).help(help))
                })?;
                (first.ip().to_string(), first.port())
            }
        };
        let name = reached.host.filter(|_| reached.via != reach::Via::Endpoints);
        let door = Door { host, port, name, via: way_name(reached.via), words: reached.words, _forward: None };
        let unsure = match reached.via {
            reach::Via::NodePort | reach::Via::Ingress => true,
            reach::Via::Endpoints => via == Via::Auto,
            reach::Via::LoadBalancer | reach::Via::ExternalName => false,
        };
        if unsure && let Some(fault) = self.unreachable(&door, cx).await? {
            return Err(fault.into());
        }
        Ok(door)
    }

    /// The causes that waiting cannot fix of the Service, or of the one behind `address`.
    pub async fn blockers(&self, address: Option<(&str, u16)>, cx: &Context) -> Vec<Finding> {
        let namespace = Some(self.namespace.unwrap_or_else(|| cx.namespace()));
        match (self.service, address) {
            (Some(service), _) => cx.cluster().fatal_service(service, namespace).await,
            (None, Some((host, port))) => cx.cluster().fatal_address(host, port).await,
            (None, None) => Vec::new(),
        }
    }

    /// Why the Service, or the one behind `address`, gives no answer.
    pub async fn causes(&self, address: Option<(&str, u16)>, cx: &Context) -> Vec<Finding> {
        let keep = |name: &str, text: &str| cx.evidence.keep(name, text);
        let namespace = Some(self.namespace.unwrap_or_else(|| cx.namespace()));
        match (self.service, address) {
            (Some(service), _) => cx.cluster().explain_service(service, namespace, &keep).await,
            (None, Some((host, port))) => cx.cluster().explain_address(host, port, &keep).await,
            (None, None) => Vec::new(),
        }
    }

    /// Why this machine does not reach an address at all: no answer, or no route. A refusal is an answer.
    async fn unreachable(&self, door: &Door, cx: &Context) -> Result<Option<Fault>, Fault> {
        let tried = cx.unless_cancelled(tcp::connect(&door.authority(), PROBE)).await?;
        Ok(match tried {
            Ok(_) | Err(TcpError::Refused | TcpError::Unresolved(_)) => None,
            Err(error) => {
                let message = format!(
                    "{} is not reachable from this machine: {} ({}): {error}",
                    self.shown(),
                    door.words,
                    door.authority()
                );
                let help = match door.via {
                    "node_port" => {
                        "with Docker on macOS or Windows no node address is reachable: run `minikube tunnel` and make \
                         the Service `type: LoadBalancer`, or write `via: port_forward`; where its port is mapped to \
                         this machine, write `cluster: { address: 127.0.0.1 }` in pipeline.yaml"
                    }
                    "ingress" => {
                        "with Docker on macOS or Windows no node address is reachable: run `minikube tunnel`, or map \
                         port 80 to this machine, and write `cluster: { address: 127.0.0.1 }` in pipeline.yaml"
                    }
                    _ => "write `via: port_forward`, or make it `type: NodePort`",
                };
                Some(Fault::environment(message).help(help).transient())
            }
        })
    }

    /// Forwards a free local port to it as long as the door is there.
    async fn forward(&self, namespace: &str, cx: &Context) -> Result<Door, CommandError> {
        let cluster = Arc::clone(cx.cluster());
        let service = self.service.unwrap_or_default().to_owned();
        let remote = match self.port {
            Some(port) => port.to_owned(),
            None => cx.unless_cancelled(cluster.service_port(namespace, &service)).await??,
        };
        let (up, is_up) = oneshot::channel();
        let listed = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&listed);
        let namespace = namespace.to_owned();
        let target = PodTarget::Object(Reference { kind: "service".to_owned(), name: service.clone() });
        let task = tokio::spawn(async move {
            let up = std::sync::Mutex::new(Some(up));
            let say = |result: Result<SocketAddr, Fault>| {
                let sender = up.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
                // the attempt may have been cancelled
                sender.map(|sender| sender.send(result).is_ok())
            };
            let local = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
            let forward = Forward { namespace: &namespace, target: &target, local, remote: &remote };
            let result =
                cluster.forward(&forward, |local| _ = say(Ok(local)), |_| seen.store(true, Ordering::Relaxed)).await;
            if let Err(trouble) = result {
                say(Err(trouble.fault()));
            }
        });
        let guard = Forwarding(task);
        let waited = cx.unless_cancelled(tokio::time::timeout(FORWARD, is_up)).await?;
        let Ok(Ok(result)) = waited else { return Err(not_up(&self.shown(), listed.load(Ordering::Relaxed))) };
        let local = result?;
        let words = format!("a port-forward from {local} to one of its pods");
        let host = local.ip().to_string();
        Ok(Door { host, port: local.port(), name: None, via: "port_forward", words, _forward: Some(guard) })
    }
}

/// Why a port-forward is not up in time: the cluster has shown the pods, and none is ready, or it has not.
fn not_up(shown: &str, listed: bool) -> CommandError {
    if listed {
        return CommandError::Failed(Failure::new(format!("{shown} has no ready pod to forward to")));
    }
    let message = format!("the cluster has not shown the pods of {shown} within {} s", FORWARD.as_secs());
    CommandError::Fault(Fault::environment(message).transient())
}

fn way_name(via: reach::Via) -> &'static str {
    match via {
        reach::Via::LoadBalancer => "load_balancer",
        reach::Via::NodePort => "node_port",
        reach::Via::Ingress => "ingress",
        reach::Via::Endpoints => "endpoints",
        reach::Via::ExternalName => "external_name",
    }
}

/// How to speak to a Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// In the clear.
    Http,
    /// With TLS.
    Https,
}

/// The URL as it is written; that of a Service has its name for a host.
pub fn written_url(url: Option<&str>, service: Option<&str>, path: Option<&str>) -> String {
    match (url, service) {
        (Some(url), _) => url.to_owned(),
        (None, service) => format!("http://{}{}", service.unwrap_or("service"), path.unwrap_or("/")),
    }
}

/// What messages call a URL or a Service: `service/web/health`.
pub fn shown_url(url: Option<&str>, service: Option<&str>, path: Option<&str>) -> String {
    match (url, service) {
        (Some(url), _) => url.to_owned(),
        (None, service) => format!("service/{}{}", service.unwrap_or_default(), path.unwrap_or("/")),
    }
}

/// What is wrong with `path` and `scheme`.
pub fn check_path(is_service: bool, path: Option<&str>, scheme: Option<Scheme>, cx: &mut CheckContext<'_>) {
    let belongs = |name: &str| format!("`{name}` belongs to a `service`; a `url` has its own");
    if !is_service && path.is_some() {
        cx.error(&["path".into()], Code::InvalidValue, belongs("path"), Some("write it into the `url`".to_owned()));
    }
    if !is_service && scheme.is_some() {
        cx.error(&["scheme".into()], Code::InvalidValue, belongs("scheme"), Some("write it into the `url`".to_owned()));
    }
    if let Some(path) = path.filter(|path| !path.starts_with('/')) {
        let help = Some(format!("write `path: /{path}`"));
        cx.error(&["path".into()], Code::InvalidValue, format!("`{path}` does not start with `/`"), help);
    }
}

/// The URL to ask, and the way to the Service where it is one.
///
/// # Errors
/// As [`ServiceName::reach`].
pub async fn url_of(
    url: Option<&str>,
    name: ServiceName<'_>,
    scheme: Option<Scheme>,
    path: Option<&str>,
    cx: &Context,
) -> Result<(String, Option<Door>), CommandError> {
    if let Some(url) = url {
        return Ok((url.to_owned(), None));
    }
    let door = name.reach(cx).await?;
    let scheme = if scheme == Some(Scheme::Https) { "https" } else { "http" };
    Ok((format!("{scheme}://{}{}", door.authority(), path.unwrap_or("/")), Some(door)))
}

/// Leads a request through the door of a Service: with its name, and past every proxy.
pub fn through(request: &mut Request, door: Option<&Door>) {
    let Some(door) = door else { return };
    request.proxies = Proxies::default();
    if let Some(name) = &door.name
        && !request.headers.keys().any(|key| key.eq_ignore_ascii_case("host"))
    {
        request.headers.insert("host".to_owned(), name.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_that_is_silent_is_not_taken_for_a_service_without_pods() {
        assert!(matches!(not_up("service/web", true), CommandError::Failed(_)));
        let CommandError::Fault(fault) = not_up("service/web", false) else { panic!("no fault") };
        assert!(fault.transient, "{fault}");
    }
}
