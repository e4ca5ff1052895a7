//! Claims about the shell step, with real scripts of a line or two.

use serde_json::json;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::*;
use crate::core::kind::executor::{Capture, Executed, Executor};
use crate::core::kind::test_context::{TestContext, body, complaints};
use crate::core::model::outcome::Finding;
use crate::process::Output;

async fn outcome(trial: &TestContext, json: serde_json::Value) -> Outcome {
    body::<Shell>(&json).run(&trial.cx).await.expect("it can be started")
}

async fn failure(trial: &TestContext, json: serde_json::Value) -> Failure {
    match outcome(trial, json).await {
        Outcome::Failed(failure) => failure,
        other => panic!("it should have failed: {other:?}"),
    }
}

#[tokio::test]
async fn a_script_passes_with_its_exit_code_and_its_lines_in_the_log() {
    let trial = TestContext::new();
    let passed = outcome(&trial, json!({ "run": "echo one\necho two >&2\n" })).await;
    assert_eq!(passed, Outcome::Passed(Outputs::from([("exit_code".to_owned(), json!(0))])));
    assert_eq!(trial.lines(), ["one", "two"]);
}

#[tokio::test]
async fn a_script_stops_at_the_first_command_that_fails() {
    let trial = TestContext::new();
    let failed = failure(&trial, json!({ "run": "echo before\nfalse\necho after\n" })).await;
    let said = Finding { lines: vec!["before".to_owned()], ..Finding::new("output", "", "all that it said") };
    assert_eq!(
        failed,
        Failure {
            summary: "the script ended with exit code 1, expected 0".to_owned(),
            exit_code: Some(1),
            findings: vec![said],
            help: None,
        }
    );
}

#[tokio::test]
async fn a_missing_program_is_named() {
    let failed = failure(&TestContext::new(), json!({ "run": "helmm version" })).await;
    assert_eq!(failed.summary, "`helmm version` ended with exit code 127, expected 0");
    assert_eq!(failed.help.as_deref(), Some("`helmm` was not found: install it, or add its folder to PATH by `env:`"));
}

#[tokio::test]
async fn a_signal_is_named() {
    let failed = failure(&TestContext::new(), json!({ "run": "kill -KILL $$" })).await;
    assert_eq!(failed.summary, "`kill -KILL $$` was killed by SIGKILL, expected exit code 0");
    assert_eq!(failed.exit_code, None);
    assert!(failed.help.expect("a likely cause").starts_with("SIGKILL usually means out of memory"));
}

#[tokio::test]
async fn another_exit_code_can_be_expected() {
    let passed = outcome(&TestContext::new(), json!({ "run": "exit 3", "exit_code": "1..3" })).await;
    assert!(matches!(passed, Outcome::Passed(_)));
    let failed = failure(&TestContext::new(), json!({ "run": "exit 0", "exit_code": "!= 0" })).await;
    assert_eq!(failed.summary, "`exit 0` ended with exit code 0, expected != 0");
}

#[tokio::test]
async fn a_command_takes_its_arguments_as_they_are() {
    let trial = TestContext::new().file("web/x", "").env("A", "b");
    let shell =
        json!({ "command": ["sh", "-c", "echo \"$A $1\"; pwd; cat", "-", "a  'b'"], "dir": "web", "stdin": "in" });
    outcome(&trial, shell).await;
    let web = trial.project().join("web").display().to_string();
    assert_eq!(trial.lines(), ["b a  'b'", web.as_str(), "in"]);
}

#[tokio::test]
async fn bash_fails_where_any_part_of_a_pipe_fails() {
    assert!(matches!(outcome(&TestContext::new(), json!({ "run": "false | true" })).await, Outcome::Passed(_)));
    failure(&TestContext::new(), json!({ "run": "false | true", "shell": "bash" })).await;
}

#[tokio::test]
async fn the_last_lines_explain_a_failure_without_secrets() {
    let trial = TestContext::new().secrets(&[("token", "s3cr3t")]);
    let run = "for i in 1 2 3 4 5 6 7 8 9 10 11; do echo line $i; done; echo token s3cr3t; exit 1";
    let failed = failure(&trial, json!({ "run": run })).await;
    let said = &failed.findings[0];
    assert_eq!((said.lines.len(), said.lines[9].as_str(), said.message.as_str()), (10, "token ***", "its last lines"));
}

#[tokio::test]
async fn the_last_lines_show_no_part_of_a_secret_that_was_wrapped() {
    let secret = "0123456789abcdefghijklmnopqrstuvwxyz-and-some-more-of-the-same-kind";
    let trial = TestContext::new().secrets(&[("token", secret)]);
    let failed = failure(&trial, json!({ "run": format!("printf %s {secret} | base64 -w 9; exit 1") })).await;
    assert_eq!(failed.findings[0].lines.concat().trim_matches('*'), "");
    assert_eq!(failed.findings[0].lines.len(), 10);
}

#[tokio::test]
async fn a_service_is_up_when_its_log_says_so_and_passes_when_it_is_stopped() {
    let trial = TestContext::new();
    let shell =
        body::<Shell>(&json!({ "run": "echo starting; echo now ready; sleep 1000", "ready": { "log": "ready" } }));
    let covered = async {
        trial.cx.signals.up.cancelled().await;
        assert_eq!(trial.lines(), ["starting", "now ready"]);
        trial.cx.signals.stop.cancel();
    };
    let (outcome, ()) = tokio::join!(shell.run(&trial.cx), covered);
    assert_eq!(outcome, Ok(Outcome::passed()));
}

#[tokio::test]
async fn a_service_that_ends_by_itself_has_failed() {
    let failed = failure(&TestContext::new(), json!({ "run": "echo ready", "ready": { "log": "ready" } })).await;
    let both = ["before it was up", "before the steps it covers were over"];
    assert!(both.iter().any(|when| failed.summary == format!("`echo ready` ended with exit code 0 {when}")));
}

/// Another machine that lost what it ran.
#[derive(Debug)]
struct Elsewhere;

impl Executor for Elsewhere {
    fn execute<'a>(&'a self, work: Work<'a>) -> BoxFuture<'a, Result<Executed, Fault>> {
        work.service.expect("a service").has_begun("10.0.0.1".to_owned());
        let finished = Finished { exit: Exit::Code(137), ended_leftovers: false };
        let findings = vec![Finding::new("pod/serve", "OOMKilled", "limit 16Mi")];
        async move { Ok(Executed { finished, findings }) }.boxed()
    }
    fn capture<'a>(&'a self, _: Capture<'a>) -> BoxFuture<'a, Result<Option<Output>, Fault>> {
        unreachable!("nothing is measured")
    }
}

#[tokio::test]
async fn a_service_elsewhere_is_explained_by_what_runs_it() {
    let mut trial = TestContext::new();
    trial.cx.signals.during = true;
    trial.cx.executor = std::sync::Arc::new(Elsewhere);
    let failed = failure(&trial, json!({ "run": "serve", "ready": { "tcp": "127.0.0.1:80" } })).await;
    assert_eq!(failed.findings, [Finding::new("pod/serve", "OOMKilled", "limit 16Mi")]);
}

#[tokio::test]
async fn a_service_that_is_never_up_is_stopped_and_says_what_was_missing() {
    // Bound, so that no other process can take the port, but not listening.
    let closed = tokio::net::TcpSocket::new_v4().expect("a socket");
    closed.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let address = closed.local_addr().expect("bound").to_string();
    let ready = json!({ "run": "echo hi; sleep 1000", "ready": { "tcp": address, "within": "50ms" } });
    let failed = failure(&TestContext::new(), ready).await;
    assert_eq!(failed.summary, "it was not up within 50ms: connection refused");
}

#[tokio::test]
async fn a_script_without_ready_is_up_at_once_and_may_end_early() {
    let mut trial = TestContext::new();
    trial.cx.signals.during = true;
    outcome(&trial, json!({ "run": "true" })).await;
    assert!(trial.cx.signals.up.is_cancelled());
}

#[tokio::test]
async fn a_cancelled_script_is_stopped() {
    let trial = TestContext::new();
    trial.cx.signals.cancel.cancel();
    let fault = body::<Shell>(&json!({ "run": "sleep 1000" })).run(&trial.cx).await.expect_err("stopped");
    assert_eq!(fault.message, "stopped");
}

#[tokio::test]
async fn what_a_script_leaves_running_is_ended_and_said() {
    let trial = TestContext::new();
    outcome(&trial, json!({ "run": "sleep 1000 >/dev/null 2>&1 &" })).await;
    let said = "ended what the script left running in the background (`leave_running: true` keeps it)";
    assert_eq!(trial.lines(), [said]);
}

#[test]
fn refuses_bodies_that_make_no_sense() {
    for (json, during, message) in [
        (json!({}), false, "neither `run` nor `command` is written"),
        (json!({ "run": "x", "command": ["x"] }), false, "`run` and `command` cannot stand together"),
        (
            json!({ "command": ["x"], "shell": "bash" }),
            false,
            "`shell` has no meaning beside `command`, which is started without one",
        ),
        (json!({ "run": " " }), false, "the script is empty"),
        (json!({ "run": "x", "shell": "bsh" }), false, "`bsh` is not a known shell"),
        (
            json!({ "run": "x", "ready": { "log": "up" } }),
            false,
            "`ready` has no meaning for a step that covers no other",
        ),
        (json!({ "run": "x", "ready": {} }), true, "`ready` names not exactly one of `log`, `tcp`, `http`"),
        (json!({ "run": "x", "ready": { "tcp": "here" } }), true, "`here` has no port"),
    ] {
        let found = complaints(&json, during, |cx| body::<Shell>(&json).check(cx));
        assert_eq!(found.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), [message]);
    }
}

#[test]
fn is_titled_by_what_it_does() {
    for (json, title) in [
        (json!({ "run": "# build\ncargo build\n" }), "cargo build"),
        (json!({ "run": "cargo build\ncargo test\n" }), "cargo build …"),
        (json!({ "command": ["cargo", "build"] }), "cargo build"),
    ] {
        assert_eq!(body::<Shell>(&json).title(), title);
    }
}
