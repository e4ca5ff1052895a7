//! Runners: what pipeline.yaml declares, what the command line puts in their place, and which one a step runs on.

use super::PlanBuilder;
use crate::core::files::inputs;
use crate::core::kind::{AssertionKind, Kind, Registry, StepKind};
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use crate::core::model::source::Span;
use crate::core::plan::node::Remote;
use crate::core::spec::{
    AssertionKeys, LOCAL, NamespaceSpec, PipelineSpec, PodRunnerSpec, RunsOn, StepKeys, name_problem,
};
use crate::core::yaml::{Entry, Node};

/// The runners that a step may name.
#[derive(Debug, Default)]
pub(crate) struct RunnerNames {
    /// By index.
    pub names: Vec<String>,
    /// Of each the pool that limits its Pods.
    pools: Vec<usize>,
    /// What the command line puts in the place of each; none is this machine.
    placed: Vec<Option<usize>>,
}

/// Where a step runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Site {
    /// Its runner.
    pub remote: Option<Remote>,
    /// The pool that limits it.
    pub pool: Option<usize>,
}

/// What is wrong with the runners of pipeline.yaml beyond their shape.
pub(crate) fn check(spec: &PipelineSpec, node: &Node, registry: Registry, out: &mut Diagnostics) {
    let contexts = spec.cluster.as_ref().map(|cluster| cluster.contexts.as_slice()).unwrap_or_default();
    for entry in node.get("runners").map(Node::entries).unwrap_or_default() {
        let problem = if entry.key == LOCAL { Some("means this machine") } else { name_problem(&entry.key) };
        if let Some(problem) = problem {
            let message = format!("the runner name `{}` {problem}", entry.key);
            out.push(Diagnostic::error(Code::InvalidName, entry.key_span, message).help("choose another name"));
        }
        if let (Some(runner), Some(pod)) = (spec.runners.get(&entry.key), entry.node.get("pod")) {
            check_template(&entry.key, &runner.pod, pod, registry, out);
        }
        let context = entry.node.get("pod").and_then(|pod| pod.get("context"));
        if let Some((text, span)) = context.and_then(|node| Some((node.as_text()?, node.span)))
            && !contexts.iter().any(|context| context == text)
        {
            let message =
                format!("runner `{}` names context \"{text}\", which is not in `cluster.contexts`", entry.key);
            let help = did_you_mean(text, contexts.iter().map(String::as_str))
                .unwrap_or_else(|| format!("add it: `cluster: {{ contexts: [{text}] }}`"));
            out.push(Diagnostic::error(Code::InvalidReference, span, message).help(help));
        } else if let Some(context) = context
            && entry.node.get("pod").is_some_and(|pod| pod.get("namespace").is_none())
            && matches!(
                spec.cluster.as_ref().and_then(|cluster| cluster.namespace.as_ref()),
                Some(NamespaceSpec::Fresh(_))
            )
        {
            let message = format!("runner `{}` is in another cluster, where no run creates its namespace", entry.key);
            let help = "name one that is there: `namespace: NAME`";
            out.push(Diagnostic::error(Code::MissingKey, context.span, message).help(help));
        } else if contexts.is_empty() {
            let message = format!("runner `{}` has no cluster that it may touch", entry.key);
            let help = "name the kubeconfig context: `cluster: { contexts: [minikube] }`";
            out.push(Diagnostic::error(Code::MissingKey, entry.key_span, message).help(help));
        }
    }
}

/// The runners that are declared, those with a wrong value too; each with a pool of its own, added to `pools`.
pub(crate) fn declared(
    spec: &PipelineSpec,
    written: impl Iterator<Item = String>,
    placed: &[(String, String)],
    pools: &mut Vec<(String, u32)>,
) -> RunnerNames {
    let mut declared = RunnerNames { names: spec.runners.keys().cloned().collect(), ..RunnerNames::default() };
    declared.names.extend(written.filter(|name| !spec.runners.contains_key(name)));
    for name in &declared.names {
        let places = spec.runners.get(name).map_or(1, |runner| runner.pod.places());
        declared.pools.push(pools.len());
        pools.push((format!("runner {name}"), places));
    }
    declared.placed = (0..declared.names.len()).map(Some).collect();
    for (name, other) in placed {
        if let Some(at) = declared.named(name) {
            declared.placed[at] = declared.named(other);
        }
    }
    declared
}

impl RunnerNames {
    fn named(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }
}

impl PlanBuilder<'_> {
    /// Where a step of this kind runs: as it says itself, else as its stage does. What is wrong with that is reported.
    pub(crate) fn runs_on(&mut self, entry: &Entry, kind: &StepKind, keys: &StepKeys) -> Site {
        let able = self.shapes.registry.steps.iter().filter(|kind| kind.elsewhere).map(|kind| kind.name).collect();
        let Some(remote) = self.remote(&entry.node, entry.key_span, keys.runs_on.as_ref(), kind, able) else {
            return Site::default();
        };
        if keys.pool.is_some() {
            let message = "`pool` and `runs_on` cannot be together: a pool limits steps of this machine";
            let help = "leave `pool` out; `max` of the runner limits its Pods";
            self.out.push(
                Diagnostic::error(Code::InvalidValue, span(&entry.node, entry.key_span, "pool"), message).help(help),
            );
        }
        Site { pool: self.runners.pools.get(remote.runner).copied(), remote: Some(remote) }
    }

    /// Where an assertion of this kind is measured: as it says itself, else as its stage does.
    pub(super) fn assertion_runs_on(
        &mut self,
        item: &Node,
        kind: &AssertionKind,
        keys: &AssertionKeys,
    ) -> Option<Remote> {
        let able = self.shapes.registry.assertions.iter().filter(|kind| kind.elsewhere).map(|kind| kind.name).collect();
        let remote = self.remote(item, item.span, keys.runs_on.as_ref(), kind, able);
        for (index, pattern) in keys.inputs.iter().enumerate() {
            if let Some(problem) = inputs::problem(pattern) {
                let help = "write files, folders or patterns below the project: `inputs: [src, \"*.lock\"]`";
                let at = item.span_at(&["inputs".into(), index.into()]);
                self.out.push(Diagnostic::error(Code::InvalidReference, at, problem).help(help));
            }
        }
        if !keys.inputs.is_empty() && !kind.elsewhere {
            let message = format!("`inputs` has no meaning for a `{}` assertion", kind.name);
            let help = "leave it out: it is for files that a command needs on a runner";
            self.out.push(Diagnostic::error(Code::InvalidValue, span(item, item.span, "inputs"), message).help(help));
        }
        remote
    }

    /// The runner of a step or an assertion; what is wrong with it is reported.
    fn remote<T: ?Sized>(
        &mut self,
        node: &Node,
        named: Span,
        own: Option<&RunsOn>,
        kind: &Kind<T>,
        able: Vec<&'static str>,
    ) -> Option<Remote> {
        let at = span(node, named, "runs_on");
        if own.is_some_and(|own| own.runner() != LOCAL) && !kind.elsewhere {
            let (message, help) = cannot(kind.name, &able);
            self.out.push(Diagnostic::error(Code::InvalidValue, at, message).help(help));
            return None;
        }
        let of_stage = self.stage_runner.clone().filter(|_| kind.elsewhere);
        let (runs_on, at) = match own {
            Some(own) => (own.clone(), at),
            None => (of_stage?, named),
        };
        let runner = self.runner(runs_on.runner(), at)?;
        Some(Remote { runner, image: runs_on.image().map(str::to_owned) })
    }

    /// The runner that a name means, after what the command line puts in its place; none is this machine.
    pub(crate) fn runner(&mut self, name: &str, at: Span) -> Option<usize> {
        if name == LOCAL {
            return None;
        }
        let Some(found) = self.runners.named(name) else {
            if !self.names.lost.runners {
                let help = did_you_mean(name, self.runners.names.iter().map(String::as_str)).unwrap_or_else(|| {
                    format!("add `runners: {{ {name}: {{ pod: {{ image: python:3.11-slim }} }} }}` to pipeline.yaml")
                });
                let message = format!("there is no runner `{name}`");
                self.out.push(Diagnostic::error(Code::UnknownName, at, message).help(help));
            }
            return None;
        };
        self.runners.placed.get(found).copied().flatten()
    }
}

/// Why a step or an assertion of this kind cannot run on a runner, and what to do.
fn cannot(kind: &str, able: &[&str]) -> (String, String) {
    if kind == "image" {
        let message = "an `image` step cannot run on a runner: its Pods have no Docker, Podman or Buildah";
        let help = "leave `runs_on` out: it runs on this machine; or build in a `shell` step whose image has a builder that \
                    needs no daemon: `runs_on: { runner: NAME, image: moby/buildkit:rootless }`";
        return (message.to_owned(), help.to_owned());
    }
    (format!("`{kind}` cannot run on a runner"), format!("these can: {}", able.join(", ")))
}

fn span(node: &Node, otherwise: Span, key: &str) -> Span {
    node.get(key).map_or(otherwise, |node| node.span)
}

/// What is wrong with the Pod template of a runner.
fn check_template(name: &str, spec: &PodRunnerSpec, node: &Node, registry: Registry, out: &mut Diagnostics) {
    let Some(written) = node.get("pod_template") else { return };
    for problem in (registry.check_template)(&spec.clone().settings()) {
        let message = format!("runner `{name}`: {}", problem.message);
        out.push(Diagnostic::error(Code::InvalidValue, written.span_at(&problem.path), message).help(problem.help));
    }
}
