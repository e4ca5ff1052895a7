//! Which provider answers, and what each is asked to do.

use super::*;
use std::fs;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

fn size() -> Size {
    Size {
        cpus: Some(4),
        memory: Some(ByteSize(4 << 30)),
        nodes: Some(3),
        version: Some("v1.34.0".to_owned()),
        addons: vec!["ingress".to_owned(), "metrics-server".to_owned()],
    }
}

fn argv(provider: Provider, call: &Call) -> String {
    format!("{} {}", provider.program(), call.args.join(" "))
}

#[test]
fn makes_clusters_with_the_options_each_provider_has() {
    assert_eq!(
        Provider::ALL.map(|provider| argv(provider, &provider.create("todo", &size()))),
        [
            "minikube start --profile=todo --cpus=4 --memory=4096mb --nodes=3 --kubernetes-version=v1.34.0 \
             --addons=ingress --addons=metrics-server",
            "kind create cluster --name=todo --image=kindest/node:v1.34.0 --config=-",
            "k3d cluster create todo --wait --image=rancher/k3s:v1.34.0-k3s1 --agents=2 --servers-memory=4096m \
             --agents-memory=4096m",
        ]
    );
    assert_eq!(
        Provider::Kind.create("todo", &size()).stdin.as_deref(),
        Some(
            "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n- role: control-plane\n- role: worker\n- role: worker\n"
        )
    );
    assert_eq!(
        Provider::ALL.map(|provider| argv(provider, &provider.create("todo", &Size::default()))),
        ["minikube start --profile=todo", "kind create cluster --name=todo", "k3d cluster create todo --wait"]
    );
    assert_eq!(
        Provider::ALL.map(|provider| provider.ignores(&size())),
        [vec![], vec!["cpus", "memory", "addons"], vec!["cpus", "addons"]]
    );
}

#[test]
fn makes_only_clusters_whose_context_is_allowed() {
    let allowed = ["minikube", "kind-todo", "local"].map(str::to_owned);
    assert_eq!(
        Provider::ALL.map(|provider| provider.cluster(None, &allowed)),
        [Some("minikube".to_owned()), Some("todo".to_owned()), None]
    );
    assert_eq!(Provider::Minikube.cluster(Some("other"), &allowed), None);
    assert_eq!(Provider::Minikube.cluster(Some("local"), &allowed), Some("local".to_owned()));
    assert_eq!(Provider::of_context("kind-todo"), Some((Provider::Kind, "todo")));
    assert_eq!(Provider::of_context("local"), None);
}

#[test]
fn finds_a_cluster_in_each_providers_list() {
    let minikube = r#"{"invalid":[{"Name":"old"}],"valid":[{"Name":"minikube","Status":"Stopped"}]}"#;
    assert!(Provider::Minikube.lists(minikube, "minikube") && Provider::Minikube.lists(minikube, "old"));
    assert!(!Provider::Minikube.lists("", "minikube"));
    assert!(Provider::Kind.lists("todo\nother\n", "other") && !Provider::Kind.lists("todo\n", "tod"));
    assert!(Provider::K3d.lists("todo   1/1   0/0   true\n", "todo"));
}

/// Lines in memory.
#[derive(Default)]
struct Lines(std::sync::Mutex<Vec<String>>);

impl LineSink for Lines {
    fn line(&self, line: &[u8]) {
        self.0.lock().expect("no panic").push(String::from_utf8_lossy(line).into_owned());
    }
}

#[tokio::test]
async fn runs_the_program_it_finds_with_these_arguments() {
    let folder = tempfile::tempdir().expect("a folder");
    let kind = folder.path().join("kind");
    let log = folder.path().join("argv");
    let script =
        format!("#!/bin/sh\nfor word; do echo \"$word\" >> {0}; done\necho todo\n[ $1 != delete ]\n", log.display());
    crate::drivers::process::scripts::executable(&kind, &script);
    let env: BTreeMap<String, String> =
        [("PATH".to_owned(), format!("{}:/usr/bin:/bin", folder.path().display()))].into();
    let lines = Lines::default();
    let stop = Stop { cancel: CancellationToken::new(), grace: Duration::from_secs(1) };
    let desk = Desk { env: &env, dir: folder.path(), sink: &lines, stop };

    assert_eq!(desk.find(Provider::Kind), Some(kind));
    assert!(desk.has(Provider::Kind, "todo").await.expect("ran"));
    let made = desk.run(Provider::Kind, &Provider::Kind.create("todo", &Size::default())).await;
    assert_eq!(made, Ok(Exit::Code(0)));
    assert_eq!(desk.run(Provider::Kind, &Provider::Kind.delete("todo")).await, Ok(Exit::Code(1)));
    assert_eq!(desk.script("echo mine; exit 4").await, Ok(Exit::Code(4)));

    let argv = fs::read_to_string(log).expect("recorded").replace('\n', " ");
    assert_eq!(argv, "get clusters create cluster --name=todo delete cluster --name=todo ");
    assert_eq!(
        *lines.0.lock().expect("no panic"),
        ["$ kind create cluster --name=todo", "todo", "$ kind delete cluster --name=todo", "todo", "mine"]
    );
}

#[test]
fn remembers_what_was_made_until_it_is_forgotten() {
    let folder = tempfile::tempdir().expect("a folder");
    let record = Record {
        provider: "kind".to_owned(),
        name: "todo".to_owned(),
        context: "kind-todo".to_owned(),
        down: None,
        pipeline: None,
    };
    assert_eq!(Record::load(folder.path()), Ok(None));
    record.save(folder.path()).expect("saved");
    assert_eq!(Record::load(folder.path()), Ok(Some(record)));
    Record::forget(folder.path());
    assert_eq!(Record::load(folder.path()), Ok(None));
}
