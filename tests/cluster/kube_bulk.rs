//! Applying 200 `ConfigMap`s against `kubectl apply --server-side` of the same file, on the same cluster.

use pipeline::services::Clients;
use std::fmt::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use super::kube_room::Room;
use super::world::Project;

#[tokio::test]
#[ignore = "needs the cluster"]
#[expect(clippy::print_stdout, reason = "the figures are what this is for")]
async fn two_hundred_config_maps_take_less_time_than_with_kubectl() {
    let mut manifest = String::new();
    for at in 0..200 {
        write!(
            manifest,
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: map-{at}\ndata:\n  key: value-{at}\n---\n"
        )
        .expect("a string takes all");
    }
    let room = Room::new("bulk", &[("maps.yaml", &manifest)]).await;
    let path = room.project.path().join("maps.yaml");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..3 {
        // Both start cold, with a client of their own; both create, then find all as it should be.
        for again in [false, true] {
            let project = Project::new(&[("maps.yaml", &manifest)], &room.namespace);
            let began = Instant::now();
            let outputs = project.passes("kube", json!({ "apply": "maps.yaml" })).await;
            ours.push(began.elapsed());
            assert_eq!(outputs[if again { "unchanged" } else { "created" }], json!(200), "round {round}");
        }
        away(&room).await;
        for _ in [false, true] {
            let began = Instant::now();
            let mut kubectl = Command::new("kubectl");
            kubectl.args(["apply", "--server-side", "--context", "local", "-n", &room.namespace, "-f"]).arg(&path);
            assert!(kubectl.output().expect("started").status.success());
            theirs.push(began.elapsed());
        }
        away(&room).await;
    }
    let best = |times: &[Duration], first: usize| *times.iter().skip(first).step_by(2).min().expect("measured");
    println!(
        "create 200: {:?}, kubectl {:?}; unchanged: {:?}, kubectl {:?}",
        best(&ours, 0),
        best(&theirs, 0),
        best(&ours, 1),
        best(&theirs, 1)
    );
    println!("all of ours {ours:?}\nall of kubectl's {theirs:?}");
    assert!(best(&ours, 0) < best(&theirs, 0));
    room.leave().await;
}

async fn away(room: &Room) {
    let cluster = room.project.context.cluster();
    let (resource, _) = cluster.discover("v1", "ConfigMap").await.expect("served");
    let api: kube::api::Api<kube::api::DynamicObject> =
        kube::api::Api::namespaced_with(cluster.client().await.expect("connected"), &room.namespace, &resource);
    api.delete_collection(
        &kube::api::DeleteParams::default(),
        &kube::api::ListParams::default().fields("metadata.name!=first"),
    )
    .await
    .expect("deleted");
}
