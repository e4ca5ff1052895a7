//! The `kube` step: one verb on the cluster, through its API; no kubectl needed. Each verb is a file of this folder.

mod apply;
mod config_map;
mod delete;
mod diff;
mod exec;
mod get;
mod logs;
mod manifests;
mod port_forward;
mod reach;
mod restart;
mod scale;
mod secret;
mod set_image;
mod undo;
mod verb_context;
mod wait;

use std::path::Path;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::core::kind::several::Body;
use crate::core::kind::{CheckContext, Context, OutputRow, Preview, Step, StepKind, WrittenObject};
use crate::core::model::diagnostic::Code;
use crate::core::model::namespace::refuse_system_namespace;
use crate::core::model::outcome::{Fault, Outcome};
use crate::kubernetes::apply::DiffReport;
use crate::kubernetes::preview;
use crate::process::command_context::CommandError;
use crate::services::Clients;
use verb_context::VerbContext;

/// The row of the table.
pub const KIND: StepKind = StepKind::step::<Kube>(
    "kube",
    "Does one thing on the cluster through its API: apply, diff, delete, secret, restart, undo, scale, set_image, wait, get, exec, logs, port_forward, reach.",
    "apply: manifests/",
)
.outputs(OUTPUTS)
.during()
.cluster();

const OUTPUTS: &[OutputRow] = &[
    OutputRow { name: "created", summary: "apply: how many objects were not there before" },
    OutputRow { name: "added", summary: "diff: how many objects are not on the cluster yet" },
    OutputRow { name: "changed", summary: "diff: how many objects would be another" },
    OutputRow { name: "deleted", summary: "diff: how many objects with the labels of `selector` the manifests lack" },
    OutputRow { name: "kinds", summary: "diff: the kinds of objects that differ" },
    OutputRow { name: "changes", summary: "diff: a list of `object`, `kind`, `namespace`, `difference`, `lines`" },
    OutputRow { name: "configured", summary: "apply: how many objects were changed" },
    OutputRow { name: "unchanged", summary: "apply, diff: how many objects are as wanted already" },
    OutputRow { name: "objects", summary: "apply, delete: the objects, as `deployment.apps/backend`" },
    OutputRow { name: "revision", summary: "restart, set_image, undo: the revision of a Deployment now rolled out" },
    OutputRow { name: "replicas", summary: "scale: how many replicas are wanted now" },
    OutputRow { name: "count", summary: "get: how many objects there are" },
    OutputRow { name: "value", summary: "get: what the expression `value` makes of them; null without one" },
    OutputRow { name: "exit_code", summary: "exec: the command's exit code" },
    OutputRow {
        name: "stdout",
        summary: "exec: the command's standard output, without the last line end, at most 64 KiB",
    },
    OutputRow { name: "pod", summary: "exec: the pod it ran in" },
    OutputRow { name: "lines", summary: "logs: how many lines there were" },
    OutputRow { name: "port", summary: "port_forward: the local port; reach: the port" },
    OutputRow { name: "host", summary: "reach: the host or address" },
    OutputRow { name: "url", summary: "reach: `http://HOST:PORT`" },
    OutputRow { name: "via", summary: "reach: load_balancer, node_port, ingress or endpoints" },
];

/// One thing done on the cluster. Exactly one verb.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-one-of" = [
    "apply", "diff", "delete", "secret", "config_map", "restart", "undo", "scale", "set_image", "wait", "get", "exec", "logs", "port_forward", "reach"
]))]
pub struct Kube {
    /// The namespace for objects that name none; else the pipeline's `cluster.namespace`.
    namespace: Option<String>,
    /// Applies manifests by server-side apply: files, folders, or objects written here.
    apply: Option<Body<apply::Apply>>,
    /// Compares manifests, a chart or a kustomization with what is on the cluster, and changes nothing.
    diff: Option<Body<diff::Diff>>,
    /// Deletes objects and waits until they are gone.
    delete: Option<Body<delete::Delete>>,
    /// Writes a Secret whose values come from `secrets:`.
    secret: Option<secret::Secret>,
    /// Writes a ConfigMap from values and files.
    config_map: Option<config_map::ConfigMap>,
    /// Restarts the pods of workloads by a rollout, and waits for it.
    restart: Option<Body<restart::Restart>>,
    /// Goes back to an earlier revision of workloads, and waits for the rollout.
    undo: Option<Body<undo::Undo>>,
    /// Sets the number of replicas, and waits until they are there.
    scale: Option<scale::Scale>,
    /// Sets the image of a workload's containers, and waits for the rollout.
    set_image: Option<set_image::SetImage>,
    /// Waits until objects are as described.
    wait: Option<wait::Wait>,
    /// Reads objects, and publishes what a CEL expression makes of them.
    get: Option<get::Get>,
    /// Runs a command in a pod.
    exec: Option<exec::Exec>,
    /// Writes the logs of pods to the step's log; with `follow`, while other steps run.
    logs: Option<Body<logs::Logs>>,
    /// Forwards a local port to a pod or Service `during` other steps.
    port_forward: Option<port_forward::PortForward>,
    /// Finds how this machine reaches a Service: outputs `url`, `host`, `port` and `via`.
    reach: Option<Body<reach::Reach>>,
}

/// One verb of the `kube` step.
#[async_trait]
trait Verb: Send + Sync {
    /// Checks beyond shape and formats; paths start at the verb's own body, `at`.
    fn check(&self, at: &str, cx: &mut CheckContext<'_>) {
        let _ = (at, cx);
    }

    /// Files and folders that it reads.
    fn reads(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether it runs `during` other steps, and only there.
    fn during(&self) -> During {
        During::Never
    }

    /// What it does, in a few words.
    fn title(&self) -> String;

    /// Does it, once.
    async fn run(&self, on: &VerbContext<'_>) -> Result<Outcome, Fault>;

    /// What its objects would change, found without changing anything. `None` where it applies none.
    async fn preview(&self, on: &VerbContext<'_>) -> Option<Result<DiffReport, CommandError>> {
        let _ = on;
        None
    }
}

/// Whether a verb runs beside others or by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum During {
    Never,
    Always,
}

impl Kube {
    fn verbs(&self) -> Vec<(&'static str, &dyn Verb)> {
        let all: [(&'static str, Option<&dyn Verb>); 15] = [
            ("apply", self.apply.as_ref().map(|Body(verb)| verb as &dyn Verb)),
            ("diff", self.diff.as_ref().map(|Body(verb)| verb as &dyn Verb)),
            ("delete", self.delete.as_ref().map(|Body(verb)| verb as &dyn Verb)),
            ("secret", self.secret.as_ref().map(|verb| verb as &dyn Verb)),
            ("config_map", self.config_map.as_ref().map(|verb| verb as &dyn Verb)),
            ("restart", self.restart.as_ref().map(|Body(verb)| verb as &dyn Verb)),
            ("undo", self.undo.as_ref().map(|Body(verb)| verb as &dyn Verb)),
            ("scale", self.scale.as_ref().map(|verb| verb as &dyn Verb)),
            ("set_image", self.set_image.as_ref().map(|verb| verb as &dyn Verb)),
            ("wait", self.wait.as_ref().map(|verb| verb as &dyn Verb)),
            ("get", self.get.as_ref().map(|verb| verb as &dyn Verb)),
            ("exec", self.exec.as_ref().map(|verb| verb as &dyn Verb)),
            ("logs", self.logs.as_ref().map(|Body(verb)| verb as &dyn Verb)),
            ("port_forward", self.port_forward.as_ref().map(|verb| verb as &dyn Verb)),
            ("reach", self.reach.as_ref().map(|Body(verb)| verb as &dyn Verb)),
        ];
        all.into_iter().filter_map(|(name, verb)| Some((name, verb?))).collect()
    }
}

#[async_trait]
impl Step for Kube {
    fn check(&self, cx: &mut CheckContext<'_>) {
        if let Some(fault) = self.namespace.as_deref().and_then(|namespace| refuse_system_namespace(namespace).err()) {
            cx.error(&["namespace".into()], Code::InvalidValue, fault.message, fault.help);
        }
        let verbs = self.verbs();
        let [(name, verb)] = verbs.as_slice() else {
            let (message, help) = not_one(&verbs.iter().map(|(name, _)| *name).collect::<Vec<_>>());
            let path = verbs.last().map(|(name, _)| vec![(*name).into()]).unwrap_or_default();
            cx.error(&path, Code::InvalidValue, message, Some(help));
            return;
        };
        match (verb.during(), cx.during) {
            (During::Never, true) => cx.error(
                &[(*name).into()],
                Code::InvalidValue,
                format!("`kube: {{ {name}: … }}` cannot run during others"),
                Some(
                    "use `needs:` to order it; `port_forward` and `logs` with `follow: true` run during others"
                        .to_owned(),
                ),
            ),
            (During::Always, false) => cx.error(
                &[(*name).into()],
                Code::InvalidValue,
                format!("`kube: {{ {name}: … }}` runs only during other steps"),
                Some("say which: `during: [STEP]` beside `kube:`".to_owned()),
            ),
            _ => {
                verb.check(name, cx);
                if let Some(Body(apply)) = &self.apply {
                    apply.check_twice(name, self.namespace.as_deref(), cx);
                }
            }
        }
    }

    fn title(&self) -> String {
        self.verbs().first().map_or_else(|| "kube".to_owned(), |(_, verb)| verb.title())
    }

    fn reads(&self) -> Vec<String> {
        self.verbs().iter().flat_map(|(_, verb)| verb.reads()).collect()
    }

    fn writes(&self, project: &Path) -> Vec<WrittenObject> {
        let namespace = self.namespace.as_deref();
        let one = |object: Option<serde_json::Value>| apply::written(&object?, namespace);
        let mut all = self.apply.as_ref().map(|Body(apply)| apply.writes(namespace, project)).unwrap_or_default();
        all.extend(one(self.config_map.as_ref().and_then(|map| map.object(project).ok())));
        all.extend(one(self.secret.as_ref().map(secret::Secret::object)));
        all
    }

    async fn preview(&self, cx: &Context) -> Result<Option<Preview>, Fault> {
        let verbs = self.verbs();
        let Some((_, verb)) = verbs.first() else { return Ok(None) };
        let namespace = cx.namespace_or(self.namespace.as_deref())?;
        let found = verb.preview(&VerbContext { cx, cluster: cx.cluster(), namespace }).await;
        found.map(preview::preview).transpose()
    }

    async fn run(&self, cx: &Context) -> Result<Outcome, Fault> {
        let verbs = self.verbs();
        let [(_, verb)] = verbs.as_slice() else {
            let (message, help) = not_one(&verbs.iter().map(|(name, _)| *name).collect::<Vec<_>>());
            return Err(Fault::invalid(message).help(help));
        };
        let cluster = cx.cluster();
        let namespace = cx.namespace_or(self.namespace.as_deref())?;
        // Before anything else, so that a credential plugin that hangs ends with the attempt.
        cx.unless_cancelled(cluster.client()).await??;
        verb.run(&VerbContext { cx, cluster, namespace }).await
    }
}

fn not_one(found: &[&str]) -> (String, String) {
    let message = match found {
        [] => "`kube` has no verb".to_owned(),
        many => format!("`kube` has {} verbs, expected one: {}", many.len(), many.join(", ")),
    };
    let help = match found {
        [] => "write one: `kube: { apply: manifests/ }`; `pipeline explain kube` lists them".to_owned(),
        _ => "write a step for each, and `needs:` where one comes after the other".to_owned(),
    };
    (message, help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::kind::test_context;
    use serde_json::json;

    fn kube(yaml: &str) -> Kube {
        serde_yaml::from_str(yaml).expect("well formed")
    }

    #[test]
    fn says_what_it_does_in_a_few_words() {
        for (yaml, title) in [
            ("apply: manifests/", "apply manifests/"),
            ("apply: { files: [a.yaml, b.yaml], wait: true }", "apply a.yaml, b.yaml"),
            ("diff: { files: a.yaml, kustomize: deploy }", "diff a.yaml, deploy"),
            ("delete: [deployment/web, service/web]", "delete deployment/web, service/web"),
            ("secret: { name: db, data: { URL: hunter2 } }", "secret/db"),
            ("config_map: { name: settings, data: { MODE: fast } }", "configmap/settings"),
            ("restart: deployment/web", "restart deployment/web"),
            ("undo: { target: deployment/web, to_revision: 2 }", "undo deployment/web to revision 2"),
            ("scale: { target: deployment/web, replicas: 3 }", "scale deployment/web to 3"),
            ("set_image: { target: deployment/web, image: 'web:2' }", "set the image of deployment/web"),
            ("wait: { target: pod/web, for: condition=Ready }", "wait for pod/web: condition=Ready"),
            ("get: { kind: nodes, selector: 'a=b' }", "get nodes a=b"),
            ("exec: { target: deployment/web, command: [ls, -l] }", "exec ls in deployment/web"),
            ("logs: deployment/web", "logs of deployment/web"),
            ("port_forward: { target: service/web, remote: 80 }", "forward to service/web:80"),
            ("reach: service/web", "reach service/web"),
        ] {
            assert_eq!(kube(yaml).title(), title);
        }
    }

    #[test]
    fn a_selector_without_a_label_is_refused_by_every_verb_that_takes_one() {
        let empty = (Code::InvalidValue, "`selector` is empty: it would mean every object".to_owned());
        for (verb, body) in [
            ("delete", json!({ "kind": "configmaps" })),
            ("wait", json!({ "kind": "pods", "for": "exists" })),
            ("get", json!({ "kind": "pods" })),
            ("exec", json!({ "command": ["true"] })),
            ("logs", json!({})),
            ("diff", json!({ "objects": [{ "kind": "ConfigMap", "metadata": { "name": "a" } }] })),
        ] {
            let complaints = |selector: &str| {
                let mut body = body.clone();
                body["selector"] = selector.into();
                let body = json!({ verb: body });
                test_context::complaints(&body, false, |cx| Step::check(&test_context::body::<Kube>(&body), cx))
            };
            assert_eq!(complaints(""), std::slice::from_ref(&empty), "{verb}");
            assert_eq!(complaints(" "), std::slice::from_ref(&empty), "{verb}");
            assert_eq!(complaints("app=web"), [], "{verb}");
        }
    }

    #[test]
    fn takes_exactly_one_verb() {
        assert_eq!(not_one(&[]).0, "`kube` has no verb");
        assert_eq!(not_one(&["apply", "restart"]).0, "`kube` has 2 verbs, expected one: apply, restart");
    }
}
