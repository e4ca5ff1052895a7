//! Claims about whole steps, with scripts in the place of tools and no cluster.

use serde_json::json;

use super::*;
use crate::core::kind::test_context::{TestContext, body, complaints};

async fn outputs(trial: &TestContext, json: serde_json::Value) -> Outputs {
    match body::<Ask>(&json).run(&trial.cx).await {
        Ok(Outcome::Passed(outputs)) => outputs,
        other => panic!("it has an answer: {other:?}"),
    }
}

#[tokio::test]
async fn publishes_the_tools_answer_and_its_recommendations() {
    let script = "read -r q; echo \"you asked: $q\"; echo Recommendations:; echo '- add limits'";
    let step = json!({ "question": "is it well?", "tool": { "command": ["sh", "-c", script] } });
    let outputs = outputs(&TestContext::new(), step).await;
    assert_eq!(outputs["answered_by"], json!("sh"));
    assert_eq!(outputs["answer"], json!("you asked: is it well?\nRecommendations:\n- add limits"));
    assert_eq!(outputs["recommendations"], json!(["add limits"]));
    assert_eq!(outputs["why_fallback"], json!(""));
}

#[tokio::test]
async fn says_whether_the_published_answer_was_cut() {
    for (bytes, cut) in [(64 << 10, false), ((64 << 10) + 1, true)] {
        let script = format!("head -c {bytes} /dev/zero | tr '\\0' x");
        let step = json!({ "question": "is it well?", "tool": { "command": ["sh", "-c", script] } });
        let outputs = outputs(&TestContext::new(), step).await;
        assert_eq!(outputs["answer"].as_str().map(str::len), Some(64 << 10));
        assert_eq!(outputs["answer_cut"], json!(cut), "{bytes}");
    }
}

#[tokio::test]
async fn a_piece_of_an_output_is_not_an_answer() {
    // Blank ends and colours are taken away: what is left of such a piece is short.
    let script = "echo all is well; head -c 300000 /dev/zero | tr '\\0' ' '; echo; echo no: two pods crash";
    let tool = json!({ "command": ["sh", "-c", script] });
    let step =
        json!({ "question": "is it well?", "tool": tool, "fallback": { "commands": [["echo", "checked by hand"]] } });
    let outputs = outputs(&TestContext::new(), step).await;
    assert_eq!(outputs["answered_by"], json!("fallback"));
    assert!(
        outputs["why_fallback"].as_str().is_some_and(|why| why.contains("its output is larger than")),
        "{outputs:?}"
    );
    let step = json!({ "question": "is it well?", "tool": { "command": ["false"] }, "fallback": { "run": script } });
    let Ok(Outcome::Failed(failure)) = body::<Ask>(&step).run(&TestContext::new().cx).await else {
        panic!("it passed")
    };
    assert!(failure.findings[0].message.starts_with("`the script`: its output is larger than"), "{failure:?}");
}

#[tokio::test]
async fn falls_back_to_the_manual_commands_and_says_why() {
    let step = json!({
        "question": "is it well?", "tool": { "command": ["no-such-tool"] },
        "fallback": { "commands": [["false"], ["echo", "web is well"]] },
    });
    let trial = TestContext::new();
    let outputs = outputs(&trial, step).await;
    assert_eq!(outputs["answered_by"], json!("fallback"));
    assert_eq!(outputs["answer"], json!("$ echo web is well\nweb is well"));
    assert_eq!(outputs["why_fallback"], json!("no-such-tool: `no-such-tool` is not installed (not in PATH)"));
    assert!(trial.lines().contains(&"`false`: exit code 1".to_owned()), "{:?}", trial.lines());
}

#[tokio::test]
async fn fails_with_every_reason_where_nothing_answers() {
    let step = json!({
        "question": "q", "tool": { "command": ["no-such-tool"] }, "fallback": { "run": "echo no >&2; exit 4" },
    });
    let outcome = body::<Ask>(&step).run(&TestContext::new().cx).await;
    let failure = Failure::new("no tool answered: no-such-tool: `no-such-tool` is not installed (not in PATH)")
        .because(vec![Finding::new("fallback", "", "`the script`: exit code 4: no")])
        .help("install the tool, or give it a `fallback:` that works here");
    assert_eq!(outcome, Ok(Outcome::Failed(failure)));
}

#[tokio::test]
async fn neither_question_nor_answer_holds_a_secret_or_the_key() {
    let trial = TestContext::new().secrets(&[("db", "hunter2-and-more")]).env("OPENAI_API_KEY", "sk-0123456789");
    let script = "cat; echo \"key $OPENAI_API_KEY, db hunter2-and-more\"";
    let step = json!({ "question": "why hunter2-and-more?", "tool": { "command": ["sh", "-c", script] } });
    let outputs = outputs(&trial, step).await;
    let answer = outputs["answer"].as_str().expect("a text");
    assert!(answer.starts_with("why ***?\n") && answer.ends_with("key ***, db ***"), "{answer}");
    assert!(!trial.lines().join("\n").contains("0123456789"));
}

#[test]
fn refuses_what_makes_no_sense() {
    for (json, message) in [
        (json!({ "question": " ", "tool": "kagent" }), "the question is empty"),
        (json!({ "question": "q", "tool": { "command": [] } }), "`command` names no program"),
        (
            json!({ "question": "q", "tool": "openai", "fallback": {} }),
            "`fallback` has not exactly one of `commands` and `run`",
        ),
    ] {
        let found = complaints(&json, false, |cx| body::<Ask>(&json).check(cx));
        assert_eq!(found.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), [message]);
    }
}
