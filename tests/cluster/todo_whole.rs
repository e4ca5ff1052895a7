//! The Todo Chatbot's whole pipeline, all seven stages, on a real Docker and a real cluster.

use crate::todo::Todo;

const GATES: [&str; 10] = [
    "before.gate",
    "containerize.gate",
    "cluster.gate",
    "manifests.gate",
    "zero-downtime.gate",
    "aiops.gate",
    "helm-chart.gate",
    "fresh-deploy.live",
    "fresh-deploy.gate",
    "after.gate",
];

#[test]
#[ignore = "needs the cluster"]
fn all_seven_stages_pass_and_leave_nothing_and_some_run_again_with_a_database_in_the_cluster() {
    let todo = Todo::alone("whole").on_a_busy_machine();
    let ran = todo.run(&[]);
    ran.ends(
        0,
        &["○ an ingress controller serves: skipped: this cluster has no ingress controller", "todo-chatbot passed in"],
    );
    ran.passed(&GATES);
    let load = |step| ran.outputs(step)["first_failures"].to_string();
    let failures = || format!("{} {}\n{}", load("zero-downtime.users"), load("zero-downtime.deep-users"), ran.err);
    assert_eq!(ran.unmet("zero-downtime.gate"), [""; 0], "a request failed: {}", failures());
    todo.nothing_is_left();

    let again = todo.run(&["--stage", "cluster", "--stage", "manifests", "--profile", "local"]);
    again
        .ends(0, &["✔ 1 pods of todo-backend run", "✔ every feature works through the frontend"])
        .passed(&["manifests.database.apply", "manifests.gate"]);
}
