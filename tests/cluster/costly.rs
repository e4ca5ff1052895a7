//! Mutations of the Todo Chatbot that take an image of their own, a rollout or a whole stage: `make test-mutations`.

use crate::todo::Todo;

const BACKEND: &str = "manifests/todo/backend.yaml";
const CONFIG: &str = "manifests/todo/config.yaml";
/// What waits for the images to be good; the cluster may come up meanwhile.
const NEED_IMAGES: [&str; 3] = ["cluster.load", "cluster.lookup", "cluster.gate"];
const MANIFESTS: [&str; 4] = ["--stage", "manifests", "--stage", "zero-downtime"];

#[test]
#[ignore = "needs the cluster, and minutes"]
fn an_image_over_its_limit_is_not_deployed() {
    let todo = Todo::new("limit");
    let ran = todo.run(&["--var", "frontend_limit=50MB", "--until", "cluster"]);
    ran.ends(1, &["✘ the frontend's image is small and safe: size is ", "MB, expected < 50MB"]);
    ran.failed(&["containerize.gate"]).steps_kept_from(&NEED_IMAGES, "containerize.gate");
}

#[test]
#[ignore = "needs the cluster, and minutes"]
fn an_image_that_runs_as_root_is_not_deployed() {
    let todo = Todo::new("root");
    todo.edit("app/backend/Dockerfile", "USER 10001:10001", "USER root");
    todo.edit("pipeline.yaml", "todo-backend:dev", "todo-backend:root");
    let ran = todo.run(&["--until", "cluster"]);
    ran.ends(1, &["✘ the backend's image is small and safe: non_root is "]).failed(&["containerize.gate"]);
    ran.steps_kept_from(&NEED_IMAGES, "containerize.gate");
}

#[test]
#[ignore = "needs the cluster, and minutes"]
fn a_stage_more_in_a_dockerfile_is_seen() {
    let todo = Todo::new("stages");
    todo.edit("app/frontend/Dockerfile", "# Stage 3", "FROM scratch AS more\n# Stage 3");
    let ran = todo.run(&["--until", "cluster"]);
    ran.ends(1, &["✘ the frontend's image is small and safe: stages is 4, expected 3"]).failed(&["containerize.gate"]);
}

#[test]
#[ignore = "needs the cluster, and minutes"]
fn an_image_that_was_not_loaded_is_named() {
    let todo = Todo::new("loaded");
    let image = "vars[item + '_image']";
    todo.edit("stages/2-cluster.yaml", image, &format!("{image} + (item == 'backend' ? '-not-loaded' : '')"));
    let ran = todo.run(&["--stage", "cluster"]);
    ran.ends(1, &["the container of todo-backend:dev-not-loaded has not started", "ErrImageNeverPull"]);
    ran.failed(&["cluster.lookup[backend]"]).passed(&["cluster.lookup[frontend]"]);
    ran.kept_from(&["after"], "cluster.lookup[backend]");
}

#[test]
#[ignore = "needs the cluster, and minutes"]
fn a_secret_that_is_too_short_is_reported_in_the_backends_own_words() {
    let todo = Todo::new("short").impatient("60s");
    todo.edit("pipeline.yaml", "jwt_secret: { generate: 48, keep: true }", "jwt_secret: { generate: 16, keep: true }");
    let ran = todo.run(&MANIFESTS);
    ran.ends(1, &["✘ todo-backend has rolled out, by rolling updates: ", "CrashLoopBackOff", "JWT_SECRET"]);
    ran.failed(&["manifests.gate"]).kept_from(&["zero-downtime"], "manifests.gate");
}

#[test]
#[ignore = "needs the cluster, and minutes"]
fn a_feature_that_breaks_only_with_two_replicas_breaks_in_the_cluster() {
    let todo = Todo::new("replicas").impatient("60s");
    // Each pod signs with a secret of its own: whoever logs in at one is a stranger at the other.
    let own = "valueFrom: { fieldRef: { fieldPath: metadata.uid } }";
    todo.edit(BACKEND, "valueFrom: { secretKeyRef: { name: todo-secrets, key: JWT_SECRET } }", own);
    let ran = todo.run(&MANIFESTS);
    ran.ends(
        1,
        &["✘ every feature works through the frontend: ", "✔ todo-backend has rolled out", "✔ the database is reached"],
    );
    ran.failed(&["manifests.gate"]).kept_from(&["zero-downtime"], "manifests.gate");
    let unmet = ran.unmet("manifests.gate");
    assert!(unmet.iter().all(|line| line.starts_with("every feature works through the frontend: ")), "{unmet:?}");
}

#[test]
#[ignore = "needs the cluster, and minutes"]
fn a_limit_that_is_too_low_is_reported_as_what_it_does() {
    let todo = Todo::new("memory").impatient("60s");
    todo.edit(BACKEND, "requests: { cpu: 50m, memory: 96Mi }", "requests: { cpu: 50m, memory: 24Mi }");
    todo.edit(BACKEND, "limits: { cpu: \"1\", memory: 256Mi }", "limits: { cpu: \"1\", memory: 24Mi }");
    let ran = todo.run(&MANIFESTS);
    ran.ends(1, &["✘ todo-backend has rolled out, by rolling updates: ", "OOMKilled"]).failed(&["manifests.gate"]);
}

#[test]
#[ignore = "needs the cluster, and minutes"]
fn a_service_that_sends_to_another_port_is_reported_by_what_does_not_work() {
    let todo = Todo::new("port").impatient("60s");
    todo.edit(BACKEND, "port: 8000, targetPort: http", "port: 8000, targetPort: 8001");
    let ran = todo.run(&MANIFESTS);
    ran.ends(1, &["✘ the database is reached: ", "✘ every feature works through the frontend: "])
        .failed(&["manifests.gate"]);
    ran.ends(1, &["✔ todo-backend has rolled out", "✔ todo-frontend has rolled out"]);
}

#[test]
#[ignore = "needs the cluster, and minutes"]
fn a_frontend_that_looks_for_its_backend_elsewhere_works_in_compose_and_not_in_the_cluster() {
    let todo = Todo::new("backend").impatient("60s");
    todo.edit(CONFIG, "http://todo-backend:8000", "http://backend:8000");
    let ran = todo.run(&["--until", "manifests"]);
    ran.ends(1, &["✘ every feature works through the frontend: "]).failed(&["manifests.gate"]);
    ran.passed(&["containerize.gate", "cluster.gate"]);
}

#[test]
#[ignore = "needs the cluster, and minutes"]
fn pods_that_stop_serving_the_moment_they_are_asked_to_go_are_noticed_by_users() {
    let todo = Todo::new("sigterm");
    todo.edit("pipeline.yaml", "rate: 20 ", "rate: 100 ");
    todo.edit(CONFIG, "LEAVE_AFTER_SECONDS: \"5\"", "LEAVE_AFTER_SECONDS: \"0\"");
    let ran = todo.run(&MANIFESTS);
    ran.ends(1, &["✘ nobody noticed: failed is "]).failed(&["zero-downtime.gate"]).passed(&["manifests.gate"]);
}

#[test]
#[ignore = "needs the cluster, and minutes"]
fn a_chart_that_forgets_its_backend_fails_its_own_test() {
    let todo = Todo::new("chart");
    let file = "charts/todo-chatbot-chart/templates/configmap.yaml";
    todo.edit(file, ":{{ .Values.backend.service.port }}", ":9");
    let ran = todo.run(&["--stage", "helm-chart"]);
    ran.ends(1, &["helm-chart.test"]).failed(&["helm-chart.test"]).passed(&["helm-chart.rollback"]);
}

#[test]
#[ignore = "needs the cluster, and minutes"]
fn a_release_in_another_revision_than_the_third_is_reported() {
    let todo = Todo::new("revision");
    todo.edit("stages/5-helm-chart.yaml", "revision: 3, chart", "revision: 4, chart");
    let ran = todo.run(&["--stage", "helm-chart"]);
    ran.ends(1, &["✘ the release is deployed, in its third revision: revision is 3, expected 4"]);
    ran.failed(&["helm-chart.gate"]);
}

#[test]
#[ignore = "needs the cluster, and minutes"]
fn a_chart_that_shows_a_secret_is_seen_while_the_fresh_deploy_is_there() {
    let todo = Todo::new("shown");
    let file = "charts/todo-chatbot-chart/templates/configmap.yaml";
    todo.edit(file, "  MODEL: ", "  HINT: {{ .Values.secrets.jwtSecret | quote }}\n  MODEL: ");
    let ran = todo.run(&["--stage", "fresh-deploy", "--var", "browser=false"]);
    ran.ends(1, &["✘ no secret value stands in the cluster outside of Secrets: ", "jwt_secret"]);
    ran.failed(&["fresh-deploy.live"])
        .steps_kept_from(&["fresh-deploy.uninstall", "fresh-deploy.cleanup", "fresh-deploy.gate"], "fresh-deploy.live");
    todo.nothing_is_left();
}

#[test]
#[ignore = "needs the cluster, and minutes"]
fn a_namespace_that_stays_behind_is_reported_by_the_last_gate() {
    let todo = Todo::new("stays");
    let gone = "needs: [gone], kube: { delete: \"namespace/";
    todo.edit("stages/7-fresh-deploy.yaml", gone, &gone.replace("namespace/", "configmap/not-"));
    let ran = todo.run(&["--stage", "fresh-deploy", "--var", "browser=false"]);
    ran.ends(1, &["✘ no namespace of the run is left: "]).failed(&["fresh-deploy.gate"]);
    ran.passed(&["fresh-deploy.live", "fresh-deploy.uninstall", "fresh-deploy.namespace-away"]);
    todo.nothing_is_left();
}

#[test]
#[ignore = "needs the cluster, and minutes"]
fn an_object_that_the_chart_leaves_behind_is_named() {
    let todo = Todo::new("left").impatient("20s");
    let file = "charts/todo-chatbot-chart/templates/configmap.yaml";
    todo.edit(file, "\ndata:\n", "\n  annotations: { helm.sh/resource-policy: keep }\ndata:\n");
    let ran = todo.run(&["--stage", "fresh-deploy", "--var", "browser=false"]);
    ran.ends(1, &["✘ nothing of the release is left: left is 1 of ", "configmap/todo-config"]);
    ran.failed(&["fresh-deploy.gone"]).passed(&["fresh-deploy.live", "fresh-deploy.uninstall"]);
    todo.nothing_is_left();
}

#[test]
#[ignore = "needs the cluster, and minutes"]
fn what_a_part_logs_and_how_often_it_failed_to_start_is_seen_while_versions_change() {
    let todo = Todo::new("noisy").on_a_busy_machine();
    let container = "        - name: backend\n          image: todo-backend:dev\n";
    let script = "echo 'Traceback (most recent call last)'; exec python -m todo";
    let loud = format!("{container}          command: [sh, -c, \"{script}\"]\n");
    todo.edit(BACKEND, container, &loud);
    // fails twice in each new Pod
    let script = "echo x >> /tmp/starts; test $(wc -l < /tmp/starts) -gt 2";
    let init = format!(
        "      initContainers:\n        - name: wait\n          image: todo-backend:dev\n          imagePullPolicy: Never\n          \
         command: [sh, -c, \"{script}\"]\n          volumeMounts: [{{ name: tmp, mountPath: /tmp }}]\n          \
         resources: {{ requests: {{ cpu: 10m, memory: 16Mi }}, limits: {{ cpu: 100m, memory: 64Mi }} }}\n          \
         securityContext: {{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {{ drop: [ALL] }} }}\n"
    );
    todo.edit(
        BACKEND,
        "      containers:\n        - name: backend",
        &format!("{init}      containers:\n        - name: backend"),
    );
    todo.edit("gates/running.yaml", "restarts: 0", "restarts: \"<= 9\"");
    let ran = todo.run(&MANIFESTS);
    ran.ends(
        1,
        &[
            "✘ no container failed while versions changed: count is ",
            "BackOff on pod/todo-backend-",
            "✘ no part has logged a failure since: lacks is ",
            "Traceback (most recent call last)",
        ],
    );
    ran.failed(&["zero-downtime.gate"]).passed(&["manifests.gate"]);
}
