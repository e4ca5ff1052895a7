//! What can be said of kubeconfig and its clusters before anything is done with them, for `doctor`. Changes nothing.

use std::time::Duration;

use super::{Cluster, connect, guard, kubeconfig};
use crate::core::model::outcome::Fault;

/// Time for the question which version runs.
const LIMIT: Duration = Duration::from_secs(5);

/// A context of kubeconfig.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextFact {
    /// Its name.
    pub name: String,
    /// Whether it is the one that a run would use.
    pub chosen: bool,
    /// Whether pipeline.yaml allows it.
    pub allowed: bool,
    /// The program that its user's credentials come from, where they come from one.
    pub exec: Option<String>,
}

impl Cluster {
    /// The contexts that kubeconfig holds, in its order; `None` where there is no kubeconfig.
    ///
    /// # Errors
    /// [`Fault`] when kubeconfig cannot be read.
    pub fn contexts(&self) -> Result<Option<Vec<ContextFact>>, Fault> {
        let Some(config) = kubeconfig::read()? else { return Ok(None) };
        let wish = self.wish();
        let chosen = wish.context.clone().or_else(|| config.current_context.clone());
        let exec = |user: Option<&String>| {
            let named = config.auth_infos.iter().find(|named| Some(&named.name) == user)?;
            named.auth_info.as_ref()?.exec.as_ref()?.command.clone()
        };
        let fact = |named: &kube::config::NamedContext| ContextFact {
            name: named.name.clone(),
            chosen: chosen.as_deref() == Some(named.name.as_str()),
            allowed: guard::allowed(&named.name, &wish.contexts).is_ok(),
            exec: exec(named.context.as_ref().and_then(|context| context.user.as_ref())),
        };
        Ok(Some(config.contexts.iter().map(fact).collect()))
    }

    /// The version of the cluster that a run would use, once it has answered.
    ///
    /// # Errors
    /// [`Fault`] of kind environment when the context is refused or the cluster does not answer.
    pub async fn version(&self) -> Result<String, Fault> {
        let client = self.client().await?;
        match tokio::time::timeout(LIMIT, client.apiserver_version()).await {
            Ok(Ok(version)) => Ok(version.git_version),
            Ok(Err(error)) => Err(Fault::environment(format!("the cluster does not tell its version: {error}"))),
            Err(_) => Err(Fault::environment("the cluster does not tell its version within 5 s")),
        }
    }

    /// Whether this is a pod with a service account.
    pub fn inside_a_pod() -> bool {
        connect::inside_a_pod()
    }
}
