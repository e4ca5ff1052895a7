//! Each gate of the greeter has been seen to fail: one thing is broken, and the run must say which, show both
//! sides and the cause, keep what depends on it from starting, run `finally` and leave nothing behind.

use std::process::Command;

use crate::broken::Example;
use crate::ran::Ran;

const DEPLOYMENT: &str = "manifests/greeter.yaml";
const DOWNSTREAM: [&str; 4] = ["cluster", "manifests", "rollout", "chart"];

#[test]
#[ignore = "needs the cluster"]
fn an_image_over_its_limit_stops_the_pipeline_behind_it() {
    let example = Example::with_own_images("big");
    let ran = example.run(&["--var", "size_limit=20MB"]);
    ran.ends(1, &["✘ the image is small and safe: size is ", "MB, expected < 20MB"]).failed(&["image.gate"]);
    let unmet = ran.unmet("image.gate");
    assert!(unmet[0].starts_with("the image is small and safe: size: ") && unmet.len() == 1, "{unmet:?}");
    ran.kept_from(&DOWNSTREAM, "image.gate").passed(&["finally.remove-namespace"]);
    example.nothing_is_left();
}

#[test]
#[ignore = "needs the cluster"]
fn an_image_that_runs_as_root_is_not_deployed() {
    let example = Example::with_own_images("root");
    example.edit("app/greeter/Dockerfile", "USER 10001:10001", "USER root");
    let ran = example.run(&[]);
    ran.ends(1, &["✘ the image is small and safe: non_root is "]).failed(&["image.gate"]);
    let unmet = ran.unmet("image.gate");
    assert_eq!(unmet.len(), 1, "{unmet:?}");
    assert!(unmet[0].contains("non_root: ") && unmet[0].contains("root"), "{unmet:?}");
    ran.kept_from(&DOWNSTREAM, "image.gate").passed(&["image.build", "finally.remove-namespace"]);
}

#[test]
#[ignore = "needs the cluster"]
fn a_private_key_in_a_layer_is_found_even_where_a_later_one_deletes_it() {
    let example = Example::with_own_images("key");
    let key = format!("-----BEGIN {} KEY-----\n{}\n-----END {0} KEY-----\n", "RSA PRIVATE", "c2VjcmV0".repeat(40));
    example.write("app/greeter/id_rsa", &key);
    example.edit(
        "app/greeter/Dockerfile",
        "USER 10001:10001",
        "COPY id_rsa /srv/id_rsa\nRUN rm /srv/id_rsa\nUSER 10001:10001",
    );
    if let Ok(ignored) = std::fs::read_to_string(example.path().join("app/greeter/.dockerignore")) {
        example.write("app/greeter/.dockerignore", &format!("{ignored}\n!id_rsa\n"));
    }
    let ran = example.run(&[]);
    ran.ends(1, &["✘ the image is small and safe: secrets is ", "srv/id_rsa", "expected none"]).failed(&["image.gate"]);
    assert!(!ran.err.contains("c2VjcmV0"), "the key itself is not told:\n{}", ran.err);
    ran.kept_from(&DOWNSTREAM, "image.gate").passed(&["finally.remove-namespace"]);
}

#[test]
#[ignore = "needs the cluster"]
fn each_other_promise_of_the_image_is_held_to() {
    const DOCKERFILE: &str = "app/greeter/Dockerfile";
    const STAGE: &str = "stages/1-image.yaml";
    let rows = [
        ("port", DOCKERFILE, "EXPOSE 8080", "EXPOSE 9090", "the image is small and safe: ports: "),
        ("label", DOCKERFILE, "title=\"greeter\"", "title=\"other\"", "the image is small and safe: "),
        ("env", STAGE, "args: { VERSION: dev }", "args: { VERSION: beta }", "the image is small and safe: "),
        (
            "stages",
            DOCKERFILE,
            "FROM python:3.11-slim\n",
            "FROM scratch AS more\nFROM python:3.11-slim\n",
            "the image is small and safe: stages: 3 / 2",
        ),
        ("next", STAGE, "args: { VERSION: next }", "args: { VERSION: nest }", "the next image says so: "),
    ];
    for (name, file, from, to, expected) in rows {
        let example = Example::with_own_images(name);
        example.edit(file, from, to);
        let ran = example.run(&["--stage", "image", "--stage", "cluster"]);
        ran.ends(1, &[]).failed(&["image.gate"]).kept_from(&["cluster"], "image.gate");
        let unmet = ran.unmet("image.gate");
        assert!(unmet.len() == 1 && unmet[0].starts_with(expected), "{name}: {unmet:?}");
    }
}

#[test]
#[ignore = "needs the cluster"]
fn a_cluster_without_names_or_ready_nodes_gets_nothing_deployed() {
    let example = Example::new("nodes");
    // The cluster itself is not ours to break: the gate asks for what it has not.
    example.edit("stages/2-cluster.yaml", "c.status == \"True\"", "c.status == \"False\"");
    example.edit("stages/2-cluster.yaml", "deployment/coredns", "deployment/cordns");
    example.edit("stages/2-cluster.yaml", "within: 60s", "within: 2s");
    let ran = example.run(&["--stage", "cluster", "--stage", "manifests"]);
    ran.ends(1, &["✘ every node is ready: ", "✘ names resolve in the cluster: ", "cordns"]).failed(&["cluster.gate"]);
    ran.kept_from(&["manifests"], "cluster.gate").passed(&["cluster.up", "finally.remove-namespace"]);
    assert_eq!(ran.unmet("cluster.gate").len(), 2, "{:?}", ran.unmet("cluster.gate"));
    example.nothing_is_left();
}

#[test]
#[ignore = "needs the cluster"]
fn what_a_stage_does_to_the_manifests_is_found_after_the_last_one() {
    let example = Example::with_own_images("after");
    let stage = "stage: image\nsteps:\n  spoil: { shell: { run: \"sed -i '/limits:/d' manifests/greeter.yaml\" } }\n";
    example.write("stages/1-image.yaml", stage);
    let ran = example.run(&["--stage", "image"]);
    ran.ends(1, &["✘ manifests keep the rules: resource-limits is "]).failed(&["after.gate"]);
    ran.passed(&["before.gate", "image.spoil", "finally.remove-namespace"]);
}

#[test]
#[ignore = "needs the cluster"]
fn manifests_against_the_constitution_let_nothing_run_at_all() {
    let example = Example::with_own_images("limits");
    example.edit(DEPLOYMENT, "            limits: { cpu: 500m, memory: 128Mi }\n", "");
    let ran = example.run(&[]);
    ran.ends(
        1,
        &["✘ manifests keep the rules: resource-limits is ", "container greeter does not limit cpu and memory"],
    );
    ran.failed(&["before.gate"])
        .kept_from(&["image", "cluster", "manifests", "rollout", "chart", "after"], "before.gate");
    ran.passed(&["finally.remove-namespace"]);
    example.nothing_is_left();
}

#[test]
#[ignore = "needs the cluster"]
fn a_chart_that_does_not_render_lets_nothing_run_at_all() {
    let example = Example::with_own_images("template");
    let file = "charts/greeter/templates/service.yaml";
    example.edit(file, "apiVersion: v1", "{{ fail \"broken on purpose\" }}\napiVersion: v1");
    let ran = example.run(&[]);
    ran.ends(
        1,
        &[
            "! the chart keeps the rules: could not be measured: helm template of charts/greeter failed",
            "broken on purpose",
        ],
    );
    assert_eq!(ran.err.matches("broken on purpose").count(), 2, "once when it came, once in the summary:\n{}", ran.err);
    ran.failed(&["before.gate"]).kept_from(&["image", "cluster", "manifests", "rollout", "chart"], "before.gate");
}

/// Runs the stages `manifests` and `rollout`; the first one's gate must not hold.
fn undeployable(example: &Example) -> Ran {
    let ran = example.run(&["--stage", "manifests", "--stage", "rollout"]);
    ran.ends(1, &["✘ manifests.gate"]).failed(&["manifests.gate"]);
    ran.kept_from(&["rollout", "after"], "manifests.gate");
    ran.passed(&["before.gate", "manifests.apply", "finally.remove-namespace"]);
    example.nothing_is_left();
    ran
}

const CRASH: &str =
    "imagePullPolicy: Never\n          command: [python, -c, 'print(\"no config\", flush=True); raise SystemExit(3)']";

#[test]
#[ignore = "needs the cluster"]
fn a_pod_that_crashes_is_reported_with_its_last_words() {
    let example = Example::new("crash");
    example.unwaited();
    example.edit(DEPLOYMENT, "imagePullPolicy: Never", CRASH);
    let ran = undeployable(&example);
    ran.ends(1, &["ready is 0 of 2, not ready: greeter-", "expected all", "exited with code 3", "│ no config"]);
    assert_eq!(ran.causes("manifests.gate")["CrashLoopBackOff"], ["no config"], "{}", ran.err);
    ran.shows("manifests.gate", ".log", "no config").shows("manifests.gate", "pods.yaml", "CrashLoopBackOff");
    ran.shows("manifests.gate", "events.txt", "BackOff");
}

#[test]
#[ignore = "needs the cluster"]
fn a_step_that_waits_for_pods_in_vain_tells_the_cause_too() {
    let example = Example::new("wait");
    example.edit(DEPLOYMENT, "imagePullPolicy: Never", CRASH);
    example.edit("stages/3-manifests.yaml", "timeout: 2m", "timeout: 10s");
    let ran = example.run(&["--stage", "manifests", "--stage", "rollout"]);
    ran.ends(1, &["✘ manifests.apply", "timed out after 10s", "CrashLoopBackOff", "│ no config"]);
    ran.failed(&["manifests.apply"]).kept_from(&["rollout"], "manifests.apply").passed(&["finally.remove-namespace"]);
    assert_eq!(ran.causes("manifests.apply")["CrashLoopBackOff"], ["no config"]);
    ran.shows("manifests.apply", ".log", "no config");
    example.nothing_is_left();
}

#[test]
#[ignore = "needs the cluster"]
fn an_image_that_is_not_there_is_reported_by_its_name() {
    let example = Example::new("absent");
    example.unwaited();
    example.edit(DEPLOYMENT, "greeter-gates:dev", "greeter-gates:absent");
    let ran = undeployable(&example);
    let words = "Container image \"greeter-gates:absent\" is not present with pull policy of Never";
    ran.ends(1, &["complete is 0 of 2 updated replicas available, expected rolled out", words]);
    assert!(ran.causes("manifests.gate").contains_key("ErrImageNeverPull"), "{}", ran.err);
    ran.shows("manifests.gate", "events.txt", words);
}

#[test]
#[ignore = "needs the cluster"]
fn a_failing_probe_is_reported_with_its_answer() {
    let example = Example::new("probe");
    example.unwaited();
    example.edit(DEPLOYMENT, "path: /ready", "path: /nowhere");
    let ran = undeployable(&example);
    ran.ends(
        1,
        &["Readiness probe failed: HTTP probe failed with statuscode: 404", "matches 2 pods, none of which is ready"],
    );
    assert!(ran.causes("manifests.gate").contains_key("ReadinessProbeFailed"), "{}", ran.err);
    ran.shows("manifests.gate", ".log", "GET /nowhere");
}

#[test]
#[ignore = "needs the cluster"]
fn a_pod_that_fits_on_no_node_is_reported_with_the_schedulers_words() {
    let example = Example::new("unfit");
    example.unwaited();
    example.edit(DEPLOYMENT, "cpu: 20m", "cpu: 900");
    example.edit(DEPLOYMENT, "cpu: 500m", "cpu: 900");
    let ran = undeployable(&example);
    ran.ends(1, &["Insufficient cpu"]);
    assert!(ran.causes("manifests.gate").contains_key("Unschedulable"), "{}", ran.err);
    ran.shows("manifests.gate", "events.txt", "Insufficient cpu");
}

#[test]
#[ignore = "needs the cluster"]
fn a_service_that_says_something_else_is_reported_with_its_words() {
    let example = Example::new("words");
    example.edit(DEPLOYMENT, "GREETING: hello", "GREETING: goodbye");
    let ran = undeployable(&example);
    let unmet = ran.unmet("manifests.gate");
    assert_eq!(unmet.len(), 1, "{unmet:?}");
    assert!(unmet[0].starts_with("it greets: body: {\"greeting\": \"goodbye\""), "{unmet:?}");
    assert!(unmet[0].ends_with("/ self.greeting == \"hello\" && self.version == \"dev\""), "{unmet:?}");
    ran.shows("manifests.gate", "body.txt", "goodbye");
}

#[test]
#[ignore = "needs the cluster"]
fn a_service_that_answers_500_is_not_one_that_greets() {
    let example = Example::with_own_images("broken");
    example.edit("app/greeter/greeter.py", "self.answer(200, {\"greeting\"", "self.answer(500, {\"greeting\"");
    let ran = example.run(&["--until", "manifests"]);
    ran.ends(1, &["✘ it greets: status is 500", "expected 200"]).failed(&["manifests.gate"]);
    assert_eq!(ran.unmet("manifests.gate").len(), 1, "{:?}", ran.unmet("manifests.gate"));
    ran.passed(&["image.gate", "cluster.gate", "manifests.apply", "finally.remove-namespace"]);
    example.nothing_is_left();
}

#[test]
#[ignore = "needs the cluster"]
fn a_rollout_in_another_revision_than_expected_is_reported() {
    let example = Example::new("revision");
    example.edit("stages/4-rollout.yaml", "revision: 4", "revision: 7");
    let ran = example.run(&["--stage", "manifests", "--stage", "rollout"]);
    ran.ends(1, &["✘ the old image runs again, in a fourth revision: revision is 4, expected 7"]);
    ran.failed(&["rollout.gate"]).kept_from(&["after"], "rollout.gate");
    ran.passed(&["manifests.gate", "rollout.restart", "finally.remove-namespace"]);
    assert_eq!(ran.unmet("rollout.gate"), ["the old image runs again, in a fourth revision: revision: 4 / 7"]);
    example.nothing_is_left();
}

#[test]
#[ignore = "needs the cluster"]
fn a_rollout_that_was_not_undone_is_reported_by_its_image() {
    let example = Example::new("image");
    example.edit(
        "stages/4-rollout.yaml",
        "kube: { undo: deployment/greeter }",
        "kube: { restart: deployment/greeter }",
    );
    let ran = example.run(&["--stage", "manifests", "--stage", "rollout"]);
    ran.ends(1, &["✘ the old image runs again, in a fourth revision: image"]).failed(&["rollout.gate"]);
    let unmet = ran.unmet("rollout.gate");
    assert!(
        unmet.len() == 1 && unmet[0].contains("greeter-gates:next") && unmet[0].ends_with("/ greeter-gates:dev"),
        "{unmet:?}"
    );
    example.nothing_is_left();
}

#[test]
#[ignore = "needs the cluster"]
fn a_service_of_another_type_is_reported_by_its_place_in_the_object() {
    let example = Example::new("type");
    example.edit("stages/3-manifests.yaml", "type: NodePort", "type: LoadBalancer");
    example.edit("stages/3-manifests.yaml", "time_to_ready: \"< 30s\"", "time_to_ready: \"< 1ms\"");
    let ran = undeployable(&example);
    ran.ends(1, &["NodePort", "LoadBalancer", "time_to_ready is ", "expected < 1ms"]);
    let unmet = ran.unmet("manifests.gate");
    assert_eq!(unmet.len(), 2, "{unmet:?}");
    assert!(unmet[1].contains("spec.type") && unmet[1].contains("NodePort"), "{unmet:?}");
}

#[test]
#[ignore = "needs the cluster"]
fn a_chart_with_more_pods_than_expected_is_reported_with_both_numbers() {
    let example = Example::new("pods");
    example.edit("stages/5-chart.yaml", "revision: 1, wait", "revision: 2, wait");
    let ran = example.run(&["--stage", "chart"]);
    ran.ends(1, &["✘ it runs one pod again: count is 2, expected 1"]).failed(&["chart.gate"]);
    assert_eq!(ran.unmet("chart.gate"), ["it runs one pod again: count: 2 / 1"]);
    ran.passed(&["chart.uninstall", "chart.remove-namespace", "finally.remove-namespace"]);
    example.nothing_is_left();
}

#[test]
#[ignore = "needs the cluster"]
fn a_release_in_another_revision_than_expected_is_reported() {
    let example = Example::new("release");
    example.edit("stages/5-chart.yaml", "revision: 3, chart", "revision: 5, chart");
    let ran = example.run(&["--stage", "chart"]);
    ran.ends(1, &["✘ the release is deployed, in its third revision: revision is 3, expected 5"]);
    ran.failed(&["chart.gate"]).kept_from(&["after"], "chart.gate");
    ran.passed(&["chart.test", "chart.uninstall", "chart.remove-namespace", "finally.remove-namespace"]);
    assert_eq!(ran.unmet("chart.gate"), ["the release is deployed, in its third revision: revision: 3 / 5"]);
    example.nothing_is_left();
}

#[test]
#[ignore = "needs the cluster"]
fn another_context_is_refused_before_anything_runs() {
    let example = Example::with_own_images("prod");
    let config =
        Command::new("kubectl").args(["config", "view", "--raw", "--flatten"]).output().expect("started").stdout;
    let config = String::from_utf8(config).expect("text");
    // The same cluster, under a name that the pipeline must not touch.
    assert!(config.contains("current-context: local"), "the tests' own cluster is called local");
    let config = config
        .replace("current-context: local", "current-context: prod")
        .replace("  name: local\ncurrent", "  name: prod\ncurrent");
    assert!(config.contains("name: prod"));
    example.write("kubeconfig", &config);
    let kubeconfig = example.path().join("kubeconfig").display().to_string();
    let ran = example.run_with(&[], &[("KUBECONFIG", &kubeconfig)]);
    ran.ends(3, &["context \"prod\" is not among this pipeline's clusters: minikube, kind-todo, local", "help"]);
    assert!(!ran.is_recorded() && ran.out.is_empty(), "{}", ran.out);
    example.nothing_is_left();
}

#[test]
#[ignore = "needs the cluster"]
fn the_clusters_own_namespaces_are_never_touched() {
    let example = Example::new("system");
    let own = format!("namespace: {}", example.namespace());
    example.edit("pipeline.yaml", &own, "namespace: kube-system");
    let ran = example.run(&["--stage", "manifests", "--stage", "rollout"]);
    ran.ends(3, &["namespace \"kube-system\" belongs to the cluster itself and is never touched"]);
    let mut get = Command::new("kubectl");
    get.args(["get", "all,secrets,configmaps", "-n", "kube-system", "-o", "name", "--request-timeout=20s"]);
    let found = String::from_utf8(get.output().expect("started").stdout).expect("text");
    assert!(!found.contains("greeter"), "{found}");
    example.nothing_is_left();
}
