//! Services by name: the way that a check takes, and the cause where there is none.

use pipeline::core::kind::Assertion;
use pipeline::core::model::outcome::{Outcome, Verdict};
use serde_json::{Value, json};

use crate::busybox::IMAGE;
use crate::stand::{ClusterFixture, assertion, step};

/// A web server `web` with a readiness probe, behind a Service of this type.
async fn served(stand: &ClusterFixture, kind: &str, target: u16) {
    let script = "mkdir -p /tmp/www; echo hello > /tmp/www/index.html; exec /bin/busybox httpd -f -p 8080 -h /tmp/www";
    stand
        .apply(json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {
                "replicas": 1, "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
                    "terminationGracePeriodSeconds": 0,
                    "containers": [{
                        "name": "app", "image": IMAGE, "imagePullPolicy": "Never", "command": ["/bin/sh", "-c", script],
                        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
                    }]
                }}
            }
        }))
        .await;
    service(stand, kind, json!({"app": "web"}), target).await;
}

async fn service(stand: &ClusterFixture, kind: &str, selector: Value, target: u16) {
    let ports = json!([{"port": 80, "targetPort": target}]);
    let spec = json!({"type": kind, "selector": selector, "ports": ports});
    stand.apply(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec})).await;
}

/// Measures until it holds.
async fn holds(stand: &ClusterFixture, asked: &dyn Assertion) -> Verdict {
    let measured = async {
        loop {
            if let Ok(verdict) = asked.measure(&stand.cx).await
                && verdict.holds()
            {
                return verdict;
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), measured).await.expect("it holds in time")
}

fn via(verdict: &Verdict) -> String {
    let measure = verdict.measures().iter().find(|measure| measure.name == "via");
    measure.map(|measure| measure.actual.clone()).unwrap_or_default()
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_service_is_reached_by_its_node_port_by_its_pods_and_by_a_forward_that_was_asked_for() {
    let stand = ClusterFixture::new("reach-ways", json!({})).await;
    served(&stand, "NodePort", 8080).await;
    let verdict = holds(&stand, &*assertion("http", "{ service: web, contains: hello }")).await;
    assert!(via(&verdict).starts_with("node port "), "{verdict:?}");
    let verdict =
        holds(&stand, &*assertion("http", "{ service: web, port: 80, via: endpoints, contains: hello }")).await;
    assert_eq!(via(&verdict), "the endpoints of service/web");
    let verdict = holds(&stand, &*assertion("http", "{ service: web, via: port_forward, contains: hello }")).await;
    assert!(via(&verdict).starts_with("a port-forward from 127.0.0.1:"), "{verdict:?}");
    let verdict = holds(&stand, &*assertion("tcp", "{ service: web }")).await;
    assert!(via(&verdict).starts_with("node port "), "{verdict:?}");

    let Ok(Outcome::Passed(outputs)) = step("kube", "reach: service/web").run(&stand.cx).await else {
        panic!("it is reached")
    };
    assert_eq!(outputs["via"], json!("node_port"));
    assert_eq!(
        outputs["url"],
        json!(format!("http://{}:{}", outputs["host"].as_str().expect("a host"), outputs["port"]))
    );
    let Ok(Outcome::Passed(answer)) = step("http", "{ service: web, path: /index.html }").run(&stand.cx).await else {
        panic!("it answers")
    };
    assert_eq!(answer["status"], json!(200));
    stand.down().await;
}

/// The actual values of an assertion that does not hold.
async fn unmet(stand: &ClusterFixture, kind: &str, body: &str) -> String {
    match assertion(kind, body).measure(&stand.cx).await {
        Ok(Verdict::Unmet { measures, .. }) => {
            measures.iter().map(|measure| measure.actual.as_str()).collect::<Vec<_>>().join("; ")
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_service_inside_the_cluster_alone_is_reached_by_its_pods() {
    let stand = ClusterFixture::new("reach-inside", json!({})).await;
    served(&stand, "ClusterIP", 8080).await;
    let verdict = holds(&stand, &*assertion("http", "{ service: web }")).await;
    assert_eq!(via(&verdict), "the endpoints of service/web");
    let why = unmet(&stand, "http", "{ service: web, via: node_port }").await;
    assert!(why.contains("cannot be reached from outside the cluster"), "{why}");
    stand.down().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_service_that_is_missing_or_has_no_endpoint_gives_the_cause() {
    let stand = ClusterFixture::new("reach-none", json!({})).await;
    let why = unmet(&stand, "http", "{ service: gone }").await;
    assert!(why.contains(&format!("there is no service/gone in {}", stand.namespace)), "{why}");
    service(&stand, "ClusterIP", json!({"app": "nobody"}), 8080).await;
    for asked in ["{ service: web }", "{ service: web, via: endpoints }"] {
        let why = unmet(&stand, "tcp", asked).await;
        assert!(why.contains(&format!("service/web in {} has no ready endpoint", stand.namespace)), "{why}");
    }
    let findings = assertion("http", "{ service: web }").explain(&stand.cx).await;
    assert!(findings.iter().any(|finding| finding.object == "service/web"), "{findings:#?}");
    let why = unmet(&stand, "http", "{ service: web, port: metrics }").await;
    assert!(why.contains("service/web has no port metrics"), "{why}");
    stand.down().await;
}
