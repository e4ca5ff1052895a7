//! `uses:` of GitHub Actions: what an action does, as a kind or a command.

use crate::core::model::source::Span;
use crate::core::yaml::{Entry, Node};

use super::script::image_build;
use super::tree::{entry, map, one, text, text_at};

/// What means an action, and why.
pub(super) struct Action {
    pub kind: Entry,
    pub note: &'static str,
}

/// The kind for `uses: action` with these inputs.
pub(super) fn action(action: &str, with: Option<&Node>, at: Span) -> Action {
    let name = action.split('@').next().unwrap_or(action).to_ascii_lowercase();
    let input = |key: &str| with.and_then(|with| text_at(with, key)).filter(|value| !value.contains("${{"));
    let first = |key: &str| input(key).and_then(|value| value.lines().next().map(|line| line.trim().to_owned()));
    let shell = |command: &str| entry("shell", text(command, at));
    let here = "programs of this machine's PATH are used: `pipeline doctor` checks them";
    if let Some(program) = name.split('/').nth(1).and_then(|name| name.strip_prefix("setup-")) {
        let command = match program {
            "go" => "go version".to_owned(),
            "java" => "java -version".to_owned(),
            "python" => "python3 --version".to_owned(),
            "kubectl" => "kubectl version --client".to_owned(),
            "helm" => "helm version".to_owned(),
            "buildx-action" | "qemu-action" => "docker version".to_owned(),
            other => format!("{other} --version"),
        };
        return Action { kind: shell(&command), note: here };
    }
    match name.as_str() {
        "actions/checkout" => Action {
            kind: shell("git log -1 --oneline"),
            note: "a pipeline runs in the project's folder: nothing has to be checked out, and the step can be left out",
        },
        "docker/build-push-action" => {
            let context = text(first("context").unwrap_or_else(|| ".".to_owned()), at);
            let tag = text(first("tags").unwrap_or_else(|| "app:dev".to_owned()), at);
            let kind = image_build(context, tag, first("file").map(|file| text(file, at)));
            Action { kind, note: "`image` builds with the machine's own engine" }
        }
        "docker/login-action" => {
            let registry = first("registry").unwrap_or_default();
            let command = format!(
                "printf '%s' \"$DOCKER_PASSWORD\" | docker login {registry} -u \"$DOCKER_USER\" --password-stdin"
            );
            Action { kind: shell(&command.replace("  ", " ")), note: "a password comes through `env:` from `secrets:`" }
        }
        "helm/kind-action" | "engineerd/setup-kind" => {
            let cluster = first("cluster_name").map(|name| entry("name", text(name, at)));
            let keys = [entry("provider", text("kind", at))].into_iter().chain(cluster).collect();
            Action {
                kind: entry("cluster", one("up", map(keys, at))),
                note: "`cluster: up` makes a cluster, or uses the one that answers",
            }
        }
        "medyagh/setup-minikube" | "manusa/actions-setup-minikube" => Action {
            kind: entry("cluster", one("up", one("provider", text("minikube", at)))),
            note: "`cluster: up` makes a cluster, or uses the one that answers",
        },
        "azure/k8s-deploy" => {
            let files = first("manifests").unwrap_or_else(|| "manifests/".to_owned());
            Action { kind: entry("kube", one("apply", text(files, at))), note: "`kube` speaks to the cluster itself" }
        }
        "actions/upload-artifact" | "actions/download-artifact" => {
            let path = first("path").unwrap_or_else(|| ".".to_owned());
            Action {
                kind: shell(&format!("ls -l {path}")),
                note: "files stay in the project's folder, where every later step finds them",
            }
        }
        "actions/cache" => Action {
            kind: shell("true"),
            note: "files stay in the project's folder; `cache: [DIR]` on the step that makes them skips it while they are valid",
        },
        _ => Action {
            kind: shell(&format!("echo 'write the commands of {} here'; exit 1", action.replace('\'', ""))),
            note: "actions do not run here: write the command that the action runs",
        },
    }
}
