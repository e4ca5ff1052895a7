//! Which cluster an `up` is about: decided over what is allowed, what answers and what is installed. Pure.

use super::{ProviderName, Up};
use crate::core::model::outcome::Fault;
use crate::kubernetes::providers::Provider;

/// What is to be done to have a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Choice {
    /// It is there: this context answers.
    Use(String),
    /// One of these providers creates or starts it: the first that can. Else the user's own script, if `command`.
    Make {
        /// The providers, and the cluster's name at each.
        candidates: Vec<(Provider, String)>,
        /// Whether the user's own script may make it.
        command: bool,
    },
}

/// What was found out about the surroundings.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// The first allowed context that answers.
    pub answers: Option<String>,
    /// Why the others do not.
    pub silent: Vec<String>,
    /// The programs that are installed.
    pub installed: Vec<Provider>,
}

impl Up {
    /// Whether contexts are asked before anything is made.
    pub(super) fn asks_contexts(&self) -> bool {
        matches!(self.provider, ProviderName::Auto | ProviderName::Existing)
    }

    /// Decides.
    ///
    /// # Errors
    /// [`Fault`] of kind environment that says of each way why it is closed.
    pub(super) fn choose(&self, allowed: &[String], found: &Found) -> Result<Choice, Fault> {
        if let Some(context) = found.answers.clone().filter(|_| self.asks_contexts()) {
            return Ok(Choice::Use(context));
        }
        let mut closed = found.silent.clone();
        let mut open = Vec::new();
        let candidates: Vec<Provider> = match self.provider {
            ProviderName::Auto => Provider::ALL.to_vec(),
            other => other.program().into_iter().collect(),
        };
        for provider in candidates {
            let program = provider.program();
            if !found.installed.contains(&provider) {
                closed.push(format!("{program} is not installed"));
            } else if let Some(name) = provider.cluster(self.name.as_deref(), allowed) {
                open.push((provider, name));
            } else {
                let context = provider.context(self.name.as_deref().unwrap_or(default_name(provider)));
                closed
                    .push(format!("{program} would make context \"{context}\", which cluster.contexts does not allow"));
            }
        }
        let command = self.command.is_some() && matches!(self.provider, ProviderName::Auto | ProviderName::Command);
        if command || !open.is_empty() {
            return Ok(Choice::Make { candidates: open, command });
        }
        let help = if self.provider == ProviderName::Existing {
            "start one of the allowed clusters".to_owned()
        } else {
            let example = self.name.as_deref().unwrap_or("todo");
            format!(
                "install minikube, kind or k3d and allow its context (`cluster: {{ contexts: [minikube, kind-{example}] }}`), \
                 or name a `command:` that makes a cluster"
            )
        };
        Err(Fault::environment(format!("there is no cluster: {}", closed.join("; "))).help(help))
    }
}

/// What a provider calls a cluster that has no name.
fn default_name(provider: Provider) -> &'static str {
    match provider {
        Provider::Minikube => "minikube",
        Provider::Kind => "kind",
        Provider::K3d => "k3s-default",
    }
}
