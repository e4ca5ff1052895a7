//! A local port that leads into a pod: every connection goes to a ready pod, and to another one when that goes away.

use std::net::SocketAddr;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DynamicObject};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::pods::{By, Found, is_ready, port_of, target_port};
use super::{Cluster, ClusterError, PodTarget, Refusal};
use crate::core::model::outcome::Fault;

/// How long a connection waits for a ready pod.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where to forward to.
#[derive(Debug, Clone)]
pub struct Forward<'a> {
    /// The namespace.
    pub namespace: &'a str,
    /// A pod, a workload or a Service.
    pub target: &'a PodTarget,
    /// The address to listen on; port 0 takes a free one.
    pub local: SocketAddr,
    /// The target's port, by number or name: a Service's port where the target is one, else a container's.
    pub remote: &'a str,
}

/// A pod to forward to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Backend {
    pod: String,
    port: u16,
}

impl Cluster {
    /// Listens and forwards until dropped; every connection is cut then. `up` hears the local address once it
    /// listens and a pod is ready; `say` hears when another pod takes over, and once when none is ready.
    ///
    /// # Errors
    /// [`ClusterError`] when the port is taken, the target is not there, or has no such port.
    pub async fn forward(
        &self,
        forward: &Forward<'_>,
        up: impl Fn(SocketAddr),
        say: impl Fn(String),
    ) -> Result<(), ClusterError> {
        let found = self.find_pods(forward.namespace, forward.target).await?;
        let port = remote_port(&found, forward)?;
        let listener = TcpListener::bind(forward.local).await.map_err(|error| {
            Fault::environment(format!("cannot listen on {}: {error}", forward.local))
                .help("end what listens there, or take another port with `local:` (0 takes any)")
        })?;
        let local =
            listener.local_addr().map_err(|error| Fault::unknown(format!("the local port is lost: {error}")))?;
        let _held = self.hold(local.port());
        let pod_kind = self.kind_of("v1", "Pod").await?;
        let api = self.pods(forward.namespace).await?;
        let (chosen, choice) = watch::channel::<Option<Backend>>(None);
        let unready = AtomicBool::new(false);
        let choose = |pods: &mut dyn Iterator<Item = &DynamicObject>| {
            let ready: Vec<Backend> = pods.filter_map(|pod| backend(pod, &port)).collect();
            let before = chosen.borrow().clone();
            if before.as_ref().is_some_and(|before| ready.contains(before)) {
                return;
            }
            let next = ready.into_iter().next();
            match (&before, &next) {
                (Some(gone), Some(next)) => {
                    say(format!("pod/{} is gone, forwarding to pod/{} now", gone.pod, next.pod));
                }
                (Some(gone), None) => say(format!("pod/{} is gone, no other is ready", gone.pod)),
                (None, Some(next)) => say(format!("forwarding {local} to pod/{}:{}", next.pod, next.port)),
                (None, None) if !unready.swap(true, Ordering::Relaxed) => {
                    say(format!("{} has no ready pod yet", forward.target));
                }
                (None, None) => {}
            }
            if next.is_some() {
                up(local);
            }
            chosen.send_replace(next);
        };
        let pods = async {
            match &found.by {
                By::Name(name) => {
                    let look = |pod: Option<&DynamicObject>| {
                        choose(&mut pod.into_iter());
                        no_such_port(pod, &port)
                    };
                    self.until(&pod_kind, forward.namespace, name, look).await
                }
                By::Labels(selector) => {
                    let look = |pods: &super::follow::Followed| {
                        choose(&mut pods.values());
                        no_such_port(pods.values(), &port)
                    };
                    self.until_all(&pod_kind, forward.namespace, selector, look).await
                }
            }
        };
        let serve = async {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        if let Ok((stream, _)) = accepted {
                            connections.spawn(connection(stream, api.clone(), choice.clone()));
                        }
                    }
                    Some(_) = connections.join_next() => {}
                }
            }
        };
        tokio::select! {
            result = pods => Err(without(forward, result?)),
            () = serve => Ok(()),
        }
    }
}

impl Cluster {
    /// Whether this run forwards a local port: what is asked there comes from one pod.
    pub fn forwards(&self, port: u16) -> bool {
        self.forwarded.lock().unwrap_or_else(PoisonError::into_inner).contains(&port)
    }

    fn hold(&self, port: u16) -> Held<'_> {
        self.forwarded.lock().unwrap_or_else(PoisonError::into_inner).push(port);
        Held { cluster: self, port }
    }
}

/// A local port that is forwarded, until dropped.
struct Held<'a> {
    cluster: &'a Cluster,
    port: u16,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.cluster.forwarded.lock().unwrap_or_else(PoisonError::into_inner).retain(|port| *port != self.port);
    }
}

/// Carries one connection to the pod of the moment; to another one where that does not take it.
async fn connection(mut local: TcpStream, api: Api<Pod>, mut choice: watch::Receiver<Option<Backend>>) {
    let mut failed: Option<Backend> = None;
    let reach = async {
        loop {
            let backend = choice.wait_for(|backend| backend.is_some() && *backend != failed).await.ok()?.clone()?;
            match api.portforward(&backend.pod, &[backend.port]).await {
                Ok(forwarder) => return Some((forwarder, backend.port)),
                Err(_) => failed = Some(backend),
            }
        }
    };
    let Ok(Some((mut forwarder, port))) = tokio::time::timeout(PATIENCE, reach).await else { return };
    let Some(mut remote) = forwarder.take_stream(port) else { return };
    // Either side may hang up at any time; only the peer is affected, and it notices.
    let _ = tokio::io::copy_bidirectional(&mut local, &mut remote).await;
    drop(remote);
    forwarder.abort();
}

fn backend(pod: &DynamicObject, port: &str) -> Option<Backend> {
    let pod: Pod = pod.clone().try_parse().ok()?;
    if !is_ready(&pod) {
        return None;
    }
    let port = port_of(&pod, port)?;
    Some(Backend { pod: pod.metadata.name?, port })
}

/// The ports that the ready pods have, by name, where none has the one that is named, and no pod is left that could: one that is
/// still to start may be of another revision.
fn no_such_port<'p>(pods: impl IntoIterator<Item = &'p DynamicObject>, port: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut any = false;
    for pod in pods.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()) {
        let pod: Pod = pod.clone().try_parse().ok()?;
        if !is_ready(&pod) || port_of(&pod, port).is_some() {
            return None;
        }
        any = true;
        let containers = pod.spec.map(|spec| spec.containers).unwrap_or_default();
        names.extend(containers.into_iter().flat_map(|it| it.ports.unwrap_or_default()).filter_map(|port| port.name));
    }
    names.sort();
    names.dedup();
    any.then_some(names)
}

/// The refusal of a port that no ready pod has.
fn without(forward: &Forward<'_>, names: Vec<String>) -> ClusterError {
    let known =
        if names.is_empty() { "no port has a name".to_owned() } else { format!("they have {}", names.join(", ")) };
    ClusterError::Refused(Refusal {
        doing: format!("forward to {}", forward.target),
        cause: "NoSuchPort".to_owned(),
        message: format!("its ready pods have no port {}; {known}", forward.remote),
        help: Some("write the number of the port, or one of the names".to_owned()),
        ..Refusal::default()
    })
}

/// The port to look for in the pods: a Service maps its own ports.
#[expect(clippy::result_large_err, reason = "a refusal is rare, and read at once")]
fn remote_port(found: &Found, forward: &Forward<'_>) -> Result<String, ClusterError> {
    let service = found.object.as_ref().filter(|object| object["spec"]["ports"].is_array());
    let Some(service) = service else { return Ok(forward.remote.to_owned()) };
    target_port(service, forward.remote).ok_or_else(|| {
        let ports = service["spec"]["ports"].as_array().map(Vec::as_slice).unwrap_or_default();
        let known: Vec<String> = ports.iter().map(|port| port["port"].to_string()).collect();
        ClusterError::Refused(Refusal {
            doing: format!("forward to {}", forward.target),
            cause: "NoSuchPort".to_owned(),
            message: format!("it has no port {}; its ports are {}", forward.remote, known.join(", ")),
            help: Some(format!("write `remote: {}`", known.first().map_or("PORT", String::as_str))),
            ..Refusal::default()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_port_that_no_ready_pod_has_will_not_come_unless_another_pod_starts() {
        let pod = |ready: &str| -> DynamicObject {
            let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "web-1" },
                "spec": { "containers": [{ "name": "app", "ports": [{ "name": "http", "containerPort": 80 }] }] },
                "status": { "conditions": [{ "type": "Ready", "status": ready }] } });
            serde_json::from_value(pod).expect("a pod")
        };
        assert_eq!(no_such_port(&[pod("True")], "https"), Some(vec!["http".to_owned()]));
        assert_eq!(no_such_port(&[pod("True"), pod("False")], "https"), None);
        assert_eq!(no_such_port(&[pod("True")], "http"), None);
        assert_eq!(no_such_port(&[pod("True")], "8443"), None);
        assert_eq!(no_such_port(&[], "https"), None);
    }
}
