//! Cluster steps with made-up `kind`, `minikube`, `k3d` and `docker` on PATH, which print what the real ones print. The
//! programs log each call to `calls`; `fails` names the calls that fail.

use std::fs;

use super::api::{Api, Asked, Reply};
use super::kit::{Project, Said, said};
use serde_json::json;

/// kind 0.33: `get clusters` prints its message for no clusters on stderr.
const KIND: &str = r#"#!/bin/sh
echo "kind $*" >> calls
if [ -f fails ] && grep -qxF "kind $*" fails; then
  echo 'ERROR: failed to list clusters: command "docker ps -a --filter label=io.x-k8s.kind.cluster" failed with error: exit status 1' >&2
  exit 1
fi
case "$1 $2" in
  "get clusters") if [ -s clusters ]; then cat clusters; else echo "No kind clusters found." >&2; fi ;;
  "create cluster") echo 'Creating cluster "todo" ...' >&2; echo todo >> clusters ;;
  "delete cluster") rm -f clusters ;;
esac
"#;

/// Docker: one node container for each cluster in `clusters`, with the id in `id`.
const DOCKER: &str = r#"#!/bin/sh
echo "docker $1" >> calls
case "$1" in
  ps) if [ -s clusters ]; then printf '%s\ttodo-control-plane\tUp 2 minutes\n' "$(cat id)"; fi ;;
  info) echo "2 8000000000" ;;
esac
"#;

/// minikube 1.38 on a machine with too few processors.
const MINIKUBE: &str = r#"#!/bin/sh
echo "minikube $*" >> calls
case "$1" in
  profile) printf '{"invalid":[],"valid":[]}' ;;
  start)
    printf '* minikube v1.38.1 on Debian 12\n* Using the docker driver\n\n'
    printf 'X Exiting due to RSRC_INSUFFICIENT_CORES: Docker has less than 2 CPUs available, but Kubernetes requires at least 2 to be available\n\n' >&2
    exit 29 ;;
esac
"#;

const ID: &str = "5f3c0d3bb5a1f0b6a9c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7b8c9d0e1f2a3\n";

struct Fixture(Project);

impl Fixture {
    fn new(stage: &str, programs: &[(&str, &str)]) -> Self {
        let head = "cluster: { contexts: [kind-todo, minikube, k3d-todo] }\n";
        let project = Project::headed(head, &[("a.yaml", stage)]);
        for (name, text) in programs {
            project.program(&format!("bin/{name}"), text);
        }
        project.write("id", ID);
        Fixture(project)
    }

    fn run(&self, args: &[&str]) -> Said {
        let path = format!("{}:/usr/bin:/bin", self.0.path().join("bin").display());
        let kubeconfig = self.0.path().join("kubeconfig");
        said(self.0.command(args).env("PATH", path).env("KUBECONFIG", kubeconfig).env("HOME", self.0.path()))
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.0.path().join("calls")).unwrap_or_default()
    }
}

fn up(provider: &str) -> String {
    format!("stage: a\nsteps:\n  up: {{ cluster: {{ up: {{ provider: {provider} }} }}, timeout: 30s }}\n")
}

const DOWN: &str = "stage: a\nsteps:\n  down: { cluster: { down: {} } }\n";

#[test]
fn a_failed_listing_is_not_an_absent_cluster() {
    let fixture = Fixture::new(&up("kind"), &[("kind", KIND), ("docker", DOCKER)]);
    fixture.0.write("clusters", "todo\n");
    fixture.0.write("fails", "kind get clusters\n");
    let ran = fixture.run(&["run"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(
        ran.err.contains("not measured: `kind get clusters`: exit code 1: ERROR: failed to list clusters"),
        "{}",
        ran.err
    );
    assert!(!fixture.0.has(".pipeline/clusters") && fixture.0.has("clusters"));
    assert_eq!(fixture.calls(), "kind get clusters\n");
}

#[test]
fn a_listing_that_contradicts_the_container_engine_decides_nothing() {
    let fixture =
        Fixture::new(&up("kind"), &[("kind", &KIND.replace("cat clusters", "echo other")), ("docker", DOCKER)]);
    fixture.0.write("clusters", "todo\n");
    let ran = fixture.run(&["run"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(ran.err.contains("it does not list todo, but docker has a container of it"), "{}", ran.err);
    assert!(!fixture.calls().contains("create"), "{}", fixture.calls());
}

#[test]
fn neither_down_nor_clean_delete_a_cluster_that_is_not_the_recorded_one() {
    let record = r#"{"provider":"kind","name":"todo","context":"kind-todo","act":"created",
        "identity":{"uid":"11111111-2222-3333-4444-555555555555","own":"aaaaaaaaaaaabbbbbbbbbbbbccccccccccccddddddddddddeeeeeeeeeeeeffff"}}"#;
    for args in [&["run"][..], &["clean"]] {
        let fixture = Fixture::new(DOWN, &[("kind", KIND), ("docker", DOCKER)]);
        fixture.0.write("clusters", "todo\n");
        fixture.0.write(".pipeline/clusters/kind-todo.json", record);
        let ran = fixture.run(args);
        assert_eq!(ran.code, 3, "{args:?}: {}", ran.err);
        assert!(ran.err.contains("its node is 5f3c0d3bb5a1, recorded was aaaaaaaaaaaa"), "{args:?}: {}", ran.err);
        assert!(!fixture.calls().contains("delete") && fixture.0.has("clusters"), "{}", fixture.calls());
    }
}

#[test]
fn an_old_record_without_an_identity_deletes_nothing() {
    let record = r#"{"provider":"kind","name":"todo","context":"kind-todo"}"#;
    for args in [&["run"][..], &["clean"]] {
        let fixture = Fixture::new(DOWN, &[("kind", KIND), ("docker", DOCKER)]);
        fixture.0.write("clusters", "todo\n");
        fixture.0.write(".pipeline/cluster.json", record);
        let ran = fixture.run(args);
        assert_eq!(ran.code, 3, "{args:?}: {}", ran.err);
        assert!(ran.err.contains("the record of an older version holds no identity"), "{args:?}: {}", ran.err);
        assert!(ran.err.contains("`kind delete cluster --name=todo`"), "{args:?}: {}", ran.err);
        assert_eq!(fixture.calls(), "");
    }
}

#[test]
fn the_providers_reason_is_in_the_message_and_auto_tries_the_next_one() {
    let fixture = Fixture::new(&up("minikube"), &[("minikube", MINIKUBE), ("docker", DOCKER)]);
    let ran = fixture.run(&["run"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let reason = "`minikube start --profile=minikube`: exit code 29, expected 0: Exiting due to RSRC_INSUFFICIENT_CORES: Docker has less than 2 CPUs";
    assert!(ran.err.contains(reason), "{}", ran.err);
    assert!(!fixture.0.has(".pipeline/clusters"), "a creation that came to nothing leaves no intent");

    let fails = KIND.replace(
        "echo todo >> clusters",
        "echo 'ERROR: failed to create cluster: no space left on device' >&2; exit 1",
    );
    let fixture = Fixture::new(&up("auto"), &[("minikube", MINIKUBE), ("docker", DOCKER), ("kind", &fails)]);
    let ran = fixture.run(&["run"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("minikube gives no cluster, trying the next way: `minikube start"), "{}", ran.err);
    assert!(
        ran.err.contains("no provider gives a cluster: ") && ran.err.contains("no space left on device"),
        "{}",
        ran.err
    );
}

#[test]
fn a_number_of_processors_that_the_machine_does_not_have_is_refused_before_anything_starts() {
    let stage = "stage: a\nsteps:\n  up: { cluster: { up: { provider: minikube, cpus: { want: 8, min: 4 } } } }\n";
    let fixture = Fixture::new(stage, &[("minikube", MINIKUBE), ("docker", DOCKER)]);
    let ran = fixture.run(&["run"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("cpus: this machine has 2, expected at least 4"), "{}", ran.err);
    assert!(!fixture.calls().contains("start"), "{}", fixture.calls());
}

#[test]
fn addons_without_a_cluster_are_an_error() {
    let fixture =
        Fixture::new("stage: a\nsteps:\n  addons: { cluster: { addons: [ingress] } }\n", &[("minikube", MINIKUBE)]);
    let ran = fixture.run(&["run"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(ran.err.contains("addons ingress need a cluster, and there is no current context"), "{}", ran.err);
}

#[test]
fn a_load_command_is_bound_to_a_context_that_may_be_touched() {
    let stage = "stage: a\nsteps: { a: { shell: { run: 'true' } } }\n";
    let load = |load: &str| {
        let head = format!("cluster: {{ contexts: [local, kind-todo], load: {load} }}\n");
        Project::headed(&head, &[("a.yaml", stage)]).run(&["check"])
    };
    assert_eq!(load("{ local: [tools/load] }").code, 0);
    assert_eq!(load("{ command: [tools/load] }").code, 0, "older files keep working");
    let wrong = load("{ locl: [tools/load] }");
    assert_eq!(wrong.code, 2);
    assert!(
        wrong.err.contains("`load` names context \"locl\"") && wrong.err.contains("did you mean \"local\"?"),
        "{}",
        wrong.err
    );
    assert_eq!(load("{ local: [] }").code, 2);
}

/// An API server whose cluster has this UID.
fn api(uid: &'static str) -> Api {
    Api::new(move |asked: &Asked| match asked.path.as_str() {
        "/api/v1/namespaces/kube-system" => {
            let metadata = json!({"name": "kube-system", "uid": uid, "resourceVersion": "1"});
            let object = json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": metadata});
            Reply::Say(200, object.to_string())
        }
        "/api/v1/nodes" => {
            let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403,
                "reason": "Forbidden", "message": "nodes is forbidden"});
            Reply::Say(403, status.to_string())
        }
        _ => Reply::Well,
    })
}

/// A project whose cluster comes from a script: `./up` copies `made` to kubeconfig, `./down` removes it.
fn by_command() -> Fixture {
    let up = "{ provider: command, command: { up: ./up, down: ./down } }";
    let stage = format!("stage: a\nsteps:\n  up: {{ cluster: {{ up: {up} }}, timeout: 30s }}\n");
    let fixture = Fixture(Project::headed("cluster: { contexts: [fake] }\n", &[("a.yaml", stage.as_str())]));
    fixture.0.program("up", "#!/bin/sh\necho up >> calls\n[ ! -f made ] || cp made kubeconfig\n");
    fixture.0.program("down", "#!/bin/sh\necho down >> calls\nrm kubeconfig\n");
    fixture.0.program("bin/none", "#!/bin/sh\n");
    fixture
}

#[test]
fn a_cluster_that_answered_before_the_command_ran_is_not_taken_down() {
    let (fixture, api) = (by_command(), api("11111111-2222-3333-4444-555555555555"));
    fixture.0.write("kubeconfig", &api.kubeconfig(&json!({})));
    let ran = fixture.run(&["run"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(!fixture.0.has(".pipeline/clusters"));
    fixture.0.write("a.yaml", DOWN);
    for args in ["run", "clean"] {
        fixture.run(&[args]);
        assert_eq!(fixture.calls(), "up\n", "{args}");
    }
    assert!(fixture.0.has("kubeconfig"));
}

#[test]
fn a_cluster_that_the_command_brought_up_is_taken_down_even_after_a_second_up() {
    let (fixture, api) = (by_command(), api("11111111-2222-3333-4444-555555555555"));
    fixture.0.write("made", &api.kubeconfig(&json!({})));
    for _ in 0..2 {
        let ran = fixture.run(&["run"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
    fixture.0.write("a.yaml", DOWN);
    let ran = fixture.run(&["run"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(fixture.calls(), "up\nup\ndown\n");
}

#[test]
fn a_command_that_replaces_a_cluster_takes_down_its_own() {
    let fixture = by_command();
    let (theirs, ours) = (api("11111111-2222-3333-4444-555555555555"), api("66666666-2222-3333-4444-555555555555"));
    fixture.0.write("kubeconfig", &theirs.kubeconfig(&json!({})));
    fixture.0.write("made", &ours.kubeconfig(&json!({})));
    assert_eq!(fixture.run(&["run"]).code, 0);
    // the first one is back under the same context
    fixture.0.write("kubeconfig", &theirs.kubeconfig(&json!({})));
    fixture.0.write("a.yaml", DOWN);
    let ran = fixture.run(&["run"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    fixture.0.write("kubeconfig", &ours.kubeconfig(&json!({})));
    assert_eq!(fixture.run(&["run"]).code, 0);
    assert_eq!(fixture.calls(), "up\ndown\n");
}
