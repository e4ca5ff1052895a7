//! How a watch behaves towards an API server made for the test.

use super::*;
use http::{Request, Response};
use k8s_openapi::api::core::v1::Pod;
use kube::client::Body;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Mutex;

/// An API server that gives these answers in turn, then none; with the requests it was asked.
fn server(answers: Vec<(u16, String)>) -> (kube::Client, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (log, mut answers) = (Arc::clone(&asked), answers.into_iter());
    let service = tower::service_fn(move |request: Request<Body>| {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let version = query.split('&').find(|part| part.starts_with("resourceVersion=")).unwrap_or_default();
        let what = if query.contains("watch=true") { format!("watch {version}") } else { "list".to_owned() };
        log.lock().expect("no panic").push(what);
        let answer = answers.next();
        async move {
            let Some((status, body)) = answer else { return std::future::pending().await };
            let response = Response::builder().status(status).body(Body::from(body.into_bytes()));
            Ok::<_, Infallible>(response.expect("well formed"))
        }
    });
    (kube::Client::new(service, "default"), asked)
}

fn pod(name: &str, version: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {
        "name": name, "namespace": "todo", "resourceVersion": version, "managedFields": [{"manager": "kubectl"}]
    }})
}

fn list(version: &str, pods: &[Value]) -> (u16, String) {
    let list = json!({
        "apiVersion": "v1", "kind": "PodList", "metadata": {"resourceVersion": version}, "items": pods
    });
    (200, list.to_string())
}

fn event(kind: &str, object: &Value) -> (u16, String) {
    (200, json!({"type": kind, "object": object}).to_string() + "\n")
}

fn refusal(code: u16, message: &str) -> (u16, String) {
    let status = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "message": message, "reason": "x"
    });
    (code, status.to_string())
}

fn key() -> Key {
    Key { resource: ApiResource::erase::<Pod>(&()), namespace: Some("todo".to_owned()), selector: None }
}

fn start(client: kube::Client) -> Objects {
    Objects::start(client, &key())
}

async fn until(objects: &Objects, names: &[&str]) {
    let mut version = objects.version();
    while objects.list().iter().map(|it| it.metadata.name.clone().unwrap_or_default()).collect::<Vec<_>>() != names {
        version.changed().await.expect("the watch goes on");
    }
}

#[tokio::test(start_paused = true)]
async fn survives_a_closed_watch_and_one_that_is_too_old() {
    let gone = json!({"kind": "Status", "status": "Failure", "code": 410, "message": "too old", "reason": "Expired"});
    let (client, asked) = server(vec![
        list("1", &[pod("a", "1")]),
        event("ADDED", &pod("b", "2")),
        event("DELETED", &pod("a", "3")),
        event("ERROR", &gone),
        list("9", &[pod("c", "8")]),
    ]);
    let objects = start(client);
    objects.synced().await.expect("listed");
    until(&objects, &["c"]).await;
    assert_eq!(objects.health(), Ok(()));
    assert_eq!(objects.list()[0].metadata.managed_fields, None);
    tokio::task::yield_now().await;
    let asked = asked.lock().expect("no panic").clone();
    assert_eq!(
        asked[..5],
        ["list", "watch resourceVersion=1", "watch resourceVersion=2", "watch resourceVersion=3", "list"]
    );
}

#[tokio::test(start_paused = true)]
async fn lists_again_what_cannot_be_watched() {
    let (client, asked) = server(vec![list("", &[]), list("", &[]), list("", &[pod("a", "")])]);
    let objects = start(client);
    objects.synced().await.expect("listed");
    until(&objects, &["a"]).await;
    assert_eq!(objects.health(), Ok(()));
    assert_eq!(asked.lock().expect("no panic")[..3], ["list", "list", "list"]);
}

#[tokio::test(start_paused = true)]
async fn says_that_it_may_not_watch() {
    let (client, _) = server(vec![refusal(403, "pods is forbidden")]);
    let fault = start(client).synced().await.expect_err("forbidden");
    assert_eq!(fault.message, "the cluster does not allow to list and watch pods in namespace todo: pods is forbidden");
    assert!(!fault.transient);
}

#[tokio::test(start_paused = true)]
async fn says_that_the_cluster_was_lost_and_that_it_is_back() {
    let (client, _) = server(vec![list("1", &[pod("a", "1")]), refusal(503, "starting"), list("5", &[pod("b", "5")])]);
    let objects = start(client);
    let mut version = objects.version();
    while objects.health().is_ok() {
        version.changed().await.expect("the watch goes on");
    }
    let fault = objects.health().expect_err("lost");
    assert_eq!(fault.message, "the cluster cannot list pods in namespace todo: starting (503)");
    assert!(fault.transient);
    until(&objects, &["b"]).await;
    while objects.health().is_err() {
        version.changed().await.expect("the watch goes on");
    }
}

#[tokio::test(start_paused = true)]
async fn one_watch_is_shared_while_anyone_holds_it() {
    let (client, asked) = server(vec![list("1", &[])]);
    let watches = Watches::default();
    let (one, other) = (watches.get(key(), &client), watches.get(key(), &client));
    assert!(Arc::ptr_eq(&one, &other));
    one.synced().await.expect("listed");
    assert_eq!(asked.lock().expect("no panic")[0], "list");
    drop((one, other));
    assert_eq!(watches.held.lock().expect("no panic").values().filter(|it| it.strong_count() > 0).count(), 0);
}
