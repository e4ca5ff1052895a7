//! Which cluster may be touched: the decision over kubeconfig and what pipeline.yaml allows. Pure; connects to nothing.

use kube::config::Kubeconfig;

use crate::core::model::outcome::Fault;

/// The name under `cluster.contexts` that allows the cluster a pod runs in, by its service account.
pub const IN_CLUSTER: &str = "in-cluster";

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct ClusterRequest {
    /// The context asked for by name; else kubeconfig's current one.
    pub context: Option<String>,
    /// The allowed ones.
    pub contexts: Vec<String>,
}

/// What may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Choice {
    /// This context of kubeconfig.
    Context(String),
    /// This allowed context, which kubeconfig does not hold yet: a cluster step may bring it up.
    NotThereYet(String),
    /// The cluster of the pod we run in.
    InCluster,
    /// Nothing: no kubeconfig, or no current context in it.
    Nothing,
}

impl Choice {
    /// The name of what can be connected to.
    pub fn name(&self) -> Option<&str> {
        match self {
            Choice::Context(name) => Some(name),
            Choice::InCluster => Some(IN_CLUSTER),
            Choice::NotThereYet(_) | Choice::Nothing => None,
        }
    }
}

/// Decides over kubeconfig (`None` where there is none) and `inside_a_pod`.
pub(super) fn choose(
    kubeconfig: Option<&Kubeconfig>,
    wish: &ClusterRequest,
    inside_a_pod: bool,
) -> Result<Choice, Fault> {
    let current = kubeconfig.and_then(|config| config.current_context.as_deref()).filter(|name| !name.is_empty());
    let asked = wish.context.as_deref().or(current);
    if wish.contexts.is_empty() {
        return Err(none_allowed(asked));
    }
    let Some(name) = asked else {
        let in_cluster = inside_a_pod && wish.contexts.iter().any(|allowed| allowed == IN_CLUSTER);
        return Ok(if in_cluster { Choice::InCluster } else { Choice::Nothing });
    };
    allowed(name, &wish.contexts)?;
    let held = kubeconfig.is_some_and(|config| config.contexts.iter().any(|context| context.name == name));
    Ok(match (held, name == IN_CLUSTER && inside_a_pod) {
        (true, _) => Choice::Context(name.to_owned()),
        (false, true) => Choice::InCluster,
        (false, false) => Choice::NotThereYet(name.to_owned()),
    })
}

/// Refuses a context that is not among the allowed ones.
pub(super) fn allowed(name: &str, contexts: &[String]) -> Result<(), Fault> {
    if contexts.is_empty() {
        return Err(none_allowed(Some(name)));
    }
    if contexts.iter().any(|context| context == name) {
        return Ok(());
    }
    let first = &contexts[0];
    Err(Fault::environment(format!(
        "context \"{name}\" is not among this pipeline's clusters: {}",
        contexts.join(", ")
    ))
    .help(format!(
        "switch with `kubectl config use-context {first}`, run with `--context {first}`, \
         or add \"{name}\" to cluster.contexts in pipeline.yaml if it may be changed"
    )))
}

fn none_allowed(asked: Option<&str>) -> Fault {
    let example = asked.unwrap_or("minikube");
    let message = match asked {
        Some(name) => format!("context \"{name}\" is not among this pipeline's clusters: it names none"),
        None => "this pipeline uses a cluster, but names none that it may touch".to_owned(),
    };
    Fault::environment(message)
        .help(format!("name the allowed kubeconfig contexts in pipeline.yaml: `cluster: {{ contexts: [{example}] }}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::model::outcome::FaultKind;

    const TWO: &str = "
current-context: prod
contexts:
- { name: prod, context: { cluster: prod, user: prod } }
- { name: minikube, context: { cluster: minikube, user: minikube } }
";

    fn config(text: &str) -> Kubeconfig {
        Kubeconfig::from_yaml(text).expect("well formed")
    }

    fn wish(context: Option<&str>, contexts: &[&str]) -> ClusterRequest {
        ClusterRequest {
            context: context.map(str::to_owned),
            contexts: contexts.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn refuses_a_current_context_that_is_not_listed() {
        let fault = choose(Some(&config(TWO)), &wish(None, &["minikube", "kind-todo", "local"]), false)
            .expect_err("prod is not listed");
        assert_eq!(fault.kind, FaultKind::Environment);
        assert_eq!(fault.message, "context \"prod\" is not among this pipeline's clusters: minikube, kind-todo, local");
        assert_eq!(
            fault.help.as_deref(),
            Some(
                "switch with `kubectl config use-context minikube`, run with `--context minikube`, \
                 or add \"prod\" to cluster.contexts in pipeline.yaml if it may be changed"
            )
        );
    }

    #[test]
    fn a_context_asked_for_goes_before_the_current_one_and_must_be_listed_too() {
        let minikube = choose(Some(&config(TWO)), &wish(Some("minikube"), &["minikube"]), false);
        assert_eq!(minikube, Ok(Choice::Context("minikube".to_owned())));
        let prod = choose(Some(&config(TWO)), &wish(Some("prod"), &["minikube"]), false);
        assert_eq!(
            prod.expect_err("not listed").message,
            "context \"prod\" is not among this pipeline's clusters: minikube"
        );
    }

    #[test]
    fn no_kubeconfig_and_no_current_context_are_no_error() {
        assert_eq!(choose(None, &wish(None, &["minikube"]), false), Ok(Choice::Nothing));
        assert_eq!(choose(Some(&config("contexts: []")), &wish(None, &["minikube"]), false), Ok(Choice::Nothing));
        assert_eq!(
            choose(None, &wish(Some("minikube"), &["minikube"]), false),
            Ok(Choice::NotThereYet("minikube".to_owned()))
        );
    }

    #[test]
    fn refuses_when_no_context_is_listed_at_all() {
        let fault = choose(Some(&config(TWO)), &wish(None, &[]), false).expect_err("nothing is allowed");
        assert_eq!(fault.message, "context \"prod\" is not among this pipeline's clusters: it names none");
        assert_eq!(
            fault.help.as_deref(),
            Some("name the allowed kubeconfig contexts in pipeline.yaml: `cluster: { contexts: [prod] }`")
        );
    }

    #[test]
    fn the_pods_own_cluster_is_used_only_where_it_is_listed() {
        assert_eq!(choose(None, &wish(None, &["in-cluster"]), true), Ok(Choice::InCluster));
        assert_eq!(choose(None, &wish(None, &["minikube"]), true), Ok(Choice::Nothing));
        assert_eq!(choose(None, &wish(None, &["in-cluster"]), false), Ok(Choice::Nothing));
    }
}
