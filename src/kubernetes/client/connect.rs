//! The one connection of a run: made on first use, kept, every request bounded in time. Knows no kind of object.

mod signed;

use crate::kubernetes::client::endpoint::{Endpoint, NO_CONTEXT, no_answer};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::sync::OnceCell;

use super::credentials::{Credentials, Plugin, Source};
use super::discovery::Catalog;
use super::error::{ClusterError, unreachable};
use super::guard::{Choice, ClusterRequest, choose};
use super::{Cluster, kubeconfig, pinned, refused};
use crate::core::model::outcome::Fault;
use crate::http::{NoProxy, is_this_machine, port_problem};

/// Time to reach the cluster at all.
const CONNECT: Duration = Duration::from_secs(5);
/// Time for one request and its answer; watches, logs, exec and forwarding are not bounded by it.
const REQUEST: Duration = Duration::from_secs(30);

/// Catalogs of before that are remembered.
const REMEMBERED: usize = 16;

/// One connection and what was learned over it.
#[derive(Default)]
pub(super) struct Link {
    client: OnceCell<Connected>,
    catalog: Mutex<Arc<OnceCell<Arc<Catalog>>>>,
    /// The catalogs before, the last few of them: what they served may be gone since.
    before: Mutex<Vec<Arc<Catalog>>>,
    /// Set when the run's own namespace is there.
    pub(super) fresh: OnceCell<()>,
}

struct Connected {
    client: Client,
    endpoint: Endpoint,
    /// Where they come from a credential plugin.
    credentials: Option<Arc<Credentials>>,
}

impl Link {
    /// The client, made and tried on the first call.
    pub async fn client(&self, wish: &ClusterRequest) -> Result<Client, Fault> {
        self.client.get_or_try_init(|| connect(wish)).await.map(|connected| connected.client.clone())
    }

    /// What is connected to; empty before the first connection.
    pub fn endpoint(&self) -> Endpoint {
        self.client.get().map(|connected| connected.endpoint.clone()).unwrap_or_default()
    }

    /// Renews the credential where it expires: the time that its plugin takes is not the request's.
    async fn sign_in(&self) -> Result<(), Fault> {
        match self.client.get().and_then(|connected| connected.credentials.as_ref()) {
            Some(credentials) => credentials.current().await.map(drop),
            None => Ok(()),
        }
    }

    /// The cell of the current catalog.
    pub fn catalog(&self) -> Arc<OnceCell<Arc<Catalog>>> {
        Arc::clone(&self.catalog.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes the next call discover again.
    pub fn forget_catalog(&self) {
        let old = std::mem::take(&mut *self.catalog.lock().unwrap_or_else(PoisonError::into_inner));
        let Some(old) = old.get().cloned() else { return };
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        before.push(old);
        if before.len() > REMEMBERED {
            before.remove(0);
        }
    }

    /// Whether a catalog of before had a kind that fits.
    pub fn has_served(&self, fits: impl Fn(&Catalog) -> bool) -> bool {
        self.before.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|catalog| fits(catalog))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("endpoint", &self.endpoint()).finish_non_exhaustive()
    }
}

impl Cluster {
    /// One request, at most 30 s long; `doing` names it for messages: `list pods in todo`.
    ///
    /// # Errors
    /// [`ClusterError::Refused`] when the cluster answered that it will not; [`ClusterError::Fault`] when it gave no answer.
    pub fn ask<T>(
        &self,
        doing: &str,
        request: impl Future<Output = kube::Result<T>>,
    ) -> impl Future<Output = Result<T, ClusterError>> {
        // boxed: a request is large, and everything that waits for one would be
        let request = Box::pin(request);
        async move {
            Box::pin(self.link().sign_in()).await?;
            match tokio::time::timeout(REQUEST, request).await {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(error)) => Err(ClusterError::of(doing, error, &self.link().endpoint())),
                Err(_) => Err(ClusterError::Fault(
                    Fault::environment(format!(
                        "the cluster behind context \"{}\" did not answer in {} s: could not {doing}",
                        self.link().endpoint().context,
                        REQUEST.as_secs()
                    ))
                    .transient(),
                )),
            }
        }
    }
}

/// Whether we run inside a pod that has a service account.
pub(super) fn inside_a_pod() -> bool {
    std::env::var_os("KUBERNETES_SERVICE_HOST").is_some_and(|host| !host.is_empty())
        && std::path::Path::new("/var/run/secrets/kubernetes.io/serviceaccount/token").exists()
}

async fn connect(wish: &ClusterRequest) -> Result<Connected, Fault> {
    let kubeconfig = kubeconfig::read()?;
    let choice = choose(kubeconfig.as_ref(), wish, inside_a_pod())?;
    let (mut config, context, plugin) = match (choice, kubeconfig) {
        (Choice::Context(name), Some(kubeconfig)) => {
            let (config, plugin) = config_of(kubeconfig, &name).await?;
            (config, name, plugin)
        }
        (Choice::InCluster, _) => {
            let config = Config::incluster()
                .map_err(|error| Fault::environment(format!("the pod's service account cannot be used: {error}")))?;
            (config, super::IN_CLUSTER.to_owned(), None)
        }
        (choice, _) => return Err(nothing_there(&choice, wish)),
    };
    config.connect_timeout = Some(CONNECT);
    let endpoint = Endpoint { server: config.cluster_url.to_string(), context };
    let credentials = plugin.map(|plugin| Arc::new(Credentials::new(plugin)));
    if let Some(credentials) = &credentials {
        credentials.current().await?;
    }
    let client_by = |trust: Trust| match &credentials {
        Some(credentials) => Ok(signed::client(config.clone(), Arc::clone(credentials), trust)),
        None => trust.client(&config).map_err(|error| refused::client(&error, &endpoint)),
    };
    let client = client_by(Trust::Issuer)?;
    match version(&client).await {
        Some(Ok(())) => Ok(Connected { client, endpoint, credentials }),
        Some(Err(error)) if pinned::is_needed(&error, &config) => {
            let client = client_by(Trust::Pinned)?;
            match version(&client).await {
                Some(Ok(())) => Ok(Connected { client, endpoint, credentials }),
                Some(Err(error)) => Err(unreachable(&error, &endpoint)),
                None => Err(no_answer(&endpoint, "timed out after 5s")),
            }
        }
        Some(Err(error)) => Err(unreachable(&error, &endpoint)),
        None => Err(no_answer(&endpoint, "timed out after 5s")),
    }
}

/// Whether the cluster answers; nothing where it does not in time. Any answer will do, a refusal too: a user who may not
/// ask for the version may still do its work.
async fn version(client: &Client) -> Option<kube::Result<()>> {
    match tokio::time::timeout(CONNECT, client.apiserver_version()).await.ok()? {
        Ok(_) | Err(kube::Error::Api(_)) => Some(Ok(())),
        Err(error) => Some(Err(error)),
    }
}

/// Which certificates of the API server are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Those whose issuer is in the kubeconfig.
    Issuer,
    /// Those that are in the kubeconfig themselves, too.
    Pinned,
}

impl Trust {
    pub fn client(self, config: &Config) -> kube::Result<Client> {
        match self {
            Trust::Issuer => Client::try_from(config.clone()),
            Trust::Pinned => pinned::client(config).map_err(kube::Error::Service),
        }
    }
}

async fn config_of(kubeconfig: Kubeconfig, context: &str) -> Result<(Config, Option<Plugin>), Fault> {
    let mut kubeconfig = kubeconfig::only(kubeconfig, context, None).unwrap_or_default();
    let cluster = kubeconfig.clusters.first().and_then(|named| named.cluster.clone()).unwrap_or_default();
    let own_proxy = cluster.proxy_url.as_ref().is_some_and(|url| !url.is_empty());
    let user = kubeconfig.auth_infos.first_mut().and_then(|named| named.auth_info.as_mut());
    let source = user.map(|user| Source::take(user, &cluster, context)).transpose()?.flatten();
    let plugin = source.map(|source| Plugin { source, context: context.to_owned() });
    let options = KubeConfigOptions { context: Some(context.to_owned()), ..KubeConfigOptions::default() };
    let unusable = |why: &dyn std::fmt::Display| {
        Fault::environment(format!("context \"{context}\" of kubeconfig cannot be used: {why}"))
            .help("check it with `kubectl config view --minify`")
    };
    // The words of this error name files and fields, never their content.
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| unusable(&error))?;
    if let Some(problem) = config.cluster_url.authority().and_then(port_problem) {
        return Err(unusable(&format!("its server's port: {problem}")));
    }
    if !own_proxy && bypasses_proxy(&config.cluster_url, &no_proxy()) {
        config.proxy_url = None;
    }
    Ok((config, plugin))
}

fn no_proxy() -> String {
    std::env::var("NO_PROXY").or_else(|_| std::env::var("no_proxy")).unwrap_or_default()
}

/// Whether a server is reached directly: this machine itself, or listed in `NO_PROXY`.
fn bypasses_proxy(server: &http::Uri, no_proxy: &str) -> bool {
    is_this_machine(server.host().unwrap_or_default()) || NoProxy::parse(no_proxy).matches(server)
}

fn nothing_there(choice: &Choice, wish: &ClusterRequest) -> Fault {
    let listed = wish.contexts.join(", ");
    match choice {
        Choice::NotThereYet(name) => Fault::environment(format!("{NO_CONTEXT} \"{name}\"")).help(format!(
            "start that cluster (`minikube start`, `kind create cluster`) or let a `cluster: {{ up: … }}` step do it; allowed here: {listed}"
        )),
        _ => Fault::environment("there is no cluster: kubeconfig names no current context").help(format!(
            "choose one with `kubectl config use-context NAME` or `--context NAME` (allowed here: {listed}), or let a `cluster` step bring one up"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_and_what_no_proxy_lists_are_reached_directly() {
        let bypasses =
            |host: &str, no_proxy: &str| bypasses_proxy(&format!("https://{host}").parse().expect("a URL"), no_proxy);
        for host in ["127.0.0.1", "[::1]", "localhost", "10.0.0.7", "api.corp", "corp"] {
            assert!(bypasses(host, "10.0.0.7, .corp"), "{host}");
        }
        assert!(!bypasses("api.example", "10.0.0.7,.corp"));
        assert!(!bypasses("notcorp", ".corp"));
        assert!(bypasses("10.1.2.3:6443", "10.0.0.0/8"));
        assert!(bypasses("api.corp:6443", "*.corp:6443") && !bypasses("api.corp:443", "*.corp:6443"));
    }

    #[tokio::test]
    async fn a_server_with_an_invalid_port_is_refused_and_not_asked_at_the_default_port() {
        for port in ["99999", "0", "abc", ""] {
            let kubeconfig = serde_yaml::from_str(&format!(
                "clusters: [{{ name: c, cluster: {{ server: \"https://127.0.0.1:{port}\" }} }}]\n\
                 users: [{{ name: u, user: {{}} }}]\ncontexts: [{{ name: x, context: {{ cluster: c, user: u }} }}]\n"
            ));
            let fault = config_of(kubeconfig.expect("a kubeconfig"), "x").await.err().expect("refused");
            assert!(fault.message.starts_with("context \"x\" of kubeconfig cannot be used: "), "{fault}");
        }
    }

    #[test]
    fn says_how_to_get_a_cluster_where_none_is_chosen() {
        let wish = ClusterRequest { context: None, contexts: vec!["minikube".to_owned(), "local".to_owned()] };
        let fault = nothing_there(&Choice::Nothing, &wish);
        assert_eq!(fault.message, "there is no cluster: kubeconfig names no current context");
        assert_eq!(
            fault.help.as_deref(),
            Some(
                "choose one with `kubectl config use-context NAME` or `--context NAME` (allowed here: minikube, local), \
                 or let a `cluster` step bring one up"
            )
        );
    }
}
