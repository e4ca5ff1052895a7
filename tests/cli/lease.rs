//! The Lease of a namespace that another holds, or takes while we run: told, and nothing of the other's is touched.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::api::{Api, Asked, Reply};
use crate::kit::{Project, said};

const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/todo/leases";
const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/todo/leases/pipeline-test";
/// Far more than it takes.
const PATIENCE: Duration = Duration::from_secs(120);

const STAGE: &str = "stage: a
steps:
  hold:
    shell:
      run: |
        echo here
        while [ ! -e back ]; do sleep 0.05; done
        echo still
        while [ ! -e go ]; do sleep 0.05; done
        touch finished
  apply:
    needs: [hold]
    kube: { apply: { objects: [{ apiVersion: v1, kind: ConfigMap, metadata: { name: one }, data: { a: b } }] } }
finally: { tidy: { shell: { run: touch tidied } } }
";

/// How the cluster stands to the Lease.
const FREE: u8 = 0;
const AWAY: u8 = 1;
const ANOTHERS: u8 = 2;

fn api(phase: &Arc<AtomicU8>) -> Api {
    let phase = Arc::clone(phase);
    let lease = |holder: &str| {
        // a clock that is ahead makes nobody stale
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": "pipeline-test", "namespace": "todo", "resourceVersion": "7", "uid": "u"},
            "spec": {"holderIdentity": holder, "leaseDurationSeconds": 30,
                "acquireTime": "2026-11-23T10:00:00.000000Z", "renewTime": "2999-01-01T00:00:00.000000Z"}})
        .to_string()
    };
    Api::new(move |asked: &Asked| match (asked.method.as_str(), asked.path.as_str(), phase.load(Ordering::SeqCst)) {
        ("POST", LEASES, _) => Reply::Say(201, lease("us")),
        (_, LEASE, AWAY) => Reply::Reset,
        ("GET", LEASE, ANOTHERS) => Reply::Say(200, lease("20261123-100000-abcd@elsewhere")),
        _ => Reply::Well,
    })
}

fn project(api: &Api) -> Project {
    let project = Project::headed("cluster: { contexts: [fake], namespace: todo }\n", &[("a.yaml", STAGE)]);
    project.write("kubeconfig", &api.kubeconfig(&json!({})));
    project
}

#[test]
fn a_namespace_that_another_run_holds_is_not_touched() {
    let phase = Arc::new(AtomicU8::new(ANOTHERS));
    let api = api(&phase);
    let project = project(&api);
    let words =
        ["namespace todo is held by run 20261123-100000-abcd@elsewhere since 2026-11-23 10:00:00Z", "--wait 10m"];
    let run = said(project.command(&["run"]).env("KUBECONFIG", project.path().join("kubeconfig")));
    run.ends(3, &words);
    assert!(
        !project.has("tidied")
            && !project.path().join(".pipeline/runs").read_dir().is_ok_and(|mut it| it.next().is_some())
    );
}

#[test]
fn a_lease_that_another_took_while_the_cluster_was_away_stops_the_run_and_its_finally() {
    let phase = Arc::new(AtomicU8::new(FREE));
    let api = api(&phase);
    let project = project(&api);
    let mut command = project.command(&["run"]);
    command.env("KUBECONFIG", project.path().join("kubeconfig"));
    let mut live = project.started(command);
    live.line("│ here");
    let asked = || api.count(&format!("GET {LEASE}"));
    let before = asked();
    phase.store(AWAY, Ordering::SeqCst);
    let begun = Instant::now();
    // More than one renewal fails, whoever tries them.
    while asked() < before + 2 {
        assert!(begun.elapsed() < PATIENCE, "the lease is not renewed");
        std::thread::sleep(Duration::from_millis(50));
    }
    project.write("back", "");
    live.line("│ still");
    phase.store(ANOTHERS, Ordering::SeqCst);
    let (code, err) = live.end();
    assert_eq!(code, Some(3), "{err}");
    let reported = [
        "namespace todo is held by run 20261123-100000-abcd@elsewhere",
        "; the run is stopped",
        "skipped: the run was stopped: namespace todo is held by",
    ];
    for words in reported {
        assert!(err.contains(words), "no `{words}` in:\n{err}");
    }
    assert!(!project.has("finished") && !project.has("tidied"), "{err}");
    assert_eq!(api.count("PATCH /api/v1/namespaces/todo/configmaps/one"), 0);
    assert_eq!(api.count(&format!("DELETE {LEASE}")), 0, "it is not ours to give back");
    let states = project.states();
    assert_eq!((states["a.hold"].as_str(), states["a.apply"].as_str()), ("cancelled", "skipped"));
}
