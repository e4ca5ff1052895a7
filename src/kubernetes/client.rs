//! The Kubernetes API of the one cluster that a pipeline may touch: the guard, the client, what can be done with it.
//! Knows no step and no assertion.

mod attached;
mod capabilities;
mod connect;
mod credentials;
mod discovery;
mod endpoint;
mod error;
mod everything;
mod exec;
mod follow;
pub mod fresh;
mod guard;
mod happened;
mod has;
mod involved;
mod kubeconfig;
mod leftover;
mod list;
mod pinned;
pub(crate) mod pods;
mod portforward;
pub mod reach;
mod reference;
mod refused;
mod revisions;
mod survey;
mod throttled;
mod tried;
pub mod watch;
mod whose;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::core::kind::Context;
use crate::core::kind::services::Preflight;
use crate::core::model::namespace::refuse_system_namespace;
use crate::core::model::outcome::Fault;
use crate::kubernetes::explain::recent::Recent;

pub use crate::core::kind::settings::ClusterSettings;
pub use attached::Attached;
pub use capabilities::Capabilities;
pub use discovery::{Kind, misspelt};
pub use endpoint::is_absent;
pub use error::{ClusterError, Refusal};
pub use exec::{PodCommand, PodExit};
pub use follow::Followed;
pub use guard::IN_CLUSTER;
pub use happened::SeenEvent;
pub use involved::Involved;
pub use leftover::{Leftover, LeftoverQuery, LeftoverScan, is_of_every_namespace};
pub use pods::{PodTarget, is_ready, selector_text};
pub use portforward::Forward;
pub use reference::{Reference, ReferenceError};
pub use revisions::RollbackResult;
pub use survey::ContextFact;
pub use tried::{RefusedBy, Tried};
pub use whose::Owner;

/// The field manager of everything this program applies.
pub const MANAGER: &str = "pipeline";

/// The variable `KUBECONFIG` of a user's script, where it is not left as it is: the file names the run's cluster and no
/// other. A value of the pipeline's own (`env: { KUBECONFIG: … }`) is kept.
pub fn scripts_kubeconfig(cx: &Context) -> Option<(OsString, OsString)> {
    let written = || cx.env.get("KUBECONFIG").map(String::as_str);
    let file = cx.services.get::<Cluster>().kubeconfig_for_scripts(written, &cx.scratch)?;
    Some(("KUBECONFIG".into(), file.into()))
}

impl Preflight for Cluster {
    fn preflight(&self) -> Result<(), Fault> {
        self.guard()
    }
}

/// The cluster, connected on first use.
#[derive(Debug)]
pub struct Cluster {
    settings: ClusterSettings,
    state: Mutex<State>,
    watches: watch::Watches,
    pub(crate) recent: Recent,
    /// Local ports that are being forwarded.
    forwarded: Mutex<Vec<u16>>,
}

/// What may change while a run goes on. The lock is held to look and to swap, never across an await.
#[derive(Debug, Default)]
struct State {
    /// The context a cluster step switched to; goes before `settings.context`.
    switched: Option<String>,
    /// The kubeconfig of scripts, once there is a context to write into it.
    for_scripts: Option<PathBuf>,
    link: Arc<connect::Link>,
}

impl Cluster {
    /// Touches nothing yet.
    pub fn new(settings: ClusterSettings) -> Self {
        Cluster {
            settings,
            state: Mutex::default(),
            watches: watch::Watches::default(),
            recent: Recent::default(),
            forwarded: Mutex::default(),
        }
    }

    /// What pipeline.yaml says of it.
    pub fn settings(&self) -> &ClusterSettings {
        &self.settings
    }

    /// The namespace for what names none. Without a run, one that each run creates has no name: nothing can be done in it.
    pub fn namespace(&self) -> &str {
        self.settings.namespace()
    }

    /// `named`, or the pipeline's namespace.
    ///
    /// # Errors
    /// [`Fault`] of kind environment when it is one of the system's.
    pub fn namespace_or<'a>(&'a self, named: Option<&'a str>) -> Result<&'a str, Fault> {
        let namespace = named.unwrap_or_else(|| self.namespace());
        refuse_system_namespace(namespace)?;
        Ok(namespace)
    }

    /// Whether this run may touch the cluster that kubeconfig points at: the context is allowed, the namespace is
    /// not one of the system's. Reads kubeconfig, connects to nothing and starts no credential plugin. A missing
    /// kubeconfig is no error: a cluster step may bring one up.
    ///
    /// # Errors
    /// [`Fault`] of kind environment that names the context and the allowed ones.
    pub fn guard(&self) -> Result<(), Fault> {
        self.refuse_home()?;
        guard::choose(kubeconfig::read()?.as_ref(), &self.wish(), connect::inside_a_pod()).map(drop)
    }

    /// The program that kubeconfig starts to sign in to the context in use, where it names one. Starts nothing.
    ///
    /// # Errors
    /// [`Fault`] of kind environment when the context is refused.
    pub fn credential_program(&self) -> Result<Option<String>, Fault> {
        let Some(config) = kubeconfig::read()? else { return Ok(None) };
        match guard::choose(Some(&config), &self.wish(), connect::inside_a_pod())? {
            guard::Choice::Context(context) => Ok(kubeconfig::credential_program(config, &context)),
            _ => Ok(None),
        }
    }

    /// The context in use: the one a cluster step switched to, `--context`, or kubeconfig's current one.
    /// `None` where there is none yet.
    ///
    /// # Errors
    /// [`Fault`] of kind environment when it is refused.
    pub fn context(&self) -> Result<Option<String>, Fault> {
        let choice = guard::choose(kubeconfig::read()?.as_ref(), &self.wish(), connect::inside_a_pod())?;
        Ok(choice.name().map(str::to_owned))
    }

    /// Switches to another allowed context, after a cluster step has brought it up, and connects again.
    ///
    /// # Errors
    /// [`Fault`] of kind environment when it is not among the allowed ones.
    pub fn use_context(&self, name: &str) -> Result<(), Fault> {
        guard::allowed(name, &self.settings.contexts)?;
        let mut state = self.state();
        state.switched = Some(name.to_owned());
        state.link = Arc::default();
        state.for_scripts = None;
        self.watches.forget();
        self.recent.forget();
        Ok(())
    }

    /// Drops the connection and what was discovered: the next call connects again.
    pub fn forget(&self) {
        self.state().link = Arc::default();
        self.watches.forget();
    }

    /// The client for the allowed context. The cluster has answered it at least once.
    ///
    /// # Errors
    /// [`Fault`] of kind environment when the context is refused or the cluster does not answer.
    pub async fn client(&self) -> Result<kube::Client, Fault> {
        let client = self.connected().await?;
        Box::pin(self.ensure_fresh(&client)).await?;
        Ok(client)
    }

    /// The client, before the run's own namespace is there.
    async fn connected(&self) -> Result<kube::Client, Fault> {
        self.refuse_home()?;
        let link = self.link();
        let wish = self.wish();
        // boxed: connecting is large, and all that needs a client would be
        Box::pin(link.client(&wish)).await
    }

    /// Refuses the pipeline's own namespace where it is one of the system's.
    fn refuse_home(&self) -> Result<(), Fault> {
        self.settings.namespace.as_deref().map_or(Ok(()), refuse_system_namespace)
    }

    /// Writes a private kubeconfig (0600) into `folder` that holds only the context in use, for children such as
    /// kubectl and helm: they can reach no other cluster. `None` where there is no context yet, or inside a pod.
    ///
    /// # Errors
    /// [`Fault`] when the context is refused or the file cannot be written.
    pub fn kubeconfig_file(&self, folder: &Path) -> Result<Option<PathBuf>, Fault> {
        let Some(config) = kubeconfig::read()? else { return Ok(None) };
        let guard::Choice::Context(context) = guard::choose(Some(&config), &self.wish(), connect::inside_a_pod())?
        else {
            return Ok(None);
        };
        match kubeconfig::only(config, &context, self.settings.namespace.as_deref()) {
            Some(only) => kubeconfig::write(&only, folder).map(Some),
            None => Ok(None),
        }
    }

    /// The `KUBECONFIG` of a user's script: a private one in `folder` with the context in use, so that the kubectl in it
    /// reaches no other cluster; an empty one where there is no context that may be touched. `None` where pipeline.yaml
    /// names no cluster, and where `written`, the script's own `KUBECONFIG`, is not the one we inherited. Kubeconfig is
    /// read once, and only where that is needed.
    pub fn kubeconfig_for_scripts<'a>(
        &self,
        written: impl FnOnce() -> Option<&'a str>,
        folder: &Path,
    ) -> Option<PathBuf> {
        let inherited = || std::env::var_os("KUBECONFIG");
        if self.settings.contexts.is_empty() || written().is_some_and(|own| inherited().is_none_or(|ours| ours != own))
        {
            return None;
        }
        if let Some(file) = &self.state().for_scripts {
            return Some(file.clone());
        }
        let Ok(Some(file)) = self.kubeconfig_file(folder) else { return Some(PathBuf::from("/dev/null")) };
        self.state().for_scripts = Some(file.clone());
        Some(file)
    }

    fn wish(&self) -> guard::ClusterRequest {
        let context = self.state().switched.clone().or_else(|| self.settings.context.clone());
        guard::ClusterRequest { context, contexts: self.settings.contexts.clone() }
    }

    fn link(&self) -> Arc<connect::Link> {
        Arc::clone(&self.state().link)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the state whole: every write to it is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
