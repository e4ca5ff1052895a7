//! Outputs of real tools, colours included, and what each is: `tests/data/ask/` holds one a file, its name says which.

use std::fs;
use std::path::Path;

use super::*;

#[test]
fn recorded_outputs_are_classified() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ask");
    let mut seen = 0;
    for entry in fs::read_dir(&folder).expect("the recorded outputs") {
        let path = entry.expect("readable").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let judged = answer(&fs::read_to_string(&path).expect("readable"));
        let expected = name.split('-').next().expect("a class");
        let class = match &judged {
            Ok(_) => "answer",
            Err(Unanswered::Empty) => "empty",
            Err(Unanswered::NoAnswer(_)) => "none",
            Err(Unanswered::Failed(_)) => "failed",
            Err(_) => "other",
        };
        assert_eq!(class, expected, "{name}: {judged:?}");
        seen += 1;
    }
    assert!(seen >= 24, "{seen}");
}

#[test]
fn an_answer_loses_its_colours_and_traces_only() {
    let printed = "\u{1b}[32m\n  Running: kubectl get pods\n\u{1b}[0m\n\u{1b}[1m## Health\u{1b}[0m\n\n- todo-backend: 2/2 ready\n";
    assert_eq!(answer(printed).as_deref(), Ok("## Health\n\n- todo-backend: 2/2 ready"));
    let spinner = "⠋ Thinking...\r⠙ Thinking...\rThe backend is healthy.\n";
    assert_eq!(answer(spinner).as_deref(), Ok("The backend is healthy."));
}

#[test]
fn errors_in_an_answer_are_part_of_it() {
    for text in [
        "Error rate is low: todo-backend has 2/2 pods ready.\n\nIt restarted once.\n\nLogs show nothing.\n\nLimits are set.\n\nRecommendations:\n- none",
        "The probe of todo-backend fails with \"context deadline exceeded\": raise timeoutSeconds.",
        "I don't have access to metrics, but 2/2 pods of todo-backend are ready.",
        "todo-backend cannot access its database: one pod crashes.",
        "I cannot find a problem with todo-backend.",
        "I cannot access metrics-server, but todo-backend is healthy.",
        "I'm sorry to report that the deployment crashes at every start.",
        "The quota of namespace todo is used up, so one pod of the deployment is missing.",
    ] {
        assert_eq!(answer(text).as_deref(), Ok(text));
    }
}
