//! The cluster step on the real cluster: one that answers is used, never made or taken down.

use pipeline::core::kind::Step;
use pipeline::core::model::outcome::Outcome;
use serde_json::json;

use crate::stand::{ClusterFixture, step};

async fn run(stand: &ClusterFixture, body: &str) -> Outcome {
    let step: Box<dyn Step> = step("cluster", body);
    step.run(&stand.cx).await.expect("found out")
}

fn outputs(outcome: &Outcome) -> serde_json::Value {
    match outcome {
        Outcome::Passed(outputs) => json!(outputs),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_cluster_that_answers_is_used_and_never_taken_down() {
    let mut stand = ClusterFixture::new("provision", json!({})).await;
    let folder = tempfile::tempdir().expect("a folder");
    stand.cx.project = folder.path().into();
    let up = outputs(&run(&stand, "up: {}").await);
    assert_eq!((up["provider"].as_str(), up["nodes"].as_u64()), (Some("existing"), Some(1)), "{up}");
    assert!(up["version"].as_str().is_some_and(|version| version.starts_with("v1.")), "{up}");
    let status = outputs(&run(&stand, "status: {}").await);
    assert_eq!((&status["context"], &status["nodes"]), (&up["context"], &up["nodes"]));
    assert!(matches!(run(&stand, "down: {}").await, Outcome::Skipped(_)));
    stand.down().await;
}

#[tokio::test]
#[ignore = "needs the cluster"]
async fn a_cluster_that_answered_before_a_command_ran_is_not_taken_down_by_it() {
    let mut stand = ClusterFixture::new("provcommand", json!({})).await;
    let folder = tempfile::tempdir().expect("a folder");
    stand.cx.project = folder.path().into();
    let up = "up: { provider: command, command: { up: 'touch made', down: 'rm made' } }";
    assert_eq!(outputs(&run(&stand, up).await)["provider"], "command");
    assert!(folder.path().join("made").exists(), "the script ran");
    assert!(matches!(run(&stand, "down: {}").await, Outcome::Skipped(_)));
    assert!(folder.path().join("made").exists());
    let failing = run(&stand, "up: { provider: command, command: { up: 'exit 3' } }").await;
    let Outcome::Failed(failure) = failing else { panic!("{failing:?}") };
    assert_eq!(failure.summary, "the command that makes the cluster exited with code 3, expected 0");
    stand.down().await;
}
