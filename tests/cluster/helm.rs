//! The `helm` step and assertion on a real cluster.

use pipeline::core::model::outcome::Outcome;
use serde_json::json;

use super::world::Project;

const CHART: &str = "apiVersion: v2\nname: notes\nversion: 0.1.0\nappVersion: \"1.0\"\n";
const VALUES: &str = "greeting: hello\ntoken: \"\"\nbroken: false\n";
const TEMPLATE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-notes\ndata:\n  \
    greeting: {{ .Values.greeting | quote }}\n---\napiVersion: v1\nkind: Secret\nmetadata:\n  \
    name: {{ .Release.Name }}-token\nstringData:\n  token: {{ .Values.token | quote }}\n";
const BROKEN: &str = "{{- if .Values.broken }}\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  \
    name: {{ .Release.Name }}-app\nspec:\n  selector: { matchLabels: { app: broken } }\n  template:\n    \
    metadata: { labels: { app: broken } }\n    spec:\n      containers:\n        \
    - { name: app, image: \"pipeline-test-nowhere:1\", imagePullPolicy: Never }\n{{- end }}\n";

fn project(namespace: &str) -> Project {
    let files = [
        ("chart/Chart.yaml", CHART),
        ("chart/values.yaml", VALUES),
        ("chart/templates/notes.yaml", TEMPLATE),
        ("chart/templates/broken.yaml", BROKEN),
    ];
    Project::new(&files, namespace)
}

/// A namespace of this test alone; deleted at its end, also by a panic.
struct Namespace(String);

impl Namespace {
    fn new(name: &str) -> Self {
        Namespace(format!("pipeline-test-{name}-{}", std::process::id()))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let args = ["delete", "namespace", &self.0, "--wait=false", "--ignore-not-found"];
        let _ = std::process::Command::new("kubectl").args(args).output();
    }
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn installs_upgrades_rolls_back_and_uninstalls() {
    let namespace = Namespace::new("helm");
    let project = project(&namespace.0);
    project.passes("helm", json!({"lint": {"chart": "chart", "strict": false}})).await;
    let gone = project.measures("helm", json!({"release": "demo", "absent": true})).await;
    assert!(gone.len() == 1 && gone[0].starts_with("holds release: absent"), "{gone:?}");

    let install = json!({"install": {
        "release": "demo", "chart": "chart", "create_namespace": true, "wait": true,
        "values": {"greeting": "one"}, "secret_values": {"token": "hunter2-and-more"}
    }});
    let outputs = project.passes("helm", install).await;
    assert_eq!((&outputs["revision"], &outputs["status"]), (&json!(1), &json!("deployed")));
    assert_eq!((&outputs["chart_version"], &outputs["app_version"]), (&json!("0.1.0"), &json!("1.0")));
    assert!(!project.log.text().contains("hunter2"), "{}", project.log.text());

    let upgrade = json!({"upgrade": {
        "release": "demo", "chart": "chart", "set": {"greeting": "two"}, "reuse_values": true
    }});
    assert_eq!(project.passes("helm", upgrade).await["revision"], json!(2));
    let dry = json!({"upgrade": {"release": "demo", "chart": "chart", "dry_run": true}});
    assert!(!project.passes("helm", dry).await.contains_key("revision"));
    let body = json!({
        "release": "demo", "revision": 2, "chart": "notes", "chart_version": "0.1.0", "app_version": "1.0", "revisions": 2,
        "values": {"greeting": "two", "token": "hunter2-and-more"}
    });
    let measures = project.measures("helm", body).await;
    assert!(measures.iter().all(|measure| measure.starts_with("holds")), "{measures:#?}");

    let outputs = project.passes("helm", json!({"rollback": {"release": "demo", "revision": 1, "wait": true}})).await;
    assert_eq!(outputs["revision"], json!(3));
    let measures = project.measures("helm", json!({"release": "demo", "values": {"greeting": "two"}})).await;
    assert_eq!(measures, ["holds status: deployed / deployed", "unmet values.greeting: one / two"]);

    project.passes("helm", json!({"uninstall": {"release": "demo"}})).await;
    let gone = project.measures("helm", json!({"release": "demo"})).await;
    assert_eq!(gone, ["unmet release: no release demo / present"]);
    project.passes("helm", json!({"uninstall": {"release": "demo", "ignore_missing": true}})).await;
    let Ok(Outcome::Failed(failure)) = project.step("helm", json!({"uninstall": {"release": "demo"}})).await else {
        panic!("there is nothing to uninstall");
    };
    assert!(failure.summary.contains("not found"), "{failure:?}");
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_failed_install_names_the_pod_and_the_cause() {
    let namespace = Namespace::new("helm-broken");
    let project = project(&namespace.0);
    let install = json!({"install": {
        "release": "demo", "chart": "chart", "create_namespace": true, "wait": true, "timeout": "8s",
        "values": {"broken": true}
    }});
    let Ok(Outcome::Failed(failure)) = project.step("helm", install).await else { panic!("should fail") };
    assert!(failure.summary.starts_with("helm install of demo failed: "), "{failure:?}");
    assert!(failure.findings.iter().any(|finding| finding.cause == "ErrImageNeverPull"), "{failure:#?}");
    let measures = project.measures("helm", json!({"release": "demo"})).await;
    assert_eq!(measures, ["unmet status: failed / deployed"]);
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn renders_to_a_file_and_says_what_is_wrong_with_a_chart() {
    let project = project("default");
    let template = json!({"template": {"chart": "chart", "release": "x", "output": "out/rendered.yaml"}});
    let outputs = project.passes("helm", template).await;
    assert_eq!((&outputs["path"], &outputs["objects"]), (&json!("out/rendered.yaml"), &json!(2)));
    std::fs::write(project.path().join("chart/templates/bad.yaml"), "a: {{ .Values.nowhere.deep }}\n")
        .expect("writable");
    let Ok(Outcome::Failed(failure)) = project.step("helm", json!({"template": {"chart": "chart"}})).await else {
        panic!("should fail");
    };
    assert!(failure.summary.contains("nil pointer"), "{failure:?}");
    let Ok(Outcome::Failed(failure)) = project.step("helm", json!({"lint": {"chart": "chart"}})).await else {
        panic!("should fail");
    };
    assert!(failure.summary.starts_with("helm lint of chart failed: "), "{failure:?}");
}

#[tokio::test]
#[ignore = "needs helm"]
async fn a_policy_looks_at_a_rendered_chart() {
    let project = project("default");
    let body = json!({
        "chart": {"path": "chart", "values": {"broken": true, "token": "hunter2-and-more"}},
        "builtin": ["non-root", "no-secret-data"],
        "rules": [{"name": "greets", "kinds": ["ConfigMap"], "assert": "self.data.greeting == 'hello'"}]
    });
    assert_eq!(
        project.measures("policy", body).await,
        [
            "unmet non-root: chart/templates/broken.yaml (rendered.yaml:19) deployment/chart-app: container app does not \
             say runAsNonRoot: true / every container runs as another user than root",
            "unmet no-secret-data: chart/templates/notes.yaml (rendered.yaml:3) secret/chart-token: stringData.token has a \
             value / no file contains a secret value",
            "holds greets: holds for the one object that it is for / self.data.greeting == 'hello'",
        ]
    );
}

const HOOK: &str = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {{ .Release.Name }}-migrate\n  annotations:\n    \
    helm.sh/hook: pre-install\n    helm.sh/hook-delete-policy: hook-failed\nspec:\n  backoffLimit: 0\n  template:\n    spec:\n      \
    restartPolicy: Never\n      terminationGracePeriodSeconds: 0\n      containers:\n        \
    - { name: migrate, image: \"pipeline-busybox:local\", command: [/bin/sh, -c, 'echo table users is locked; exit 5'] }\n";
const TEST: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Release.Name }}-probe\n  annotations: { helm.sh/hook: test }\nspec:\n  \
    restartPolicy: Never\n  containers:\n    - { name: probe, image: \"pipeline-test-nowhere:1\", imagePullPolicy: Never }\n";

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_failed_hook_shows_its_last_lines_though_helm_removes_it() {
    super::busybox::loaded();
    let namespace = Namespace::new("helm-hook");
    let files = [("chart/Chart.yaml", CHART), ("chart/templates/migrate.yaml", HOOK)];
    let project = Project::new(&files, &namespace.0);
    let install = json!({"install": {"release": "demo", "chart": "chart", "create_namespace": true, "timeout": "60s"}});
    let Ok(Outcome::Failed(failure)) = project.step("helm", install).await else { panic!("the hook fails") };
    let hook = failure.findings.iter().find(|finding| finding.object.starts_with("pod/demo-migrate-"));
    let hook = hook.unwrap_or_else(|| panic!("{failure:#?}"));
    assert!(hook.message.contains("exited with code 5"), "{hook:?}");
    assert_eq!(hook.lines, ["table users is locked"]);
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_test_pod_without_an_image_ends_helm_test_before_its_time() {
    let namespace = Namespace::new("helm-test");
    let files = [
        ("chart/Chart.yaml", CHART),
        ("chart/templates/notes.yaml", "kind: ConfigMap\napiVersion: v1\nmetadata: { name: notes }\n"),
        ("chart/templates/probe.yaml", TEST),
    ];
    let project = Project::new(&files, &namespace.0);
    project.passes("helm", json!({"install": {"release": "demo", "chart": "chart", "create_namespace": true}})).await;
    let begun = std::time::Instant::now();
    let test = json!({"test": {"release": "demo", "timeout": "120s"}});
    let Ok(Outcome::Failed(failure)) = project.step("helm", test).await else { panic!("the test fails") };
    assert!(failure.summary.contains("of 120s: ErrImageNeverPull cannot recover"), "{failure:#?}");
    assert!(failure.findings.iter().any(|finding| finding.cause == "ErrImageNeverPull"), "{failure:#?}");
    assert!(begun.elapsed() < std::time::Duration::from_secs(60), "it did not wait for its time");
}

/// A DaemonSet that matches no node and a Job that fails, neither of which `--wait` waits for, with a slow Deployment.
const WITH_A_SLOW_ONE: &str = "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: { name: agent }\nspec:\n  \
    selector: { matchLabels: { app: agent } }\n  template:\n    metadata: { labels: { app: agent } }\n    spec:\n      \
    nodeSelector: { gpu: \"true\" }\n      containers: [{ name: app, image: \"pipeline-busybox:local\" }]\n---\n\
    apiVersion: batch/v1\nkind: Job\nmetadata: { name: once }\nspec:\n  backoffLimit: 0\n  template:\n    spec:\n      \
    restartPolicy: Never\n      containers: [{ name: app, image: \"pipeline-busybox:local\", command: [\"false\"] }]\n---\n\
    apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\nspec:\n  selector: { matchLabels: { app: web } }\n  \
    template:\n    metadata: { labels: { app: web } }\n    spec:\n      terminationGracePeriodSeconds: 0\n      \
    containers: [{ name: app, image: \"pipeline-busybox:local\", command: [sleep, \"1000\"], \
    readinessProbe: { exec: { command: [\"true\"] }, initialDelaySeconds: 8, periodSeconds: 1 } }]\n";

#[tokio::test]
#[ignore = "needs the cluster"]
async fn what_helm_does_not_wait_for_ends_no_wait() {
    super::busybox::loaded();
    let namespace = Namespace::new("helm-slow");
    let files = [("chart/Chart.yaml", CHART), ("chart/templates/all.yaml", WITH_A_SLOW_ONE)];
    let project = Project::new(&files, &namespace.0);
    let install =
        json!({ "release": "demo", "chart": "chart", "create_namespace": true, "wait": true, "timeout": "90s" });
    project.passes("helm", json!({ "install": install })).await;
}
