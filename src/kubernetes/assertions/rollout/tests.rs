//! When a workload has rolled out, by what its status says.

use super::*;
use serde_json::json;

fn measure(assertion: &str, kind: &str, workload: Option<Value>, revisions: &[Value]) -> Vec<String> {
    let assertion: Rollout = serde_yaml::from_str(assertion).expect("well formed");
    let object = |it: Value| Arc::new(serde_json::from_value::<DynamicObject>(it).expect("an object"));
    let revisions: Vec<_> = revisions.iter().cloned().map(object).collect();
    let pod = |owner: &str, uid: &str| {
        object(json!({ "metadata": { "name": "p", "ownerReferences":
            [{ "apiVersion": "apps/v1", "kind": owner, "name": "o", "uid": uid, "controller": true }] },
            "status": { "conditions": [{ "type": "Ready", "status": "True" }] } }))
    };
    let pods = [pod("ReplicaSet", "r"), pod("ReplicaSet", "r"), pod("StatefulSet", "s")];
    let measures = assertion.measures(kind, workload.map(object).as_ref(), &revisions, &pods);
    measures.iter().map(|it| format!("{}: {} / {} / {}", it.name, it.actual, it.expected, it.holds)).collect()
}

fn deployment(available: i64) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "generation": 2, "annotations": {"deployment.kubernetes.io/revision": "3"}},
        "spec": {"replicas": 2, "strategy": {"type": "RollingUpdate"},
            "template": {"spec": {"containers": [{"name": "app", "image": "web:dev"}]}}},
        "status": {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": available}
    })
}

#[test]
fn measures_a_deployment() {
    assert_eq!(
        measure(
            "{ workload: deploy/web, revision: '>= 4', strategy: Recreate, replicas: 2, image: 'docker.io/library/web:dev' }",
            "Deployment",
            Some(deployment(1)),
            &[]
        ),
        [
            "complete: 1 of 2 updated replicas available / rolled out / false",
            "revision: 3 / >= 4 / false",
            "strategy: RollingUpdate / Recreate / false",
            "replicas: 1 / 2 / false",
            "image: web:dev / docker.io/library/web:dev / true",
        ]
    );
    assert_eq!(
        measure("{ workload: deploy/web, complete: false }", "Deployment", Some(deployment(2)), &[]),
        ["complete: rolled out / not rolled out / false"]
    );
    assert_eq!(
        measure("{ workload: deployment/web }", "Deployment", None, &[]),
        ["complete: there is no deployment/web / rolled out / false"]
    );
}

#[test]
fn finds_the_revision_of_a_stateful_set() {
    let set = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "uid": "s", "generation": 1},
        "spec": {"replicas": 1},
        "status": {"observedGeneration": 1, "readyReplicas": 1, "availableReplicas": 1, "updatedReplicas": 1,
            "currentRevision": "db-2", "updateRevision": "db-2"}
    });
    let revision = |name: &str, number: i64, owner: &str| {
        json!({
            "apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": number,
            "metadata": {"name": name, "ownerReferences":
                [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": owner, "uid": "u"}]}
        })
    };
    let revisions = [revision("db-1", 1, "db"), revision("db-2", 2, "db"), revision("other-9", 9, "other")];
    assert_eq!(
        measure("{ workload: sts/db, revision: 2 }", "StatefulSet", Some(set), &revisions),
        ["complete: rolled out / rolled out / true", "revision: 2 / 2 / true"]
    );
}

#[test]
fn knows_the_kinds_that_roll_out_by_their_loose_names() {
    let kind = |written: &str| kind_of(written).map(|(kind, resource)| (kind, resource.plural));
    assert_eq!(kind("deploy"), Some(("Deployment", "deployments".to_owned())));
    assert_eq!(kind("DaemonSet"), Some(("DaemonSet", "daemonsets".to_owned())));
    assert_eq!(kind("statefulsets.apps"), Some(("StatefulSet", "statefulsets".to_owned())));
    assert_eq!(kind("service"), None);
}

#[test]
fn the_image_of_a_sidecar_is_one_of_its_images() {
    let mut with = deployment(2);
    with["spec"]["template"]["spec"]["initContainers"] = json!([{ "name": "side", "restartPolicy": "Always", "image": "proxy:1" }, { "name": "setup", "image": "setup:1" }]);
    assert_eq!(
        measure("{ workload: deploy/web, image: 'proxy:1' }", "Deployment", Some(with), &[])[1],
        "image: web:dev, proxy:1 / proxy:1 / true"
    );
}
