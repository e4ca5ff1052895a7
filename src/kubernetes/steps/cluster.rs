//! The `cluster` step: brings a cluster up, takes back what it did to one, enables addons, reports its state.

mod addons;
mod choice;
mod down;
mod ready;
mod up;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::core::kind::{CheckContext, Context, OutputRow, Script, Step, StepKind};
use crate::core::model::diagnostic::Code;
use crate::core::model::outcome::{Fault, Outcome};
use crate::core::model::units::ByteSize;
use crate::core::yaml::Segment;
use crate::kubernetes::providers::{Amount, Provider, ProviderContext, Size};
use crate::process::command_context::CommandError;
use crate::services::Clients;

/// `cluster`: one of `up`, `down`, `addons`, `status`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-one-of" = ["up", "down", "addons", "status"]))]
pub struct Cluster {
    /// Sees to it that a cluster is there, and that its nodes are ready.
    up: Option<Up>,
    /// Deletes the cluster that `up` created, stops one that `up` started, and leaves any other as it is. The cluster's
    /// identity (the UID of kube-system and the provider's own id) must be the recorded one: if it is not, or cannot be
    /// measured, nothing is changed.
    down: Option<Nothing>,
    /// Addons to enable, if the cluster is minikube's, whatever its profile is called. Each is enabled side by side with
    /// the others, and must be listed as enabled afterwards.
    addons: Option<Vec<String>>,
    /// Reports which cluster is in use, and fails if its nodes are not ready.
    status: Option<Nothing>,
}

/// A verb without options: `{}`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Which cluster, and how it is made where there is none. Its context must be among the pipeline's
/// `cluster.contexts`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Up {
    /// Who provides it. `auto`: an allowed context that answers, else the first of minikube, kind and k3d that is
    /// installed and starts, else `command`.
    #[serde(default)]
    provider: ProviderName,
    /// The cluster's name at its provider; else taken from the allowed contexts (`kind-todo`: todo).
    name: Option<String>,
    /// Processors of each node (minikube): a number, or `{ want: 4, min: 2 }` for what the machine has between the two.
    cpus: Option<Amount<u32>>,
    /// Memory of each node (minikube, k3d): a size, or `{ want: 8GiB, min: 4GiB }` for what the machine has between the
    /// two, less a tenth of its own.
    memory: Option<Amount<ByteSize>>,
    /// Nodes; one by default.
    nodes: Option<u32>,
    /// Its Kubernetes version: `v1.34.0`.
    kubernetes_version: Option<String>,
    /// Addons (minikube).
    #[serde(default)]
    addons: Vec<String>,
    /// The user's own way to make one.
    command: Option<OwnCommand>,
}

/// Scripts that make a cluster and take it down, run under `sh -eu` in the project's folder.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnCommand {
    /// Makes the cluster and writes its context into kubeconfig.
    up: Script,
    /// Takes it down. Runs only for a cluster that `up` brought up: one that answered before `up` ran is left as it is.
    down: Option<Script>,
    /// Its context; else the first of `cluster.contexts` that answers.
    context: Option<String>,
}

/// Who provides a cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProviderName {
    /// Whatever is there.
    #[default]
    Auto,
    /// An allowed context that answers; nothing is made.
    Existing,
    /// minikube.
    Minikube,
    /// kind.
    Kind,
    /// k3d.
    K3d,
    /// The scripts under `command`.
    Command,
}

/// The row of this kind.
pub const KIND: StepKind = StepKind::step::<Cluster>(
    "cluster",
    "Brings a cluster up (an allowed one that answers, else minikube, kind, k3d or a command of yours) or down.",
    "up: { provider: auto, cpus: 2, memory: 4GiB, addons: [metrics-server] }\n",
)
.outputs(&[
    OutputRow { name: "addons", summary: "up: the addons that are enabled, of those asked for" },
    OutputRow { name: "provider", summary: "who provides it: existing, minikube, kind, k3d, command" },
    OutputRow { name: "context", summary: "its kubeconfig context" },
    OutputRow { name: "version", summary: "its Kubernetes version" },
    OutputRow { name: "nodes", summary: "how many nodes are ready" },
])
.cluster();

#[async_trait]
impl Step for Cluster {
    fn check(&self, cx: &mut CheckContext<'_>) {
        let verbs = [self.up.is_some(), self.down.is_some(), self.addons.is_some(), self.status.is_some()];
        if verbs.iter().filter(|given| **given).count() != 1 {
            let help = "write one of `up: {}`, `down: {}`, `addons: [NAME]`, `status: {}`";
            cx.error(&[], Code::InvalidValue, "a cluster step does exactly one thing", Some(help.to_owned()));
        }
        let Some(up) = &self.up else { return };
        let key = |name: &str| [Segment::Key("up".to_owned()), Segment::Key(name.to_owned())];
        if up.provider == ProviderName::Command && up.command.is_none() {
            let help = "write `command: { up: \"./make-cluster\", down: \"./remove-cluster\" }`";
            cx.error(&key("provider"), Code::MissingKey, "provider command has no `command`", Some(help.to_owned()));
        }
        if up.cpus.is_some_and(|cpus| cpus.min > cpus.want) {
            cx.error(&key("cpus"), Code::InvalidValue, "`min` is more than `want`", None);
        }
        if up.memory.is_some_and(|memory| memory.min.0 > memory.want.0) {
            cx.error(&key("memory"), Code::InvalidValue, "`min` is more than `want`", None);
        }
        if up.nodes == Some(0) {
            cx.error(&key("nodes"), Code::InvalidValue, "a cluster has at least one node", None);
        }
        let Some(provider) = up.provider.program() else { return };
        for ignored in provider.ignores(&up.size()) {
            let message = format!("{} has no option for `{ignored}`", provider.program());
            cx.error(&key(ignored), Code::InvalidValue, message, Some(format!("remove `{ignored}`")));
        }
    }

    fn title(&self) -> String {
        match (&self.up, &self.addons) {
            (Some(up), _) => format!("up ({})", up.provider.name()),
            (None, Some(addons)) => format!("addons {}", addons.join(", ")),
            (None, None) if self.down.is_some() => "down".to_owned(),
            (None, None) => "status".to_owned(),
        }
    }

    async fn run(&self, cx: &Context) -> Result<Outcome, Fault> {
        if let Some(up) = &self.up {
            up.run(cx).await
        } else if let Some(addons) = &self.addons {
            addons::enable(addons, cx).await
        } else if self.down.is_some() {
            down::run(cx).await
        } else {
            ready::status(cx).await
        }
    }
}

impl ProviderName {
    fn name(self) -> &'static str {
        match self {
            ProviderName::Auto => "auto",
            ProviderName::Existing => "existing",
            ProviderName::Command => "command",
            ProviderName::Minikube => Provider::Minikube.program(),
            ProviderName::Kind => Provider::Kind.program(),
            ProviderName::K3d => Provider::K3d.program(),
        }
    }

    /// The program it means.
    fn program(self) -> Option<Provider> {
        match self {
            ProviderName::Minikube => Some(Provider::Minikube),
            ProviderName::Kind => Some(Provider::Kind),
            ProviderName::K3d => Some(Provider::K3d),
            ProviderName::Auto | ProviderName::Existing | ProviderName::Command => None,
        }
    }
}

impl Up {
    fn size(&self) -> Size {
        Size {
            cpus: self.cpus,
            memory: self.memory,
            nodes: self.nodes,
            version: self.kubernetes_version.clone(),
            addons: self.addons.clone(),
        }
    }
}

/// Where providers run for this attempt.
fn desk(cx: &Context) -> ProviderContext<'_> {
    ProviderContext {
        env: &cx.env,
        dir: &cx.project,
        sink: &*cx.log,
        stop: cx.stop(),
        settings: cx.cluster().settings(),
    }
}

/// What became of an act of a driver.
fn outcome(undone: CommandError) -> Result<Outcome, Fault> {
    match undone {
        CommandError::Failed(failure) => Ok(Outcome::Failed(failure)),
        CommandError::Fault(fault) => Err(fault),
    }
}

#[cfg(test)]
mod tests;
