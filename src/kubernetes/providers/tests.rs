//! What each provider is asked to do, what its answers mean, and what is recorded.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::fake::{Fake, FakeFailure};
use super::*;
use crate::core::model::units::ByteSize;
use crate::kubernetes::client::ClusterSettings;
use crate::process::command_context::CommandError;
use crate::process::{LineSink, Stop};

fn size() -> Size {
    Size {
        cpus: Some(Amount::exact(4)),
        memory: Some(Amount::exact(ByteSize(4 << 30))),
        nodes: Some(3),
        version: Some("v1.34.0".to_owned()),
        addons: vec!["ingress".to_owned(), "metrics-server".to_owned()],
    }
}

#[test]
fn makes_clusters_with_the_options_each_provider_has() {
    assert_eq!(
        Provider::ALL.map(|provider| provider.create("todo", &size()).to_string()),
        [
            "minikube start --profile=todo --cpus=4 --memory=4096mb --nodes=3 --kubernetes-version=v1.34.0",
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
}

fn answer(code: i32, stdout: &str, stderr: &str) -> Answer {
    Answer { code: Some(code), stdout: stdout.to_owned(), stderr: stderr.to_owned() }
}

#[test]
fn a_listing_that_is_not_whole_is_no_listing() {
    for (provider, answer) in [
        (Provider::Kind, answer(1, "", "ERROR: failed to list clusters: command \"docker ps\" failed")),
        (Provider::Kind, answer(0, "", "")),
        (Provider::Kind, answer(0, "todo\noth", "")),
        (Provider::K3d, answer(1, "", "FATA[0000] runtime failed to list nodes")),
        (Provider::K3d, answer(0, "", "")),
        (Provider::K3d, answer(0, "[{\"name\":\"todo\"}", "")),
        (Provider::K3d, answer(0, "[{\"nodes\":[]}]", "")),
        (Provider::Minikube, answer(0, "", "")),
        (Provider::Minikube, answer(0, "{\"valid\":[]}", "")),
        (Provider::Minikube, answer(80, "{\"error\":{}}", "")),
        (Provider::Minikube, Answer { code: None, ..answer(0, "{\"valid\":[],\"invalid\":[]}", "") }),
    ] {
        assert!(answers::clusters(provider, &answer).is_err(), "{provider:?} {answer:?}");
    }
    let none = answer(0, "", "No kind clusters found.\n");
    assert_eq!(answers::clusters(Provider::Kind, &none), Ok(Vec::new()));
    assert_eq!(answers::clusters(Provider::K3d, &answer(0, "[]\n", "")), Ok(Vec::new()));
    let minikube = r#"{"invalid":[{"Name":"old"}],"valid":[{"Name":"minikube","Status":"Stopped"}]}"#;
    assert_eq!(
        answers::clusters(Provider::Minikube, &answer(0, minikube, "")),
        Ok(vec!["minikube".to_owned(), "old".to_owned()])
    );
    for stdout in ["abc", "0123456789ab\ttodo-control-plane", "0123456789ab\ttodo-control-plane\n", "xyz\ta\tUp\n"] {
        assert!(answers::containers(&answer(0, stdout, "")).is_err(), "{stdout:?}");
    }
}

#[test]
fn the_providers_own_reason_is_named() {
    for (lines, expected) in [
        (
            "* Pulling\nX Exiting due to RSRC_INSUFFICIENT_CORES: Docker has less than 4 CPUs available\n* Try this\n",
            "Exiting due to RSRC_INSUFFICIENT_CORES: Docker has less than 4 CPUs available",
        ),
        (
            "\u{1b}[31m❌  Exiting due to PROVIDER_DOCKER_NOT_RUNNING: no daemon\u{1b}[0m",
            "Exiting due to PROVIDER_DOCKER_NOT_RUNNING: no daemon",
        ),
        (
            "Creating…\nERROR: failed to create cluster: no space left\n\nStack Trace:\nmain.go\n",
            "ERROR: failed to create cluster: no space left",
        ),
        (
            "ERROR: failed to create cluster: command \"docker run --name a --net kind image\" failed with error: exit \
             status 125\n\nCommand Output: docker: Error response from daemon: failed to copy files: no space left on \
             device\n\nRun 'docker run --help' for more information\n",
            "ERROR: failed to create cluster: Error response from daemon: failed to copy files: no space left on device",
        ),
        (
            "ERROR: failed to create cluster: failed to init node with kubeadm: command \"docker exec a kubeadm init\" \
             failed with error: exit status 1\nCommand Output: I1130 12:00:00.1 initconfiguration.go:261] loading\n\
             [preflight] Some fatal errors occurred:\n\t[ERROR Port-6443]: Port 6443 is in use\nTo see more, use \
             --v=5\nStack Trace: \nmain.main\n",
            "ERROR: failed to create cluster: failed to init node with kubeadm: [ERROR Port-6443]: Port 6443 is in use",
        ),
        (
            "ERROR: failed to list clusters: command \"docker ps -a\" failed with error: exit status 1\nCommand Output: ",
            "ERROR: failed to list clusters: command \"docker ps -a\" failed with error: exit status 1",
        ),
        ("INFO[0000] x\nFATA[0001] Cluster creation FAILED\n", "FATA[0001] Cluster creation FAILED"),
        ("one\ntwo\n", "two"),
    ] {
        assert_eq!(reason(&lines.lines().map(str::to_owned).collect::<Vec<_>>()).as_deref(), Some(expected));
    }
}

#[test]
fn a_long_reason_keeps_its_end() {
    let line = format!("ERROR: failed to pull {}: connection refused", "x".repeat(400));
    let shown = reason(&[line]).expect("one");
    assert!(shown.starts_with("ERROR: failed to pull x") && shown.ends_with("x: connection refused"), "{shown}");
    assert_eq!(shown.chars().count(), 300);
}

#[test]
fn an_amount_is_what_the_machine_has_between_the_least_and_the_wanted() {
    let size = |cpus| Size { cpus: Some(cpus), ..Size::default() };
    let has = Capacity { cpus: Some(2), memory: None };
    let (fitted, words) = size(Amount { want: 4, min: 2 }).fitted(Provider::Minikube, &has).expect("enough");
    assert_eq!(fitted.cpus, Some(Amount::exact(2)));
    assert_eq!(words, ["cpus: 2 of the wanted 4 (at least 2): this machine has no more"]);
    let failure = size(Amount { want: 8, min: 4 }).fitted(Provider::Minikube, &has).expect_err("too few");
    assert_eq!(failure.summary, "cpus: this machine has 2, expected at least 4");
    let exact = size(Amount::exact(4)).fitted(Provider::Minikube, &has).expect("the provider judges it");
    assert_eq!(exact, (size(Amount::exact(4)), Vec::new()));
}

fn record(act: Act, identity: Option<Identity>) -> Record {
    Record {
        provider: "kind".to_owned(),
        name: "todo".to_owned(),
        context: "kind-todo".to_owned(),
        down: None,
        act: Some(act),
        identity,
    }
}

#[test]
fn a_record_is_kept_until_it_is_forgotten() {
    let folder = tempfile::tempdir().expect("a folder");
    let record = record(Act::Created, Some(Identity { uid: "u".to_owned(), own: "o".to_owned() }));
    assert_eq!(Record::all(folder.path()), Ok(Vec::new()));
    record.save(folder.path()).expect("saved");
    assert_eq!(Record::load(folder.path(), "kind", "todo"), Ok(Some(record.clone())));
    assert_eq!(Record::load(folder.path(), "kind", "other"), Ok(None));
    record.forget(folder.path()).expect("removed");
    assert_eq!(Record::all(folder.path()), Ok(Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn a_record_without_an_identity_authorizes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join(".pipeline")).expect("writable");
    let old = r#"{"provider":"kind","name":"todo","context":"kind-todo"}"#;
    fs::write(folder.path().join(".pipeline/cluster.json"), old).expect("writable");
    let fake = Fake::default();
    fake.foreign(Provider::Kind, "todo", true);
    let record = Record::all(folder.path()).expect("readable").remove(0);
    assert_eq!(Record::outlook(Some(&record)), "`down` leaves it as it is");
    let Err(CommandError::Fault(fault)) = lower(&fake, folder.path(), &record).await else {
        panic!("it was taken down")
    };
    assert!(fault.message.contains("the record of an older version holds no identity"), "{}", fault.message);
    let state = fake.state();
    assert!(state.deleted.is_empty() && state.calls.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_up_announces_is_what_down_does() {
    for provider in Provider::ALL {
        for (there, words, lowered) in [
            (None, "`down` deletes it", Some(Lowered::Deleted)),
            (Some(false), "`down` stops it again", Some(Lowered::Stopped)),
            (Some(true), "`down` leaves it as it is", None),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let fake = Fake::default();
            if let Some(running) = there {
                fake.foreign(provider, "todo", running);
            }
            raise(&fake, folder.path(), provider, "todo", &Size::default()).await.expect("it runs");
            let said = fake.state().says.join("\n");
            assert!(said.contains(words), "{provider:?}: {said}");
            let records = Record::all(folder.path()).expect("readable");
            assert_eq!(records.len(), usize::from(lowered.is_some()));
            for record in records {
                let done = lower(&fake, folder.path(), &record).await.expect("taken down");
                assert_eq!(Some(done), lowered);
            }
            assert_eq!(fake.state().clusters.len(), usize::from(there.is_some()), "{provider:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_was_made_again_by_another_is_refused_with_both_identities() {
    let folder = tempfile::tempdir().expect("a folder");
    let fake = Fake::default();
    raise(&fake, folder.path(), Provider::Kind, "todo", &Size::default()).await.expect("created");
    fake.state().clusters.clear();
    fake.foreign(Provider::Kind, "todo", true);
    let record = Record::all(folder.path()).expect("readable").remove(0);
    let Err(CommandError::Fault(fault)) = lower(&fake, folder.path(), &record).await else {
        panic!("it was taken down")
    };
    assert_eq!(
        fault.message,
        "the kind cluster todo is not the recorded one, or not proven to be it: its node is 200000000000, recorded was \
         100000000000; the UID of its kube-system is uid-2, recorded was uid-1"
    );
    assert!(fake.state().deleted.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failed_listing_creates_and_records_nothing() {
    for provider in Provider::ALL {
        let folder = tempfile::tempdir().expect("a folder");
        let fake = Fake::default();
        fake.foreign(provider, "todo", true);
        fake.state().troubles = [(0, FakeFailure::Fails)].into();
        let Err(CommandError::Fault(fault)) = raise(&fake, folder.path(), provider, "todo", &Size::default()).await
        else {
            panic!("it passed")
        };
        assert!(fault.message.ends_with("exit code 1: Cannot connect to the Docker daemon"), "{}", fault.message);
        assert_eq!(fake.state().calls.len(), 1);
        assert_eq!(Record::all(folder.path()), Ok(Vec::new()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_was_killed_is_explained_and_never_deleted() {
    let folder = tempfile::tempdir().expect("a folder");
    let fake = Fake::default();
    fake.state().troubles = [(4, FakeFailure::Hangs)].into();
    let size = Size::default();
    let killed = raise(&fake, folder.path(), Provider::Kind, "todo", &size);
    assert!(tokio::time::timeout(Duration::from_secs(60), killed).await.is_err());
    assert_eq!(Record::all(folder.path()), Ok(Vec::new()));
    assert_eq!(Intent::all(folder.path()).map(|all| all.len()), Ok(1));
    fake.state().clusters[0].running = false;
    fake.state().troubles.clear();
    let calls = fake.state().calls.len();
    // the start of its containers fails, as it does for a node that kubeadm never finished
    fake.state().troubles = [(calls + 2, FakeFailure::Fails)].into();
    let Err(CommandError::Fault(fault)) = raise(&fake, folder.path(), Provider::Kind, "todo", &Size::default()).await
    else {
        panic!("it passed")
    };
    assert!(fault.message.starts_with("kind cluster todo is incomplete: "), "{}", fault.message);
    assert!(fault.help.is_some_and(|help| help.contains("`kind delete cluster --name=todo`")));
    assert!(fake.state().deleted.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_creation_whose_record_cannot_be_read_is_no_creation_that_never_was() {
    let folder = tempfile::tempdir().expect("a folder");
    Intent::begin(folder.path(), "kind", "todo").expect("written");
    Intent::begin(folder.path(), "kind", "other").expect("written");
    std::fs::write(folder.path().join(".pipeline/clusters/kind-todo.begun"), "{").expect("written");
    assert!(Intent::load(folder.path(), "kind", "todo").is_err());
    let all = Intent::all(folder.path()).expect("listed");
    assert_eq!(all.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false]);
}

#[tokio::test(start_paused = true)]
async fn every_addon_that_is_not_enabled_is_named_with_its_reason() {
    let fake = Fake::default();
    fake.foreign(Provider::Minikube, "mine", true);
    let wanted = ["ingress", "dashbord"].map(str::to_owned);
    let Err(CommandError::Failed(failure)) = enable_addons(&fake, "mine", &wanted).await else { panic!("it passed") };
    assert_eq!(
        failure.summary,
        "not enabled: addon dashbord: `minikube addons enable dashbord --profile=mine`: exit code 10, expected 0"
    );
    assert!(fake.state().clusters[0].addons.contains("ingress"));
    let calls = fake.state().calls.len();
    fake.state().troubles = [(calls + 1, FakeFailure::Pretends)].into();
    enable_addons(&fake, "mine", &["metrics-server".to_owned()]).await.expect("the second call enables it");
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
    let script = "#!/bin/sh\necho \"args $*\"\n[ $1 != delete ]\n";
    crate::process::scripts::executable(&kind, script);
    let env: BTreeMap<String, String> =
        [("PATH".to_owned(), format!("{}:/usr/bin:/bin", folder.path().display()))].into();
    let lines = Lines::default();
    let stop = Stop { cancel: CancellationToken::new(), grace: Duration::from_secs(1) };
    let settings = ClusterSettings::default();
    let desk = ProviderContext { env: &env, dir: folder.path(), sink: &lines, stop, settings: &settings };
    assert!(desk.has_program("kind") && !desk.has_program("no-such-program"));
    let ran = desk.run(&Provider::Kind.create("todo", &Size::default()), None).await.expect("ran");
    assert_eq!(ran, Ran { code: Some(0), lines: vec!["args create cluster --name=todo".to_owned()] });
    assert_eq!(desk.run(&Provider::Kind.delete("todo"), None).await.expect("ran").code, Some(1));
    let slow = Invocation::of("sleep", ["600"]);
    let fault = desk.ask(&slow, Duration::from_millis(20)).await.expect_err("too slow");
    assert_eq!(fault.message, "`sleep 600` timed out after 20ms");
    assert!(desk.exists(Path::new("/")).expect("readable"));
}

#[tokio::test(start_paused = true)]
async fn up_announces_nothing_for_a_cluster_that_took_the_name_of_the_recorded_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let fake = Fake::default();
    raise(&fake, folder.path(), Provider::K3d, "todo", &Size::default()).await.expect("created");
    fake.state().clusters.clear();
    fake.foreign(Provider::K3d, "todo", true);
    fake.state().says.clear();
    raise(&fake, folder.path(), Provider::K3d, "todo", &Size::default()).await.expect("used");
    let said = fake.state().says.join("\n");
    assert!(said.ends_with("k3d cluster todo runs already: `down` leaves it as it is"), "{said}");
    assert_eq!(Record::all(folder.path()), Ok(Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn a_running_cluster_without_a_kubeconfig_is_called_incomplete() {
    let folder = tempfile::tempdir().expect("a folder");
    let fake = Fake::default();
    fake.foreign(Provider::Kind, "todo", true);
    fake.state().troubles = [(2, FakeFailure::Fails)].into();
    let Err(CommandError::Fault(fault)) = raise(&fake, folder.path(), Provider::Kind, "todo", &Size::default()).await
    else {
        panic!("it passed")
    };
    assert!(fault.message.starts_with("kind cluster todo is incomplete: `kind export kubeconfig"), "{}", fault.message);
}
