//! A room of the real cluster for the tests of the `kube` step: a project, a namespace, a workload that serves.

use std::time::Duration;

use pipeline::core::kind::{Context, Signals};
use pipeline::core::model::outcome::{Failure, Fault, Outcome, Outputs};
use pipeline::core::model::source::{FileId, Span};
use pipeline::core::yaml::Node;
use pipeline::kinds::STEPS;
use serde_json::{Value, json};

use super::busybox::{IMAGE, loaded};
use super::world::Project;

/// A project with a namespace of its own, which [`Room::leave`] takes away.
pub struct Room {
    pub project: Project,
    pub namespace: String,
}

impl Room {
    pub async fn new(name: &str, files: &[(&str, &str)]) -> Self {
        loaded();
        let namespace = format!("kube-{name}-{}", std::process::id());
        let room = Room { project: Project::new(files, &namespace), namespace };
        room.passes(json!({ "config_map": { "name": "first", "data": { "a": "b" }, "create_namespace": true } })).await;
        room
    }

    pub async fn passes(&self, body: Value) -> Outputs {
        self.project.passes("kube", body).await
    }

    pub async fn fails(&self, body: Value) -> Failure {
        match self.project.step("kube", body).await {
            Ok(Outcome::Failed(failure)) => failure,
            other => panic!("did not fail: {other:?}\n{}", self.log()),
        }
    }

    /// The failure of a step that the engine stops after `limit`.
    pub async fn fails_after(&self, limit: Duration, body: Value) -> Failure {
        let signals = fresh();
        let cancel = signals.cancel.clone();
        let step = self.run(body, signals);
        let limited = async {
            tokio::time::sleep(limit).await;
            cancel.cancel();
            std::future::pending::<()>().await;
        };
        let outcome = tokio::select! { outcome = step => outcome, () = limited => unreachable!("it never ends") };
        match outcome {
            Ok(Outcome::Failed(failure)) => failure,
            other => panic!("did not fail: {other:?}\n{}", self.log()),
        }
    }

    pub async fn run(&self, body: Value, signals: Signals) -> Result<Outcome, Fault> {
        let kind = STEPS.iter().find(|kind| kind.name == "kube").expect("registered");
        let step = kind.decode(&Node::from_json(&body, Span::new(FileId(0), 0, 0))).expect("of the right shape");
        let context = Context { signals, ..self.project.context.clone() };
        step.run(&context).await
    }

    pub fn log(&self) -> String {
        self.project.log.text()
    }

    pub async fn leave(self) {
        let namespace = format!("namespace/{}", self.namespace);
        self.passes(json!({ "delete": { "target": namespace, "wait": false } })).await;
    }
}

pub fn fresh() -> Signals {
    Signals::new(Duration::from_secs(1))
}

pub fn causes(failure: &Failure) -> Vec<&str> {
    failure.findings.iter().map(|finding| finding.cause.as_str()).collect()
}

pub fn workload(kind: &str, name: &str, replicas: u32, script: &str) -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": { "name": name },
        "spec": {
            "replicas": replicas, "selector": { "matchLabels": { "app": name } },
            "template": { "metadata": { "labels": { "app": name } }, "spec": {
                "terminationGracePeriodSeconds": 0,
                "containers": [{ "name": "main", "image": IMAGE, "imagePullPolicy": "Never",
                    "ports": [{ "name": "http", "containerPort": 8080 }], "command": ["/bin/sh", "-c", script] }] } }
        }
    });
    if kind == "StatefulSet" {
        object["spec"]["serviceName"] = name.into();
    }
    object
}

/// Serves its pod's name over HTTP on port 8080.
pub const SERVE: &str = "echo serving; mkdir /www; hostname > /www/index.html; exec httpd -f -p 8080 -h /www";

pub async fn up(room: &Room, kind: &str, replicas: u32) {
    let objects = json!([
        workload(kind, "web", replicas, SERVE),
        { "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web" },
          "spec": { "selector": { "app": "web" }, "ports": [{ "name": "http", "port": 80, "targetPort": "http" }] } }
    ]);
    room.passes(json!({ "apply": { "objects": objects, "wait": true } })).await;
}
