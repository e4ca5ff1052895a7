//! One thing of the Todo Chatbot is broken, and exactly the gate that promises it must fail, by name. Those that cost
//! little; the others are in `costly.rs`. docs/mutations.md is the table of both.

use crate::todo::Todo;

/// A change, and the words of the gate that must see it.
struct Mutation {
    name: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
    words: &'static [&'static str],
}

const MANIFESTS: &str = "✘ manifests keep the rules: ";
const BACKEND: &str = "manifests/todo/backend.yaml";
const FRONTEND: &str = "manifests/todo/frontend.yaml";
const CHART: &str = "charts/todo-chatbot-chart";

/// What the constitution sees before the first stage: nothing is built, nothing is deployed.
const AGAINST_THE_CONSTITUTION: &[Mutation] = &[
    Mutation {
        name: "probe",
        file: BACKEND,
        from: "          readinessProbe: { httpGet: { path: /ready, port: http }, periodSeconds: 2, timeoutSeconds: 3, failureThreshold: 2 }\n",
        to: "",
        words: &[MANIFESTS, "probes is", "todo-backend", "readiness"],
    },
    Mutation {
        name: "limit",
        file: FRONTEND,
        from: "            limits: { cpu: \"1\", memory: 256Mi }\n",
        to: "",
        words: &[MANIFESTS, "resource-limits is", "todo-frontend", "container frontend does not limit cpu and memory"],
    },
    Mutation {
        name: "root",
        file: BACKEND,
        from: "runAsNonRoot: true\n        runAsUser: 10001",
        to: "runAsNonRoot: false\n        runAsUser: 0",
        words: &[MANIFESTS, "non-root is", "todo-backend"],
    },
    Mutation {
        name: "pull",
        file: FRONTEND,
        from: "imagePullPolicy: Never",
        to: "imagePullPolicy: Always",
        words: &[MANIFESTS, "pull-policy is", "todo-frontend"],
    },
    Mutation {
        name: "strategy",
        file: BACKEND,
        from: "    type: RollingUpdate\n    rollingUpdate: { maxSurge: 1, maxUnavailable: 0 }\n",
        to: "    type: Recreate\n",
        words: &[MANIFESTS, "rolling-update is", "todo-backend"],
    },
    Mutation {
        name: "secret",
        file: "manifests/todo/config.yaml",
        from: "apiVersion: v1\nkind: ConfigMap",
        to: "apiVersion: v1\nkind: Secret\nmetadata: { name: todo-secrets }\nstringData: { JWT_SECRET: not-a-real-one }\n---\napiVersion: v1\nkind: ConfigMap",
        words: &[MANIFESTS, "no-secret-data is", "todo-secrets"],
    },
    Mutation {
        name: "chartprobe",
        file: "charts/todo-chatbot-chart/templates/frontend.yaml",
        from: "          livenessProbe: { httpGet: { path: /api/health, port: http }, periodSeconds: 10, timeoutSeconds: 5 }\n",
        to: "",
        words: &[
            "✘ the chart keeps the rules: ",
            "✘ the chart keeps the rules on a small machine too: ",
            "probes is",
            "liveness",
        ],
    },
    Mutation {
        name: "smalllimit",
        file: "charts/todo-chatbot-chart/values-local.yaml",
        from: "limits: { cpu: 500m, memory: 192Mi }",
        to: "limits: null",
        words: &[
            "✔ the chart keeps the rules  ",
            "✘ the chart keeps the rules on a small machine too: resource-limits is",
        ],
    },
];

#[test]
#[ignore = "needs the cluster"]
fn each_mutation_against_the_constitution_lets_nothing_run_at_all() {
    for mutation in AGAINST_THE_CONSTITUTION {
        let todo = Todo::alone(mutation.name);
        todo.edit(mutation.file, mutation.from, mutation.to);
        let ran = todo.run(&[]);
        ran.ends(1, mutation.words).failed(&["before.gate"]);
        ran.kept_from(&["containerize", "cluster", "manifests", "helm-chart", "fresh-deploy", "after"], "before.gate");
    }
}

#[test]
#[ignore = "needs the cluster"]
fn a_template_that_does_not_render_lets_nothing_run_at_all() {
    let todo = Todo::alone("template");
    todo.edit(&format!("{CHART}/templates/backend.yaml"), "include \"todo.image\"", "include \"todo.picture\"");
    let ran = todo.run(&[]);
    ran.ends(1, &["! the chart keeps the rules: could not be measured: helm template", "todo.picture"]);
    ran.failed(&["before.gate"]).kept_from(&["containerize", "fresh-deploy"], "before.gate");
}

#[test]
#[ignore = "needs the cluster"]
fn a_readiness_path_that_nothing_answers_is_reported_with_the_answer() {
    let todo = Todo::new("path").impatient("60s");
    todo.edit(BACKEND, "path: /ready", "path: /nowhere");
    let ran = todo.run(&["--stage", "manifests", "--stage", "zero-downtime"]);
    ran.ends(
        1,
        &[
            "✘ todo-backend has rolled out, by rolling updates: ",
            "Readiness probe failed: HTTP probe failed with statuscode: 404",
        ],
    );
    ran.failed(&["manifests.gate"]).kept_from(&["zero-downtime", "after"], "manifests.gate");
}

#[test]
#[ignore = "needs the cluster"]
fn a_database_that_cannot_be_reached_is_reported_by_the_gate() {
    let todo = Todo::new("database").impatient("60s");
    // Nobody listens on that port of the pod itself.
    let elsewhere = "? \"postgresql://todo:\" + secrets.jwt_secret + \"@127.0.0.1:9/todo\"";
    todo.edit("parts/database.yaml", "? secrets.database_url", elsewhere);
    todo.edit(
        "pipeline.yaml",
        "${{ has(env.DATABASE_URL) && env.DATABASE_URL != '' ? 'managed' : 'cluster' }}",
        "managed",
    );
    let ran = todo.run(&["--stage", "manifests", "--stage", "zero-downtime"]);
    ran.ends(1, &["✘ the database is reached: ", "Readiness probe failed: HTTP probe failed with statuscode: 503"]);
    ran.failed(&["manifests.gate"]).kept_from(&["zero-downtime"], "manifests.gate");
    ran.shows("manifests.gate", ".log", "database");
}

#[test]
#[ignore = "needs the cluster"]
fn pods_that_fit_on_no_node_are_reported_with_the_schedulers_words() {
    let todo = Todo::new("unfit").impatient("15s");
    todo.edit(FRONTEND, "requests: { cpu: 50m, memory: 96Mi }", "requests: { cpu: 50m, memory: 4Ti }");
    todo.edit(FRONTEND, "limits: { cpu: \"1\", memory: 256Mi }", "limits: { cpu: \"1\", memory: 4Ti }");
    let ran = todo.run(&["--stage", "manifests"]);
    ran.ends(1, &["✘ todo-frontend has rolled out, by rolling updates: ", "Insufficient memory"])
        .failed(&["manifests.gate"]);
    assert!(ran.causes("manifests.gate").contains_key("Unschedulable"), "{}", ran.err);
}

#[test]
#[ignore = "needs the cluster"]
fn a_kind_of_object_that_does_not_belong_to_the_app_is_seen_before_it_is_deployed() {
    let todo = Todo::new("kinds");
    let account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: todo-more }\n---\n";
    let map = "apiVersion: v1\nkind: ConfigMap";
    todo.edit("manifests/todo/config.yaml", map, &format!("{account}{map}"));
    let ran = todo.run(&["--stage", "manifests"]);
    ran.ends(1, &["✘ only what belongs to the app has changed: kinds is ", "serviceaccount/todo-more · added"]);
    ran.failed(&["manifests.gate"]);
    assert_eq!(ran.unmet("manifests.gate").len(), 1, "{:?}", ran.unmet("manifests.gate"));
}

#[test]
#[ignore = "needs the cluster"]
fn a_change_that_the_api_server_accepts_and_should_refuse_is_seen() {
    let todo = Todo::new("accepted");
    todo.edit("app/tests/refused/backend-taken.yaml", "todo-taken", "todo-backend");
    let ran = todo.run(&["--stage", "manifests"]);
    ran.ends(1, &["✘ another Deployment cannot take the backend's Pods: deployment.apps/todo-backend is accepted"]);
    ran.failed(&["manifests.gate"]);
}
