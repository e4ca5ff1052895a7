//! Runners: what pipeline.yaml declares, what the command line puts in their place, and which one a step runs on.

use super::PlanBuilder;
use crate::core::kind::StepKind;
use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use crate::core::model::source::Span;
use crate::core::spec::{LOCAL, NamespaceSpec, PipelineSpec, StepKeys, name_problem};
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Site {
    /// Its runner, by index.
    pub runner: Option<usize>,
    /// The pool that limits it.
    pub pool: Option<usize>,
}

/// What is wrong with the runners of pipeline.yaml beyond their shape.
pub(crate) fn check(spec: &PipelineSpec, node: &Node, out: &mut Diagnostics) {
    let contexts = spec.cluster.as_ref().map(|cluster| cluster.contexts.as_slice()).unwrap_or_default();
    for entry in node.get("runners").map(Node::entries).unwrap_or_default() {
        let problem = if entry.key == LOCAL { Some("means this machine") } else { name_problem(&entry.key) };
        if let Some(problem) = problem {
            let message = format!("the runner name `{}` {problem}", entry.key);
            out.push(Diagnostic::error(Code::InvalidName, entry.key_span, message).help("choose another name"));
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
        let own = keys.runs_on.as_deref().map(|name| (name.to_owned(), span(entry, "runs_on")));
        let during = !keys.during.is_empty();
        if let Some((name, at)) = &own
            && name != LOCAL
            && let Some((message, help)) = self.cannot(kind, during)
        {
            self.out.push(Diagnostic::error(Code::InvalidValue, *at, message).help(help));
            return Site::default();
        }
        let of_stage = self.stage_runner.clone().filter(|_| kind.elsewhere && !during);
        let Some(name) = own.as_ref().map(|(name, _)| name.clone()).or(of_stage) else { return Site::default() };
        let at = own.map_or(entry.key_span, |(_, at)| at);
        let Some(runner) = self.runner(&name, at) else { return Site::default() };
        if keys.pool.is_some() {
            let message = "`pool` and `runs_on` cannot be together: a pool limits steps of this machine";
            let help = "leave `pool` out; `max` of the runner limits its Pods";
            self.out.push(Diagnostic::error(Code::InvalidValue, span(entry, "pool"), message).help(help));
        }
        Site { runner: Some(runner), pool: self.runners.pools.get(runner).copied() }
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

    fn cannot(&self, kind: &StepKind, during: bool) -> Option<(String, String)> {
        if !kind.elsewhere {
            let able = self.shapes.registry.steps.iter().filter(|kind| kind.elsewhere).map(|kind| kind.name);
            let help = format!("these can: {}", able.collect::<Vec<_>>().join(", "));
            return Some((format!("a `{}` step cannot run on a runner", kind.name), help));
        }
        let help = "leave `runs_on` out: it runs on this machine".to_owned();
        during.then(|| ("a step that runs `during` others cannot run on a runner".to_owned(), help))
    }
}

fn span(entry: &Entry, key: &str) -> Span {
    entry.node.get(key).map_or(entry.key_span, |node| node.span)
}
