//! Verdicts about objects that only look as if they were as wanted, on a real cluster: kept by a strategy, being deleted,
//! twice there, refused for their types. Each test has a namespace of its own.

use pipeline::services::Clients;
use std::time::{Duration, Instant};

use kube::api::{Api, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use super::kube_room::{Room, SERVE, causes, workload};

fn config_map(name: &str, data: Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name }, "data": data })
}

async fn config_maps(room: &Room) -> Api<DynamicObject> {
    let cluster = room.project.context.cluster();
    let (resource, _) = cluster.discover("v1", "ConfigMap").await.expect("served");
    Api::namespaced_with(cluster.client().await.expect("connected"), &room.namespace, &resource)
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn kubeverdict_on_delete_and_a_partition_keep_old_pods_and_no_gate_holds() {
    let room = Room::new("kubeverdict-held", &[]).await;
    let mut daemon = workload("DaemonSet", "agent", 1, SERVE);
    daemon["spec"].as_object_mut().expect("a map").remove("replicas");
    daemon["spec"]["updateStrategy"] = json!({ "type": "OnDelete" });
    let mut set = workload("StatefulSet", "db", 1, SERVE);
    set["spec"]["serviceName"] = "db".into();
    set["spec"]["updateStrategy"] = json!({ "type": "RollingUpdate", "rollingUpdate": { "partition": 1 } });
    room.passes(json!({ "apply": { "objects": [daemon, set], "wait": true } })).await;
    let begun = Instant::now();
    let failure = room.fails(json!({ "restart": "daemonset/agent" })).await;
    assert_eq!(causes(&failure), ["OnDelete"], "{failure:?}");
    let failure = room.fails(json!({ "restart": "statefulset/db" })).await;
    assert_eq!(causes(&failure), ["Partition"], "{failure:?}");
    assert!(begun.elapsed() < Duration::from_secs(30));
    assert_eq!(
        room.project.measures("rollout", json!({ "workload": "daemonset/agent" })).await,
        [
            "unmet complete: OnDelete: 0 of 1 pods at the newest revision; the others stay until they are deleted / rolled out"
        ]
    );
    assert_eq!(
        room.project.measures("rollout", json!({ "workload": "statefulset/db" })).await,
        [
            "unmet complete: Partition: 0 of 1 replicas at the newest revision; partition 1 keeps the others / rolled out"
        ]
    );
    room.passes(json!({ "delete": { "kind": "pods", "selector": "app=agent", "grace_period": 0 } })).await;
    room.passes(json!({ "wait": { "target": "daemonset/agent", "for": "rollout" } })).await;
    room.leave().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn kubeverdict_what_is_being_deleted_is_refused_and_reported() {
    let room = Room::new("kubeverdict-dying", &[]).await;
    let mut held = config_map("hold", json!({ "k": "v" }));
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    room.passes(json!({ "apply": { "objects": [held] } })).await;
    room.passes(json!({ "delete": { "target": "configmap/hold", "wait": false } })).await;
    let failure = room.fails(json!({ "apply": { "objects": [config_map("hold", json!({ "k": "w" }))] } })).await;
    assert_eq!(causes(&failure), ["Terminating"], "{failure:?}");
    assert!(failure.summary.contains("its finalizers have not let go: example.com/hold"), "{}", failure.summary);
    let gate = json!({ "kind": "configmap", "name": "hold", "match": { "data": { "k": "v" } } });
    let measures = room.project.measures("resource", gate).await;
    assert!(measures[0].starts_with("unmet configmap/hold: being deleted since "), "{measures:?}");
    let measures =
        room.project.measures("resource", json!({ "kind": "configmap", "name": "hold", "absent": true })).await;
    assert!(measures[0].starts_with("unmet configmap/hold: there: hold (being deleted since "), "{measures:?}");
    let cluster = room.project.context.cluster();
    let (namespaces, _) = cluster.discover("v1", "Namespace").await.expect("served");
    let api: Api<DynamicObject> = Api::all_with(cluster.client().await.expect("connected"), &namespaces);
    api.delete(&room.namespace, &kube::api::DeleteParams::default()).await.expect("deleted");
    let failure = room.fails(json!({ "apply": { "objects": [config_map("other", json!({}))] } })).await;
    assert_eq!(causes(&failure), ["Terminating"], "{failure:?}");
    let failure =
        room.fails(json!({ "apply": { "objects": [config_map("other", json!({}))], "create_namespace": true } })).await;
    assert!(failure.summary.contains("is being deleted since"), "{}", failure.summary);
    let free = json!({ "metadata": { "finalizers": null } });
    config_maps(&room).await.patch("hold", &PatchParams::default(), &Patch::Merge(free)).await.expect("let go");
    room.leave().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn kubeverdict_mistakes_of_a_manifest_fail_at_once() {
    let room = Room::new("kubeverdict-types", &[]).await;
    let container = |env: Value| {
        let mut deployment = workload("Deployment", "web", 0, SERVE);
        deployment["spec"]["template"]["spec"]["containers"][0]["env"] = env;
        deployment
    };
    let secret = |value: &str| json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "s" }, "data": { "A": value } });
    let begun = Instant::now();
    for (object, cause) in [
        (container(json!([{ "name": "PORT", "value": 8080 }])), "WrongType"),
        (container(json!([{ "name": "A", "value": "1" }, { "name": "A", "value": "2" }])), "DuplicateKey"),
        (config_map("c", json!({ "DEBUG": true })), "WrongType"),
        (secret("not base64!"), "NotBase64"),
        (config_map("c", json!(["a"])), "WrongType"),
    ] {
        let failure = room.fails(json!({ "apply": { "objects": [object] } })).await;
        assert_eq!(causes(&failure), [cause], "{failure:?}");
        assert!(!failure.summary.contains("valueUnstructured"), "{}", failure.summary);
        assert!(failure.help.is_some(), "{failure:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let job = |text: &str| {
        let mut pod = workload("Deployment", "job", 1, text)["spec"]["template"].clone();
        pod["spec"]["restartPolicy"] = "Never".into();
        json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "once" }, "spec": { "suspend": false, "template": pod } })
    };
    room.passes(json!({ "apply": { "objects": [job("true")] } })).await;
    let failure = room.fails(json!({ "apply": { "objects": [job("false")] } })).await;
    assert_eq!(causes(&failure), ["Immutable"], "{failure:?}");
    assert!(failure.summary.ends_with("spec.template: field is immutable"), "{}", failure.summary);
    room.leave().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn kubeverdict_an_object_twice_in_one_apply_is_refused() {
    let room = Room::new("kubeverdict-twice", &[]).await;
    let mut here = config_map("dup", json!({ "b": "two" }));
    here["metadata"]["namespace"] = room.namespace.clone().into();
    let failure = room.fails(json!({ "apply": { "objects": [config_map("dup", json!({ "a": "one" })), here] } })).await;
    assert_eq!(causes(&failure), ["Twice", "Twice"], "{failure:?}");
    assert!(config_maps(&room).await.get_opt("dup").await.expect("an answer").is_none());
    room.leave().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn kubeverdict_kinds_that_go_and_names_that_another_has() {
    let room = Room::new("kubeverdict-kinds", &[]).await;
    let group = format!("kubeverdict{}.pipeline.dev", std::process::id());
    let crd = |plural: &str| {
        json!({ "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": { "name": format!("{plural}.{group}") },
            "spec": { "group": group, "scope": "Namespaced",
                "names": { "kind": "Gizmo", "plural": plural, "singular": plural.trim_end_matches('s') },
                "versions": [{ "name": "v1", "served": true, "storage": true,
                    "schema": { "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } } }] } })
    };
    let gizmo = json!({ "apiVersion": format!("{group}/v1"), "kind": "Gizmo", "metadata": { "name": "g" } });
    room.passes(json!({ "apply": { "objects": [crd("gizmos"), gizmo.clone()] } })).await;
    for _ in 0..2 {
        let begun = Instant::now();
        let failure = room.fails(json!({ "apply": { "objects": [crd("gizmoes")] } })).await;
        assert!(failure.summary.contains("is already in use"), "{failure:?}");
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    }
    room.passes(json!({ "delete": [format!("crd/gizmoes.{group}"), format!("crd/gizmos.{group}")] })).await;
    let target = format!("gizmo.{group}/g");
    room.passes(json!({ "delete": { "target": target, "ignore_missing": true } })).await;
    let gone = json!({ "kind": format!("gizmos.{group}"), "absent": true });
    let measures = room.project.measures("resource", gone).await;
    assert!(measures[0].starts_with("holds "), "{measures:?}");
    room.leave().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn kubeverdict_fields_of_a_client_side_apply_go_with_force() {
    let room = Room::new("kubeverdict-csa", &[]).await;
    let api = config_maps(&room).await;
    let parameters = kube::api::PostParams {
        field_manager: Some("kubectl-client-side-apply".to_owned()),
        ..kube::api::PostParams::default()
    };
    let old: DynamicObject =
        serde_json::from_value(config_map("csa", json!({ "OLD": "a", "KEEP": "b" }))).expect("an object");
    api.create(&parameters, &old).await.expect("created");
    let new = || config_map("csa", json!({ "KEEP": "b" }));
    room.passes(json!({ "apply": { "objects": [new()] } })).await;
    assert!(room.log().contains("configmap/csa was made by `kubectl apply`"), "{}", room.log());
    room.passes(json!({ "apply": { "objects": [new()], "force": true } })).await;
    let now = api.get("csa").await.expect("there");
    assert_eq!(now.data["data"], json!({ "KEEP": "b" }));
    room.leave().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn kubeverdict_a_container_that_waits_has_no_log_and_a_dry_run_needs_its_namespace() {
    let room = Room::new("kubeverdict-logs", &[]).await;
    let mut pod = workload("Deployment", "web", 1, "echo hello; sleep 3600");
    let mut waits = pod["spec"]["template"]["spec"]["containers"][0].clone();
    waits["name"] = "waits".into();
    waits["image"] = "kubeverdict-none:404".into();
    pod["spec"]["template"]["spec"]["containers"].as_array_mut().expect("a list").push(waits);
    room.passes(json!({ "apply": { "objects": [pod] } })).await;
    let running = "self.status.containerStatuses.exists(c, has(c.state.running))";
    room.passes(json!({ "wait": { "kind": "pods", "selector": "app=web", "for": running } })).await;
    room.passes(json!({ "logs": { "selector": "app=web" } })).await;
    assert!(room.log().contains("waits has no log: "), "{}", room.log());
    let fresh = json!({ "apply": { "objects": [config_map("a", json!({}))], "dry_run": "server", "create_namespace": true },
        "namespace": "kubeverdict-not-there" });
    let failure = room.fails(fresh).await;
    assert!(
        failure.summary.starts_with("namespace/kubeverdict-not-there does not exist, and a server dry run makes none"),
        "{}",
        failure.summary
    );
    room.leave().await;
}
