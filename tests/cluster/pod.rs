//! The `pod` step on the real cluster: its log, its exit code, what keeps it from starting, what takes it away.

use std::time::{Duration, Instant};

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::{Api, DeleteParams, ListParams};
use pipeline::core::kind::Context;
use pipeline::core::model::outcome::{Fault, FaultKind, Outcome};
use pipeline::core::model::source::{FileId, Span};
use pipeline::core::yaml::Node;
use pipeline::kinds::STEPS;
use pipeline::services::Clients;
use serde_json::{Value, json};

use super::busybox::IMAGE;
use super::kube_room::{Room, causes, fresh};

fn sh(script: &str) -> Value {
    json!({ "image": IMAGE, "command": ["/bin/sh", "-c", script] })
}

async fn api<K>(room: &Room) -> Api<K>
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
{
    Api::namespaced(room.project.context.cluster().client().await.expect("connected"), &room.namespace)
}

/// The names of the Jobs and Secrets that are there.
async fn left(room: &Room) -> Vec<String> {
    let all = ListParams::default();
    let jobs = api::<Job>(room).await.list(&all).await.expect("listed").items;
    let secrets = api::<Secret>(room).await.list(&all).await.expect("listed").items;
    let jobs = jobs.into_iter().filter(|job| job.metadata.deletion_timestamp.is_none());
    let names = jobs.filter_map(|job| job.metadata.name);
    names.chain(secrets.into_iter().filter_map(|secret| secret.metadata.name)).collect()
}

/// Waits until nothing is left.
async fn empty(room: &Room) {
    let limit = Instant::now() + Duration::from_secs(30);
    while !left(room).await.is_empty() {
        assert!(Instant::now() < limit, "{:?} stay", left(room).await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The name of the Pod of this room, once it runs.
async fn running(room: &Room) -> String {
    let limit = Instant::now() + Duration::from_secs(30);
    loop {
        let pods = api::<Pod>(room).await.list(&ListParams::default()).await.expect("listed").items;
        let runs = |pod: &Pod| pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running");
        if let Some(pod) = pods.into_iter().find(runs) {
            return pod.metadata.name.expect("a name");
        }
        assert!(Instant::now() < limit, "no pod runs");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn run(room: &Room, body: Value, context: &Context) -> Result<Outcome, Fault> {
    let kind = STEPS.iter().find(|kind| kind.name == "pod").expect("registered");
    let step = kind.decode(&Node::from_json(&body, Span::new(FileId(0), 0, 0))).expect("of the right shape");
    let outcome = step.run(context).await;
    assert!(!room.log().contains("stays:"), "{}", room.log());
    outcome
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_pod_hands_on_its_lines_and_its_exit_code_and_nothing_stays() {
    let room = Room::new("pod", &[]).await;
    let mut body = sh("echo one; echo two >&2; sleep 1; echo \"value $TOKEN\"; id -u");
    body["env"] = json!({ "TOKEN": "a b$c" });
    let outcome = run(&room, body, &room.project.context).await;
    assert!(matches!(&outcome, Ok(Outcome::Passed(outputs)) if outputs["exit_code"] == 0), "{outcome:?}");
    let log = room.log();
    let lines: Vec<&str> = log.lines().collect();
    for line in ["one", "two", "value a b$c", "65532"] {
        assert!(lines.contains(&line), "no `{line}` in {lines:?}");
    }
    let failing = run(&room, sh("echo broken; exit 3"), &room.project.context).await;
    let Ok(Outcome::Failed(failure)) = failing else { panic!("{failing:?}") };
    let summary = format!("the container of {IMAGE} ended with exit code 3, expected 0");
    assert_eq!((failure.summary, failure.exit_code), (summary, Some(3)));
    assert_eq!(failure.findings.last().map(|found| found.lines.clone()), Some(vec!["broken".to_owned()]));
    let mut tolerated = sh("exit 3");
    tolerated["exit_code"] = json!("2..3");
    assert!(matches!(run(&room, tolerated, &room.project.context).await, Ok(Outcome::Passed(_))));
    empty(&room).await;
    room.leave().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_long_log_is_whole_and_in_order() {
    let room = Room::new("pod-log", &[]).await;
    let script = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; \
                  head -c 100000 /dev/zero | tr '\\0' x; echo; echo end";
    let outcome = run(&room, sh(script), &room.project.context).await;
    assert!(matches!(outcome, Ok(Outcome::Passed(_))), "{outcome:?}");
    let log = room.log();
    let numbers: Vec<&str> = log.lines().filter_map(|line| line.strip_prefix("line ")).collect();
    let expected: Vec<String> = (0..20_000).map(|number| number.to_string()).collect();
    assert_eq!(numbers, expected);
    let long: usize = log.lines().filter(|line| line.starts_with('x')).map(str::len).sum();
    assert_eq!(long, 100_000, "a line longer than the runtime's limit comes in pieces");
    assert_eq!(log.lines().last(), Some("end"));
    room.leave().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn what_keeps_a_pod_from_starting_is_named() {
    let room = Room::new("pod-start", &[]).await;
    let missing = json!({ "image": "not-there.invalid/nothing:1", "command": ["true"] });
    let outcome = run(&room, missing, &room.project.context).await;
    let Ok(Outcome::Failed(failure)) = outcome else { panic!("{outcome:?}") };
    assert!(failure.summary.contains("has not started"), "{}", failure.summary);
    assert!(causes(&failure).iter().any(|cause| cause.contains("ImagePull")), "{failure:?}");
    let no_program = json!({ "image": IMAGE, "command": ["/not/there"] });
    let outcome = run(&room, no_program, &room.project.context).await;
    let Ok(Outcome::Failed(failure)) = outcome else { panic!("{outcome:?}") };
    assert!(failure.summary.contains("did not start: StartError"), "{}", failure.summary);
    let quota = json!({ "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "none" },
        "spec": { "hard": { "pods": "0" } } });
    room.passes(json!({ "apply": { "objects": [quota] } })).await;
    let outcome = run(&room, sh("true"), &room.project.context).await;
    let Ok(Outcome::Failed(failure)) = outcome else { panic!("{outcome:?}") };
    assert!(causes(&failure).contains(&"QuotaExceeded"), "{failure:?}");
    empty(&room).await;
    room.leave().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_pod_that_is_taken_away_is_a_fault() {
    let room = Room::new("pod-lost", &[]).await;
    let delete = async {
        let pod = running(&room).await;
        let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
        api::<Pod>(&room).await.delete(&pod, &now).await.expect("deleted");
    };
    let (outcome, ()) = tokio::join!(run(&room, sh("sleep 60"), &room.project.context), delete);
    let fault = outcome.expect_err("there is no answer");
    assert_eq!((fault.kind, fault.transient), (FaultKind::Environment, true), "{fault:?}");
    assert!(fault.message.contains("Deleted: pod/"), "{fault:?}");
    let mut greedy = sh("tail -c 200000000 /dev/zero > /dev/null");
    greedy["resources"] = json!({ "memory": "20Mi" });
    let outcome = run(&room, greedy, &room.project.context).await;
    let Ok(Outcome::Failed(failure)) = outcome else { panic!("{outcome:?}") };
    assert!(causes(&failure).contains(&"OOMKilled"), "{failure:?}");
    empty(&room).await;
    room.leave().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_pod_that_is_stopped_ends_well_and_is_removed() {
    let room = Room::new("pod-stop", &[]).await;
    let signals = fresh();
    let cancel = signals.cancel.clone();
    let context = Context { signals, ..room.project.context.clone() };
    let stop = async {
        running(&room).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        cancel.cancel();
    };
    let script = "trap 'echo ending; exit 0' TERM; echo up; while :; do sleep 0.1; done";
    let (outcome, ()) = tokio::join!(run(&room, sh(script), &context), stop);
    assert!(matches!(outcome, Ok(Outcome::Failed(_))), "{outcome:?}");
    assert!(room.log().contains("ending"), "{}", room.log());
    empty(&room).await;
    room.leave().await;
}
