//! Providers, their container engine and the API of their clusters, made up for tests. At any call a fake may fail, hang
//! or answer in part; it behaves like the real programs otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;
use serde_json::json;

use super::{Answer, Host, Invocation, Provider, Ran};
use crate::core::model::outcome::Fault;

/// What goes wrong at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FakeFailure {
    /// It fails before it does anything.
    Fails,
    /// It fails after it did its work.
    FailsLate,
    /// It never ends, after it did its work.
    Hangs,
    /// It prints a part of its answer and ends well; an action does a part of its work.
    Part(u8),
    /// It ends well and did nothing.
    Pretends,
}

/// A cluster of the fake.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    /// What it is at its provider.
    pub key: (Provider, String),
    /// The id of its first node; new with each creation.
    pub id: String,
    /// The UID of its kube-system.
    pub uid: String,
    /// Whether it runs.
    pub running: bool,
    /// Whether this project created it.
    pub own: bool,
    /// The names and ids of its images.
    pub images: BTreeMap<String, String>,
    /// Its addons.
    pub addons: BTreeSet<String>,
}

#[derive(Default)]
pub(crate) struct State {
    pub clusters: Vec<Cluster>,
    /// Clusters that were deleted, and whether they were ours.
    pub deleted: Vec<Cluster>,
    /// Foreign clusters that were stopped though they ran.
    pub stopped: Vec<Cluster>,
    pub troubles: BTreeMap<usize, FakeFailure>,
    pub calls: Vec<String>,
    pub says: Vec<String>,
    next: u32,
    /// Clusters that this project started.
    pub started: BTreeSet<String>,
}

/// The fake.
#[derive(Default)]
pub(crate) struct Fake(Mutex<State>);

impl Fake {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic")
    }

    /// Adds a cluster of another owner.
    pub(crate) fn foreign(&self, provider: Provider, name: &str, running: bool) {
        let mut state = self.state();
        let cluster = state.new_cluster(provider, name, false);
        state.clusters.push(Cluster { running, ..cluster });
    }

    fn next(&self, call: &Invocation) -> Option<FakeFailure> {
        let mut state = self.state();
        let at = state.calls.len();
        state.calls.push(call.to_string());
        state.troubles.get(&at).copied()
    }
}

impl State {
    fn new_cluster(&mut self, provider: Provider, name: &str, own: bool) -> Cluster {
        self.next += 1;
        Cluster {
            key: (provider, name.to_owned()),
            id: format!("{:0<64}", format!("{:x}", self.next)),
            uid: format!("uid-{}", self.next),
            running: true,
            own,
            images: BTreeMap::from([("registry.k8s.io/pause:3.10".to_owned(), "pause".to_owned())]),
            addons: BTreeSet::new(),
        }
    }

    fn find(&mut self, provider: Provider, name: &str) -> Option<&mut Cluster> {
        self.clusters.iter_mut().find(|cluster| cluster.key == (provider, name.to_owned()))
    }

    /// What a query prints, and its exit code.
    fn answer(&mut self, query: &Invocation) -> Answer {
        let args: Vec<&str> = query.args.iter().map(String::as_str).collect();
        let of = |provider| move |cluster: &&Cluster| cluster.key.0 == provider;
        let profile = args.iter().find_map(|arg| arg.strip_prefix("--profile=")).unwrap_or_default();
        let (stdout, stderr) = match (query.program.as_str(), args.as_slice()) {
            ("kind", ["get", "clusters"]) => {
                let names: String =
                    self.clusters.iter().filter(of(Provider::Kind)).flat_map(|it| [it.key.1.as_str(), "\n"]).collect();
                let none = if names.is_empty() { "No kind clusters found.\n" } else { "" };
                (names, none.to_owned())
            }
            ("k3d", ["cluster", "list", ..]) => {
                let list: Vec<_> =
                    self.clusters.iter().filter(of(Provider::K3d)).map(|it| json!({ "name": it.key.1 })).collect();
                (json!(list).to_string(), String::new())
            }
            ("minikube", ["profile", "list", ..]) => {
                let one = |it: &Cluster| {
                    let status = if it.running { "OK" } else { "Stopped" };
                    json!({ "Name": it.key.1, "Status": status, "Config": { "Driver": "docker", "Nodes": [{ "Name": "" }] } })
                };
                let list: Vec<_> = self.clusters.iter().filter(of(Provider::Minikube)).map(one).collect();
                (json!({ "valid": list, "invalid": [] }).to_string(), String::new())
            }
            ("minikube", ["node", "list", ..]) => (format!("{profile}\t10.0.0.2\n"), String::new()),
            ("minikube", ["image", "ls", ..]) => match self.find(Provider::Minikube, profile) {
                Some(cluster) => {
                    let one = |(name, id): (&String, &String)| json!({ "id": id, "repoTags": [name] });
                    let list: Vec<_> = cluster.images.iter().map(one).collect();
                    (json!(list).to_string() + "\n", String::new())
                }
                None => return Answer { code: Some(1), ..Answer::default() },
            },
            ("minikube", ["addons", "list", ..]) => match self.find(Provider::Minikube, profile) {
                Some(cluster) => {
                    let state = |it: &str| if cluster.addons.contains(it) { "enabled" } else { "disabled" };
                    let list: serde_json::Map<_, _> = ["ingress", "metrics-server"]
                        .map(|it| (it.to_owned(), json!({ "Status": state(it) })))
                        .into_iter()
                        .collect();
                    (json!(list).to_string(), String::new())
                }
                None => return Answer { code: Some(1), ..Answer::default() },
            },
            ("docker", ["ps", ..]) => {
                let filter = args.iter().find_map(|arg| arg.strip_prefix("label=")).unwrap_or_default();
                let rows = self.clusters.iter().filter(|it| filter == format!("{}={}", it.key.0.label(), it.key.1));
                let row = |it: &Cluster| {
                    let status = if it.running { "Up 2 minutes" } else { "Exited (137) 3 hours ago" };
                    format!("{}\t{}\t{status}\n", it.id, it.key.0.first_node(&it.key.1))
                };
                (rows.map(row).collect(), String::new())
            }
            ("docker", ["exec", node, "crictl", ..]) => {
                let found = self.clusters.iter().find(|it| it.key.0.first_node(&it.key.1) == *node);
                match found.filter(|it| it.running) {
                    Some(cluster) => {
                        let one = |(name, id): (&String, &String)| json!({ "id": id, "repoTags": [name] });
                        let list: Vec<_> = cluster.images.iter().map(one).collect();
                        (json!({ "images": list }).to_string(), String::new())
                    }
                    None => return Answer { code: Some(1), ..Answer::default() },
                }
            }
            other => panic!("an unknown query: {other:?}"),
        };
        Answer { code: Some(0), stdout, stderr }
    }

    /// Does what an action does; its exit code.
    fn act(&mut self, action: &Invocation) -> i32 {
        let args: Vec<&str> = action.args.iter().map(String::as_str).collect();
        let option = |name: &str| args.iter().find_map(|arg| arg.strip_prefix(name)).unwrap_or_default().to_owned();
        match (action.program.as_str(), args.as_slice()) {
            ("minikube", ["start", ..]) => {
                let name = option("--profile=");
                self.start(Provider::Minikube, &name, true)
            }
            ("kind", ["create", ..]) => self.start_new(Provider::Kind, &option("--name=")),
            ("k3d", ["cluster", "create", name, ..]) => self.start_new(Provider::K3d, name),
            ("k3d", ["cluster", "start", name, ..]) => self.start(Provider::K3d, name, false),
            ("docker", ["start", node]) => {
                let name = node.trim_end_matches("-control-plane");
                self.start(Provider::Kind, name, false)
            }
            ("minikube", ["stop", ..]) => self.stop(Provider::Minikube, &option("--profile=")),
            ("k3d", ["cluster", "stop", name]) => self.stop(Provider::K3d, name),
            ("docker", ["stop", node]) => self.stop(Provider::Kind, node.trim_end_matches("-control-plane")),
            ("minikube", ["delete", ..]) => self.delete(Provider::Minikube, &option("--profile=")),
            ("kind", ["delete", ..]) => self.delete(Provider::Kind, &option("--name=")),
            ("k3d", ["cluster", "delete", name]) => self.delete(Provider::K3d, name),
            ("minikube", ["update-context", ..]) | ("kind", ["export", ..]) | ("k3d", ["kubeconfig", ..]) => 0,
            ("minikube", ["addons", "enable", addon, ..]) => {
                let (addon, name) = ((*addon).to_owned(), option("--profile="));
                let known = ["ingress", "metrics-server"].contains(&addon.as_str());
                match self.find(Provider::Minikube, &name).filter(|_| known) {
                    Some(cluster) => {
                        cluster.addons.insert(addon);
                        0
                    }
                    None => 10,
                }
            }
            ("minikube", ["--profile", name, "image", "load", _]) => self.load(Provider::Minikube, name),
            ("kind", ["load", _, _, "--name", name]) => self.load(Provider::Kind, name),
            ("k3d", ["image", "import", _, "--cluster", name, "--mode=direct"]) => self.load(Provider::K3d, name),
            other => panic!("an unknown action: {other:?}"),
        }
    }

    fn start_new(&mut self, provider: Provider, name: &str) -> i32 {
        if self.find(provider, name).is_some() {
            return 1;
        }
        let cluster = self.new_cluster(provider, name, true);
        self.clusters.push(cluster);
        0
    }

    fn start(&mut self, provider: Provider, name: &str, creates: bool) -> i32 {
        match self.find(provider, name) {
            Some(cluster) => {
                let was_stopped = !std::mem::replace(&mut cluster.running, true);
                let id = cluster.id.clone();
                if was_stopped {
                    self.started.insert(id);
                }
                0
            }
            None if creates => self.start_new(provider, name),
            None => 1,
        }
    }

    fn stop(&mut self, provider: Provider, name: &str) -> i32 {
        let Some(cluster) = self.find(provider, name) else { return 1 };
        cluster.running = false;
        let cluster = cluster.clone();
        if !cluster.own && !self.started.contains(&cluster.id) {
            self.stopped.push(cluster);
        }
        0
    }

    fn delete(&mut self, provider: Provider, name: &str) -> i32 {
        let Some(at) = self.clusters.iter().position(|it| it.key == (provider, name.to_owned())) else { return 0 };
        let cluster = self.clusters.remove(at);
        self.deleted.push(cluster);
        0
    }

    fn load(&mut self, provider: Provider, name: &str) -> i32 {
        match self.find(provider, name).filter(|it| it.running) {
            Some(cluster) => {
                cluster.images.insert("docker.io/library/todo:dev".to_owned(), "sha256:new".to_owned());
                0
            }
            None => i32::from(provider != Provider::Minikube),
        }
    }
}

/// The first part of a text, and where the listing of kind is concerned whole lines only, as a pipe may cut it.
fn part(text: &str, share: u8) -> String {
    let end = text.len() * usize::from(share) / 256;
    text.chars().take(end).collect()
}

#[async_trait]
impl Host for Fake {
    fn has_program(&self, program: &str) -> bool {
        program != "podman" && program != "nerdctl"
    }

    fn variable(&self, name: &str) -> Option<String> {
        (name == "HOME").then(|| "/home/me".to_owned())
    }

    fn exists(&self, path: &Path) -> Result<bool, Fault> {
        let state = self.state();
        let mut profiles = state.clusters.iter().filter(|it| it.key.0 == Provider::Minikube);
        Ok(profiles.any(|it| path == Path::new("/home/me/.minikube/profiles").join(&it.key.1)))
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, Fault> {
        Err(Fault::environment(format!("{} is not there", path.display())))
    }

    async fn ask(&self, query: &Invocation, limit: Duration) -> Result<Answer, Fault> {
        if query.args.first().is_some_and(|arg| arg == "info") {
            return Ok(Answer { code: Some(0), stdout: "2 8000000000\n".to_owned(), stderr: String::new() });
        }
        let trouble = self.next(query);
        let answer = self.state().answer(query);
        match trouble {
            None | Some(FakeFailure::Pretends) => Ok(answer),
            Some(FakeFailure::Fails | FakeFailure::FailsLate) => {
                let stderr = "Cannot connect to the Docker daemon".to_owned();
                Ok(Answer { code: Some(1), stdout: String::new(), stderr })
            }
            Some(FakeFailure::Hangs) => {
                tokio::time::sleep(limit).await;
                Err(Fault::environment(format!("`{query}` timed out")))
            }
            Some(FakeFailure::Part(share)) => Ok(Answer { stdout: part(&answer.stdout, share), ..answer }),
        }
    }

    async fn run(&self, action: &Invocation, limit: Option<Duration>) -> Result<Ran, Fault> {
        let trouble = self.next(action);
        let failed = Ran { code: Some(1), lines: vec!["X Exiting due to GUEST_PROVISION: it failed".to_owned()] };
        match trouble {
            Some(FakeFailure::Fails | FakeFailure::Part(_)) => return Ok(failed),
            Some(FakeFailure::Pretends) => return Ok(Ran { code: Some(0), lines: Vec::new() }),
            _ => {}
        }
        let code = self.state().act(action);
        match trouble {
            Some(FakeFailure::FailsLate) => Ok(failed),
            Some(FakeFailure::Hangs) => {
                match limit {
                    Some(limit) => tokio::time::sleep(limit).await,
                    None => std::future::pending().await,
                }
                Err(Fault::environment(format!("`{action}` timed out")))
            }
            _ => Ok(Ran { code: Some(code), lines: Vec::new() }),
        }
    }

    async fn cluster_uid(&self, context: &str) -> Result<String, Fault> {
        let trouble = self.next(&Invocation::of("api", [context]));
        if trouble == Some(FakeFailure::Hangs) {
            return std::future::pending().await;
        }
        let state = self.state();
        let found = state.clusters.iter().find(|it| it.running && it.key.0.context(&it.key.1) == context);
        match (trouble, found) {
            (None | Some(FakeFailure::Pretends), Some(cluster)) => Ok(cluster.uid.clone()),
            _ => Err(Fault::environment("the API does not answer")),
        }
    }

    fn say(&self, line: &str) {
        self.state().says.push(line.to_owned());
    }
}

/// Anything that goes wrong at a call.
pub(crate) fn trouble() -> impl Strategy<Value = FakeFailure> {
    prop_oneof![
        Just(FakeFailure::Fails),
        Just(FakeFailure::FailsLate),
        Just(FakeFailure::Hangs),
        any::<u8>().prop_map(FakeFailure::Part),
        Just(FakeFailure::Pretends),
    ]
}

/// Performs `acts` on a fresh project while calls fail as `troubles` says, and asserts that no cluster of another owner
/// is deleted or stopped. `theirs` is whether another owner's cluster `todo` runs, if there is one.
pub(crate) fn survives<A>(
    provider: Provider,
    theirs: Option<bool>,
    troubles: BTreeMap<usize, FakeFailure>,
    acts: &[A],
    perform: impl AsyncFn(&Fake, &Path, Provider, &A),
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let fake = Fake::default();
        fake.foreign(provider, "other", true);
        if let Some(running) = theirs {
            fake.foreign(provider, "todo", running);
        }
        fake.state().troubles = troubles;
        for act in acts {
            perform(&fake, folder.path(), provider, act).await;
        }
        let state = fake.state();
        for cluster in &state.deleted {
            assert!(cluster.own, "a foreign cluster was deleted: {cluster:?}\n{:#?}", state.calls);
        }
        assert!(state.stopped.is_empty(), "a foreign cluster was stopped: {:?}\n{:#?}", state.stopped, state.calls);
    });
}
