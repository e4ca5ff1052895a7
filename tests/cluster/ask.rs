//! The `ask` step on a real cluster: what a tool sees of it, and what the fallback says of it.

use std::io::{Read, Write};
use std::net::TcpListener;

use pipeline::core::model::outcome::Outcome;
use serde_json::{Value, json};

use super::busybox::IMAGE;
use super::stand::{ClusterFixture, step};

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
        "spec": {
            "replicas": 1, "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": {
                    "terminationGracePeriodSeconds": 0,
                    "containers": [{
                        "name": "web", "image": IMAGE, "imagePullPolicy": "Never", "command": ["sleep", "1000"],
                        "env": [{ "name": "TOKEN", "value": "never-to-be-told" }],
                    }],
                },
            },
        },
    })
}

async fn outputs(stand: &ClusterFixture, body: &str) -> pipeline::core::model::outcome::Outputs {
    match step("ask", body).run(&stand.cx).await {
        Ok(Outcome::Passed(outputs)) => outputs,
        other => panic!("somebody answers: {other:?}"),
    }
}

/// A model's endpoint that answers with what it was asked; its URL.
fn parrot() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/v1", listener.local_addr().expect("bound"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (mut text, mut chunk) = (Vec::new(), [0; 8192]);
            loop {
                let all = String::from_utf8_lossy(&text).into_owned();
                let (head, body) = all.split_once("\r\n\r\n").unwrap_or((&all, ""));
                let length = head
                    .lines()
                    .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
                if length.is_some_and(|length| body.len() >= length) {
                    let asked: Value = serde_json::from_str(body).unwrap_or_default();
                    let answer = json!({ "choices": [{ "message": { "content": asked["messages"][1]["content"] } }] })
                        .to_string();
                    let _ = write!(
                        stream,
                        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{answer}",
                        answer.len()
                    );
                    break;
                }
                match stream.read(&mut chunk) {
                    Ok(count @ 1..) => text.extend_from_slice(&chunk[..count]),
                    _ => break,
                }
            }
        }
    });
    url
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn the_fallback_describes_and_an_endpoint_gets_its_state() {
    let stand = ClusterFixture::new("ask", json!({})).await;
    stand.apply(deployment()).await;
    let manual = outputs(&stand, "question: is it well?\nabout: deploy/web\ntool: kagent\ntimeout: 5s\n").await;
    assert_eq!(manual["answered_by"], json!("fallback"));
    let answer = manual["answer"].as_str().expect("a text");
    assert!(
        answer.starts_with(&format!("deployment/web in namespace {}\nDeployment web\n", stand.namespace)),
        "{answer}"
    );
    assert!(answer.contains("- run at least 2 replicas of deployment/web"), "{answer}");
    let kept = stand.kept.0.lock().expect("no panic").clone();
    assert_eq!(kept["answer.txt"], answer);
    assert!(kept["recommendations.txt"].contains("readiness probe"), "{}", kept["recommendations.txt"]);

    let body = format!(
        "question: is it well?\nabout: deployment/web\ntool: {{ openai: {{ endpoint: \"{}\", model: m }} }}\n",
        parrot()
    );
    let asked = outputs(&stand, &body).await;
    assert_eq!(asked["answered_by"], json!("openai"));
    let reported = asked["answer"].as_str().expect("a text");
    assert!(reported.contains("This is its state now:\ndeployment/web in namespace"), "{reported}");
    assert!(!reported.contains("never-to-be-told"), "values of the environment are not sent to a model");

    let kubectl = "question: q\nabout: deployment/web\ntool: { command: [sh, -c, 'kubectl config get-contexts -o name; \
                   kubectl get deployment web -o name'] }\n";
    let seen = outputs(&stand, kubectl).await;
    let context = std::env::var("PIPELINE_TEST_CONTEXT").unwrap_or_else(|_| "local".to_owned());
    assert_eq!(seen["answer"], json!(format!("{context}\ndeployment.apps/web")));

    let gone = step("ask", "question: q\nabout: deployment/gone\ntool: kagent\ntimeout: 5s\n").run(&stand.cx).await;
    let Ok(Outcome::Failed(failure)) = gone else { panic!("nobody can answer: {gone:?}") };
    assert!(failure.findings[0].message.contains("has no deployment/gone; it has web"), "{failure:?}");
    stand.down().await;
}
